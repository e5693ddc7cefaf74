"""The bank: what it is made of, how it changes, and what it answers.

Belongs here: the class `Bank` and what a caller may ask of it. What it holds is in `contents`, the
arithmetic of a search in `search`, the index of a large side in `index`, the folder on disk in `folder`.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from traces_core.bank.answers import Neighbours, Trace
from traces_core.bank.chunked_vectors import unit_vectors
from traces_core.bank.contents import BankContents
from traces_core.bank.folder import read_bank_folder, write_bank_folder
from traces_core.bank.index import SideIndex
from traces_core.bank.search import nearest_of_proposed, nearest_of_rows
from traces_core.bank.settings import BankSettings
from traces_core.errors import CorruptArtifactError, EmptySideError, MixedSpacesError, UnknownNameError
from traces_core.store.digest import digest
from traces_core.text.catalog import SIDES, Side
from traces_core.types import Array, Place

WEIGHT = "weight"
"""Column of a corpus that may say how much a trace counts beside another."""

_PER_NEIGHBOUR = 4
"""Candidates for each neighbour asked for, at least, whatever the settings say."""


@dataclass(frozen=True)
class Bank:
    """A corpus as vectors of one space. Make one with `build`, `with_contexts` or `load`."""

    space: str
    """Which encoder the vectors come from."""
    settings: BankSettings
    """From how many traces on a side has an index, and which."""
    contents: BankContents
    """Traces and vectors, row by row."""
    indexes: Mapping[Side, SideIndex]
    """Of the sides that are too large to be searched exactly."""

    @classmethod
    def build(
        cls, corpus: pl.DataFrame, vectors: Array, space: str, settings: BankSettings | None = None
    ) -> Bank:
        """The bank of a corpus.

        Parameters
        ----------
        corpus
            Columns `trace_id`, `context`, `side`, `class`, `text`, `writer`, and any others; any order.
        vectors : float32 array of shape (N, D)
            Unit vectors of the sentences, row by row.
        space
            Which encoder made them.
        settings
            How large a side is searched exactly, and the index beyond; None takes the defaults.

        Raises
        ------
        EmptySideError
            If the corpus has no normal or no anomalous trace.
        NotFiniteError, NotUnitNormError
            If a vector holds NaN or infinity, or is not of length 1.
        ValueError
            If there is not one vector per trace, or two traces share an id.
        """
        where = "Bank.build"
        held = BankContents.of(corpus, vectors, where=where).checked(where=where)
        return cls._of(space, settings or BankSettings(), held, {})

    @classmethod
    def _of(
        cls, space: str, settings: BankSettings, held: BankContents, indexes: Mapping[Side, SideIndex | None]
    ) -> Bank:
        """A bank with an index for each large side: one of these where it is still good, else a new one."""
        kept: dict[Side, SideIndex] = {}
        for side in SIDES:
            start, stop = held.layout.side(side)
            if stop - start <= settings.exact_up_to:
                continue
            index = indexes.get(side)
            if index is None or index.replaced > settings.retrain_share * (stop - start):
                index = SideIndex.train(held.chunks, (start, stop), held.ids[start:stop], settings)
            kept[side] = index
        return cls(space, settings, held, kept)

    def with_contexts(
        self, came: Mapping[str, tuple[pl.DataFrame, Array]], gone: Collection[str] = ()
    ) -> Bank:
        """The bank with some contexts replaced or added, and others gone; this one stays as it is.

        The work follows what changes: other contexts are neither read nor copied, and an index loses and
        gains the traces that differ by id or by vector.

        Parameters
        ----------
        came
            By context: its traces, columns as in the bank's corpus, and their unit vectors, row by row.
        gone
            Contexts to leave out.

        Raises
        ------
        UnknownNameError
            If a context that is to go is not there.
        ValueError
            If a table holds traces of another context, or has other columns than the bank.
        EmptySideError, NotFiniteError, NotUnitNormError, ValueError
            As `Bank.build`.
        """
        held = self.contents.with_contexts(came, gone, where="Bank.with_contexts")
        changed = {*came, *gone}
        indexes = {
            side: index.changed(*self.contents.difference(held, side, changed))
            for side, index in self.indexes.items()
        }
        return Bank._of(self.space, self.settings, held, indexes)

    def __len__(self) -> int:
        return len(self.corpus)

    def __repr__(self) -> str:
        counts = " + ".join(f"{stop - start} {side}" for side, (start, stop) in self._sides.items())
        return (
            f"Bank({counts} traces, {len(self.contexts)} contexts, {self.dimensions}-d, space={self.space!r})"
        )

    @property
    def _sides(self) -> dict[Side, tuple[int, int]]:
        return {side: self.contents.layout.side(side) for side in SIDES}

    @property
    def corpus(self) -> pl.DataFrame:
        """Every trace, sorted by side, context, class and id."""
        return self.contents.corpus

    @property
    def fingerprint(self) -> str:
        """Of what it was built from: traces, vectors, space. Not of an index, which may differ in bytes."""
        parts = {f"{part.side}/{part.context}": part.fingerprint for part in self.contents.layout.parts}
        return digest([self.space, parts])

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return self.contents.chunks.dimensions

    @property
    def contexts(self) -> tuple[str, ...]:
        """Names of the contexts it knows, sorted."""
        return self.contents.layout.contexts

    def contexts_of(self, context: Place) -> tuple[str, ...] | None:
        """The contexts whose traces answer for a camera: its own that the bank knows, else all (None)."""
        own = (context,) if isinstance(context, str) else context or ()
        return tuple(one for one in own if one in self.contexts) or None

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes on the anomalous side, sorted."""
        return self.contents.layout.classes

    def trace(self, trace_id: int) -> Trace:
        """The sentence behind an id.

        Raises
        ------
        UnknownNameError
            If no trace has it.
        """
        row = int(self.contents.rows_of(np.array([trace_id], np.int64))[0])
        if row < 0:
            raise UnknownNameError("trace", str(trace_id), (), where="Bank.trace")
        trace = self.corpus.row(row, named=True)
        return Trace(
            trace["trace_id"],
            trace["context"],
            trace["side"],
            trace["class"],
            trace["text"],
            trace["writer"],
        )

    def trace_ids(
        self, side: Side, contexts: Sequence[str] | None = None, label: str | None = None
    ) -> NDArray[np.int64]:
        """Ids of a side's traces, of some contexts and one class only where these are given.

        Raises
        ------
        UnknownNameError
            If the bank has no such side, context or class.
        """
        return self.contents.ids_in(self.contents.layout.spans(side, contexts, label))

    def vectors(self, side: Side, contexts: Sequence[str] | None = None, label: str | None = None) -> Array:
        """float32 array of shape (N, D): the vectors of `trace_ids` of the same request, in its order.

        Raises
        ------
        UnknownNameError
            If the bank has no such side, context or class.
        """
        chunks, spans = self.contents.chunks, self.contents.layout.spans(side, contexts, label)
        return np.concatenate([chunks.copy(0, 0), *(chunk for span in spans for chunk in chunks.rows(*span))])

    def weights(self, side: Side, contexts: Sequence[str] | None = None) -> Array:
        """float32 array of shape (N,): how much each of `trace_ids` of the same request counts.

        The column `weight` of the corpus; 1 where it has none.

        Raises
        ------
        UnknownNameError
            If the bank has no such side or context.
        """
        spans = self.contents.layout.spans(side, contexts)
        if WEIGHT not in self.corpus.columns:
            return np.ones(sum(stop - start for start, stop in spans), np.float32)
        weights = self.corpus[WEIGHT].to_numpy().astype(np.float32)
        return np.concatenate([weights[:0], *(weights[start:stop] for start, stop in spans)])

    def require_space(self, space: str, where: str) -> None:
        """Refuse vectors of another encoder.

        Raises
        ------
        MixedSpacesError
            If `space` is not the bank's.
        """
        if space != self.space:
            raise MixedSpacesError(here=space, there=self.space, where=where)

    def search(
        self,
        queries: Array,
        k: int,
        side: Side,
        contexts: Sequence[str] | None = None,
        *,
        label: str | None = None,
    ) -> Neighbours:
        """The k nearest traces of one side, for each query.

        A side without an index, some contexts, or one class: exact. A whole side that has an index: the
        nearest among what the index proposes, with exact cosines.

        Parameters
        ----------
        queries : float32 array of shape (Q, D)
            Unit vectors of the bank's space.
        k
            How many, 1 or more; where fewer are there, all of them answer.
        side
            `normal` or `anomalous`.
        contexts
            Only traces of these contexts answer; None asks all of them.
        label
            Only traces of this class answer.

        Returns
        -------
        Neighbours
            Of K = min(k, traces that may answer) columns; a row never repeats a trace.

        Raises
        ------
        EmptySideError
            If the contexts have no trace on that side (of that class).
        UnknownNameError
            If the bank has no such context, class or side.
        MixedSpacesError
            If the queries have another length than the bank's vectors.
        NotFiniteError, NotUnitNormError, ValueError
            If a query is not a finite unit vector, or k is below 1.
        """
        if k < 1:
            raise ValueError(f"Bank.search: k is {k}, expected 1 or more")
        queries = self._asked(queries)
        held = self.contents
        spans = held.layout.spans(side, contexts, label)
        if not spans:
            asked = ", ".join([contexts] if isinstance(contexts, str) else contexts or ())
            raise EmptySideError(
                side, f"Bank.search in {asked or 'all contexts'}{f', class {label}' if label else ''}"
            )
        k = min(k, sum(stop - start for start, stop in spans))
        index = self.indexes.get(side)
        if index is None or spans != [held.layout.side(side)]:
            cosines, rows = nearest_of_rows(held.chunks, spans, queries, k)
        else:
            count = min(len(index), max(self.settings.candidates, _PER_NEIGHBOUR * k))
            proposed = (
                (some, held.rows_of(np.sort(ids, axis=1))) for some, ids in index.candidates(queries, count)
            )
            cosines, rows = nearest_of_proposed(held.chunks, proposed, k)
        return Neighbours(cosines, held.ids[rows])

    def _asked(self, queries: Array) -> Array:
        """The queries, if this bank can be asked them."""
        queries = unit_vectors(queries, where="Bank.search")
        if queries.shape[1] != self.dimensions:
            here = f"an encoder of {queries.shape[1]} dimensions"
            raise MixedSpacesError(
                here=here, there=f"{self.space} ({self.dimensions}-d)", where="Bank.search"
            )
        return queries

    def save(self, folder: Path | str) -> Path:
        """Write the bank to a folder, which `folder` describes; returns it.

        It is written beside the target and renamed, so that a reader finds the old bank or the new one.
        """
        about = {"space": self.space, "fingerprint": self.fingerprint, "settings": self.settings.model_dump()}
        return write_bank_folder(Path(folder), self.contents, self.indexes, about)

    @classmethod
    def load(cls, folder: Path | str) -> Bank:
        """The bank that `save` wrote; its vectors stay on disk until they are asked for.

        Raises
        ------
        MissingArtifactError
            If there is no bank in that folder.
        CorruptArtifactError
            If a file is missing, cut short or changed, or the files do not belong together.
        """
        held, indexes, about = read_bank_folder(Path(folder))
        bank = cls(about["space"], BankSettings(**about["settings"]), held, indexes)
        if bank.fingerprint != about["fingerprint"]:
            raise CorruptArtifactError(
                folder, f"its fingerprint is {bank.fingerprint}, not {about['fingerprint']}"
            )
        return bank
