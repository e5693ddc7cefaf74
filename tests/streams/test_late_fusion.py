from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traces_core.errors import (
    NotFiniteError,
    StreamScaleError,
    TooLittleFootageError,
)
from traces_core.streams.late import LateFusion, StreamScale
from traces_core.types import Interval, ScoreTrack

METHODS = ("robust", "moments")
SEEDS = st.integers(0, 2**32 - 1)


def track(times: list[float], values: list[float], stream: str = "a", causal: bool = True) -> ScoreTrack:
    return ScoreTrack(np.array(times, np.float64), np.array(values, np.float32), stream=stream, causal=causal)


def unit_fusion(*streams: str) -> LateFusion:
    return LateFusion(tuple(StreamScale(stream, 0.0, 1.0, "moments", 20) for stream in streams))


@pytest.mark.parametrize("method", METHODS)
def test_normal_footage_lies_around_zero_with_spread_one(method: str) -> None:
    scores = np.random.default_rng(0).normal(3.0, 0.2, 5000)
    z = StreamScale.from_normal_scores("a", scores, method=method).z(scores)
    assert abs(np.mean(z)) < 0.05
    assert abs(np.std(z) - 1) < 0.05


@settings(max_examples=60)
@given(SEEDS, st.floats(0.01, 100), st.floats(-50, 50), st.sampled_from(METHODS))
def test_the_unit_and_the_zero_of_a_stream_do_not_matter(
    seed: int, unit: float, zero: float, method: str
) -> None:
    rng = np.random.default_rng(seed)
    normal, scores = rng.normal(size=40), rng.normal(size=10)
    plain = StreamScale.from_normal_scores("a", normal, method=method).z(scores)
    moved = StreamScale.from_normal_scores("a", unit * normal + zero, method=method).z(unit * scores + zero)
    np.testing.assert_allclose(moved, plain, rtol=1e-6, atol=1e-6)


@settings(max_examples=60)
@given(SEEDS, st.integers(0, 9), st.floats(0.01, 10))
def test_a_higher_score_of_any_stream_never_lowers_the_result(seed: int, place: int, more: float) -> None:
    rng = np.random.default_rng(seed)
    fusion = LateFusion.from_normal_tracks(
        {s: [track(list(range(30)), list(rng.normal(size=30)))] for s in "ab"}
    )
    times = list(range(10))
    values = {s: rng.normal(size=10) for s in "ab"}
    before = fusion.combine({s: track(times, list(v)) for s, v in values.items()})
    values["a"][place] += more
    after = fusion.combine({s: track(times, list(v)) for s, v in values.items()})
    assert after.values[place] > before.values[place]
    others = np.arange(10) != place
    assert np.array_equal(after.values[others], before.values[others])


@settings(max_examples=60)
@given(SEEDS, st.floats(0, 20))
def test_what_comes_later_changes_nothing_before(seed: int, until: float) -> None:
    rng = np.random.default_rng(seed)
    tracks = {s: track(sorted(rng.uniform(0, 20, 12)), list(rng.normal(size=12))) for s in "abc"}
    fusion = unit_fusion(*"abc")
    whole = fusion.combine(tracks)
    known = {
        s: ScoreTrack(t.times_s[t.times_s <= until], t.values[t.times_s <= until]) for s, t in tracks.items()
    }
    streamed = fusion.combine(known)
    begun = whole.times_s <= until
    assert np.array_equal(streamed.times_s, whole.times_s[begun])
    assert np.array_equal(streamed.values, whole.values[begun])


@settings(max_examples=30)
@given(SEEDS)
def test_the_order_of_the_streams_does_not_matter(seed: int) -> None:
    rng = np.random.default_rng(seed)
    tracks = {s: track(sorted(rng.uniform(0, 9, 6)), list(rng.normal(size=6))) for s in "abc"}
    fusion = unit_fusion(*"abc")
    backwards = dict(reversed(tracks.items()))
    assert np.array_equal(fusion.combine(tracks).values, fusion.combine(backwards).values)


def test_a_missing_stream_is_missing_and_not_a_zero() -> None:
    fusion = unit_fusion("a", "b")
    alone = fusion.combine({"a": track([0.0, 1.0], [4.0, 6.0])})
    assert alone.values.tolist() == [4.0, 6.0]


def test_a_stream_counts_from_its_first_score_on_and_holds_its_last() -> None:
    late = unit_fusion("a", "b").combine(
        {"a": track([0.0, 1.0, 2.0, 3.0], [2.0, 2.0, 2.0, 4.0]), "b": track([1.5], [6.0])}
    )
    assert late.times_s.tolist() == [0.0, 1.0, 1.5, 2.0, 3.0]
    assert late.values.tolist() == [2.0, 2.0, 4.0, 4.0, 5.0]


