"""When each picture is shown: one strictly rising clock from whatever labels a container gives.

Choosing which pictures to keep belongs in `sampling`; the decoding itself in `streams`.
"""

from __future__ import annotations

import heapq
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from fractions import Fraction
from itertools import chain, pairwise
from typing import Any

REORDERED = 4
"""Pictures held back so that labels out of order can be sorted; AVI and B-frames need one or two."""

JOINED_S = 1
"""A label this many seconds ahead may be mislabelled alone; where labels are out of order anyway, one so far
back is another recording joined on."""

GAP_S = 10
"""Where no picture follows for so many seconds, nothing was seen: the last one is not taken to last."""

DEFAULT_RATE = Fraction(25)
"""Pictures a second of a stream that states neither times nor a rate."""

JOINED = "another recording joined on with a clock of its own"
ALONE = "a picture with a time out of line, shown one interval after the one before"
EQUAL = "a picture with the time of the one before, shown one tick later"

Labelled = tuple[Any, int]


def timed(
    pictures: Iterable[Any],
    time_base: Fraction,
    rate: Fraction | None,
    *,
    in_order: bool = False,
    notes: Counter[str] | None = None,
) -> Iterator[Labelled]:
    """Pictures with the moment they are shown, counted in units of `time_base` from the first one.

    Parameters
    ----------
    pictures : iterable
        Decoded frames in the order of display, with `pts` and `duration` in units of `time_base`.
    time_base : Fraction
        Seconds a unit.
    rate : Fraction or None
        Nominal pictures a second; None counts as 25.
    in_order : bool
        Whether the container labels pictures with the time of display, as MP4, Matroska and MPEG-TS do:
        then a label that steps back, by however little, is another clock. AVI labels in the order of
        decoding.
    notes : Counter or None
        Counts here what was odd: `JOINED`, `ALONE`, `EQUAL`.

    Yields
    ------
    (picture, int)
        Every picture; the first at 0, then strictly rising.

    Notes
    -----
    The rules (ours):

    - A picture without a label comes its predecessor's duration after it, or one nominal interval.
    - Labels out of order, where that is the container's way, are sorted over a few neighbours.
    - A label that steps back starts another recording joined on: it follows one nominal interval after
      the last. Where the labels then go on as if nothing had been, that picture alone was mislabelled.
    - A picture with the label of the one before is shown one tick after it.
    - Gaps stay gaps.
    """
    interval = max(1, round(1 / ((rate or DEFAULT_RATE) * time_base)))
    joined = round(JOINED_S / time_base)
    labelled = _labelled(pictures, interval)
    notes = Counter() if notes is None else notes
    return _rising(labelled if in_order else _sorted(labelled, joined), interval, joined, notes)


def _labelled(pictures: Iterable[Any], interval: int) -> Iterator[Labelled]:
    label, step = None, interval
    for picture in pictures:
        predicted = 0 if label is None else label + step
        label = predicted if picture.pts is None else picture.pts
        step = picture.duration or interval
        yield picture, label


def _sorted(labelled: Iterable[Labelled], joined: int) -> Iterator[Labelled]:
    """The earliest pictures with the earliest labels; none across the joint of two recordings."""
    waiting: deque[Any] = deque()
    labels: list[int] = []
    newest: int | None = None
    for picture, label in labelled:
        if newest is not None and label <= newest - joined:
            yield from zip(waiting, sorted(labels), strict=True)
            waiting.clear()
            labels.clear()
            newest = None
        newest = label if newest is None else max(newest, label)
        waiting.append(picture)
        heapq.heappush(labels, label)
        if len(waiting) > REORDERED:
            yield waiting.popleft(), heapq.heappop(labels)
    yield from zip(waiting, sorted(labels), strict=True)


def _rising(
    labelled: Iterable[Labelled], interval: int, joined: int, notes: Counter[str]
) -> Iterator[Labelled]:
    """Times from labels that rise, but for new clocks, pictures mislabelled alone, and equal labels."""
    shift, last, before = 0, -1, None
    for (picture, label), following in pairwise(chain(labelled, [None])):  # type: ignore[misc]
        after = label if following is None else following[1]
        if before is None:
            shift, before = -label, label - 1
        if label == before:
            notes[EQUAL] += 1
        elif label < before < after or before <= after < label - joined:
            notes[ALONE] += 1
            yield picture, (last := last + interval)
            continue
        elif label < before:
            notes[JOINED] += 1
            shift = last + interval - label
        before, last = label, max(last + 1, label + shift)
        yield picture, last
