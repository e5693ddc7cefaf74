"""Many vectors that lie in one array or in several, read as if they were one.

A bank whose context changed keeps the arrays it had, on disk mostly, and puts a new one in between.
Belongs here: reading rows and multiplying with them. Which row is whose is in `layout`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property

import faiss
import numpy as np
from numpy.typing import NDArray

from traces_core.errors import NotFiniteError, NotUnitNormError
from traces_core.types import Array

_NORM_TOLERANCE = 5e-3
"""How far from 1 a length may be: more than float16 storage costs, less than any real mistake."""


class ChunkedVectors:
    """Arrays of shapes (n_1, D), (n_2, D), ...: together (N, D), N = n_1 + n_2 + ...

    Examples
    --------
    >>> chunks = ChunkedVectors([np.eye(3, dtype=np.float32)[:1], np.eye(3, dtype=np.float32)[1:]])
    >>> len(chunks), [chunk.shape for chunk in chunks.rows(0, 2)]
    (3, [(1, 3), (1, 3)])
    """

    def __init__(self, arrays: Iterable[Array]) -> None:
        self.arrays = tuple(np.asarray(array) for array in arrays)
        """float32 and contiguous, each with the same number of columns."""
        self.dimensions = int(self.arrays[0].shape[1])
        """D, the length of a vector."""

    def __len__(self) -> int:
        return int(self._starts[-1])

    @cached_property
    def _starts(self) -> NDArray[np.int64]:
        """First row of each array, and the number of rows: (arrays + 1,)."""
        return np.cumsum([0, *(len(array) for array in self.arrays)])

    def rows(self, start: int, stop: int, *, at_most: int | None = None) -> Iterator[Array]:
        """Views that together are the rows from `start` up to `stop`; none longer than `at_most`."""
        for array, first in zip(self.arrays, self._starts.tolist(), strict=False):
            low, high = max(start - first, 0), min(stop - first, len(array))
            for begin in range(low, high, at_most or max(1, high - low)):
                yield array[begin : min(high, begin + (at_most or high))]

    def copy(self, start: int, stop: int) -> Array:
        """float32 array of shape (stop - start, D)."""
        return np.concatenate([np.empty((0, self.dimensions), np.float32), *self.rows(start, stop)])

    def take(self, rows: NDArray[np.int64]) -> Array:
        """float32 array of shape (len(rows), D): these rows, in that order."""
        gathered = np.empty((len(rows), self.dimensions), np.float32)
        of = np.searchsorted(self._starts, rows, side="right") - 1
        for number in np.unique(of):
            mine = of == number
            gathered[mine] = self.arrays[number][rows[mine] - self._starts[number]]
        return gathered

    def cosines(self, queries: Array, rows: NDArray[np.int64]) -> Array:
        """Products of each query with rows of its own.

        Parameters
        ----------
        queries : float32 array of shape (Q, D)
        rows : int64 array of shape (Q, C)
            A row of -1 stands for nothing.

        Returns
        -------
        float32 array of shape (Q, C)
            Minus infinity for nothing.
        """
        best = np.full(rows.shape, -np.inf, np.float32)
        one = np.empty_like(best)
        for array, first in zip(self.arrays, self._starts.tolist(), strict=False):
            inside = (rows >= first) & (rows < first + len(array))
            if not inside.any():
                continue
            local = np.where(inside, rows - first, -1)  # FAISS gives minus infinity for a negative row
            faiss.fvec_inner_products_by_idx(  # type: ignore[attr-defined]
                faiss.swig_ptr(one), faiss.swig_ptr(queries), faiss.swig_ptr(array),
                faiss.swig_ptr(local), self.dimensions, *rows.shape,
            )  # fmt: skip
            np.maximum(best, one, out=best)
        return best


def unit_vectors(vectors: Array, *, where: str) -> Array:
    """The same vectors, contiguous float32, if each is finite and of length 1.

    Raises
    ------
    NotFiniteError, NotUnitNormError
        If one is not; the error names the row.
    ValueError
        If they are not rows of numbers.
    """
    vectors = np.ascontiguousarray(vectors, dtype=np.float32)
    if vectors.ndim != 2:
        raise ValueError(f"{where}: vectors of shape {vectors.shape}, expected (rows, dimensions)")
    norms = np.sqrt(np.einsum("nd,nd->n", vectors, vectors))
    if not np.isfinite(norms).all():
        row = int(np.flatnonzero(~np.isfinite(norms))[0])
        raise NotFiniteError(
            f"{where}: row {row} holds NaN or infinity. Look at the frame or sentence it is of."
        )
    wrong = np.flatnonzero(np.abs(norms - 1) > _NORM_TOLERANCE)
    if len(wrong):
        raise NotUnitNormError(int(wrong[0]), float(norms[wrong[0]]), where=where)
    return vectors
