"""Nearest traces: exactly among some rows, or exactly among what an index proposes.

Belongs here: arithmetic over rows. Names of contexts and classes, and every refusal, are in `bank`.
"""

from __future__ import annotations

from collections.abc import Iterable

import faiss
import numpy as np
from numpy.typing import NDArray

from traces_core.bank.chunked_vectors import ChunkedVectors
from traces_core.bank.layout import Span
from traces_core.types import Array


def nearest_of_rows(
    chunks: ChunkedVectors, spans: Iterable[Span], queries: Array, k: int
) -> tuple[Array, NDArray[np.int64]]:
    """The k largest cosines among some rows.

    Parameters
    ----------
    chunks
        The vectors.
    spans
        Which rows; at least k in all.
    queries : float32 array of shape (Q, D)
    k
        1 or more.

    Returns
    -------
    float32 array of shape (Q, k)
        Falling along each row.
    int64 array of shape (Q, k)
        Their rows.
    """
    best = faiss.ResultHeap(len(queries), k, keep_max=True)
    for start, stop in spans:
        for chunk in chunks.rows(start, stop):
            cosines, rows = faiss.knn(queries, chunk, min(k, len(chunk)), metric=faiss.METRIC_INNER_PRODUCT)
            best.add_result(cosines, rows + start)
            start += len(chunk)
    best.finalize()
    return best.D, best.I


def nearest_of_proposed(
    chunks: ChunkedVectors, proposed: Iterable[tuple[Array, NDArray[np.int64]]], k: int
) -> tuple[Array, NDArray[np.int64]]:
    """The k largest cosines among rows that were proposed for each query.

    Parameters
    ----------
    chunks
        The vectors.
    proposed : pairs of float32 array of shape (Q_i, D) and int64 array of shape (Q_i, C)
        Some queries, and the rows proposed for each of them: none twice, -1 for none, k or more.
    k
        1 or more.

    Returns
    -------
    float32 array of shape (Q, k), int64 array of shape (Q, k)
        As `nearest_of_rows`, of all queries.
    """
    best = [(np.empty((0, k), np.float32), np.empty((0, k), np.int64))]
    for queries, rows in proposed:
        cosines = chunks.cosines(queries, rows)  # (Q_i, C)
        order = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
        falling = np.argsort(-np.take_along_axis(cosines, order, axis=1), axis=1, kind="stable")
        order = np.take_along_axis(order, falling, axis=1)
        best.append((np.take_along_axis(cosines, order, axis=1), np.take_along_axis(rows, order, axis=1)))
    similarities, neighbours = zip(*best, strict=True)
    return np.concatenate(similarities), np.concatenate(neighbours)
