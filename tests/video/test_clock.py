"""Every picture gets a time of its own, whatever the labels do; what was odd is counted."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from types import SimpleNamespace

import pytest

from traces_core.video.clock import ALONE, EQUAL, JOINED, timed

UNIT, RATE = Fraction(1, 1000), Fraction(25)
"""An interval is 40 units."""
EVEN = [40 * number for number in range(10)]


def times_of(labels: list[int | None], *, in_order: bool = True) -> tuple[list[int], dict[str, int]]:
    pictures = [SimpleNamespace(pts=label, duration=40) for label in labels]
    notes: Counter[str] = Counter()
    shown = list(timed(pictures, UNIT, RATE, in_order=in_order, notes=notes))
    assert [picture for picture, _ in shown] == pictures, "a picture is lost or moved"
    return [time for _, time in shown], dict(notes)


@pytest.mark.parametrize(
    ("labels", "times", "notes"),
    [
        ([500 + label for label in EVEN], EVEN, {}),  # a segment that begins later
        ([*EVEN, *EVEN], [*EVEN, *(400 + label for label in EVEN)], {JOINED: 1}),
        (
            [*EVEN, *(label - 200_000 for label in EVEN)],
            [*EVEN, *(400 + label for label in EVEN)],
            {JOINED: 1},
        ),
        ([*EVEN, *(label + 80 for label in EVEN)], [*EVEN, *(400 + label for label in EVEN)], {JOINED: 1}),
        ([0, 40, 40, 40, 80], [0, 40, 41, 42, 80], {EQUAL: 2}),
        ([0, 40, 0, 120, 160], [0, 40, 80, 120, 160], {ALONE: 1}),  # one label is wrong, too low
        ([0, 40, 99_999, 120, 160], [0, 40, 80, 120, 160], {ALONE: 1}),  # or too high
        ([0, 40, 100_040, 100_080], [0, 40, 100_040, 100_080], {}),  # a gap stays a gap
        ([None, None, None], [0, 40, 80], {}),
    ],
)
def test_no_picture_is_lost_to_its_label(
    labels: list[int | None], times: list[int], notes: dict[str, int]
) -> None:
    assert times_of(labels) == (times, notes)


def test_labels_in_the_order_of_decoding_are_sorted_and_joints_still_found() -> None:
    jumbled = [0, 160, 80, 40, 120, 200, 360, 280, 240, 320]
    assert times_of(jumbled, in_order=False) == (EVEN, {})
    late = [0, 1160, 1080, 1040, 1120]
    times, notes = times_of([*late, *jumbled], in_order=False)
    assert times == [0, 1040, 1080, 1120, 1160, *(1200 + label for label in EVEN)]
    assert notes == {JOINED: 1}
