"""A camera is behind where frames are dropped or wait, and is so no longer once they are not."""

from __future__ import annotations

import pytest

from traces_core.live.pace import LATE_S, Pace


def _after(*counts: tuple[int, int]) -> Pace:
    pace = Pace()
    for sampled, dropped in counts:
        pace.look(sampled, dropped)
    return pace


@pytest.mark.parametrize(
    ("counts", "behind"),
    [
        ([], ""),
        ([(0, 0)], ""),
        ([(0, 0), (40, 2)], ""),
        ([(0, 0), (4, 1)], ""),  # one frame is no pace
        ([(0, 0), (40, 3)], "the machine is too slow: 37 of the last 40 frames are scored"),
        ([(0, 0), (0, 0)], ""),  # a camera that stalls is not behind
    ],
)
def test_more_than_one_dropped_frame_in_twenty_is_behind(counts: list[tuple[int, int]], behind: str) -> None:
    assert _after(*counts).behind == behind


def test_what_was_dropped_ten_looks_ago_counts_no_longer() -> None:
    lost = [(4 * second, 2 * second) for second in range(11)]
    well = [(40 + 4 * second, 20) for second in range(1, 11)]
    assert _after(*lost, *well[:-2]).behind
    assert not _after(*lost, *well).behind


def test_frames_that_wait_are_behind_and_the_latency_is_the_ninety_fifth_percentile() -> None:
    pace = Pace()
    assert pace.latency_s is None
    pace.scored([0.1] * 95 + [LATE_S + 1] * 5)
    assert pace.behind == "frames wait 4.0 s for the encoders"
    assert pace.latency_s == pytest.approx(0.1, abs=0.3)
    pace.scored([0.2])
    assert not pace.behind
