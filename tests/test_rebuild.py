"""What changed, and exactly what was computed: the promise of this project, as a table.

Each row is a change at a tiny site where everything had been made: two contexts, fifteen videos in two
shards. The real graph then runs in a process of its own, and what it wrote must be what the row says, no more
and no less: assets, and within them contexts, videos and shards. Frames, windows and sentences that really
went through an encoder are counted, too. Below the table: runs that are killed, meet, or are overtaken.

`python -m pytest tests/test_rebuild.py -v` prints it.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from multiprocessing.process import BaseProcess
from pathlib import Path

import numpy as np
import pytest
from misbehaving_server import misbehaving
from rebuild import edits
from rebuild.edits import CORRIDOR, NEW, How, code, setting
from rebuild.expectations import (
    BANK,
    BOTH,
    CONTEXTS,
    MEASURED,
    WATCHED,
    Footage,
    Parts,
    check_encoders,
    check_foreseen,
    check_nothing_of_the_gone,
    digests,
)
from rebuild.sites import Site, computed
from rebuild.workers import Outcome, Workers, forking, history

pytestmark = pytest.mark.timeout(1200)  # whole runs of the graph, one test twenty of them: a busy machine
NOTHING: Parts = {}


@dataclass(frozen=True)
class Row:
    """One row of the table."""

    changed: str
    change: Callable[[Site], How | None]
    """Makes the change, and returns how to run where that is out of the ordinary."""
    computed: Callable[[Footage], Parts]
    """What must be computed, exactly: parts by artifact."""


TABLE = [
    Row("nothing", lambda site: None, lambda videos: NOTHING),
    # Its context's traces and vectors; of the bank, what is of that context; videos of that context.
    Row(
        "one sentence of one context",
        edits.one_sentence,
        lambda videos: {
            "trace_corpus": {"corridor"},
            "trace_embeddings": {"corridor"},
            "trace_index": {"all"},
            **videos.scored(CORRIDOR),
            **MEASURED,
        },
    ),
    # The file is another one, the traces in it are not: only reading it shows that.
    Row(
        "a comment in the catalog",
        edits.a_comment_in_the_catalog,
        lambda videos: {"trace_corpus": {"corridor"}},
    ),
    # No video is of the new context. The pages name the bank.
    Row(
        "a new context",
        edits.another_context,
        lambda videos: {
            "trace_corpus": {"shop"},
            "trace_embeddings": {"shop"},
            "trace_index": {"all"},
            "benchmark_report": {"all"},
        },
    ),
    # The videos of a context that is gone are judged by all others.
    Row(
        "a removed context",
        edits.one_context_less,
        lambda videos: {"trace_index": {"all"}, **videos.scored(CORRIDOR), **MEASURED},
    ),
    # No language model writes here, so nothing rests on its prompt. Where one does: the test below.
    Row("a prompt text (writer: shipped)", code("prompt"), lambda videos: NOTHING),
    # The towers of one CLIP share a space: both sides, what was learned in it, every score.
    Row(
        "text encoder and image encoder",
        setting(clip__model="pocket-1"),
        lambda videos: {**BANK, **videos.all_seen},
    ),
    # The encoder of windows has no part in the bank.
    Row("window encoder", setting(timesformer__model="pocket-1"), lambda videos: videos.all_seen),
    Row("k", setting(scoring__k=2), lambda videos: videos.all_scored),
    Row("window length", setting(timesformer__window_frames=6), lambda videos: videos.all_seen),
    # The fusion learned from other videos, and the thresholds come from others.
    Row(
        "one video's bytes",
        edits.one_video_redrawn,
        lambda videos: {
            "videos": {"all"},
            "features": {CORRIDOR},
            "video_features": videos.shards(CORRIDOR),
            **videos.scored(CORRIDOR),
            **MEASURED,
        },
    ),
    # Equal packets at equal times in another file: it is listed again, and that gives the same list.
    Row("one video re-muxed with equal frames", edits.one_video_remuxed, lambda videos: {"videos": {"all"}}),
    Row(
        "a new video",
        edits.a_new_video,
        lambda videos: {
            "videos": {"all"},
            "annotations": {"all"},
            "features": {NEW},
            "video_features": videos.shards(NEW),
            **videos.scored(NEW),
            **MEASURED,
        },
    ),
    # Its shard is joined without it. The other shard, the thresholds and the fusion stay.
    Row(
        "a removed video",
        edits.a_video_less,
        lambda videos: {
            "videos": {"all"},
            "annotations": {"all"},
            **{name: videos.shards(CORRIDOR) for name in ("video_features", "anomaly_scores", "alarms")},
            **MEASURED,
        },
    ),
    Row("an annotation file", edits.an_annotation, lambda videos: {"annotations": {"all"}, **MEASURED}),
    Row("scoring code", code("scoring"), lambda videos: videos.all_scored),
    # The same scores come out, so what depends on them is not computed.
    Row(
        "scoring code that gives the same scores",
        code("same"),
        lambda videos: {"video_scores": set(videos.now), "anomaly_scores": BOTH},
    ),
    Row("a comment in scoring code", code("comment"), lambda videos: NOTHING),
    Row("scoring code reformatted", code("layout"), lambda videos: NOTHING),
    Row("the machine: device, threads, root", edits.another_machine, lambda videos: NOTHING),
    # What searches with it, and nothing else; the same answers come out.
    Row(
        "an upgraded numerical library (FAISS)",
        edits.another_release_of_faiss,
        lambda videos: {
            "trace_index": {"all"},
            "video_scores": set(videos.now),
            "anomaly_scores": BOTH,
            "benchmark_report": {"all"},  # its explanations are searched for, too
        },
    ),
    # What is missing or damaged is made again; it is what it was, so nothing after it.
    Row("a deleted artifact", edits.an_artifact_deleted, lambda videos: {"features": {CORRIDOR}}),
    Row("a corrupted artifact", edits.an_artifact_corrupted, lambda videos: {"trace_embeddings": {"street"}}),
]


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site where nothing has been made."""
    site = Site.drawn(tmp_path_factory.mktemp("drawn"))
    with history(site.folder):  # two processes at once cannot both make the tables
        return site


