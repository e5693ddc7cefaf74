"""What a bank holds: traces and their vectors in one order, and what changing a context does to them.

Belongs here: rows. Spaces, indexes and answers are in `bank`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from traces_core.bank.chunked_vectors import ChunkedVectors, unit_vectors
from traces_core.bank.layout import Layout, Span, arranged
from traces_core.errors import UnknownNameError
from traces_core.text.catalog import Side
from traces_core.types import Array

Part = tuple[pl.DataFrame, Array]
"""Traces, and a unit vector for each of them, row by row."""


@dataclass(frozen=True)
class BankContents:
    """Traces and vectors, row by row, sorted by side, context, class and id."""

    corpus: pl.DataFrame
    """Every trace."""
    layout: Layout
    """Which rows are whose."""
    chunks: ChunkedVectors
    """The vectors."""

    @classmethod
    def of(cls, corpus: pl.DataFrame, vectors: Array, *, where: str) -> BankContents:
        """The contents of a corpus in any order; not yet whole: a side may be empty.

        Raises
        ------
        NotFiniteError, NotUnitNormError, ValueError
            If a vector is no finite unit vector, or there is not one for each trace.
        """
        if len(corpus) != len(vectors):
            raise ValueError(f"{where}: {len(vectors)} vectors for {len(corpus)} traces, expected one each")
        corpus, vectors, parts = arranged(corpus, unit_vectors(vectors, where=where))
        return cls(corpus, Layout(parts), ChunkedVectors([vectors]))

    def checked(self, *, where: str) -> BankContents:
        """These contents, if a bank can be made of them.

        Raises
        ------
        EmptySideError
            If a side has no trace.
        ValueError
            If two traces share an id.
        """
        self.layout.require_both_sides(where)
        rising = self._rising[0]
        if (rising[1:] == rising[:-1]).any():
            raise ValueError(f"{where}: two traces share an id. Delete the duplicates from the corpus.")
        return self

    def with_contexts(self, came: Mapping[str, Part], gone: Collection[str], *, where: str) -> BankContents:
        """These with some contexts replaced, added or gone; what stays is neither read nor copied."""
        for name in gone:
            if name not in self.layout.contexts:
                raise UnknownNameError("context", name, self.layout.contexts, where=where)
        news = [self._part(name, *part, where=where) for name, part in came.items()]
        pieces = [
            (part, self, span) for part, span in self.layout.placed if part.context not in {*came, *gone}
        ]
        pieces += [(part, new, span) for new in news for part, span in new.layout.placed]
        pieces.sort(key=lambda piece: (piece[0].side, piece[0].context))
        layout = Layout(tuple(part for part, _, _ in pieces))
        layout.require_both_sides(where)
        stretches = list(_stretches((whose, span) for _, whose, span in pieces))
        return BankContents(
            pl.concat([whose.corpus[start:stop] for whose, (start, stop) in stretches]),
            layout,
            ChunkedVectors(chunk for whose, span in stretches for chunk in whose.chunks.rows(*span)),
        ).checked(where=where)

    def _part(self, name: str, corpus: pl.DataFrame, vectors: Array, *, where: str) -> BankContents:
        """The contents of one context that comes."""
        if corpus.schema != self.corpus.schema:
            raise ValueError(
                f"{where}: {name!r} comes with the columns {dict(corpus.schema)}, the bank has "
                f"{dict(self.corpus.schema)}. Rebuild the bank."
            )
        if (corpus["context"] != name).any():
            others = sorted(set(corpus["context"]) - {name})
            raise ValueError(f"{where}: the traces that come as {name!r} are of {others}")
        contents = BankContents.of(corpus, vectors, where=where)
        if contents.chunks.dimensions != self.chunks.dimensions:
            raise ValueError(
                f"{where}: {name!r} comes with vectors of {contents.chunks.dimensions} numbers, "
                f"the bank has {self.chunks.dimensions}. Embed it with the bank's encoder."
            )
        return contents

    def difference(
        self, new: BankContents, side: Side, contexts: Collection[str]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], Array]:
        """What leaves a side and what comes, where only these contexts changed.

        Returns
        -------
        int64 array
            Ids that are not there any more, or with another vector.
        int64 array of shape (N,)
            Ids that are new, or have another vector.
        float32 array of shape (N, D)
            The vectors of these.
        """
        (was, old), (ids, vectors) = self._of(side, contexts), new._of(side, contexts)
        both, here, there = np.intersect1d(was, ids, assume_unique=True, return_indices=True)
        same = both[(old[here] == vectors[there]).all(axis=1)]
        came = ~np.isin(ids, same)
        return was[~np.isin(was, same)], ids[came], vectors[came]

    def _of(self, side: Side, contexts: Collection[str]) -> tuple[NDArray[np.int64], Array]:
        """Ids and vectors of those of the contexts that are there."""
        spans = self.layout.spans(side, [name for name in contexts if name in self.layout.contexts])
        chunks = [chunk for span in spans for chunk in self.chunks.rows(*span)]
        return self.ids_in(spans), np.concatenate(
            [np.empty((0, self.chunks.dimensions), np.float32), *chunks]
        )

    @cached_property
    def ids(self) -> NDArray[np.int64]:
        """int64 array of shape (N,): the id of each row."""
        return self.corpus["trace_id"].to_numpy().astype(np.int64, copy=False)

    @cached_property
    def _rising(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Every id, rising, and the row of each."""
        order = np.argsort(self.ids)
        return self.ids[order], order

    def rows_of(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 array of the same shape: the row of each id; -1 for an id that nothing here has."""
        rising, rows = self._rising
        place = np.minimum(np.searchsorted(rising, ids), len(rising) - 1)
        return np.where(rising[place] == ids, rows[place], -1)

    def ids_in(self, spans: Iterable[Span]) -> NDArray[np.int64]:
        """int64 array: the ids of some rows, in their order."""
        return np.concatenate([np.empty(0, np.int64), *(self.ids[start:stop] for start, stop in spans)])


def _stretches(pieces: Iterable[tuple[BankContents, Span]]) -> Iterator[tuple[BankContents, Span]]:
    """The same rows in as few stretches as can be."""
    last: tuple[BankContents, Span] | None = None
    for whose, (start, stop) in pieces:
        if last is not None and last[0] is whose and last[1][1] == start:
            last = (whose, (last[1][0], stop))
            continue
        if last is not None:
            yield last
        last = (whose, (start, stop))
    if last is not None:
        yield last
