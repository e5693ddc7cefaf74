"""What normal footage says about scores: p-values by scene, and streams fused by them."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces_core.errors import NotFiniteError, StreamScaleError, TooLittleFootageError
from traces_core.streams.pvalues import EitherStage, NormalFootage, NormalScores, alone
from traces_core.types import ScoreTrack

NORMAL = np.random.default_rng(0).normal(size=200)


def either(
    tracks: Iterable[ScoreTrack], normal: NormalFootage, scene: str | None, *, name: str
) -> ScoreTrack:
    """Whole tracks, pushed at once."""
    return EitherStage(normal, scene, name=name).push({track.stream: track for track in tracks})


def track(
    stream: str, values: list[float], times: list[float] | None = None, causal: bool = True
) -> ScoreTrack:
    at = np.arange(len(values), dtype=float) if times is None else np.array(times)
    return ScoreTrack(at, np.array(values, float), stream=stream, causal=causal)


def footage(**streams: np.ndarray) -> NormalFootage:
    tracks = {name: {"v": track(name, values.tolist())} for name, values in streams.items()}
    return NormalFootage.from_tracks(tracks, {"v": None}, scene_scores=20)


def test_at_a_normal_score_the_p_value_is_its_rank() -> None:
    scale = NormalScores.of(NORMAL, where="x")
    for score in NORMAL[:20]:
        slow = (1 + sum(other >= score for other in NORMAL)) / (len(NORMAL) + 1)
        assert math.exp(scale.log_p(np.array([score]))[0]) == pytest.approx(slow)


def test_a_p_value_is_never_smaller_than_the_conformal_one_within_the_range() -> None:
    scale = NormalScores.of(NORMAL, where="x")
    between = np.random.default_rng(1).uniform(NORMAL.min(), NORMAL.max(), 100)
    conformal = [(1 + (x <= NORMAL).sum()) / (len(NORMAL) + 1) for x in between]
    assert (np.exp(scale.log_p(between)) >= np.array(conformal) - 1e-12).all()


def test_normal_moments_get_small_p_values_as_rarely_as_they_say() -> None:
    fresh = np.random.default_rng(2).normal(size=20_000)
    p = np.exp(NormalScores.of(np.random.default_rng(3).normal(size=5000), where="x").log_p(fresh))
    for level in (0.5, 0.1, 0.02):
        assert (p <= level).mean() == pytest.approx(level, rel=0.2)


@given(st.lists(st.floats(-50, 50), min_size=2, max_size=30, unique=True))
def test_higher_scores_are_never_likelier_and_extremes_keep_their_order(scores: list[float]) -> None:
    scale = NormalScores.of(NORMAL, where="x")
    log_p = scale.log_p(np.sort(scores))
    assert (np.diff(log_p) <= 0).all()
    above = np.sort(scores) > NORMAL.max()
    assert (np.diff(log_p[above]) < 0).all()


@given(st.floats(-60, -0.01))
def test_the_score_of_a_p_value_has_that_p_value(log_p: float) -> None:
    scale = NormalScores.of(NORMAL, where="x")
    assert scale.log_p(np.array([scale.score_at(log_p)]))[0] == pytest.approx(log_p, abs=1e-9)


def test_the_scale_of_a_stream_does_not_matter() -> None:
    small, large = (NormalScores.of(factor * NORMAL, where="x") for factor in (1.0, 1000.0))
    scores = np.linspace(-5, 9, 40)
    np.testing.assert_allclose(small.log_p(scores), large.log_p(1000 * scores))


@pytest.mark.parametrize(
    ("scores", "error"),
    [
        (NORMAL[:19], TooLittleFootageError),
        (np.full(50, 3.0), StreamScaleError),
        (np.append(NORMAL, np.nan), NotFiniteError),
    ],
)
def test_normal_scores_that_say_nothing_are_refused(scores: np.ndarray, error: type[Exception]) -> None:
    with pytest.raises(error, match="surprise"):
        NormalScores.of(scores, where="surprise")


def test_a_scene_with_enough_footage_has_a_scale_of_its_own_and_others_share_one() -> None:
    tracks = {
        "surprise": {
            "a": track("surprise", (10 + NORMAL).tolist()),
            "b": track("surprise", NORMAL[:30].tolist()),
        }
    }
    normal = NormalFootage.from_tracks(tracks, {"a": "street", "b": "shop"}, scene_scores=100)
    assert set(normal.streams["surprise"]) == {"", "street"}
    here, elsewhere = normal.scale("surprise", "street"), normal.scale("surprise", "shop")
    assert here.score_at(math.log(0.05)) > elsewhere.score_at(math.log(0.3))  # a livelier street
    assert normal.scale("surprise", None) is elsewhere


def test_a_stream_that_was_never_calibrated_is_refused() -> None:
    with pytest.raises(StreamScaleError, match="alignment"):
        footage(surprise=NORMAL).scale("alignment", None)


def test_either_is_high_where_one_stream_alone_is() -> None:
    normal = footage(alignment=NORMAL, surprise=NORMAL)
    calm, odd = 0.0, 6.0
    fused = [
        either([track("alignment", [a]), track("surprise", [s])], normal, None, name="both").values[0]
        for a, s in ((calm, calm), (odd, calm), (calm, odd), (odd, odd))
    ]
    assert fused[1] == fused[2] == fused[3]
    assert fused[0] < 0.5 < 2 < fused[1]


def test_either_is_sidaks_p_value_of_the_least() -> None:
    normal = footage(alignment=NORMAL, surprise=NORMAL)
    a, s = NORMAL[3], NORMAL[5]
    p = min(math.exp(normal.scale("surprise", None).log_p(np.array([x]))[0]) for x in (a, s))
    fused = either([track("alignment", [a]), track("surprise", [s])], normal, None, name="both")
    assert fused.values[0] == pytest.approx(-math.log10(1 - (1 - p) ** 2))


def test_a_missing_stream_is_missing_and_not_zero() -> None:
    normal = footage(alignment=NORMAL, surprise=NORMAL)
    alignment = track("alignment", NORMAL[:5].tolist())
    alone_track = either([alignment], normal, None, name="both")
    np.testing.assert_allclose(alone_track.values, normal.surprisal(alignment, None).values)
    late = track("surprise", [-9.0], times=[3.0])  # as calm as can be, from 3 s on
    fused = either([alignment, late], normal, None, name="both")
    np.testing.assert_allclose(fused.values[:3], alone_track.values[:3])
    assert (fused.values[3:] < alone_track.values[3:]).all()  # two were asked, so one is less telling


@given(st.lists(st.floats(-900, 900), min_size=2, max_size=20))
def test_fused_scores_are_finite_and_not_negative(scores: list[float]) -> None:
    normal = footage(alignment=NORMAL, surprise=NORMAL)
    fused = either([track("alignment", scores), track("surprise", scores[::-1])], normal, None, name="both")
    assert np.isfinite(fused.values).all()
    assert (fused.values >= 0).all()


@pytest.mark.parametrize(("level", "streams"), [(0.3, 1), (2.0, 2), (12.0, 2), (40.0, 3)])
def test_the_level_of_one_stream_alone_is_the_inverse_of_either(level: float, streams: int) -> None:
    p = alone(level, streams)
    back = (
        -(math.log(streams) + p) / math.log(10) if p < -30 else -math.log10(1 - (1 - math.exp(p)) ** streams)
    )
    assert back == pytest.approx(level, rel=1e-5)


def test_either_of_no_stream_is_refused_and_one_that_looks_ahead_is_named() -> None:
    normal = footage(alignment=NORMAL)
    with pytest.raises(StreamScaleError, match="no stream"):
        either([], normal, None, name="both")
    ahead = track("alignment", [1.0], causal=False)
    assert either([ahead], normal, None, name="both").stream == "both_offline"


def test_normal_footage_comes_back_from_json() -> None:
    normal = footage(alignment=NORMAL, surprise=NORMAL**2)
    again = NormalFootage.from_dict(json.loads(json.dumps(normal.to_dict())))
    scores = np.linspace(-3, 9, 20)
    for stream in ("alignment", "surprise"):
        there, here = (one.scale(stream, "street").log_p(scores) for one in (normal, again))
        np.testing.assert_array_equal(there, here)


@given(st.integers(0, 1000), st.lists(st.floats(0, 20), max_size=6))
def test_pieces_of_any_size_give_the_same_bits(seed: int, cuts: list[float]) -> None:
    rng = np.random.default_rng(seed)
    normal = NormalFootage({name: {"": NormalScores.of(rng.normal(size=50), where=name)} for name in "ab"})
    tracks = {
        name: ScoreTrack(np.sort(rng.uniform(0, 20, 12)), 3 * rng.normal(size=12), stream=name)
        for name in "ab"
    }
    stage, edges = EitherStage(normal, None, name="both"), [-math.inf, *sorted(cuts), math.inf]
    pieces = [
        stage.push({name: whole.between(start_s, end_s) for name, whole in tracks.items()})
        for start_s, end_s in pairwise(edges)
    ]
    whole = either(tracks.values(), normal, None, name="both")
    np.testing.assert_array_equal(ScoreTrack.joined(pieces).values, whole.values)
    np.testing.assert_array_equal(ScoreTrack.joined(pieces).times_s, whole.times_s)
