"""When each picture is shown: one strictly rising clock from whatever labels a container gives.

Choosing which pictures to keep belongs in `sampling`; the decoding itself in `streams`.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from typing import Any

REORDERED = 4
"""Pictures held back so that labels out of order can be sorted; AVI and B-frames need one or two."""

JOINED_S = 1
"""A label this many seconds back is not a mislabelled picture but another recording joined on."""

DEFAULT_RATE = Fraction(25)
"""Pictures a second of a stream that states neither times nor a rate."""


def timed(pictures: Iterable[Any], time_base: Fraction, rate: Fraction | None) -> Iterator[tuple[Any, int]]:
    """Pictures with the moment they are shown, counted in units of `time_base` from the first one.

    Parameters
    ----------
    pictures : iterable
        Decoded frames in the order of display, with `pts` and `duration` in units of `time_base`.
    time_base : Fraction
        Seconds a unit.
    rate : Fraction or None
        Nominal pictures a second; None counts as 25.

    Yields
    ------
    (picture, int)
        The first at 0, then strictly rising.

    Notes
    -----
    The rules (ours):

    - A picture without a label comes its predecessor's duration after it, or one nominal interval.
    - Decoders give pictures in the order of display, so labels out of order (AVI has none but the order
      of decoding) are sorted over a few neighbours and handed out in that order.
    - A label a second or more behind starts another recording joined on: it follows one nominal interval
      after the last.
    - A picture whose label still does not rise has no time of its own and is left out.
    - Gaps stay gaps.
    """
    interval = max(1, round(1 / ((rate or DEFAULT_RATE) * time_base)))
    joined = round(JOINED_S / time_base)
    waiting: deque[Any] = deque()
    labels: list[int] = []
    shift, previous, newest, step = 0, None, None, interval
    clock = _Clock()
    for picture in pictures:
        if picture.pts is not None:
            label = picture.pts + shift
        else:
            label = previous + step if previous is not None else 0
        if newest is not None and label <= newest - joined:
            yield from clock.hand_out(waiting, labels, keep=0)
            shift += newest + interval - label
            label = newest + interval
        previous, newest = label, label if newest is None else max(newest, label)
        step = picture.duration or interval
        waiting.append(picture)
        heapq.heappush(labels, label)
        yield from clock.hand_out(waiting, labels, keep=REORDERED)
    yield from clock.hand_out(waiting, labels, keep=0)


class _Clock:
    """Remembers the first and the last moment handed out."""

    def __init__(self) -> None:
        self.origin: int | None = None
        self.last = -1

    def hand_out(self, waiting: deque[Any], labels: list[int], *, keep: int) -> Iterator[tuple[Any, int]]:
        """The earliest pictures with the earliest labels, until only `keep` of them wait."""
        while len(waiting) > keep:
            picture, label = waiting.popleft(), heapq.heappop(labels)
            self.origin = label if self.origin is None else self.origin
            if label - self.origin > self.last:
                self.last = label - self.origin
                yield picture, self.last
