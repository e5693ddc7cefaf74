"""Calls computed side by side, each on its own share of the cores, their results kept in order.

Two threads inside one tensor operation wait for each other at its end; where decoding takes a core at the
same time, both wait for the slower one. Calls on a thread each do not: on two cores that are also busy with
something else, one operation on two threads was five to ten times slower than two lanes.

What the calls compute does not matter here; decoding ahead is `video.isolation`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Any, TypeVar

import torch

Result = TypeVar("Result")

MAX_PARALLEL = 4
"""More hold more batches in memory and gain nothing: a lane of several threads keeps its cores busy."""


class ParallelCalls:
    """A pool of threads with a share of torch's threads each.

    Parameters
    ----------
    count
        Threads side by side; by default one for each of torch's threads, four at most.

    Examples
    --------
    >>> kept = []
    >>> with ParallelCalls(2) as calls:
    ...     for number in range(4):
    ...         calls.put(lambda number=number: number**2, kept.append)
    >>> kept
    [0, 1, 4, 9]
    """

    def __init__(self, count: int | None = None) -> None:
        self._threads = torch.get_num_threads()
        self._count = count or min(MAX_PARALLEL, self._threads)
        self._waiting: deque[tuple[Future[Any], Callable[[Any], None]]] = deque()
        share = max(1, self._threads // self._count)
        # torch keeps the number of threads for each thread that asks, and one more for those to come.
        self._pool = ThreadPoolExecutor(
            self._count, "lane", initializer=torch.set_num_threads, initargs=(share,)
        )

    def __enter__(self) -> ParallelCalls:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if error is None:
                self._keep(0)
        finally:
            self._pool.shutdown(cancel_futures=True)
            torch.set_num_threads(self._threads)

    def put(self, compute: Callable[[], Result], keep: Callable[[Result], None]) -> None:
        """Have `compute` called in a lane, and `keep` with its result here, in the order of the calls.

        Waits while every lane has a call in hand and another one waiting; what a call raises is raised
        here or at the end of the `with` block.
        """
        self._keep(2 * self._count - 1)
        self._waiting.append((self._pool.submit(compute), keep))

    def _keep(self, at_most: int) -> None:
        """Wait for the oldest results until only that many calls are left."""
        while len(self._waiting) > at_most:
            future, keep = self._waiting.popleft()
            keep(future.result())
