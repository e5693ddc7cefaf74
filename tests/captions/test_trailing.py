"""Trailing means over stretches of any length, against a slow reference; and nothing from later on."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces_core.captions.trailing import trailing_means
from traces_core.errors import NotFiniteError

STRETCHES = st.lists(
    st.tuples(st.floats(-5, 5), st.floats(0.03, 700.0), st.sampled_from([0.0, 0.0, 0.5, 90.0])),
    min_size=1,
    max_size=30,
)
WINDOWS = st.lists(st.floats(0.05, 300.0), min_size=1, max_size=3)


def drawn(stretches: list[tuple[float, float, float]]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Scores, starts and ends of stretches given as score, length, and gap before it."""
    scores, lengths, gaps = np.array(stretches).T
    ends = np.cumsum(lengths + gaps)
    return scores, ends - lengths, ends


def slow(scores: np.ndarray, starts: np.ndarray, ends: np.ndarray, windows: list[float]) -> np.ndarray:
    """The formula of the docstring, word for word."""
    smoothed = []
    for i in range(len(scores)):
        means = []
        for window in windows:
            inside = [max(0.0, ends[j] - max(starts[j], ends[i] - window)) for j in range(i + 1)]
            means.append(np.dot(inside, scores[: i + 1]) / np.sum(inside))
        smoothed.append(np.mean(means))
    return np.array(smoothed)


@given(STRETCHES, WINDOWS)
def test_it_is_the_mean_of_the_means_of_the_last_seconds(stretches, windows) -> None:
    scores, starts, ends = drawn(stretches)
    fast = trailing_means(scores, starts, ends, windows)
    np.testing.assert_allclose(fast, slow(scores, starts, ends, windows), atol=1e-7)


@given(STRETCHES, WINDOWS, st.integers(1, 30))
def test_what_comes_later_changes_nothing(stretches, windows, count: int) -> None:
    scores, starts, ends = drawn(stretches)
    whole = trailing_means(scores, starts, ends, windows)[:count]
    assert np.array_equal(whole, trailing_means(scores[:count], starts[:count], ends[:count], windows))


def test_equal_captions_keep_exactly_their_score() -> None:
    ends = np.cumsum(np.full(1000, 1001 / 30000))
    scores = np.full(1000, 0.1)
    assert (trailing_means(scores, ends - 1001 / 30000, ends, [4.0, 64.0]) == 0.1).all()


def test_a_caption_longer_than_every_window_stands_alone() -> None:
    starts, ends = np.array([0.0, 1.0]), np.array([1.0, 101.0])
    assert trailing_means(np.array([5.0, 2.0]), starts, ends, [4.0, 64.0]).tolist() == [5.0, 2.0]


def test_one_long_caption_weighs_as_much_as_many_short_ones() -> None:
    tenths = np.arange(1, 101) / 10
    starts, ends = np.r_[0, tenths[:-1], 10], np.r_[tenths, 11]
    many = trailing_means(np.r_[np.full(100, 3.0), 0.0], starts, ends, [11.0])[-1]
    one = trailing_means(np.array([3.0, 0.0]), np.array([0.0, 10.0]), np.array([10.0, 11.0]), [11.0])[-1]
    assert many == pytest.approx(one) == pytest.approx(30 / 11)


def test_without_windows_captions_stand_alone() -> None:
    scores = np.array([1.0, 2.0])
    assert trailing_means(scores, np.array([0.0, 1.0]), np.array([1.0, 2.0]), []).tolist() == [1, 2]
    assert len(trailing_means(np.empty(0), np.empty(0), np.empty(0), [4.0])) == 0


@pytest.mark.parametrize("window", [0.0, -1.0, float("nan"), float("inf")])
def test_a_window_that_is_none_is_refused(window: float) -> None:
    with pytest.raises(ValueError, match="windows_s"):
        trailing_means(np.array([1.0]), np.array([0.0]), np.array([1.0]), [window])


def test_a_score_that_is_not_finite_is_refused_with_its_time() -> None:
    with pytest.raises(NotFiniteError, match=r"at 1\.0 s"):
        trailing_means(np.array([1.0, np.nan]), np.array([0.0, 1.0]), np.array([1.0, 2.0]), [4.0])
