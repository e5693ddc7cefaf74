"""The bank: every trace of a corpus as a unit vector, searchable on two sides and per context.

Belongs here: building and searching the two sides. How a bank lies on disk is in `bank_folder`, what a
score makes of neighbours in `scoring`, the sentences themselves in `text`. Both sides have an index of
their own: one mixed list of the nearest traces may hold none of one side, and nothing is left to subtract.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import polars as pl
from numpy.typing import NDArray

from traces_core.bank_folder import read_bank_folder, write_bank_folder
from traces_core.digest import digest
from traces_core.errors import (
    EmptySideError,
    MixedSpacesError,
    NotFiniteError,
    NotUnitNormError,
    UnknownNameError,
)
from traces_core.text.catalog import SIDES, Side
from traces_core.types import Array

_NORM_TOLERANCE = 5e-3
"""How far from 1 a length may be: more than float16 storage costs, less than any real mistake."""


@dataclass(frozen=True, slots=True)
class Trace:
    """One sentence about a scene, as the bank knows it."""

    trace_id: int
    """Identity from its content."""
    context: str
    """Kind of place it is about."""
    side: str
    """`normal` or `anomalous`."""
    label: str
    """Class of the anomaly; empty on the normal side."""
    text: str
    """The sentence."""
    writer: str
    """Who wrote it."""


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The nearest traces of each query, nearest first."""

    similarities: Array
    """float32 array of shape (Q, K): cosines in [-1, 1], falling along each row."""
    trace_ids: NDArray[np.int64]
    """int64 array of shape (Q, K): whose they are."""