@pytest.fixture(scope="module")
def workers(drawn: Site) -> Iterator[Workers]:
    with forking(drawn) as workers:
        yield workers


@pytest.fixture(scope="module")
def made(drawn: Site, workers: Workers, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """The same site after an undisturbed run; every test works at a copy."""
    site = drawn.copy(tmp_path_factory.mktemp("made") / "site")
    workers.run(site)
    return site


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.changed)
def test_what_changed_and_exactly_what_was_computed(
    row: Row, made: Site, workers: Workers, tmp_path: Path
) -> None:
    site = made.copy(tmp_path / "site")
    before, names = site.artifacts(), site.names()
    how = row.change(site) or {}
    there = Site(site.folder, how.pop("data", site.data))
    outcome = workers.run(there, looks=True, **how)
    footage = Footage.of(names, there.names())
    changes = computed(before, there.artifacts(), {**names, **there.names()})
    assert changes == row.computed(footage)
    check_encoders(there, changes, outcome)
    check_foreseen(changes, outcome)
    check_nothing_of_the_gone(there)


def test_another_prompt_has_the_language_model_asked_again(
    drawn: Site, workers: Workers, tmp_path: Path
) -> None:
    """Its corpora, and what is made of them; while the prompt stays, nothing is asked: replies are kept."""
    site = drawn.copy(tmp_path / "site")
    site.set(corpus__writer="openai", writing__model="small-writer", writing__pairs_per_class=2)
    written = {"trace_corpus": CONTEXTS, **BANK}
    with misbehaving() as server:
        how = {"selection": "+key:trace_index", "environment": {"OPENAI_BASE_URL": server.url}}
        for prompt, expected in ((None, written), (None, NOTHING), (code("prompt"), written)):
            before, asked = site.artifacts(), len(server.requests)
            workers.run(site, **how, **(prompt(site) if prompt else {}))
            assert computed(before, site.artifacts(), {}) == expected
            assert (len(server.requests) > asked) == bool(expected)


KILLS, SEED = 20, 5


def test_what_is_killed_at_any_moment_ends_as_if_nobody_had_killed_it(
    drawn: Site, made: Site, workers: Workers, tmp_path: Path
) -> None:
    """SIGKILL at twenty random moments; then every artifact is that of an undisturbed run, byte by byte."""
    site, rng = drawn.copy(tmp_path / "site"), np.random.default_rng(SEED)
    undisturbed_s = Outcome(**json.loads((made.folder / "run.json").read_text())).wall_s
    hit: list[str] = []
    while len(hit) < KILLS:
        process, file = workers.start(site)
        process.join(float(rng.uniform(0.02, 0.2)) * undisturbed_s)
        if process.exitcode is not None:  # it came to the end: there is nothing left to disturb
            _lose_the_newest_half(site)
            continue
        workers.kill(process)
        if process.exitcode != -signal.SIGKILL:  # it ended between the look and the blow
            continue
        at = file.with_suffix(".at")
        hit.append(at.read_text() if at.exists() else "nothing yet")
    workers.run(site)
    assert len(set(hit)) >= 4, hit
    assert digests(site) == digests(made)


def _lose_the_newest_half(site: Site) -> None:
    files = sorted(site.store.root.glob("*/*/*.recipe.json"), key=lambda file: file.stat().st_mtime_ns)
    for file in files[len(files) // 2 :]:
        file.unlink()


def test_two_runs_at_once_end_as_one_run(drawn: Site, made: Site, workers: Workers, tmp_path: Path) -> None:
    site = drawn.copy(tmp_path / "site")
    for process, file in [workers.start(site, name) for name in ("one", "other")]:
        workers.finish(process, file)
    assert digests(site) == digests(made)


def test_an_update_that_arrives_while_its_consumers_run_is_not_lost(
    made: Site, workers: Workers, tmp_path: Path
) -> None:
    """The walk looks again and makes it, too: what comes out is what a run after both changes makes."""
    site, together = made.copy(tmp_path / "site"), made.copy(tmp_path / "together")
    late = site.sentence("street"), "a person climbs over a fence"
    for one in (site, together):
        edits.one_sentence(one)
    together.edit("street", *late)
    process, file = workers.start(site)
    _wait_for("trace_index", file, process)
    site.edit("street", *late)
    workers.finish(process, file)
    outcome = workers.run(site, looks=True)
    assert not [asset for asset, *_ in outcome.stale if asset in WATCHED]
    workers.run(together)
    assert digests(site) == digests(together)


def _wait_for(asset: str, file: Path, process: BaseProcess) -> None:
    """Until a process has come to an asset."""
    at = file.with_suffix(".at")
    while process.exitcode is None and not (at.exists() and asset in at.read_text()):
        process.join(0.02)
    assert process.exitcode is None, "the run ended before the update came"
