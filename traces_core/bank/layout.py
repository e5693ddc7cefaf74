"""Which rows of a bank are whose: every context of every side is one stretch, every class in it another.

Belongs here: the order of a bank, its parts and their fingerprints. The vectors are in `chunked_vectors`.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from traces_core.errors import EmptySideError, UnknownNameError
from traces_core.store.digest import digest
from traces_core.text.catalog import SIDES, Side
from traces_core.types import Array

ORDER = ("side", "context", "class", "trace_id")
"""What the rows of a bank are sorted by."""
Span = tuple[int, int]
"""First row of a stretch, and the first after it."""


@dataclass(frozen=True, slots=True)
class Part:
    """What a bank holds of one side of one context: rows that follow one another."""

    side: str
    """`normal` or `anomalous`."""
    context: str
    """Kind of place."""
    classes: tuple[tuple[str, int], ...]
    """Name and number of traces of each class, in the order of the rows; one without a name if normal."""
    fingerprint: str
    """Of its traces and their vectors."""

    def __len__(self) -> int:
        return sum(count for _, count in self.classes)


@dataclass(frozen=True)
class Layout:
    """The parts of a bank, one after another."""

    parts: tuple[Part, ...]
    """Sorted by side and context."""

    def require_both_sides(self, where: str) -> None:
        """Refuse a bank that has nothing to compare with.

        Raises
        ------
        EmptySideError
            If a side has no trace.
        """
        for side in SIDES:
            if not any(part.side == side for part in self.parts):
                raise EmptySideError(side, where)

    @cached_property
    def contexts(self) -> tuple[str, ...]:
        """Every context, sorted."""
        return tuple(sorted({part.context for part in self.parts}))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Every class of the anomalous side, sorted."""
        names = {name for part in self.parts if part.side == "anomalous" for name, _ in part.classes}
        return tuple(sorted(names))

    @cached_property
    def _places(self) -> dict[tuple[str, str], dict[str | None, Span]]:
        """By side and context: the rows of each class, and of all of them under None."""
        places: dict[tuple[str, str], dict[str | None, Span]] = {}
        row = 0
        for part in self.parts:
            spans = places[part.side, part.context] = {None: (row, row + len(part))}
            for name, count in part.classes:
                spans[name] = (row, row + count)
                row += count
        return places

    @property
    def placed(self) -> Iterator[tuple[Part, Span]]:
        """Every part with its rows."""
        for part in self.parts:
            yield part, self._places[part.side, part.context][None]

    def side(self, side: str) -> Span:
        """The rows of a side."""
        spans = [spans[None] for (where, _), spans in self._places.items() if where == side]
        return spans[0][0], spans[-1][1]

    def spans(
        self, side: Side, contexts: Sequence[str] | None = None, label: str | None = None
    ) -> list[Span]:
        """The rows of a side, of some contexts and one class only where these are given.

        Raises
        ------
        UnknownNameError
            If there is no such side, context or class.
        """
        if side not in SIDES:
            raise UnknownNameError("side", side, SIDES, where="Bank")
        chosen = self.contexts if contexts is None else [contexts] if isinstance(contexts, str) else contexts
        for name in chosen:
            if name not in self.contexts:
                raise UnknownNameError("context", name, self.contexts, where="Bank")
        if label is not None and label not in self.classes:
            raise UnknownNameError("class", label, self.classes, where="Bank")
        places = (self._places.get((side, name), {}) for name in sorted(set(chosen)))
        return list(_joined(spans[label] for spans in places if label in spans))


def _joined(spans: Iterable[Span]) -> Iterator[Span]:
    """The same rows in as few stretches as can be; they come in rising order."""
    start = stop = -1
    for low, high in spans:
        if low != stop and stop > 0:
            yield start, stop
        if low != stop:
            start = low
        stop = high
    if stop > 0:
        yield start, stop


def arranged(corpus: pl.DataFrame, vectors: Array) -> tuple[pl.DataFrame, Array, tuple[Part, ...]]:
    """Traces and vectors in the order of a bank, and the parts they make.

    Parameters
    ----------
    corpus
        Columns `trace_id`, `context`, `side`, `class` and any others; any order.
    vectors : float32 array of shape (N, D)
        Row by row.
    """
    ordered = corpus.with_row_index("row").sort(ORDER)
    vectors = vectors[ordered["row"].to_numpy()]  # (N, D) in the bank's order
    corpus = ordered.drop("row")
    return corpus, vectors, parts_of(corpus, vectors)


def parts_of(corpus: pl.DataFrame, vectors: Array) -> tuple[Part, ...]:
    """The parts of traces and vectors that are in the order of a bank."""
    written = io.BytesIO()
    corpus.select(sorted(corpus.columns)).write_ndjson(written)  # a line a trace; in a text "\\n" is escaped
    lines = np.flatnonzero(np.frombuffer(written.getbuffer(), np.uint8) == ord("\n")) + 1
    ends = np.concatenate([[0], lines])  # (N + 1,) bytes before each trace
    parts, row = [], 0
    for (side, context), classes in _classes(corpus).items():
        stop = row + sum(count for _, count in classes)
        traces = written.getbuffer()[ends[row] : ends[stop]]
        content = [hashlib.sha256(held).hexdigest() for held in (traces, vectors[row:stop].data)]
        parts.append(Part(side, context, classes, digest(content)))
        row = stop
    return tuple(parts)


def _classes(corpus: pl.DataFrame) -> dict[tuple[str, str], tuple[tuple[str, int], ...]]:
    """By side and context: names and sizes of the classes, of a corpus in the order of a bank."""
    sizes: dict[tuple[str, str], tuple[tuple[str, int], ...]] = {}
    counts = corpus.group_by("side", "context", "class", maintain_order=True).len()
    for side, context, name, count in counts.iter_rows():
        sizes[side, context] = (*sizes.get((side, context), ()), (name, count))
    return sizes
