"""What a change is expected to compute, in the words of the table, and what must hold beside it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from rebuild.sites import Site
from rebuild.workers import Said
from traces_core.steps.footage import shard_of
from traces_core.store.digest import file_digest

Parts = dict[str, set[str]]
BOTH = {"shard-00", "shard-01"}
CONTEXTS = {"corridor", "street"}
MEASURED: Parts = {"benchmark_metrics": {"all"}, "benchmark_report": {"all"}}
BANK: Parts = {"trace_embeddings": CONTEXTS, "trace_index": {"all"}}
WATCHED = {
    *("trace_corpus", "trace_embeddings", "trace_index", "practice_footage", "videos", "annotations"),
    *("video_features", "adapters", "anomaly_scores", "thresholds", "alarms", "benchmark_metrics"),
    "benchmark_report",
}
"""Assets that a run here makes; captions and the model are others' affair."""
_INSIDE = {"features": "video_features", "video_scores": "anomaly_scores"}
"""Artifacts that belong to an asset of another name."""


@dataclass(frozen=True)
class Footage:
    """Every video at a site, before and after a change."""

    ids: Mapping[str, set[str]]
    """Ids that a name has had."""
    now: frozenset[str]
    """Names of the videos that are there."""

    @classmethod
    def of(cls, before: Mapping[str, str], after: Mapping[str, str]) -> Footage:
        """From names by id."""
        ids: dict[str, set[str]] = {}
        for one, name in {**before, **after}.items():
            ids.setdefault(name, set()).add(one)
        return cls(ids, frozenset(after.values()))

    def shards(self, *names: str) -> set[str]:
        """The shards in which some videos lie, or lay."""
        return {shard_of(one, 2) for name in names for one in self.ids[name]}

    def scored(self, *names: str) -> Parts:
        """What it means that some videos are scored: their shards are joined anew."""
        shards = self.shards(*names)
        return {"video_scores": set(names), "anomaly_scores": shards, "alarms": shards}

    @property
    def all_scored(self) -> Parts:
        """All videos scored, and what hangs on it: the calibration video is among them."""
        return {**self.scored(*self.now), "thresholds": {"all"}, "alarms": BOTH, **MEASURED}

    @property
    def all_seen(self) -> Parts:
        """All features, and what hangs on them."""
        seen = {"features": set(self.now), "video_features": BOTH, "adapters": {"all"}}
        return {**seen, **self.all_scored}


def check_encoders(site: Site, found: Parts, said: Said) -> None:
    """What went through an encoder is what was computed: frames and windows of videos, sentences of contexts.

    Beside these sentences, only the captions that the fusion learns from and the names of actions.
    """
    by_name = {name: one for one, name in site.names().items()}
    features = [site.store.current("features", by_name[name]) for name in found.get("features", ())]
    assert said.frames == sum(one.facts["frames"] for one in features)
    assert said.windows == sum(one.facts["windows"] for one in features)
    assert bool(said.explained) == ("benchmark_report" in found)
    corpora = [site.store.current("trace_corpus", one).read() for one in found.get("trace_embeddings", ())]
    left = Counter(said.texts)
    left.subtract(text for corpus in corpora for text in corpus["text"])
    if "adapters" in found:
        left.subtract(_captions(site))
    assert min(left.values(), default=0) >= 0
    times = set((+left).values())  # the names of actions, once a shard
    assert len(times) <= 1
    assert bool(times) == ("video_scores" in found)


def _captions(site: Site) -> list[str]:
    table = next((site.folder / "footage/training").glob("captions.*"))
    rows = pl.read_parquet(table) if table.suffix == ".parquet" else pl.read_csv(table)
    return list(rows["caption"].unique())


def check_foreseen(found: Parts, said: Said) -> None:
    """What was out of date before, without computing anything, is among what was computed then."""
    assets = {asset for asset, _, _ in said.stale if asset in WATCHED}
    assert assets <= {_INSIDE.get(name, name) for name in found}
    assert bool(assets) == bool(found)


def check_nothing_of_the_gone(site: Site) -> None:
    """No video and no context that is gone has anything current."""
    ids = set(site.listing()["video_id"])
    for name in ("features", "video_scores"):
        assert set(site.store.keys(name)) == ids
    for name in ("trace_corpus", "trace_embeddings"):
        assert site.store.keys(name) == sorted(site.params["corpus"]["contexts"])


def digests(site: Site) -> dict[str, tuple[str, str]]:
    """Recipe and digest of every current artifact, from the bytes that lie there."""
    found = site.contents()
    for path, (recipe, stated) in found.items():
        files = (site.store.root / path).glob(f"{recipe}*")
        [file] = [item for item in files if not item.name.endswith(".recipe.json")]
        assert file_digest(file) == stated, path
    return found
