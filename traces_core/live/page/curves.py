"""Geometry of the page's pictures: scores over a stretch of time, as paths that the browser stretches.

Times are seconds since 1970; the drawing is 1000 wide and 100 high, y running downwards.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import zip_longest

from traces_core.live.ledger import BUCKET_S
from traces_core.report.formatting import number
from traces_core.report.strips import HEIGHT, WIDTH, Scale, digits_of, value_ticks

Points = Sequence[tuple[float, float]]
"""Time and score, in the order of time."""

_STEPS_S = (10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14_400, 21_600, 43_200, 86_400, 172_800, 604_800)


@dataclass(frozen=True)
class Chart:
    """A picture, ready to be put into a template."""

    across: Scale
    """Which times it shows."""
    up: Scale
    """Which scores it shows."""
    path: str
    """The scores, as an SVG path."""
    level: float | None
    """Where the threshold lies (0 at the top to 100)."""
    threshold: float | None
    """The threshold itself."""
    x_ticks: tuple[tuple[float, str], ...]
    """Places (per cent from the left) and texts below."""
    y_ticks: tuple[tuple[float, str], ...]
    """Places (0 at the top to 100) and texts beside."""

    def x(self, time_s: float) -> float:
        """Where a time lies (per cent from the left)."""
        return 100 * self.across.share(time_s)

    def y(self, score: float) -> float:
        """Where a score lies (per cent from the top)."""
        return 100 - 100 * self.up.share(score)


def chart(
    points: Points,
    start_s: float,
    end_s: float,
    threshold: float | None,
    *,
    dots: bool = False,
    most: int = 5,
) -> Chart:
    """Scores with their threshold: a line that is interrupted where the score is unknown, or dots.

    Parameters
    ----------
    points
        Time and score; each holds for `BUCKET_S`.
    start_s, end_s
        What is shown (seconds since 1970).
    threshold
        Drawn in, and always within the picture.
    dots
        Whether each score is a dot instead.
    most
        Texts below at most.
    """
    across, up = Scale(start_s, end_s), _scale([value for _, value in points], threshold)
    y_ticks = value_ticks(up, 3)
    digits = digits_of(y_ticks)
    return Chart(
        across,
        up,
        _dots(points, across, up) if dots else _line(points, across, up),
        None if threshold is None else 100 - 100 * up.share(threshold),
        threshold,
        tuple((100 * across.share(tick), text) for tick, text in clock_ticks(start_s, end_s, most)),
        tuple((100 - 100 * up.share(tick), number(tick, digits)) for tick in y_ticks),
    )


def _scale(values: Sequence[float], threshold: float | None) -> Scale:
    known = [one for one in (*values, threshold) if one is not None and math.isfinite(one)]
    low, high = min(known, default=0.0), max(known, default=1.0)
    air = 0.1 * (high - low) or 0.1 * abs(high) or 0.5
    return Scale(low - air, high + air)


def _line(points: Points, across: Scale, up: Scale) -> str:
    """Each score until the next, or for `BUCKET_S` where the next is further away."""
    parts = []
    end_s = -math.inf
    for (time_s, value), following in zip_longest(points, points[1:]):
        begins = time_s > end_s + 1e-6
        near = following is not None and following[0] - time_s <= 2 * BUCKET_S
        end_s = following[0] if near and following else time_s + BUCKET_S
        x, y = _short(WIDTH * across.share(time_s)), _short(HEIGHT * (1 - up.share(value)))
        parts.append(f"{f'M{x} {y}' if begins else f'V{y}'}H{_short(WIDTH * across.share(end_s))}")
    return "".join(parts)


def _dots(points: Points, across: Scale, up: Scale) -> str:
    """One dot a score; those that fall on the same place are one."""
    places = {
        (round(WIDTH * across.share(time_s)), round(2 * HEIGHT * (1 - up.share(value))))
        for time_s, value in points
    }
    return "".join(f"M{x} {_short(y / 2)}h0" for x, y in sorted(places))


def clock_ticks(start_s: float, end_s: float, most: int = 5) -> list[tuple[float, str]]:
    """Round local times within a stretch, with their texts."""
    span = end_s - start_s
    step = next((one for one in _STEPS_S if span / one <= most), _STEPS_S[-1])
    offset = datetime.fromtimestamp(end_s).astimezone().utcoffset()
    shift = offset.total_seconds() if offset else 0.0
    form = "%a %d" if step >= 86_400 else "%H:%M" if step >= 60 else "%H:%M:%S"
    first = math.ceil((start_s + shift) / step) * step - shift
    ticks: Iterable[float] = (first + index * step for index in range(most + 2))
    return [(tick, datetime.fromtimestamp(tick).strftime(form)) for tick in ticks if tick <= end_s]


def _short(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