@dataclass(frozen=True)
class Bank:
    """A corpus as vectors of one space. Make one with `Bank.build` or `Bank.load`."""

    corpus: pl.DataFrame
    """Every trace, sorted by side and id; rows of a side are in the order of its index."""
    space: str
    """Which encoder the vectors come from."""
    fingerprint: str
    """Of what it was built from: traces, vectors, space. Not of index files, which may differ in bytes."""
    indexes: Mapping[Side, Any]
    """A FAISS index with content ids for each side."""

    @classmethod
    def build(cls, corpus: pl.DataFrame, vectors: Array, space: str) -> Bank:
        """The bank of a corpus.

        Parameters
        ----------
        corpus
            Columns `trace_id`, `context`, `side`, `class`, `text`, `writer`; any order.
        vectors : float32 array of shape (N, D)
            Unit vectors of the sentences, row by row.
        space
            Which encoder made them.

        Raises
        ------
        EmptySideError
            If the corpus has no normal or no anomalous trace.
        NotFiniteError, NotUnitNormError
            If a vector holds NaN or infinity, or is not of length 1.
        ValueError
            If there is not one vector per trace, or two traces share an id.
        """
        if len(corpus) != len(vectors):
            raise ValueError(
                f"Bank.build: {len(vectors)} vectors for {len(corpus)} traces, expected one each"
            )
        if corpus["trace_id"].n_unique() != len(corpus):
            raise ValueError("Bank.build: two traces share an id. Delete the duplicates from the corpus.")
        vectors = _checked(vectors, where="Bank.build")
        ordered = corpus.with_row_index("row").sort("side", "trace_id")
        vectors = vectors[ordered["row"].to_numpy()]  # (N, D) in the bank's order
        corpus = ordered.drop("row")
        indexes: dict[Side, Any] = {}
        for side in SIDES:
            rows = np.flatnonzero((corpus["side"] == side).to_numpy())
            if len(rows) == 0:
                raise EmptySideError(side, "Bank.build")
            indexes[side] = _flat_index(vectors[rows], corpus["trace_id"].to_numpy()[rows])
        made_from = [space, corpus.rows(), hashlib.sha256(vectors.tobytes()).hexdigest()]
        return cls(corpus, space, digest(made_from), indexes)

    def __len__(self) -> int:
        return len(self.corpus)

    def __repr__(self) -> str:
        counts = " + ".join(f"{self.indexes[side].ntotal} {side}" for side in SIDES)
        return (
            f"Bank({counts} traces, {len(self.contexts)} contexts, {self.dimensions}-d, space={self.space!r})"
        )

    @property
    def dimensions(self) -> int:
        """Length of a vector."""
        return int(self.indexes["normal"].d)

    @cached_property
    def contexts(self) -> tuple[str, ...]:
        """Names of the contexts it knows, sorted."""
        return tuple(sorted(self.corpus["context"].unique()))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """Names of the classes on the anomalous side, sorted."""
        anomalous = self.corpus.filter(pl.col("side") == "anomalous")
        return tuple(sorted(anomalous["class"].unique()))

    @cached_property
    def _row_of(self) -> dict[int, int]:
        return {number: row for row, number in enumerate(self.corpus["trace_id"].to_list())}

    def trace(self, trace_id: int) -> Trace:
        """The sentence behind an id.

        Raises
        ------
        UnknownNameError
            If no trace has it.
        """
        row = self._row_of.get(int(trace_id))
        if row is None:
            raise UnknownNameError("trace", str(trace_id), (), where="Bank.trace")
        found = self.corpus.row(row, named=True)
        return Trace(
            found["trace_id"], found["context"], found["side"], found["class"], found["text"], found["writer"]
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
        if side not in SIDES:
            raise UnknownNameError("side", side, SIDES, where="Bank")
        wanted = pl.col("side") == side
        if contexts is not None:
            names = [contexts] if isinstance(contexts, str) else list(contexts)
            for name in names:
                if name not in self.contexts:
                    raise UnknownNameError("context", name, self.contexts, where="Bank")
            wanted &= pl.col("context").is_in(names)
        if label is not None:
            if label not in self.classes:
                raise UnknownNameError("class", label, self.classes, where="Bank")
            wanted &= pl.col("class") == label
        return self.corpus.filter(wanted)["trace_id"].to_numpy().astype(np.int64)

    def vectors(self, side: Side) -> Array:
        """float32 array of shape (N, D): a side's vectors, in the order of `trace_ids(side)`."""
        inner = faiss.downcast_index(self.indexes[side].index)
        vectors: Array = inner.reconstruct_n(0, inner.ntotal)
        return vectors

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
        queries = _checked(queries, where="Bank.search")
        if queries.shape[1] != self.dimensions:
            here = f"an encoder of {queries.shape[1]} dimensions"
            raise MixedSpacesError(
                here=here, there=f"{self.space} ({self.dimensions}-d)", where="Bank.search"
            )
        ids = self.trace_ids(side, contexts, label)
        if len(ids) == 0:
            asked = ", ".join([contexts] if isinstance(contexts, str) else contexts or ())
            raise EmptySideError(
                side, f"Bank.search in {asked or 'all contexts'}{f', class {label}' if label else ''}"
            )
        index = self.indexes[side]
        parameters = None
        if len(ids) < index.ntotal:
            selector = faiss.IDSelectorBatch(ids)  # named, or it is freed before the search
            parameters = faiss.SearchParameters()
            parameters.sel = selector
        similarities, found = index.search(queries, min(k, len(ids)), params=parameters)  # (Q, K)
        return Neighbours(similarities, found)

    def save(self, folder: Path | str) -> Path:
        """Write the bank to a folder: two FAISS files, `traces.parquet`, `bank.json`; returns the folder.

        It is written beside the target and renamed, so that a reader finds the old bank or the new one.
        """
        about = {"space": self.space, "dimensions": self.dimensions, "fingerprint": self.fingerprint}
        return write_bank_folder(Path(folder), self.corpus, self.indexes, about)

    @classmethod
    def load(cls, folder: Path | str) -> Bank:
        """The bank that `save` wrote.

        Raises
        ------
        MissingArtifactError
            If there is no bank in that folder.
        CorruptArtifactError
            If a file is missing, cut short or changed, or the files do not belong together.
        """
        corpus, indexes, about = read_bank_folder(Path(folder))
        return cls(corpus, about["space"], about["fingerprint"], indexes)


def recall_against_exact(bank: Bank, queries: Array, k: int, side: Side, *, tolerance: float = 1e-5) -> float:
    """Share of the true k nearest traces that the index finds; 1 where it is exact.

    Parameters
    ----------
    bank : Bank
    queries : float32 array of shape (Q, D), Q of 1 or more
        Unit vectors; other ones than those an index was tuned on.
    k
        Neighbours per query.
    side
        Which side to ask.
    tolerance
        A trace counts as found if its cosine is at most this much below the k-th best: equal cosines
        have no order.

    Returns
    -------
    float
        In [0, 1].
    """
    found = bank.search(queries, k, side)
    vectors, ids = bank.vectors(side), bank.trace_ids(side)
    width = found.trace_ids.shape[1]
    row_of = {number: row for row, number in enumerate(ids.tolist())}
    hits = 0
    for query, answered in zip(queries, found.trace_ids, strict=True):
        cosines = vectors @ query  # (N,)
        bound = np.partition(cosines, -width)[-width] - tolerance
        hits += sum(cosines[row_of[number]] >= bound for number in set(answered.tolist()))
    return float(hits / (len(queries) * width))


def _flat_index(vectors: Array, ids: NDArray[np.int64]) -> Any:
    """An exact inner-product index that answers with content ids and can be added to and removed from."""
    index = faiss.IndexIDMap2(faiss.IndexFlatIP(vectors.shape[1]))
    index.add_with_ids(vectors, ids)
    return index


def _checked(vectors: Array, *, where: str) -> Array:
    """The same vectors, contiguous float32, if each is finite and of length 1."""
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if vectors.ndim != 2:
        raise ValueError(f"{where}: vectors of shape {vectors.shape}, expected (rows, dimensions)")
    norms = np.linalg.norm(vectors, axis=1)
    if not np.isfinite(norms).all():
        row = int(np.flatnonzero(~np.isfinite(norms))[0])
        raise NotFiniteError(
            f"{where}: row {row} holds NaN or infinity. Look at the frame or sentence it is of."
        )
    wrong = np.flatnonzero(np.abs(norms - 1) > _NORM_TOLERANCE)
    if len(wrong):
        raise NotUnitNormError(int(wrong[0]), float(norms[wrong[0]]), where=where)
    return vectors
