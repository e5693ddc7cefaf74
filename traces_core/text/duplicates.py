"""Sentences that say what another one says already: they are left out before the bank is built.

Belongs here: which of two equal sentences stays. How many of them a corpus may have is in `gates`. A bank
with a copy gives that sentence two votes among the nearest, so a repetition is removed, not only reported.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from traces_core.errors import NotFiniteError
from traces_core.text.catalog import plain_words
from traces_core.types import Array

BY_HAND = "shipped"
"""The writer whose sentences stay where a language model repeats them."""
_BLOCK = 2048
"""Rows compared at once: bounds the memory of the search to tens of MiB."""

Rows = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Repetitions:
    """Which rows of a corpus stay, and which repeat another row."""

    kept: NDArray[np.bool_]
    """bool array of shape (N,): False where a row repeats one that is kept."""
    exact: tuple[tuple[int, int], ...] = ()
    """(row left out, row it repeats) with the same words in the same context."""
    near: tuple[tuple[int, int, float], ...] = ()
    """(row left out, row it repeats, their cosine)."""


def find_repetitions(
    corpus: pl.DataFrame,
    vectors: Array | None = None,
    *,
    near: float = 1.0,
    readable: NDArray[np.bool_] | None = None,
) -> Repetitions:
    """Rows that repeat another row of their context, exactly or nearly.

    A sentence of the catalog takes precedence over a written one; among equals the order of content (side,
    class, text) decides, so that the same corpus in another order loses the same sentences.

    Parameters
    ----------
    corpus
        Columns `context`, `side`, `class`, `text`, `writer`; N rows in any order.
    vectors : float32 array of shape (N, D), optional
        Unit vectors of the sentences, row by row: without them only equal words are found.
    near
        Cosine from which on two sentences of one class (of the normal side) are one. A repetition in
        another class stays: it says that the classes overlap, and the coverage report shows it.
    readable : bool array of shape (N,), optional
        Which sentences the encoder can read. Those that it cannot are near each other for that reason
        alone, and stay.

    Returns
    -------
    Repetitions
        Equal words count within the whole context, both sides: a sentence cannot be on both.

    Raises
    ------
    NotFiniteError
        If a vector holds NaN or infinity, which no comparison would find.

    Examples
    --------
    >>> corpus = pl.DataFrame({"context": ["yard"] * 2, "side": ["normal"] * 2, "class": [""] * 2,
    ...                        "text": ["A cat sleeps.", "a cat sleeps"], "writer": ["openai", "shipped"]})
    >>> find_repetitions(corpus).kept.tolist()
    [False, True]
    """
    first = _in_order(corpus)
    kept = np.ones(len(corpus), dtype=bool)
    exact = []
    seen: dict[tuple[str, str], int] = {}
    contexts, texts = corpus["context"].to_list(), corpus["text"].to_list()
    for row in first.tolist():
        original = seen.setdefault((contexts[row], plain_words(texts[row])), row)
        if original != row:
            exact.append((row, original))
            kept[row] = False
    if vectors is None:
        return Repetitions(kept, tuple(exact))
    if not np.isfinite(vectors).all():
        raise NotFiniteError("find_repetitions: a vector holds NaN or infinity. Embed the sentences again.")
    pairs: list[tuple[int, int, float]] = []
    candidates = kept if readable is None else kept & readable
    # A written normal sentence names the class it looks like; the side is what it is on.
    label = pl.when(pl.col("side") == "anomalous").then("class").otherwise(pl.lit(""))
    ranked = corpus.select("context", "side", label.alias("class"))[first]
    for group in row_groups(ranked, "context", "side", "class"):
        rows = first[group]
        pairs += _repeated(rows[candidates[rows]], vectors, near)
    kept[[row for row, _, _ in pairs]] = False
    return Repetitions(kept, tuple(exact), tuple(pairs))


def readable_rows(texts: Sequence[str], unknown_words: Callable[[str], Iterable[str]]) -> NDArray[np.bool_]:
    """bool array of shape (N,): sentences of which the encoder knows every word."""
    return np.array([not any(True for _ in unknown_words(text)) for text in texts], dtype=bool)


def row_groups(table: pl.DataFrame, *columns: str) -> Iterator[Rows]:
    """Row numbers of each group, rising; groups in the order of their names."""
    grouped = table.with_row_index("row").group_by(*columns).agg("row").sort(*columns)
    for rows in grouped["row"]:
        yield rows.sort().to_numpy().astype(np.int64)


def _in_order(corpus: pl.DataFrame) -> Rows:
    """Row numbers, those first that stay where two say the same."""
    written = pl.col("writer") != BY_HAND
    ordered = corpus.with_row_index("row").sort(written, "context", "side", "class", "text")
    return ordered["row"].to_numpy().astype(np.int64)


def _repeated(rows: Rows, vectors: Array, near: float) -> Iterator[tuple[int, int, float]]:
    """The rows, in order of who stays, that are too near to one that stays before them."""
    inside = vectors[rows]  # (n, D)
    dropped: set[int] = set()
    for start in range(0, len(rows), _BLOCK):
        cosines = inside[start : start + _BLOCK] @ inside.T  # (block, n)
        earlier = np.arange(len(rows))[None, :] < np.arange(start, start + len(cosines))[:, None]
        for late, early in np.argwhere((cosines >= near) & earlier):
            if int(early) in dropped or int(start + late) in dropped:
                continue
            dropped.add(int(start + late))
            yield int(rows[start + late]), int(rows[early]), float(cosines[late, early])
