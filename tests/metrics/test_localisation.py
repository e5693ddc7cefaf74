"""Extent of episodes against that of events, against a slow reference."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest
from metric_worlds import constant_tracks, drawn_tracks, small_truth
from whole_episodes import find_episodes

from traces_core.datasets import AnnotationRow, GroundTruth
from traces_core.metrics import localisation
from traces_core.metrics.localisation import MOST_THRESHOLDS
from traces_core.types import ScoreTrack

DAY = GroundTruth.from_rows(
    "two events",
    [AnnotationRow("a", 10.0, 20.0, "x"), AnnotationRow("b", 0.0, 10.0, "y")],
    durations_s={"a": 40.0, "b": 40.0},
    rates=Fraction(1),
)


def boxes(*stretches: tuple[int, int, float]) -> ScoreTrack:
    values = np.zeros(40)
    for first, after, height in stretches:
        values[first:after] = height
    return ScoreTrack(np.arange(40.0), values, stream="boxes")


def slowly(tracks, truth, overlap: float) -> float:
    """Every threshold, every pairing of episodes and events."""
    points = []
    for threshold in [-np.inf, *np.unique(np.concatenate([t.values for t in tracks.values()]))]:
        hits = count = 0
        for video in truth.videos:
            end_s = truth.durations_s[video]
            episodes = [(e.start_s, e.end_s) for e in find_episodes(tracks[video], threshold, end_s=end_s)]
            events = [(e.start_s, e.end_s) for e in truth.intervals[video]]
            count += len(episodes)
            hits += _most_pairs(episodes, events, overlap)
        points.append((hits / truth.events, hits / count if count else 0.0))
    recalls = sorted({recall for recall, _ in points})
    best = [max(precision for recall, precision in points if recall >= level) for level in recalls]
    steps = np.diff([0.0, *recalls])
    return float((steps * best).sum())


def _most_pairs(episodes, events, overlap: float) -> int:
    def fits(one, other) -> bool:
        shared = min(one[1], other[1]) - max(one[0], other[0])
        return shared / (max(one[1], other[1]) - min(one[0], other[0])) >= overlap

    most = 0
    for chosen in itertools.product([None, *range(len(episodes))], repeat=len(events)):
        used = [i for i in chosen if i is not None]
        if len(used) == len(set(used)) and all(
            fits(episodes[i], event) for i, event in zip(chosen, events, strict=True) if i is not None
        ):
            most = max(most, len(used))
    return most


def test_a_perfect_score_gets_one_everywhere():
    tracks = {"a": boxes((10, 20, 1.0)), "b": boxes((0, 10, 1.0))}
    assert set(localisation(tracks, DAY).values()) == {1.0}


def test_an_episode_counts_up_to_the_overlap_it_has():
    tracks = {"a": boxes((10, 14, 1.0)), "b": boxes((0, 20, 2.0))}  # tIoU 0.4 and 0.5
    areas = localisation(tracks, DAY)
    assert [areas[t] for t in ("0.3", "0.4", "0.5")] == [1.0, 1.0, 0.5]
    assert areas["mean"] == pytest.approx(0.9)


def test_a_false_episode_costs_precision_only_below_its_score():
    ranked_last = localisation({"a": boxes((10, 20, 3.0)), "b": boxes((0, 10, 2.0), (30, 40, 1.0))}, DAY)
    ranked_first = localisation({"a": boxes((10, 20, 2.0)), "b": boxes((0, 10, 2.0), (30, 40, 3.0))}, DAY)
    assert ranked_last["0.5"] == 1.0
    assert ranked_first["0.5"] == pytest.approx(2 / 3)


def test_an_event_and_an_episode_are_paired_once():
    torn = {"a": boxes((10, 14, 1.0), (15, 20, 1.0)), "b": boxes((0, 10, 1.0))}
    assert localisation(torn, DAY)["0.3"] == pytest.approx(2 / 3)


@pytest.mark.parametrize("seed", range(4))
def test_the_areas_are_those_of_the_slow_reference(seed):
    truth = small_truth()
    tracks = drawn_tracks(truth, np.random.default_rng(seed), hop_s=2.0, signal=1.5)
    areas = localisation(tracks, truth, (0.1, 0.5))
    for overlap in (0.1, 0.5):
        assert areas[f"{overlap:g}"] == pytest.approx(slowly(tracks, truth, overlap))


def test_of_many_distinct_scores_the_highest_are_all_tried():
    rng = np.random.default_rng(0)
    tracks = {video: ScoreTrack(np.arange(40.0), rng.random(40)) for video in DAY.videos}
    many = {
        video: ScoreTrack(np.arange(0.0, 40.0, 0.01), rng.random(4000) * 0.5, stream="many")
        for video in DAY.videos
    }
    assert MOST_THRESHOLDS < 8000
    many["a"].values[1000:2000] = 0.9
    many["b"].values[:1000] = 0.9
    assert localisation(many, DAY)["0.5"] == 1.0
    assert 0 <= localisation(tracks, DAY)["mean"] <= 1


def test_without_events_or_with_a_constant_score_nothing_is_made_up():
    truth = small_truth()
    quiet = GroundTruth.from_rows("quiet", [], durations_s={"a": 40.0}, rates=Fraction(1))
    assert set(localisation({"a": boxes()}, quiet).values()) == {None}
    assert 0 < localisation(constant_tracks(truth), truth)["0.1"] < 1  # one endless episode a video
