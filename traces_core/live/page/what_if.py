"""What another threshold would have raised, counted on the blocks that are kept."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from traces_core.live.ledger import BLOCK_S, Alarm

Stretch = tuple[float, float]
"""Begin and end (seconds since 1970)."""


@dataclass(frozen=True)
class WhatIf:
    """What a threshold would have raised."""

    threshold: float
    """The threshold that is tried."""
    raised: int
    """Stretches of neighbouring blocks above it."""
    marked: dict[str, int]
    """How many of them people marked `real`, `false` or `unsure`; `none` is those nobody marked."""
    lost: int
    """Alarms marked real of which nothing would have been raised."""
    seen_s: float
    """How much was seen (seconds)."""

    @property
    def per_day(self) -> float:
        """How many a day that is."""
        return self.raised * 86400 / self.seen_s if self.seen_s else 0.0


def what_if(blocks: Sequence[tuple[int, float]], alarms: Sequence[Alarm], threshold: float) -> WhatIf:
    """Count what a threshold would have raised.

    Parameters
    ----------
    blocks
        First second and highest score of each block of `BLOCK_S`, in the order of time.
    alarms
        What was raised in that time, with the marks of people.
    threshold
        In units of the score; a score has to be above it.

    Examples
    --------
    >>> what_if([(0, 0.9), (60, 0.8), (120, 0.1), (180, 0.9)], [], 0.5).raised
    2
    """
    stretches = stretches_above(blocks, threshold)
    best: dict[int, str] = {}
    lost = 0
    for alarm in alarms:
        touched = _touched(stretches, alarm)
        if alarm.mark == "real" and not touched:
            lost += 1
        for index in touched:
            best[index] = min(best.get(index, "none"), alarm.mark or "none", key=_weight)
    marked = Counter(best.get(index, "none") for index in range(len(stretches)))
    return WhatIf(threshold, len(stretches), dict(marked), lost, len(blocks) * BLOCK_S)


def stretches_above(blocks: Sequence[tuple[int, float]], threshold: float) -> list[Stretch]:
    """Begin and end of each run of neighbouring blocks whose highest score is above a threshold."""
    stretches: list[Stretch] = []
    for at_s, highest in blocks:
        if highest <= threshold:
            continue
        if stretches and stretches[-1][1] == at_s:
            stretches[-1] = (stretches[-1][0], at_s + BLOCK_S)
        else:
            stretches.append((at_s, at_s + BLOCK_S))
    return stretches


def _touched(stretches: Sequence[Stretch], alarm: Alarm) -> range:
    """Which stretches an alarm shares a time with; its end is no part of it, but it has a moment at least."""
    end_s = max(alarm.end_s, math.nextafter(alarm.start_s, math.inf))
    first = bisect_right(stretches, alarm.start_s, key=lambda one: one[1])
    return range(first, bisect_left(stretches, end_s, key=lambda one: one[0]))


def _weight(mark: str) -> int:
    """One real alarm makes its stretch a real one, whatever else is in it."""
    return ("real", "false", "unsure", "none").index(mark)
