"""No score knows the future: what is said after a prefix of a stream is what is said after all of it."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_banks import small_bank, unit

from traces_core.errors import NotFiniteError
from traces_core.scoring import score_vectors
from traces_core.scoring.choice import ScorerChoice
from traces_core.streams import offline
from traces_core.streams.late import LateFusion
from traces_core.types import ScoreTrack

CORE = Path(offline.__file__).parents[1]
LATE = LateFusion.from_normal_tracks(
    {"a": [ScoreTrack(np.arange(40.0), np.random.default_rng(0).normal(size=40), stream="a")]}
)
BANK = small_bank()
CAUSAL = {
    "late fusion": lambda track: LATE.combine({"a": track}),
}
LOOKS_AHEAD = {
    "gaussian": lambda track: offline.gaussian_smoothing(track, 2.0),
    "video mean": lambda track: offline.with_video_mean(track, 1.0),
}


@st.composite
def streams(draw: st.DrawFn) -> ScoreTrack:
    """Scores at uneven times, with ties and jumps."""
    length = draw(st.integers(2, 30))
    steps = draw(st.lists(st.sampled_from([0.04, 0.5, 1.0, 7.0]), min_size=length, max_size=length))
    values = draw(st.lists(st.floats(-100, 100), min_size=length, max_size=length))
    return ScoreTrack(np.cumsum(steps), np.array(values), stream="a")


def prefix(track: ScoreTrack, length: int) -> ScoreTrack:
    return ScoreTrack(track.times_s[:length], track.values[:length], stream=track.stream)


@pytest.mark.parametrize("name", CAUSAL)
@settings(max_examples=25)
@given(track=streams())
def test_a_stream_computed_prefix_by_prefix_is_the_stream_computed_at_once(name, track):
    transformed = CAUSAL[name](track)
    assert transformed.causal
    for length in range(1, len(track) + 1):
        part = CAUSAL[name](prefix(track, length))
        assert part.values[-1] == transformed.values[length - 1]
        assert part.times_s[-1] == track.times_s[length - 1]


@pytest.mark.parametrize("name", ScorerChoice.names())
@settings(max_examples=5)
@given(seed=st.integers(0, 1000), length=st.integers(2, 12))
def test_a_moment_is_scored_without_knowing_what_follows(name, seed, length):
    bank, scorer = BANK[0], ScorerChoice(scorer=name).chosen
    vectors = unit(length, np.random.default_rng(seed))
    whole = score_vectors(vectors, bank, space=bank.space, scorer=scorer)
    for seen in range(1, length + 1):
        scores = score_vectors(vectors[:seen], bank, space=bank.space, scorer=scorer)
        # not bit for bit: a product of matrices adds in another order for another number of rows
        np.testing.assert_allclose(scores, whole[:seen], rtol=0, atol=2e-6)


@pytest.mark.parametrize("name", LOOKS_AHEAD)
def test_what_looks_ahead_is_named_offline_and_does(name):
    track = ScoreTrack(np.arange(6.0), np.array([0.0, 1.0, 0.5, 0.2, 4.0, 1.0]), stream="late")
    transformed = LOOKS_AHEAD[name](track)
    assert (transformed.stream, transformed.causal) == ("late_offline", False)
    assert LOOKS_AHEAD[name](transformed).stream == "late_offline"
    assert LOOKS_AHEAD[name](prefix(track, 3)).values[-1] != transformed.values[2]


def test_only_what_measures_may_look_ahead():
    """The detector, its streams and thresholds never import `offline`."""
    allowed = {"steps", "metrics", "report"}
    for path in CORE.rglob("*.py"):
        inside = path.relative_to(CORE).parts
        if inside[0] in allowed or inside == ("streams", "offline.py") or inside[0] == "commands":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                names = {f"{node.module}.{alias.name}" for alias in node.names} | {str(node.module)}
            elif isinstance(node, ast.Import):
                names = {alias.name for alias in node.names}
            else:
                continue
            assert "traces_core.streams.offline" not in names, path


def test_the_gaussian_is_that_of_scipy_away_from_the_ends():
    from scipy.ndimage import gaussian_filter1d

    values = np.random.default_rng(1).normal(size=200)
    smooth = offline.gaussian_smoothing(ScoreTrack(np.arange(200.0), values), 3.0).values
    np.testing.assert_allclose(smooth[15:-15], gaussian_filter1d(values, 3.0)[15:-15], atol=1e-12)


@pytest.mark.parametrize("transform", [*CAUSAL.values(), *LOOKS_AHEAD.values()])
def test_nan_does_not_spread(transform):
    with pytest.raises(NotFiniteError):
        transform(ScoreTrack(np.arange(3.0), np.array([0.0, np.nan, 1.0]), stream="a"))


@pytest.mark.parametrize("seconds", [0.0, -1.0, np.nan, np.inf])
def test_a_length_of_time_that_is_none_is_refused(seconds):
    track = ScoreTrack(np.arange(3.0), np.zeros(3))
    with pytest.raises(ValueError, match="expected seconds above 0"):
        offline.gaussian_smoothing(track, seconds)
