"""Which frames to keep and how they form windows: arithmetic of times, nothing decoded.

Works on arrays of any kind (pictures, or one vector a frame). When a frame is shown is decided in
`clock`; what a window means belongs in `traces_core.encoders`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traces_core.types import Times

SLACK_S = Fraction(1, 2000)
"""Matroska rounds times to whole milliseconds: a frame this little before a tick still meets it."""


class Ticks:
    """Chooses frames by time: the first one at or after each tick `i / sample_fps`, i = 0, 1, 2 ...

    Parameters
    ----------
    sample_fps : Fraction or float or None
        Ticks a second, above 0. None keeps every frame.
    time_base : Fraction
        Seconds a unit of the times asked about. Half a unit, 0.5 ms at most, counts as rounding.

    Notes
    -----
    One frame may meet several ticks (a slow or variable rate, a gap): it is kept once, nothing is
    repeated. Integers throughout, so 30000/1001 does not drift.

    Examples
    --------
    >>> ticks = Ticks(Fraction(10), Fraction(1, 25))
    >>> [time for time in range(9) if ticks.keeps(time)]  # frames at 0, 40, 80 ... ms
    [0, 3, 5, 8]
    """

    def __init__(self, sample_fps: Fraction | float | None, time_base: Fraction) -> None:
        self._every = sample_fps is None
        rate = Fraction(1) if sample_fps is None else exact_rate(sample_fps)
        slack = min(time_base / 2, SLACK_S)
        # tick index of time t: floor((t * time_base + slack) * rate), on one denominator
        step, offset = time_base * rate, slack * rate
        self._denominator = step.denominator * offset.denominator
        self._step = step.numerator * offset.denominator
        self._offset = offset.numerator * step.denominator
        self._last = -1

    def keeps(self, time: int) -> bool:
        """Whether the frame at `time` (units of the time base, rising from call to call) is kept."""
        if self._every:
            return True
        tick = (time * self._step + self._offset) // self._denominator
        if tick <= self._last:
            return False
        self._last = tick
        return True


def exact_rate(sample_fps: Fraction | float) -> Fraction:
    """A rate as a fraction: 29.97 becomes 2997/100, not a binary neighbour.

    Examples
    --------
    >>> exact_rate(29.97), exact_rate(Fraction(30000, 1001))
    (Fraction(2997, 100), Fraction(30000, 1001))
    """
    if not np.isfinite(float(sample_fps)) or sample_fps <= 0:
        raise ValueError(
            f"sample_fps is {sample_fps}; frames a second must be above 0. None keeps every frame."
        )
    return sample_fps if isinstance(sample_fps, Fraction) else Fraction(sample_fps).limit_denominator(100_000)


def window_frames_of(ends: NDArray[np.int64], window_frames: int) -> NDArray[np.int64]:
    """Positions of the frames in each window, the oldest first; the first frame stands in before the start.

    Parameters
    ----------
    ends : int64 array of shape (T,)
        Position of the last frame of each window.
    window_frames : int
        W, frames in a window.

    Returns
    -------
    int64 array of shape (T, W)
        Causal: no position is above its window's end.

    Examples
    --------
    >>> window_frames_of(np.array([0, 2, 4]), 4)
    array([[0, 0, 0, 0],
           [0, 0, 1, 2],
           [1, 2, 3, 4]])
    """
    back = np.arange(window_frames - 1, -1, -1, dtype=np.int64)
    positions: NDArray[np.int64] = np.maximum(ends[:, None] - back[None, :], 0)
    return positions


@dataclass(frozen=True, slots=True)
class WindowBatch:
    """Some windows with the time at which each ends."""

    values: NDArray[Any]
    """Array of shape (T, W, ...): frames of each window, the oldest first."""
    end_times_s: Times
    """float64 array of shape (T,): time of the newest frame of each window, seconds."""

    def __len__(self) -> int:
        return len(self.end_times_s)


class WindowBuffer:
    """Causal windows over a stream of frames, in constant memory.

    Keeps the frames that later windows still need, and no more. How the frames are split into batches changes
    no window.

    Parameters
    ----------
    window_frames : int
        W, frames in a window.
    hop : int
        Frames between the ends of two windows; it may be longer than a window.
    batch_windows : int
        Windows given at once, at most.

    Examples
    --------
    >>> buffer = WindowBuffer(window_frames=3, hop=2)
    >>> for frames in (np.arange(3), np.arange(3, 5)):
    ...     for batch in buffer.push(frames, frames / 2):
    ...         batch.values.tolist(), batch.end_times_s.tolist()
    ([[0, 0, 0], [0, 1, 2]], [0.0, 1.0])
    ([[2, 3, 4]], [2.0])
    """

    def __init__(self, window_frames: int, hop: int, batch_windows: int = 8) -> None:
        if min(window_frames, hop, batch_windows) < 1:
            raise ValueError(
                f"window_frames {window_frames}, hop {hop}, batch_windows {batch_windows}: each is >= 1."
            )
        self._shape = (window_frames, hop, batch_windows)
        self.reset()

    def reset(self) -> None:
        """Start over: no window reaches across this point."""
        self._tail: NDArray[Any] | None = None
        self._seen = 0

    def newest(self) -> NDArray[Any] | None:
        """The newest values as a window: the last W - 1 of them, the oldest twice; None before the first."""
        return None if not self._seen or self._tail is None else np.concatenate([self._tail[:1], self._tail])

    def push(self, values: NDArray[Any], times_s: Times) -> Iterator[WindowBatch]:
        """Take the next frames, or one vector a frame; the windows that end among them, in the order of time.

        Exhaust it before the next push.
        """
        if len(values) == 0:
            return
        window_frames, hop, batch_windows = self._shape
        if self._tail is None:  # before the start, the first frame stands in
            self._tail = np.repeat(values[:1], window_frames - 1, axis=0)
        joined = np.concatenate([self._tail, values])  # (W - 1 + F, ...)
        ends = np.arange(-self._seen % hop, len(values), hop)
        self._seen += len(values)
        self._tail = joined[len(values) :].copy()  # a view would keep the whole batch alive
        for first in range(0, len(ends), batch_windows):
            some = ends[first : first + batch_windows]
            yield WindowBatch(joined[some[:, None] + np.arange(window_frames)], times_s[some])
