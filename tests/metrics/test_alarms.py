"""Episodes against true events: what is found, how late, and at what cost."""

from __future__ import annotations

import json
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from metric_worlds import constant_tracks, drawn_tracks, small_truth
from whole_episodes import find_episodes

from traces_core.datasets import AnnotationRow, GroundTruth
from traces_core.metrics import alarms_at_recall, judge_alarms
from traces_core.streams.episodes import EpisodeRules, decisive_thresholds
from traces_core.types import ScoreTrack

HOUR = GroundTruth.from_rows(
    "an hour",
    [
        AnnotationRow("cam.mp4", 100.0, 120.0, "fall"),
        AnnotationRow("cam.mp4", 300.0, 310.0, "fire"),
        AnnotationRow("cam.mp4", 1000.0, 1010.0, "fire"),
    ],
    durations_s={"cam.mp4": 1800.0, "quiet.mp4": 1800.0},
    rates=Fraction(1),
)


def pulses(stretches: dict[tuple[int, int], float]) -> ScoreTrack:
    """One score a second: the given height inside each stretch, 0 elsewhere."""
    values = np.zeros(1800, dtype=np.float32)
    for (first, after), height in stretches.items():
        values[first:after] = height
    return ScoreTrack(np.arange(1800.0), values, stream="pulses")


TRACKS = {
    "cam.mp4": pulses({(104, 110): 5, (290, 305): 3, (500, 510): 4, (1008, 1020): 2}),
    "quiet.mp4": pulses({(7, 8): 4, (900, 960): 1}),
}


def test_events_alarms_delay_and_rates_are_those_counted_by_hand():
    result = judge_alarms(TRACKS, HOUR, 2.5)
    assert (result.events, result.detected, result.episodes, result.false_alarms) == (3, 2, 4, 2)
    assert result.false_alarms_per_hour == 2.0
    assert result.false_alarms_per_day == 48.0
    assert result.detection_delay_s == 2.0  # 4 s for the fall; the fire's alarm was already on: 0
    assert (result.recall, result.precision) == (2 / 3, 0.5)
    assert result.f1 == pytest.approx(4 / 7)
    assert result.detected_by_class == {"fall": (1, 1), "fire": (1, 2)}
    assert result.time_in_false_alarm == pytest.approx(11 / 3600)


def test_an_episode_that_ends_where_an_event_begins_does_not_find_it():
    truth = GroundTruth.from_rows(
        "t", [AnnotationRow("v", 10.0, 20.0)], durations_s={"v": 30.0}, rates=Fraction(1)
    )
    before = ScoreTrack(np.arange(30.0), (np.arange(30) < 10).astype(np.float32))
    after = ScoreTrack(np.arange(30.0), (np.arange(30) >= 20).astype(np.float32))
    for track in (before, after):
        result = judge_alarms({"v": track}, truth, 0.5)
        assert (result.detected, result.false_alarms) == (0, 1)


def test_an_alarm_at_the_very_last_score_still_finds_its_event():
    truth = GroundTruth.from_rows(
        "t", [AnnotationRow("v", 4.0, 5.0)], durations_s={"v": 5.0}, rates=Fraction(1)
    )
    # The container ends where its last frame begins: the episode has no length, but it has a place.
    track = ScoreTrack(np.arange(4.0, 6.0), np.array([0, 1], dtype=np.float32))
    assert judge_alarms({"v": track}, truth, 0.5).detected == 0
    at_start = ScoreTrack(np.array([3.0, 4.0]), np.array([0, 1], dtype=np.float32))
    short = replace(truth, durations_s={"v": 4.0})
    assert judge_alarms({"v": at_start}, short, 0.5).detected == 1


def test_waiting_for_a_minimum_duration_adds_to_the_delay():
    result = judge_alarms(TRACKS, HOUR, 4.5, EpisodeRules(min_duration_s=3.0))
    assert result.detection_delay_s == 7.0


@pytest.mark.parametrize(
    ("recall", "threshold", "false_alarms"),
    [
        (0.3, 4.0, 0),  # only the fall is above 4
        (0.5, 2.0, 2),  # the first fire (3) costs the two alarms of height 4
        (1.0, 1.0, 2),  # the second fire (2); the long pulse of height 1 is not above 1
    ],
)
def test_false_alarms_are_counted_at_the_highest_threshold_of_that_recall(recall, threshold, false_alarms):
    result = alarms_at_recall(TRACKS, HOUR, recall)
    assert (result.threshold, result.false_alarms) == (threshold, false_alarms)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("rules", [EpisodeRules(), EpisodeRules(0.5, 1.0, 1.0)], ids=["plain", "ruled"])
