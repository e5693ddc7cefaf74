"""Scores to episodes: rules, and the same episodes from a stream as from the whole track."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces_core.metrics import EpisodeRules, EpisodeTracker, decisive_thresholds, episode_runs, find_episodes
from traces_core.types import ScoreTrack

tracks = st.lists(
    st.tuples(st.sampled_from([0.25, 0.5, 1.0, 1.75]), st.integers(0, 4)), min_size=1, max_size=40
).map(
    lambda steps: ScoreTrack(
        np.cumsum([step for step, _ in steps]), np.array([score for _, score in steps], dtype=np.float32)
    )
)
rules_of_any_kind = st.builds(
    EpisodeRules,
    hysteresis=st.sampled_from([0.0, 1.0, 2.0]),
    min_gap_s=st.sampled_from([0.0, 0.5, 1.75, 4.0]),
    min_duration_s=st.sampled_from([0.0, 0.5, 2.0]),
)
thresholds = st.sampled_from([-1.0, 0.0, 1.0, 2.5, 4.0])


def spans(track: ScoreTrack, threshold: float, **rules: float) -> list[tuple[float, float]]:
    episodes = find_episodes(track, threshold, EpisodeRules(**rules), end_s=8.0)
    return [(episode.start_s, episode.end_s) for episode in episodes]


STEPS = ScoreTrack(np.arange(8.0), np.array([0, 5, 3, 0, 4, 4, 1, 6], dtype=np.float32))


@pytest.mark.parametrize(
    ("threshold", "rules", "expected"),
    [
        (3.0, {}, [(1, 2), (4, 6), (7, 8)]),  # above, not at, the threshold; the last one to the end
        (6.0, {}, []),  # a score equal to the threshold is not above it
        (3.0, {"hysteresis": 1.0}, [(1, 3), (4, 6), (7, 8)]),  # 3 is still above 3 - 1
        (3.0, {"hysteresis": 3.0}, [(1, 3), (4, 8)]),  # 1 too; 0 is not
        (3.0, {"min_gap_s": 2.0}, [(1, 2), (4, 8)]),  # a gap of one second is bridged, one of two is not
        (3.0, {"min_gap_s": 2.5}, [(1, 8)]),
        (3.0, {"min_duration_s": 1.5}, [(4, 6)]),  # one second is too short
        (3.0, {"min_gap_s": 2.0, "min_duration_s": 1.5}, [(4, 8)]),  # bridged first, then measured
        (-1.0, {}, [(0, 8)]),
    ],
)
def test_the_rules_of_an_episode(threshold, rules, expected):
    assert spans(STEPS, threshold, **rules) == expected


@given(tracks, thresholds, rules_of_any_kind)
def test_a_stream_gives_the_episodes_of_the_whole_track(track, threshold, rules):
    tracker = EpisodeTracker(threshold, rules)
    pushed = [tracker.push(float(t), float(s)) for t, s in zip(track.times_s, track.values, strict=True)]
    end_s = float(track.times_s[-1]) + 0.5
    streamed = [episode for episode in [*pushed, tracker.close(end_s)] if episode is not None]
    assert streamed == find_episodes(track, threshold, rules, end_s=end_s)


@given(tracks, thresholds, rules_of_any_kind)
def test_an_alarm_that_is_on_becomes_an_episode_with_that_start(track, threshold, rules):
    tracker = EpisodeTracker(threshold, rules)
    alarms = set()
    for time_s, score in zip(track.times_s, track.values, strict=True):
        tracker.push(float(time_s), float(score))
        alarms.add(tracker.alarm_since_s)
    starts = {episode.start_s for episode in find_episodes(track, threshold, rules)}
    assert alarms - {None} <= starts


@given(tracks, thresholds)
def test_plain_episodes_cover_exactly_the_scores_above_the_threshold(track, threshold):
    runs = episode_runs(track.times_s, track.values.astype(float), threshold)
    covered = np.zeros(len(track), dtype=bool)
    for first, after in runs:
        covered[first:after] = True
    np.testing.assert_array_equal(covered, track.values > threshold)


@given(tracks, rules_of_any_kind)
def test_a_lower_threshold_covers_all_that_a_higher_one_covers(track, rules):
    def covered(threshold: float) -> set[int]:
        runs = episode_runs(track.times_s, track.values.astype(float), threshold, rules)
        return {i for first, after in runs for i in range(first, after)}

    assert covered(3.0) <= covered(1.5) <= covered(-1.0)


@given(tracks, st.floats(-1.0, 7.0), rules_of_any_kind)
def test_episodes_change_at_decisive_thresholds_only(track, threshold, rules):
    levels = decisive_thresholds(track.values.astype(np.float64), rules)
    below = levels[levels <= threshold]
    same = below[-1] if len(below) else levels[0] - 1.0
    assert find_episodes(track, same, rules) == find_episodes(track, threshold, rules)
    assert find_episodes(track, levels[-1], rules) == []


@given(tracks, thresholds, rules_of_any_kind)
def test_the_peak_is_the_highest_score_of_its_episode(track, threshold, rules):
    for episode in find_episodes(track, threshold, rules, end_s=1e9):
        inside = (track.times_s >= episode.start_s) & (track.times_s < episode.end_s)
        assert episode.peak_score == track.values[inside].max() > threshold
        assert track.values[track.times_s == episode.peak_s] == episode.peak_score


@pytest.mark.parametrize("name", ["hysteresis", "min_gap_s", "min_duration_s"])
@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_a_rule_below_zero_or_not_finite_is_refused(name, value):
    with pytest.raises(ValueError, match=name):
        EpisodeRules(**{name: value})


def test_a_stream_that_runs_backwards_is_refused():
    tracker = EpisodeTracker(1.0)
    tracker.push(2.0, 0.0)
    with pytest.raises(ValueError, match="rise"):
        tracker.push(2.0, 5.0)
