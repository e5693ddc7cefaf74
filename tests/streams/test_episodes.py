"""Scores to episodes: rules, and the same episodes from a stream as from the whole track."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from whole_episodes import find_episodes

from traces_core.streams.episodes import (
    EPISODES,
    EpisodeRules,
    EpisodeTracker,
    decisive_thresholds,
    episode_runs,
    episode_table,
    episodes_in,
    run_times,
)
from traces_core.types import Episode, Interval, ScoreTrack

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


cuts = st.lists(st.floats(0, 60), max_size=6)


def pieces_of(track: ScoreTrack, edges: list[float]) -> list[ScoreTrack]:
    return [track.between(*pair) for pair in pairwise([-np.inf, *sorted(edges), np.inf])]


@given(tracks, thresholds, rules_of_any_kind, cuts)
def test_frame_by_frame_and_in_any_pieces_the_episodes_are_those_of_the_whole(track, threshold, rules, cuts):
    end_s = float(track.times_s[-1]) + 0.5
    whole = find_episodes(track, threshold, rules, end_s=end_s)
    for edges in (cuts, track.times_s.tolist()):
        tracker = EpisodeTracker(threshold, rules)
        events = [event for piece in pieces_of(track, edges) for event in tracker.push(piece)]
        events += tracker.close(end_s)
        assert [event.episode for event in events if event.kind == "closed"] == whole


@given(tracks, thresholds, rules_of_any_kind)
def test_the_vectorised_twin_for_sweeps_gives_the_episodes_of_the_rule(track, threshold, rules):
    end_s = float(track.times_s[-1]) + 0.5
    runs = episode_runs(track.times_s, track.values.astype(float), threshold, rules, end_s=end_s)
    spans = np.stack(run_times(track.times_s, runs, end_s), axis=1).tolist()
    assert [[e.start_s, e.end_s] for e in find_episodes(track, threshold, rules, end_s=end_s)] == spans


@given(tracks, thresholds, rules_of_any_kind)
def test_an_episode_opens_once_then_grows_then_closes(track, threshold, rules):
    tracker = EpisodeTracker(threshold, rules, video="gate", stream="late")
    events = [e for piece in pieces_of(track, track.times_s.tolist()) for e in tracker.push(piece)]
    events += tracker.close()
    assert all((event.video, event.stream) == ("gate", "late") for event in events)
    by_start = {}
    for event in events:
        by_start.setdefault(event.episode.start_s, []).append(event)
    for some in by_start.values():
        assert [e.kind for e in some] == ["opened", *["grown"] * (len(some) - 2), "closed"]
        assert all(a.episode.end_s <= b.episode.end_s for a, b in pairwise(some))
        assert some[0].episode.end_s - some[0].episode.start_s >= rules.min_duration_s


def test_an_alarm_that_is_on_when_the_camera_goes_away_ends_there():
    values = np.array([0.0, 5.0, 5.0, 5.0])
    track = ScoreTrack(np.array([0.0, 1.0, 6.0, 7.0]), values, unknown=(Interval(2.0, 6.0),))
    spans = [(e.start_s, e.end_s) for e in find_episodes(track, 1.0, end_s=8.0)]
    assert spans == [(1.0, 2.0), (6.0, 8.0)]
    bridged = find_episodes(track, 1.0, EpisodeRules(min_gap_s=5.0), end_s=8.0)
    assert [(e.start_s, e.end_s) for e in bridged] == [(1.0, 8.0)]


def test_no_score_lies_where_nothing_is_known():
    with pytest.raises(ValueError, match="nothing is known"):
        ScoreTrack(np.array([0.0, 1.0]), np.zeros(2), unknown=(Interval(0.5, 2.0),))


def test_episodes_come_back_from_their_table():
    episodes = {
        "late": (Episode(1.0, 2.0, 1.5, 3.0), Episode(4.0, 5.0, 4.0, 2.0)),
        "context_aware": (Episode(0.0, 1.0, 0.5, 3.0, because="surprise"),),
    }
    table = episode_table("gate.mp4", episodes)
    assert table.schema == EPISODES
    assert episodes_in(table) == {"gate.mp4": episodes}


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
    tracker.push(ScoreTrack(np.array([2.0]), np.zeros(1)))
    with pytest.raises(ValueError, match="rise"):
        tracker.push(ScoreTrack(np.array([2.0]), np.ones(1)))