def test_bisection_finds_the_threshold_that_trying_every_one_finds(seed, rules):
    truth = small_truth()
    tracks = drawn_tracks(truth, np.random.default_rng(seed))
    levels = decisive_thresholds(
        np.concatenate([t.values for t in tracks.values()]).astype(np.float64), rules
    )
    candidates = [np.nextafter(levels[0], -np.inf), *levels]
    for recall in (0.25, 0.8, 1.0):
        tried = [judge_alarms(tracks, truth, float(level), rules) for level in candidates]
        enough = [result for result in tried if result.recall >= recall]
        assert alarms_at_recall(tracks, truth, recall, rules) == (enough[-1] if enough else None)


def test_alarms_agree_with_the_episodes_one_by_one():
    truth = small_truth()
    tracks = drawn_tracks(truth, np.random.default_rng(9))
    rules = EpisodeRules(hysteresis=0.3, min_gap_s=1.0)
    episodes = false_alarms = 0
    for video in truth.videos:
        for episode in find_episodes(tracks[video], 1.0, rules, end_s=truth.durations_s[video]):
            hits = [
                e for e in truth.intervals[video] if episode.start_s < e.end_s and e.start_s < episode.end_s
            ]
            episodes, false_alarms = episodes + 1, false_alarms + (not hits)
    result = judge_alarms(tracks, truth, 1.0, rules)
    assert (result.episodes, result.false_alarms) == (episodes, false_alarms)
    assert episodes > false_alarms > 0


def test_one_endless_alarm_shows_in_the_time_and_not_only_in_the_count():
    truth = small_truth()
    result = alarms_at_recall(constant_tracks(truth), truth, 0.8)
    assert result.recall == 1.0
    assert result.false_alarms == 3  # one in each normal video
    assert result.time_in_false_alarm == pytest.approx((40 + 12 + 21.5) / (truth.hours * 3600))


def test_without_events_or_without_a_reachable_recall_there_is_no_number():
    normal = replace(HOUR, intervals={"cam.mp4": (), "quiet.mp4": ()})
    assert alarms_at_recall(TRACKS, normal, 0.8) is None
    assert judge_alarms(TRACKS, normal, 2.5).recall is None
    assert alarms_at_recall(TRACKS, HOUR, 0.8, EpisodeRules(min_duration_s=5000.0)) is None


@pytest.mark.parametrize("recall", [0.0, 1.5, -0.1])
def test_a_recall_that_is_no_share_is_refused(recall):
    with pytest.raises(ValueError, match="event recall"):
        alarms_at_recall(TRACKS, HOUR, recall)


def test_a_result_is_plain_json():
    entry = json.loads(json.dumps(judge_alarms(TRACKS, HOUR, 2.5).to_dict(), allow_nan=False))
    assert entry["false_alarms_per_day"] == 48.0
    assert entry["found_by_class"]["fire"] == [1, 2]


def test_an_alarm_within_the_tolerance_finds_its_event():
    track = pulses({(94, 98): 5, (1013, 1016): 5})  # 2 s before the fall, 3 s after the last fire
    tracks = {"cam.mp4": track, "quiet.mp4": pulses({})}
    results = [judge_alarms(tracks, HOUR, 1.0, tolerance_s=tolerance) for tolerance in (0.0, 2.5, 3.5)]
    assert [(result.detected, result.false_alarms) for result in results] == [(0, 2), (1, 1), (2, 0)]
    assert results[1].detection_delay_s == 0.0
    assert results[2].f1 == pytest.approx(0.8)
    assert alarms_at_recall(tracks, HOUR, 0.6, tolerance_s=3.5).false_alarms == 0


@pytest.mark.parametrize("tolerance_s", [-1.0, np.nan, np.inf])
def test_a_tolerance_that_is_none_is_refused(tolerance_s):
    with pytest.raises(ValueError, match="tolerance"):
        judge_alarms(TRACKS, HOUR, 1.0, tolerance_s=tolerance_s)
