"""Whether an index finds what is there: its answers beside those of an exact search.

Belongs here: the measure, and the queries of the gate. What is asked of it is a setting.
"""

from __future__ import annotations

import numpy as np

from traces_core.bank.bank import Bank
from traces_core.bank.search import nearest_of_rows
from traces_core.text.catalog import Side
from traces_core.types import Array

QUERIES = 256
"""Queries of the gate on each side: a recall of 0.99 of 5 neighbours is then known to within 0.003."""
COSINE = 0.7
"""Of a query of the gate with the trace it is of: as two sentences of one scene have it."""


def near(vectors: Array, cosine: float, rng: np.random.Generator) -> Array:
    """A unit vector beside each, in a random direction.

    Parameters
    ----------
    vectors : float32 array of shape (N, D)
        Unit vectors.
    cosine
        Of each with its own, in [-1, 1]. Any other row is as near as chance has it.
    rng
        Draws the directions.

    Returns
    -------
    float32 array of shape (N, D)

    Examples
    --------
    >>> axes = np.eye(4, dtype=np.float32)
    >>> bool(np.allclose((near(axes, 0.7, np.random.default_rng(0)) * axes).sum(axis=1), 0.7))
    True
    """
    aside = rng.standard_normal(vectors.shape, dtype=np.float32)
    aside -= np.einsum("nd,nd->n", aside, vectors)[:, None] * vectors
    aside *= np.sqrt(1 - cosine**2) / np.linalg.norm(aside, axis=1, keepdims=True)
    return (cosine * vectors + aside).astype(np.float32)


def recall_of_index(bank: Bank, side: Side, k: int, *, seed: int = 0) -> float:
    """Recall of a side on a sample of its own traces, each moved so that none is its own query.

    Parameters
    ----------
    bank
    side
        Which side to ask.
    k
        Neighbours per query.
    seed
        Draws the sample and the directions in which it is moved.

    Returns
    -------
    float
        In [0, 1]; 1 where the side is searched exactly.
    """
    rng = np.random.default_rng(seed)
    start, stop = bank.contents.layout.side(side)
    chosen = start + np.sort(rng.permutation(stop - start)[:QUERIES])
    return recall_against_exact(bank, near(bank.contents.chunks.take(chosen), COSINE, rng), k, side)


def recall_against_exact(bank: Bank, queries: Array, k: int, side: Side, *, tolerance: float = 1e-5) -> float:
    """Share of the true k nearest traces that the bank's search finds; 1 where it is exact.

    Parameters
    ----------
    bank
    queries : float32 array of shape (Q, D), Q of 1 or more
        Unit vectors; other ones than those an index was trained on.
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
    held = bank.contents
    answered = held.rows_of(bank.search(queries, k, side).trace_ids)  # (Q, K)
    start, stop = held.layout.side(side)
    rows = np.sort(np.where((answered >= start) & (answered < stop), answered, -1), axis=1)
    rows[:, 1:][rows[:, 1:] == rows[:, :-1]] = -1  # a trace counts once
    best, _ = nearest_of_rows(held.chunks, [(start, stop)], queries, rows.shape[1])
    return float((held.chunks.cosines(queries, rows) >= best[:, -1:] - tolerance).mean())