@settings(max_examples=60)
@given(SEEDS, st.lists(st.floats(0, 20), max_size=6))
def test_pieces_of_any_size_give_the_same_bits(seed: int, cuts: list[float]) -> None:
    rng = np.random.default_rng(seed)
    tracks = {s: track(sorted(rng.uniform(0, 20, 12)), list(rng.normal(size=12))) for s in "abc"}
    stage, edges = unit_fusion(*"abc").start(), [-math.inf, *sorted(cuts), math.inf]
    pieces = [
        stage.push({name: whole.between(start_s, end_s) for name, whole in tracks.items()})
        for start_s, end_s in pairwise(edges)
    ]
    whole = unit_fusion(*"abc").combine(tracks)
    assert np.array_equal(ScoreTrack.joined(pieces).values, whole.values)
    assert np.array_equal(ScoreTrack.joined(pieces).times_s, whole.times_s)


def test_after_a_gap_only_what_spoke_since_counts() -> None:
    gap = (Interval(1.5, 4.0),)
    late = unit_fusion("a", "b").combine(
        {
            "a": ScoreTrack(np.array([0.0, 1.0, 4.0]), np.array([2.0, 2.0, 2.0]), stream="a", unknown=gap),
            "b": ScoreTrack(np.array([0.0, 5.0]), np.array([6.0, 4.0]), stream="b", unknown=gap),
        }
    )
    assert late.values.tolist() == [4.0, 4.0, 2.0, 3.0]
    assert late.unknown == gap


def test_a_score_that_comes_late_is_refused() -> None:
    stage = unit_fusion("a", "b").start()
    stage.push({"a": track([0.0, 2.0], [1.0, 1.0])})
    with pytest.raises(ValueError, match=r"up to 2\.0 s"):
        stage.push({"b": track([1.0], [1.0])})


def test_a_stream_without_a_single_score_is_missing() -> None:
    late = unit_fusion("a", "b").combine({"a": track([0.0], [2.0]), "b": track([], [])})
    assert late.values.tolist() == [2.0]
    assert len(unit_fusion("b").combine({"b": track([], [])})) == 0


def test_one_offline_stream_makes_the_result_offline_by_name() -> None:
    fusion = unit_fusion("a", "b")
    causal = fusion.combine({"a": track([0.0], [1.0])})
    assert (causal.stream, causal.causal) == ("late", True)
    offline = fusion.combine({"a": track([0.0], [1.0]), "b": track([0.0], [1.0], causal=False)})
    assert (offline.stream, offline.causal) == ("late_offline", False)


def test_scales_are_learned_from_all_videos_together() -> None:
    values = list(np.random.default_rng(1).normal(size=40))
    parts = [track(list(range(15)), values[:15]), track(list(range(25)), values[15:])]
    learned = LateFusion.from_normal_tracks({"a": parts}).scales[0]
    assert learned == StreamScale.from_normal_scores("a", np.array(values, np.float32))


def test_a_few_odd_moments_in_normal_footage_do_not_move_the_robust_scale() -> None:
    normal = np.random.default_rng(2).normal(size=400)
    odd = np.concatenate([normal, np.full(12, 500.0)])
    clean, dirty = (StreamScale.from_normal_scores("a", x) for x in (normal, odd))
    assert dirty.spread == pytest.approx(clean.spread, rel=0.1)
    assert StreamScale.from_normal_scores("a", odd, method="moments").spread > 50 * clean.spread


def test_a_stream_that_mostly_stands_still_takes_the_moments_and_says_so() -> None:
    scores = np.concatenate([np.zeros(60), np.linspace(0, 1, 20)])
    scale = StreamScale.from_normal_scores("a", scores)
    assert scale.method == "moments"
    assert scale.spread == pytest.approx(scores.std())


@pytest.mark.parametrize(
    ("scores", "error"),
    [
        (np.zeros(19), TooLittleFootageError),
        (np.full(100, 0.1, np.float32), StreamScaleError),  # its mean is rounded: the spread is not quite 0
        (np.array([*range(30), math.nan]), NotFiniteError),
    ],
)
def test_normal_scores_that_give_no_scale_are_refused(scores: np.ndarray, error: type[Exception]) -> None:
    with pytest.raises(error, match="stream 'a'"):
        StreamScale.from_normal_scores("a", scores)


@pytest.mark.parametrize("tracks", [{}, {"a": track([0.0], [1.0]), "b": track([0.0], [1.0])}])
def test_a_stream_without_a_scale_is_refused(tracks: dict[str, ScoreTrack]) -> None:
    with pytest.raises(StreamScaleError, match="Calibrate"):
        unit_fusion("a").combine(tracks)


def test_a_score_that_is_not_finite_is_refused_with_its_place() -> None:
    with pytest.raises(NotFiniteError, match=r"at 1\.0 s"):
        unit_fusion("a").combine({"a": track([0.0, 1.0], [0.0, math.nan])})
