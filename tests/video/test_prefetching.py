"""Work ahead on a thread: same items, same errors, and the thread goes home."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from traces_core.video import prefetch


def _threads() -> int:
    return sum(thread.name == "prefetch" for thread in threading.enumerate())


class _Source:
    """Counts what was taken from it, and knows whether it was closed."""

    def __init__(self, items: int, *, fails: bool = False) -> None:
        self.items, self.fails = items, fails
        self.taken, self.closed = 0, False

    def __iter__(self) -> Iterator[int]:
        try:
            for number in range(self.items):
                self.taken += 1
                yield number
            if self.fails:
                raise OSError("the tape ended")
        finally:
            self.closed = True


@pytest.mark.parametrize("depth", [1, 2, 100])
@pytest.mark.parametrize("items", [0, 1, 50])
def test_items_come_in_order_whatever_the_depth(depth: int, items: int) -> None:
    source = _Source(items)
    assert list(prefetch(source, depth)) == list(range(items))
    assert source.closed
    assert _threads() == 0


def test_an_error_arrives_after_the_items_before_it() -> None:
    got = []
    with pytest.raises(OSError, match="the tape ended"):
        got.extend(prefetch(_Source(3, fails=True)))
    # extend takes what came before the error
    assert got == [0, 1, 2]
    assert _threads() == 0


def test_a_consumer_that_stops_early_ends_the_thread_and_closes_the_source() -> None:
    source = _Source(10**9)
    stream = prefetch(source, depth=3)
    assert [next(stream) for _ in range(5)] == [0, 1, 2, 3, 4]
    stream.close()
    assert source.closed
    assert _threads() == 0


def test_a_forgotten_stream_ends_its_thread() -> None:
    source = _Source(10**9)
    for number in prefetch(source):
        if number == 2:
            break
    assert source.closed
    assert _threads() == 0


@pytest.mark.parametrize("depth", [1, 2, 5])
def test_no_more_than_depth_items_are_made_ahead(depth: int) -> None:
    source = _Source(100)
    for number in prefetch(source, depth):
        assert source.taken <= number + 1 + depth


def test_nothing_is_made_before_it_is_asked_for() -> None:
    source = _Source(3)
    prefetch(source)
    assert source.taken == 0
    assert _threads() == 0


def test_a_depth_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="depth is 0"):
        next(prefetch([1], depth=0))
