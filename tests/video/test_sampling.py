"""Arithmetic of times and windows, against slow references and as properties."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traces_core.video.sampling import (
    SLACK_S,
    Ticks,
    WindowBatch,
    WindowBuffer,
    exact_rate,
    window_frames_of,
)

rising = st.lists(st.integers(1, 5000), min_size=1, max_size=60).map(lambda steps: np.cumsum([0, *steps]))
rates = st.fractions(Fraction(1, 10), Fraction(120), max_denominator=1001)
bases = st.sampled_from([Fraction(1, 90_000), Fraction(1, 1000), Fraction(1, 25), Fraction(1001, 30_000)])


def first_at_or_after_each_tick(times: np.ndarray, rate: Fraction, base: Fraction) -> list[int]:
    """The definition, word for word: slow, tick after tick, in exact fractions."""
    slack = min(base / 2, SLACK_S)
    kept, tick = [], 0
    for time in map(int, times):
        if time * base + slack >= tick / rate:
            kept.append(time)
            while time * base + slack >= tick / rate:
                tick += 1
    return kept


@given(times=rising.filter(lambda times: times[-1] < 20_000), rate=rates, base=bases)
@settings(max_examples=60)
def test_the_first_frame_at_or_after_each_tick_is_kept(
    times: np.ndarray, rate: Fraction, base: Fraction
) -> None:
    ticks = Ticks(rate, base)
    assert [int(t) for t in times if ticks.keeps(int(t))] == first_at_or_after_each_tick(times, rate, base)


def test_no_sampling_keeps_every_frame() -> None:
    ticks = Ticks(None, Fraction(1, 25))
    assert all(ticks.keeps(time) for time in range(100))


def test_ten_hours_at_a_broken_rate_do_not_drift() -> None:
    ticks = Ticks(Fraction(30_000, 1001), Fraction(1, 90_000))
    assert all(ticks.keeps(frame * 3003) for frame in range(0, 10 * 3600 * 30, 997))
    assert ticks.keeps(10 * 3600 * 30 * 3003)
    assert not ticks.keeps(10 * 3600 * 30 * 3003 + 3002)


def test_milliseconds_of_matroska_lose_no_frame_at_the_native_rate() -> None:
    rate = Fraction(30_000, 1001)
    stamps = [round(frame / rate * 1000) for frame in range(3000)]
    ticks = Ticks(rate, Fraction(1, 1000))
    assert sum(ticks.keeps(stamp) for stamp in stamps) == 3000


@pytest.mark.parametrize("rate", [0, -1.0, float("nan"), float("inf"), Fraction(0)])
def test_a_rate_that_is_no_rate_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match="sample_fps"):
        exact_rate(rate)


def test_windows_are_padded_with_the_first_frame_and_look_back_only() -> None:
    ends = np.arange(0, 10, 3)
    frames = window_frames_of(ends, 4)
    assert frames.tolist() == [[0, 0, 0, 0], [0, 1, 2, 3], [3, 4, 5, 6], [6, 7, 8, 9]]
    assert (frames.max(axis=1) == ends).all()


def _stream(values: np.ndarray, cuts: list[int]) -> list[tuple[np.ndarray, np.ndarray]]:
    times_s = np.arange(len(values)) / 4
    return [
        (values[first:last], times_s[first:last])
        for first, last in zip([0, *cuts], [*cuts, len(values)], strict=True)
    ]


def windows(stream: list[tuple[np.ndarray, np.ndarray]], **shape: int) -> list[WindowBatch]:
    buffer = WindowBuffer(**shape)
    return [batch for values, times_s in stream for batch in buffer.push(values, times_s)]


def _gather(batches: list[WindowBatch]) -> tuple[np.ndarray, np.ndarray]:
    return (
        np.concatenate([batch.values for batch in batches]),
        np.concatenate([batch.end_times_s for batch in batches]),
    )


@given(
    n=st.integers(1, 40),
    width=st.integers(1, 9),
    hop=st.integers(1, 12),
    at_once=st.integers(1, 5),
    cuts=st.data(),
)
@settings(max_examples=80)
def test_streamed_windows_are_those_of_the_whole_however_it_is_split(
    n: int, width: int, hop: int, at_once: int, cuts: st.DataObject
) -> None:
    values = np.random.default_rng(n).normal(size=(n, 2, 3))
    where = sorted(cuts.draw(st.lists(st.integers(0, n), max_size=6)))
    made = windows(_stream(values, where), window_frames=width, hop=hop, batch_windows=at_once)
    got, end_times_s = _gather(made)
    ends = np.arange(0, n, hop)
    np.testing.assert_array_equal(got, values[window_frames_of(ends, width)])
    np.testing.assert_array_equal(end_times_s, ends / 4)
    assert max(map(len, made)) <= at_once


@given(n=st.integers(2, 40), shorter=st.integers(1, 39), hop=st.integers(1, 5))
@settings(max_examples=40)
def test_the_windows_of_a_beginning_are_the_beginning_of_the_windows(n: int, shorter: int, hop: int) -> None:
    values = np.arange(n)
    beginning = values[: min(shorter, n)]
    whole, _ = _gather(windows(_stream(values, []), window_frames=4, hop=hop))
    part, _ = _gather(windows(_stream(beginning, []), window_frames=4, hop=hop))
    np.testing.assert_array_equal(part, whole[: len(part)])


def test_no_frame_gives_no_window() -> None:
    assert windows([(np.zeros(0), np.zeros(0))], window_frames=4, hop=2) == []


@pytest.mark.parametrize("wrong", [{"window_frames": 0}, {"hop": 0}, {"batch_windows": 0}])
def test_windows_of_nothing_are_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        WindowBuffer(**{"window_frames": 4, "hop": 1, **wrong})
