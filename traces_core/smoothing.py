"""Smoothing and normalisation that a live camera can do: each value rests on scores up to its time.

    trailing_mean     mean of the last seconds
    exponential_mean  running mean that forgets with a time constant
    running_min_max   place between the lowest and the highest score so far
    with_past_mean    a score plus the mean of its video so far

What looks ahead, however well it scores, belongs in `offline`; scales learned from normal footage in
`model.late`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from traces_core.errors import NotFiniteError
from traces_core.types import ScoreTrack


def trailing_mean(track: ScoreTrack, window_s: float) -> ScoreTrack:
    """Mean of the scores in the last `window_s` seconds, `(t - window_s, t]`, each counted once.

    Parameters
    ----------
    track : scores of shape (T,) with their times.
    window_s : seconds, above 0.

    Examples
    --------
    >>> track = ScoreTrack(np.arange(4.0), np.array([0.0, 3.0, 3.0, 9.0]))
    >>> trailing_mean(track, 2.0).values
    array([0. , 1.5, 3. , 6. ])
    """
    check_positive("window_s", window_s)
    values = finite_values(track)
    sums = np.concatenate([[0.0], np.cumsum(values)])
    first = np.searchsorted(track.times_s, track.times_s - window_s, side="right")
    after = np.arange(1, len(values) + 1)
    return replace(track, values=(sums[after] - sums[first]) / (after - first))


def exponential_mean(track: ScoreTrack, time_constant_s: float) -> ScoreTrack:
    """Running mean that forgets: after `time_constant_s` seconds 37 % of a jump are still missing.

    Parameters
    ----------
    track : scores of shape (T,) with their times; they need not be evenly spaced.
    time_constant_s : seconds, above 0.

    Examples
    --------
    >>> track = ScoreTrack(np.array([0.0, 2.0]), np.array([0.0, 1.0]))
    >>> exponential_mean(track, 2.0).values.round(2)
    array([0.  , 0.63])
    """
    check_positive("time_constant_s", time_constant_s)
    values = finite_values(track)
    gains = -np.expm1(-np.diff(track.times_s) / time_constant_s)
    smooth = values.copy()
    for i, gain in enumerate(gains.tolist(), 1):
        smooth[i] = smooth[i - 1] + gain * (values[i] - smooth[i - 1])
    return replace(track, values=smooth)


def running_min_max(track: ScoreTrack) -> ScoreTrack:
    """Where each score lies between the lowest and the highest of its video so far, 0 to 1; 0 at first."""
    values = finite_values(track)
    low, high = np.minimum.accumulate(values), np.maximum.accumulate(values)
    spread = high - low
    return replace(track, values=np.where(spread > 0, (values - low) / np.where(spread > 0, spread, 1), 0.0))


def with_past_mean(track: ScoreTrack, weight: float) -> ScoreTrack:
    """Each score plus `weight` times the mean of the scores of its video so far."""
    values = finite_values(track)
    return replace(track, values=values + weight * np.cumsum(values) / np.arange(1, len(values) + 1))


def check_positive(name: str, seconds: float) -> None:
    """Refuse a length of time that is none."""
    if not (np.isfinite(seconds) and seconds > 0):
        raise ValueError(f"{name} is {seconds}; expected seconds above 0")


def finite_values(track: ScoreTrack) -> NDArray[np.float64]:
    """The scores as float64; NaN and infinity are refused, for they would spread."""
    values = np.asarray(track.values, dtype=np.float64)
    if not np.isfinite(values).all():
        bad = int(np.argmin(np.isfinite(values)))
        raise NotFiniteError(
            f"stream {track.stream!r}: the score at {track.times_s[bad]} s is {values[bad]}."
        )
    return values
