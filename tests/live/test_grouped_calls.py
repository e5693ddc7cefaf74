"""Calls put together and parted among lanes give what each gives alone, in their order."""

from __future__ import annotations

import threading
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from traces_core.live.grouped_calls import GroupedCalls


class Doubling:
    """Doubles rows, and remembers how many came together; both lanes must be there before either goes on."""

    def __init__(self, lanes: int) -> None:
        self.sizes: list[int] = []
        self._meeting = threading.Barrier(lanes)

    def double(self, rows: NDArray[Any]) -> NDArray[Any]:
        """Rows, doubled."""
        self.sizes.append(len(rows))
        self._meeting.wait(10)
        return 2 * rows


@pytest.mark.parametrize(("lanes", "sizes"), [(1, [4, 4]), (2, [4, 4])])
def test_rows_of_many_calls_are_parted_among_the_lanes(lanes: int, sizes: list[int]) -> None:
    encoder, kept = Doubling(lanes), list[NDArray[Any]]()
    calls = GroupedCalls(most_rows=4, lanes=lanes)
    for number in range(8):
        calls.put(partial(encoder.double, np.full((1, 2), number)), kept.append)
    calls.run()
    assert encoder.sizes == sizes
    assert [one.tolist() for one in kept] == [[[2 * number] * 2] for number in range(8)]


def test_few_rows_keep_two_lanes_busy() -> None:
    encoder, kept = Doubling(2), list[NDArray[Any]]()
    calls = GroupedCalls(most_rows=16, lanes=2)
    calls.put(partial(encoder.double, np.arange(6).reshape(3, 2)), kept.append)
    calls.run()
    assert sorted(encoder.sizes) == [1, 2]
    assert kept[0].tolist() == [[0, 2], [4, 6], [8, 10]]


def test_what_a_call_raises_is_raised_and_the_next_ones_are_computed() -> None:
    calls, kept = GroupedCalls(16, 2), list[Any]()
    calls.put(partial(np.linalg.inv, np.zeros((1, 2, 2))), kept.append)
    with pytest.raises(np.linalg.LinAlgError):
        calls.run()
    calls.put(lambda: 7, kept.append)
    calls.run()
    assert kept == [7]
