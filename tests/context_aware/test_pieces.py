"""The push pipeline as a whole: in one piece, frame by frame and in random pieces, scores and episodes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from small_context import SMALL, footage_in, scored_in

from traces_core.detector.detector import Detector
from traces_core.encoders.evidence import Evidence
from traces_core.project import Project
from traces_core.steps import context_scores
from traces_core.steps.grids import evidence_of
from traces_core.streams.episodes import EpisodeEvent
from traces_core.streams.table import STREAMS
from traces_core.types import Episode, ScoreTrack

TOLERANCE = {"traces": 5e-6, "late": 5e-4, "context_aware": 1e-3}
"""Batches of other sizes add in another order: last bits of cosines differ. The late fusion divides them by
spreads of hundredths, p-values by the gaps between normal scores."""


@pytest.fixture(scope="module")
def project(small_project: Project) -> Project:
    return replace(small_project, settings=small_project.settings.with_values(**SMALL))


@pytest.fixture(scope="module")
def detector(project: Project) -> Detector:
    context_scores.context_aware_thresholds(project, footage_in(project)[1], scored_in(project))
    return Detector.load(project, context_aware=True)


@pytest.fixture(scope="module")
def evidence(project: Project, detector: Detector) -> Evidence:
    rows = (
        footage_in(project)[1].read().filter((pl.col("set") == "benchmark") & (pl.col("context") == "street"))
    )
    return evidence_of(project, rows["video_id"][0])


def pushed(
    detector: Detector, evidence: Evidence, edges: Sequence[float]
) -> tuple[dict[str, ScoreTrack], list[EpisodeEvent]]:
    """Whole tracks and all events of a video whose evidence is cut at some times."""
    pipeline, _ = detector.start("gate", "street")
    pieces: dict[str, list[ScoreTrack]] = {}
    events: list[EpisodeEvent] = []
    for start_s, end_s in pairwise([-np.inf, *edges, np.inf]):
        part = evidence.between(start_s, end_s)
        if len(part.frame_times_s):
            tracks, happened = pipeline.push(part)
            events += happened
            for name, track in tracks.items():
                pieces.setdefault(name, []).append(track)
    events += pipeline.close(12.0)
    return {name: ScoreTrack.joined(some) for name, some in pieces.items()}, events


def closed(events: list[EpisodeEvent]) -> dict[str, list[Episode]]:
    by_stream: dict[str, list[Episode]] = {}
    for event in events:
        if event.kind == "closed":
            by_stream.setdefault(event.stream, []).append(event.episode)
    return by_stream


def cuts_of(evidence: Evidence, seed: int) -> list[float]:
    """Every frame for seed 0, else some random ones."""
    times = evidence.frame_times_s[1:]
    if seed == 0:
        return times.tolist()
    rng = np.random.default_rng(seed)
    return sorted(rng.choice(times, rng.integers(1, 12), replace=False).tolist())


@pytest.mark.parametrize("seed", range(5))
def test_one_piece_frame_by_frame_and_random_pieces_say_the_same(
    detector: Detector, evidence: Evidence, seed: int
) -> None:
    assert evidence.grids is not None
    assert len(evidence.grids) > 4
    whole, at_once = pushed(detector, evidence, [])
    parts, piecewise = pushed(detector, evidence, cuts_of(evidence, seed))
    assert set(parts) == set(whole) == set(STREAMS)
    for name, track in whole.items():
        tolerance = TOLERANCE.get(name, TOLERANCE[STREAMS[name].system])
        np.testing.assert_array_equal(parts[name].times_s, track.times_s)
        np.testing.assert_allclose(parts[name].values, track.values, rtol=0, atol=tolerance)
    one, other = closed(at_once), closed(piecewise)
    assert sum(map(len, one.values())) > 2
    assert set(one) == set(other)
    for name, episodes in one.items():
        spans = [(e.start_s, e.end_s, e.peak_s, e.because) for e in episodes]
        assert [(e.start_s, e.end_s, e.peak_s, e.because) for e in other[name]] == spans


def test_an_episode_says_why_where_a_stream_does(detector: Detector, evidence: Evidence) -> None:
    _, events = pushed(detector, evidence, cuts_of(evidence, 0))
    for name, episodes in closed(events).items():
        if STREAMS[name].system == "traces":
            assert all(one.because is None for one in episodes)
        else:
            assert all(set(str(one.because).split("+")) <= {"alignment", "surprise"} for one in episodes)


def test_after_a_gap_scores_are_those_of_a_camera_that_just_began(
    detector: Detector, evidence: Evidence
) -> None:
    middle = float(evidence.frame_times_s[len(evidence.frame_times_s) // 2])
    before, after = evidence.between(-np.inf, middle), evidence.between(middle, np.inf)
    pipeline, _ = detector.start("gate", "street")
    pipeline.push(before)
    pipeline.gap(middle - 0.01)
    resumed, _ = pipeline.push(after)
    fresh, _ = detector.start("gate", "street")
    alone, _ = fresh.push(after)
    for name, track in alone.items():
        np.testing.assert_array_equal(resumed[name].values, track.values)
