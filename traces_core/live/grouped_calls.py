"""Calls of one kind put together: frames of many cameras go through an encoder at once.

An encoder that is asked for two frames at a time by sixteen cameras spends most of its time on being asked.
What comes together is then parted among the cores: two calls side by side do not wait for each other within
an operation. What the calls compute does not matter here; files are seen by `encoders.parallel_calls`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, is_dataclass, replace
from functools import partial
from itertools import groupby
from typing import Any

import numpy as np

Call = tuple[Any, Callable[[Any], None]]


class GroupedCalls:
    """Calls that are computed by `run`, those of one function and one shape of rows together.

    Parameters
    ----------
    most_rows : rows of one computation at most.
    lanes : computations side by side, each on a thread of its own.

    Examples
    --------
    >>> kept, calls = [], GroupedCalls(most_rows=4)
    >>> for rows in (1, 2, 3):
    ...     calls.put(partial(np.negative, np.full((rows, 1), float(rows))), kept.append)
    >>> calls.run()
    >>> [one.ravel().tolist() for one in kept]
    [[-1.0], [-2.0, -2.0], [-3.0, -3.0, -3.0]]
    """

    def __init__(self, most_rows: int, lanes: int = 1) -> None:
        self._most, self._count = most_rows, lanes
        self._lanes = ThreadPoolExecutor(lanes, "lane")
        self._waiting: list[Call] = []

    def put(self, compute: Callable[[], Any], keep: Callable[[Any], None]) -> None:
        """Have `compute` called by `run`: a `partial` whose last argument is an array, row by row."""
        self._waiting.append((compute, keep))

    def run(self) -> None:
        """Compute all that waits; then `keep` is called with each result, in the order of the calls."""
        waiting, self._waiting = self._waiting, []
        order = sorted(range(len(waiting)), key=lambda place: _kind(waiting[place][0]))
        groups = [list(some) for _, some in groupby(order, key=lambda place: _kind(waiting[place][0]))]
        begun = [self._begun([waiting[place][0] for place in group]) for group in groups]
        results: dict[int, Any] = {}
        for group, finish in zip(groups, begun, strict=True):
            results |= zip(group, finish(), strict=True)
        for place, (_, keep) in enumerate(waiting):
            keep(results[place])

    def _begun(self, calls: list[Any]) -> Callable[[], list[Any]]:
        """Begin calls of one kind; what waits for their results."""
        first: Any = calls[0]
        if not isinstance(first, partial) or not isinstance(first.args[-1], np.ndarray):
            each = [self._lanes.submit(call) for call in calls]
            return lambda: [one.result() for one in each]
        rows = np.concatenate([call.args[-1] for call in calls]) if len(calls) > 1 else first.args[-1]
        size = min(self._most, max(1, math.ceil(len(rows) / self._count)))
        parts = [
            self._lanes.submit(first.func, *first.args[:-1], rows[start : start + size], **first.keywords)
            for start in range(0, max(1, len(rows)), size)
        ]
        ends = np.cumsum([len(call.args[-1]) for call in calls]).tolist()

        def results() -> list[Any]:
            whole = _joined([part.result() for part in parts])
            return [_rows(whole, slice(start, end)) for start, end in zip([0, *ends], ends, strict=False)]

        return results


def _kind(call: Any) -> tuple[Any, ...]:
    """What calls have in common that can be computed together; sortable."""
    if not isinstance(call, partial) or not call.args or not isinstance(call.args[-1], np.ndarray):
        return (id(call),)
    owner = getattr(call.func, "__self__", None)
    name = getattr(call.func, "__qualname__", type(call.func).__name__)
    rest = tuple(id(one) for one in call.args[:-1])
    return (id(owner), name, rest, str(call.keywords), str(call.args[-1].shape[1:]))


def _joined(parts: list[Any]) -> Any:
    """Results of one function end to end: arrays, or data classes of arrays."""
    if len(parts) == 1:
        return parts[0]
    if is_dataclass(parts[0]) and not isinstance(parts[0], type):
        by_field = {one.name: [getattr(part, one.name) for part in parts] for one in fields(parts[0])}
        return replace(
            parts[0], **{name: _joined(some) for name, some in by_field.items() if some[0] is not None}
        )
    return np.concatenate(parts)


def _rows(whole: Any, rows: slice) -> Any:
    if is_dataclass(whole) and not isinstance(whole, type):
        values = {one.name: getattr(whole, one.name) for one in fields(whole)}
        return replace(whole, **{name: one[rows] for name, one in values.items() if one is not None})
    return whole[rows]
