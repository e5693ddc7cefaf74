"""Calls of one kind put together: frames of many cameras go through an encoder at once.

An encoder that is asked for two frames at a time by sixteen cameras spends most of its time on being asked.
What the calls compute does not matter here; who computes side by side is `encoders.parallel_calls`.
"""

from __future__ import annotations

from collections.abc import Callable
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

    Examples
    --------
    >>> kept, calls = [], GroupedCalls(most_rows=4)
    >>> for rows in (1, 2, 3):
    ...     calls.put(partial(np.negative, np.full((rows, 1), float(rows))), kept.append)
    >>> calls.run()
    >>> [one.ravel().tolist() for one in kept]
    [[-1.0], [-2.0, -2.0], [-3.0, -3.0, -3.0]]
    """

    def __init__(self, most_rows: int) -> None:
        self._most = most_rows
        self._waiting: list[Call] = []

    def put(self, compute: Callable[[], Any], keep: Callable[[Any], None]) -> None:
        """Have `compute` called by `run`: a `partial` whose last argument is an array, row by row."""
        self._waiting.append((compute, keep))

    def run(self) -> None:
        """Compute all that waits; then `keep` is called with each result, in the order of the calls."""
        waiting, self._waiting = self._waiting, []
        results: dict[int, Any] = {}
        order = sorted(range(len(waiting)), key=lambda place: _kind(waiting[place][0]))
        for _, places in groupby(order, key=lambda place: _kind(waiting[place][0])):
            some = list(places)
            results |= zip(some, self._together([waiting[place][0] for place in some]), strict=True)
        for place, (_, keep) in enumerate(waiting):
            keep(results[place])

    def _together(self, calls: list[Any]) -> list[Any]:
        """The results of calls of one kind."""
        first: Any = calls[0]
        if not isinstance(first, partial) or not isinstance(first.args[-1], np.ndarray):
            return [call() for call in calls]
        rows = np.concatenate([call.args[-1] for call in calls]) if len(calls) > 1 else first.args[-1]
        parts = [
            first.func(*first.args[:-1], rows[start : start + self._most], **first.keywords)
            for start in range(0, max(1, len(rows)), self._most)
        ]
        ends = np.cumsum([len(call.args[-1]) for call in calls]).tolist()
        whole = _joined(parts)
        return [_rows(whole, slice(start, end)) for start, end in zip([0, *ends], ends, strict=False)]


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
