"""The geometry of a score curve: paths and ticks in shares of the plot, which a page can stretch.

A share runs from 0 to 1, left to right and bottom to top. Colours and texts belong in the templates.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from traces_core.types import ScoreTrack, Times

_SECONDS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_MOST_POINTS = 1600
WIDTH, HEIGHT = 1000, 100
"""Units of the drawing that the paths are given in; y runs downwards, as in SVG."""


@dataclass(frozen=True)
class Scale:
    """A range of values and the share each takes."""

    low: float
    """Value at share 0."""
    high: float
    """Value at share 1."""

    def share(self, value: float) -> float:
        """Where a value lies, cut to [0, 1].

        Examples
        --------
        >>> Scale(10.0, 20.0).share(15.0), Scale(10.0, 20.0).share(30.0), Scale(1.0, 1.0).share(1.0)
        (0.5, 1.0, 0.0)
        """
        if self.high <= self.low:
            return 0.0
        return min(1.0, max(0.0, (value - self.low) / (self.high - self.low)))


def scale_of(track: ScoreTrack, threshold: float | None) -> Scale:
    """A range that holds every score and the threshold, with some air; never empty."""
    values = [float(v) for v in (track.values.min(), track.values.max())] if len(track) else []
    values += [] if threshold is None else [threshold]
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    air = 0.08 * (high - low) or 0.1 * abs(high) or 0.5
    return Scale(low - air, high + air)


def time_ticks(duration_s: float, most: int = 7) -> list[float]:
    """Round times from 0 to the end, at most `most` of them.

    Examples
    --------
    >>> time_ticks(60.0), time_ticks(3.0)
    ([0.0, 10.0, 20.0, 30.0, 40.0, 50.0, 60.0], [0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0])
    """
    step = next((s for s in _SECONDS if duration_s / s + 1 <= most), duration_s)
    return [float(i * step) for i in range(math.floor(duration_s / step + 1e-9) + 1)] if step > 0 else [0.0]


def value_ticks(scale: Scale, most: int = 4) -> list[float]:
    """Round values inside a range, about `most` of them and at least two.

    Examples
    --------
    >>> value_ticks(Scale(-0.03, 0.44))
    [0.0, 0.2, 0.4]
    """
    span = scale.high - scale.low
    power = 10.0 ** math.floor(math.log10(span / most))
    step = next(m * power for m in (1, 2, 5, 10, 20) if span / (m * power) <= most)
    first, last = math.ceil(scale.low / step - 1e-9), math.floor(scale.high / step + 1e-9)
    if last <= first and most < 12:
        return value_ticks(scale, most + 1)
    return [round(i * step, 12) + 0.0 for i in range(first, last + 1)]


def digits_of(ticks: Sequence[float]) -> int:
    """Digits that tell the ticks apart."""
    step = min((b - a for a, b in pairwise(ticks)), default=0.1)
    return max(0, -math.floor(math.log10(step) + 1e-9))


def curve_path(track: ScoreTrack, duration_s: float, scale: Scale) -> str:
    """The curve as an SVG path: each score holds until the next time, the last until the end.

    A track with more scores than the screen has columns is drawn through the lowest and the highest score of
    each column, so that no peak is lost.

    Examples
    --------
    >>> track = ScoreTrack(np.array([0.0, 5.0]), np.array([0.0, 1.0]), stream="fused")
    >>> curve_path(track, 10.0, Scale(0.0, 1.0))
    'M0 100H500V0H1000'
    """
    if not len(track):
        return ""
    times, values = _thinned(track)
    across = Scale(0.0, duration_s)
    xs = [_short(WIDTH * across.share(float(t))) for t in (*times[1:], duration_s)]
    ys = [_short(HEIGHT * (1 - scale.share(float(v)))) for v in values]
    start = f"M{_short(WIDTH * across.share(float(times[0])))} {ys[0]}"
    return start + "".join(f"{'' if i == 0 else 'V' + ys[i]}H{x}" for i, x in enumerate(xs))


def area_path(path: str, track: ScoreTrack, duration_s: float, base: float) -> str:
    """The curve's path, closed at the share `base` of the height; empty for an empty curve."""
    if not path:
        return ""
    left = _short(WIDTH * Scale(0.0, duration_s).share(float(track.times_s[0])))
    return f"{path}V{_short(HEIGHT * (1 - base))}H{left}Z"


def _thinned(track: ScoreTrack) -> tuple[Times, Times]:
    times, values = track.times_s, track.values.astype(np.float64)
    if len(values) <= _MOST_POINTS:
        return times, values
    edges = np.linspace(0, len(values), _MOST_POINTS // 2 + 1).astype(np.int64)
    kept: list[int] = []
    for start, stop in pairwise(edges):
        column = values[start:stop]
        kept += sorted({int(start + column.argmin()), int(start + column.argmax())})
    return times[kept], values[kept]


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
