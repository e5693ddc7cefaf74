"""What a change is expected to compute, in the terms of the table, and what else must hold."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from rebuild.sites import Site
from rebuild.workers import Outcome
from traces_core.steps.footage import shard_of
from traces_core.store.digest import file_digest
from traces_core.text.reference import HARMLESS, WRONG

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
"""Assets that a run here makes; captions and the model are tested elsewhere."""
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
        """Where some videos are scored, their shards are rebuilt."""
        shards = self.shards(*names)
        return {"video_scores": set(names), "anomaly_scores": shards, "alarms": shards}

    @property
    def all_scored(self) -> Parts:
        """All videos scored, and the dependents: the calibration video is among them."""
        return {**self.scored(*self.now), "thresholds": {"all"}, "alarms": BOTH, **MEASURED}

    @property
    def all_seen(self) -> Parts:
        """All features, and their dependents."""
        seen = {"features": set(self.now), "video_features": BOTH, "adapters": {"all"}}
        return {**seen, **self.all_scored}


def check_encoders(site: Site, parts: Parts, outcome: Outcome) -> None:
    """What went through an encoder is what was computed: frames and windows of videos, sentences of contexts.

    Beside these sentences, only the captions that the fusion learns from, the names of actions, and what a
    gate compares the sides with.
    """
    by_name = {name: one for one, name in site.names().items()}
    features = [site.store.current("features", by_name[name]) for name in parts.get("features", ())]
    assert outcome.frames == sum(one.facts["frames"] for one in features)
    assert outcome.windows == sum(one.facts["windows"] for one in features)
    assert bool(outcome.explained) == ("benchmark_report" in parts)
    corpora = [site.store.current("trace_corpus", one).read() for one in parts.get("trace_embeddings", ())]
    left = Counter(text for text in outcome.texts if text not in {*WRONG, *HARMLESS})
    left.subtract(text for corpus in corpora for text in corpus["text"])
    if "adapters" in parts:
        left.subtract(_captions(site))
    assert min(left.values(), default=0) >= 0
    times = set((+left).values())  # the names of actions, once, kept beside the fusion
    assert times == ({1} if "adapters" in parts else set())


def _captions(site: Site) -> list[str]:
    table = next((site.folder / "footage/training").glob("captions.*"))
    rows = pl.read_parquet(table) if table.suffix == ".parquet" else pl.read_csv(table)
    return list(rows["caption"].unique())


def check_foreseen(parts: Parts, outcome: Outcome) -> None:
    """What was out of date before, without computing anything, is among what was computed then."""
    assets = {asset for asset, _, _ in outcome.stale if asset in WATCHED}
    assert assets <= {_INSIDE.get(name, name) for name in parts}
    assert bool(assets) == bool(parts)


def check_nothing_of_the_gone(site: Site) -> None:
    """No video and no context that is gone has anything current."""
    ids = set(site.listing()["video_id"])
    for name in ("features", "video_scores"):
        assert set(site.store.keys(name)) == ids
    for name in ("trace_corpus", "trace_embeddings"):
        assert site.store.keys(name) == sorted(site.params["corpus"]["contexts"])


def digests(site: Site) -> dict[str, tuple[str, str]]:
    """Recipe and digest of every current artifact, from the bytes that lie there."""
    contents = site.contents()
    for path, (recipe, stated) in contents.items():
        files = (site.store.root / path).glob(f"{recipe}*")
        [file] = [item for item in files if not item.name.endswith(".recipe.json")]
        assert file_digest(file) == stated, path
    return contents
