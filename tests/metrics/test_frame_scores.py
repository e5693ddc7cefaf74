"""From tracks and intervals to scores and labels at the same frames."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from metric_worlds import constant_tracks, drawn_tracks, small_truth

from traces_core.errors import EvaluationError, NotFiniteError
from traces_core.metrics import FrameScores, auc_anomalous, auc_macro, roc_auc, scores_at
from traces_core.types import Interval, ScoreTrack


def track(times_s: list[float], values: list[float]) -> ScoreTrack:
    return ScoreTrack(np.array(times_s), np.array(values, dtype=np.float32), stream="s")


@given(
    st.lists(st.integers(0, 60), min_size=1, max_size=12, unique=True).map(sorted),
    st.lists(st.integers(0, 80), min_size=1, max_size=30, unique=True).map(sorted),
)
def test_a_frame_gets_the_last_score_at_or_before_it(ticks, frames):
    times_s, frames_s = np.array(ticks) / 4.0, np.array(frames) / 4.0
    given_scores = np.arange(len(ticks), dtype=np.float32)
    scores = scores_at(ScoreTrack(times_s, given_scores), frames_s)
    for frame_s, score in zip(frames_s, scores, strict=True):
        before = [s for t, s in zip(times_s, given_scores, strict=True) if t <= frame_s]
        if before:
            assert score == before[-1]
        else:
            assert score in (given_scores[0], -np.inf)


@pytest.mark.parametrize(
    ("first_s", "expected"),
    [
        (0.4, 0.7),  # within a hop of 1 s: the sampler's first tick came late
        (1.0, 0.7),  # a whole hop: the first window of a stream without overlap
        (1.5, -np.inf),  # more: the detector said nothing yet
    ],
)
def test_the_first_score_reaches_back_one_hop_at_most(first_s, expected):
    late = track([first_s, first_s + 1, first_s + 2], [0.7, 0.1, 0.2])
    assert scores_at(late, np.array([0.0]))[0] == pytest.approx(expected)


def test_a_causal_score_is_not_changed_by_what_comes_later():
    times_s = np.arange(0, 10, 0.5)
    whole = track(list(times_s), list(np.sin(times_s)))
    frames_s = np.arange(0, 6, 0.25)
    cut = ScoreTrack(times_s[times_s < 6], whole.values[times_s < 6])
    np.testing.assert_array_equal(scores_at(whole, frames_s), scores_at(cut, frames_s))


def test_frames_carry_the_labels_of_half_open_intervals():
    frames = FrameScores.from_tracks(constant_tracks(small_truth()), small_truth())
    _, labels = frames.of("a.mp4")  # 4 frames/s: [5, 10) and [20, 22)
    np.testing.assert_array_equal(np.flatnonzero(labels), [*range(20, 40), *range(80, 88)])
    np.testing.assert_array_equal(frames.classes["fight"] | frames.classes["fire"], frames.labels)
    assert frames.has_anomaly.tolist() == [True, True, True, False, False, False]


def test_frames_before_the_first_score_are_counted():
    truth = small_truth()
    tracks = constant_tracks(truth)
    tracks["d.mp4"] = track([10.0, 11.0, 12.0], [0.1, 0.1, 0.1])
    assert FrameScores.from_tracks(tracks, truth).unscored == 36  # [0, 9) at 4 frames/s


def test_auc_on_anomalous_videos_ignores_how_well_videos_are_separated():
    truth = small_truth()
    frames = FrameScores.blank(truth)
    by_video = frames.with_scores(frames.has_anomaly[frames.video_of].astype(float))
    assert roc_auc(by_video.scores, by_video.labels) > 0.6
    assert auc_anomalous(by_video) == 0.5
    assert auc_macro(by_video) == 0.5


def test_macro_auc_is_the_mean_over_videos_with_both_classes():
    truth = small_truth()
    frames = FrameScores.from_tracks(drawn_tracks(truth, np.random.default_rng(3)), truth)
    each = [roc_auc(*frames.of(video)) for video in ("a.mp4", "b.mp4", "c.mp4")]
    assert auc_macro(frames) == pytest.approx(np.mean(each))


def test_missing_and_unknown_videos_are_refused_by_name():
    truth = small_truth()
    tracks = constant_tracks(truth)
    tracks["z.mp4"] = tracks.pop("a.mp4")
    with pytest.raises(EvaluationError, match=r"a\.mp4.*z\.mp4"):
        FrameScores.from_tracks(tracks, truth)


def test_a_score_that_is_not_finite_is_refused_with_its_video_and_time():
    truth = small_truth()
    tracks = constant_tracks(truth) | {"b.mp4": track([0.0, 2.5], [0.1, np.nan])}
    with pytest.raises(NotFiniteError, match=r"b\.mp4.*2\.5 s"):
        FrameScores.from_tracks(tracks, truth)


def test_no_score_holds_where_nothing_is_known_up_to_the_next_one():
    known = ScoreTrack(np.array([0.0, 5.0]), np.array([1.0, 2.0]), unknown=(Interval(2.0, 4.0),))
    held = scores_at(known, np.array([0.0, 1.9, 2.0, 3.9, 4.5, 5.0, 9.0]))
    assert held.tolist() == [1.0, 1.0, *[-np.inf] * 3, 2.0, 2.0]


def test_frames_that_nobody_saw_are_counted_as_unscored():
    truth = small_truth()
    tracks = constant_tracks(truth, 0.0)
    video = truth.videos[0]
    tracks[video] = ScoreTrack(np.zeros(1), np.zeros(1), unknown=(Interval(0.5, 1.0),))
    frames = FrameScores.from_tracks(tracks, truth)
    assert frames.unscored == (truth.frame_times(video) >= 0.5).sum() > 0
