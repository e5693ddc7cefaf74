"""Checks of a corpus that take vectors: near duplicates, leaks between the sides, sameness.

A text encoder that cannot read a sentence puts it anywhere, so only sentences that it can read are judged.
What can be seen in the words alone is in `gates`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from traces_core.text.duplicates import Rows, find_repetitions, row_groups
from traces_core.text.findings import FEWEST, QUOTED, CorpusLimits, Finding, finding
from traces_core.types import Array


def check_vectors(
    corpus: pl.DataFrame, vectors: Array, readable: NDArray[np.bool_], limits: CorpusLimits
) -> list[Finding]:
    """`near_duplicates`, `side_leakage` and `self_similarity` of the sentences that the encoder can read.

    Parameters
    ----------
    corpus
        Columns as `check_corpus` takes them, N rows.
    vectors : float32 array of shape (N, D)
        Unit vectors of the sentences, row by row.
    readable : bool array of shape (N,)
        Which sentences the encoder can read.
    """
    return [
        _near_duplicates(corpus, vectors, readable, limits),
        _leakage(corpus.filter(readable), vectors[readable], limits),
        _self_similarity(corpus.filter(readable), vectors[readable], limits),
    ]


def swapped_sides(corpus: pl.DataFrame, vectors: Array, wrong: Array, harmless: Array) -> Finding:
    """`swapped_sides`: whether what stands on the anomalous side is what a stranger would call wrong.

    Each sentence is placed between sentences of common words about what is plainly wrong and what is plainly
    not; the anomalous side of a context must be placed higher than its normal side more often than not.

    Parameters
    ----------
    corpus
        Columns as `check_corpus` takes them, N rows.
    vectors : float32 array of shape (N, D)
        Unit vectors of the sentences, row by row.
    wrong, harmless : float32 arrays of shape (R, D)
        Unit vectors of `traces_core.text.reference`.

    Notes
    -----
    Ours. The pocket encoder, which knows few of these words, places the anomalous side of the 36 shipped
    contexts higher in 57 to 99 of 100 pairs, so swapped in at most 43. A side of fewer than 20 sentences is
    not judged.
    """
    places = _nearest(vectors @ wrong.T) - _nearest(vectors @ harmless.T)
    shares, offenders = {}, []
    for context in sorted(corpus["context"].unique()):
        inside = (corpus["context"] == context).to_numpy()
        is_wrong = (corpus["side"] == "anomalous").to_numpy()
        high, low = places[inside & is_wrong], places[inside & ~is_wrong]
        if min(len(high), len(low)) < FEWEST:
            continue
        shares[context] = float((high[:, None] > low[None, :]).mean())
        if shares[context] < SWAPPED:
            offenders.append(f"{context}: its normal sentences are the alarming ones")
    numbers = {"lowest_share": min(shares.values())} if shares else {}
    return finding("swapped_sides", offenders, numbers, "Exchange the two sides, or reword them.")


SWAPPED = 0.45
"""Share of pairs of an anomalous and a normal sentence in the right order, below which the sides are taken
for swapped."""


def _nearest(cosines: Array) -> Array:
    """Mean of the three highest cosines of each row."""
    mean: Array = np.sort(cosines, axis=1)[:, -3:].mean(axis=1)
    return mean


def leaking(normal: Array, classes: Sequence[Array]) -> NDArray[np.bool_]:
    """Which normal sentences are rather in a class than on their side.

    A sentence leaks into a class if it is nearer to the centroid of the class than to that of the other
    normal sentences, and at least as near to it as the median sentence of the class itself is (to the
    centroid of the others). The first alone would name most look-alikes, which are meant to be near: in
    MiniLM's space half of the shipped normal sentences. Both compare cosines of one space with each other,
    so that no threshold depends on the space.

    Parameters
    ----------
    normal : float32 array of shape (N, D)
        Unit vectors of the normal side of one context; fewer than two leak nowhere.
    classes : C float32 arrays of shape (n, D)
        Unit vectors of each class; one of fewer than two sentences draws nothing.

    Returns
    -------
    bool array of shape (C, N)

    Notes
    -----
    Ours. NOVA (arXiv 2609.06360) rewrites a normal sentence whose cosine with the anomalous centroid is
    above 0.70, which is a threshold of one space.
    """
    leaks_by_class = np.zeros((len(classes), len(normal)), dtype=bool)
    if len(normal) < 2:
        return leaks_by_class
    own = _to_others(normal)
    for number, inside in enumerate(classes):
        if len(inside) > 1:
            drawn = normal @ _unit(inside.sum(axis=0))
            leaks_by_class[number] = (drawn > own) & (drawn >= np.median(_to_others(inside)))
    return leaks_by_class


def _near_duplicates(
    corpus: pl.DataFrame, vectors: Array, readable: NDArray[np.bool_], limits: CorpusLimits
) -> Finding:
    texts = corpus["text"].to_list()
    pairs = find_repetitions(corpus, vectors, near=limits.near_duplicate, readable=readable).near
    noted = [f"{texts[row]!r} repeats {texts[first]!r} ({cosine:.3f})" for row, first, cosine in pairs]
    judged = int(readable.sum())
    share = len(pairs) / max(1, judged)
    offenders = noted if share > limits.near_duplicate_share else []
    numbers = {"judged": judged, "left_out": len(pairs), "share": share}
    advice = "They are left out of the bank. Reword them to keep them."
    return finding("near_duplicates", offenders, numbers, advice, "warning", noted=noted)


def _leakage(corpus: pl.DataFrame, vectors: Array, limits: CorpusLimits) -> Finding:
    leaks: list[str] = []
    offenders: list[str] = []
    shares, ratios = [0.0], [0.0]
    texts = corpus["text"].to_list()
    for rows in row_groups(corpus, "context"):
        normal, classes = _sides(corpus, rows)
        if len(normal) < FEWEST:
            continue
        leaks_by_class = leaking(vectors[normal], [vectors[inside] for inside in classes])  # (C, N)
        shares.append(float(leaks_by_class.any(axis=0).mean()))
        leaks += [repr(texts[row]) for row in normal[leaks_by_class.any(axis=0)]]
        for inside, drawn in zip(classes, leaks_by_class, strict=True):
            ratios.append(float(drawn.sum()) / len(inside))
            if ratios[-1] > limits.leakage_to_class and shares[-1] > limits.leakage_share:
                context, label = corpus.select("context", "class").row(int(inside[0]))
                quoted = ", ".join(repr(texts[row]) for row in normal[drawn][:QUOTED])
                offenders.append(f"{context}: {drawn.sum()} normal sentences in {label!r}: {quoted}")
    numbers = {"leaking": len(leaks), "worst_share": max(shares), "worst_to_class": max(ratios)}
    advice = "Say what is normal in them, without the words that belong to the anomaly."
    return finding("side_leakage", offenders, numbers, advice, noted=leaks)


def _self_similarity(corpus: pl.DataFrame, vectors: Array, limits: CorpusLimits) -> Finding:
    """Mean cosine of two sentences of a side, from their sum: |sum|² holds every pair twice."""
    same: list[str] = []
    highest = -1.0
    for rows in row_groups(corpus, "context", "side"):
        if len(rows) < FEWEST:
            continue
        mean = mean_within(vectors[rows])
        highest = max(highest, mean)
        if mean > limits.self_similarity:
            context, side = corpus.select("context", "side").row(int(rows[0]))
            same.append(f"{context}, {side}: {mean:.2f}")
    advice = "To this encoder they say one thing. Vary what happens in them, not only the words."
    numbers = {"highest": highest} if highest > -1 else {}
    return finding("self_similarity", same, numbers, advice, "warning")


def mean_within(vectors: Array) -> float:
    """Mean cosine of two different rows of a float32 array of shape (n, D), n of 2 or more; in [-1, 1].

    Examples
    --------
    >>> mean_within(np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], dtype=np.float32)).__round__(3)
    0.333
    """
    total = vectors.sum(axis=0, dtype=np.float64)
    own = np.einsum("nd,nd->", vectors, vectors, dtype=np.float64)
    return float((total @ total - own) / (len(vectors) * (len(vectors) - 1)))


def _sides(corpus: pl.DataFrame, rows: Rows) -> tuple[Rows, list[Rows]]:
    """Rows of the normal side, and of each class, of one context."""
    inside = corpus[rows].select("side", "class")
    is_normal = (inside["side"] == "normal").to_numpy()
    classes = row_groups(inside.filter(~is_normal), "class")
    return rows[is_normal], [rows[~is_normal][group] for group in classes]


def _to_others(vectors: Array) -> Array:
    """float array of shape (n,): cosine of each row with the centroid of the other rows."""
    others = vectors.sum(axis=0) - vectors  # (n, D)
    cosines: Array = np.einsum("nd,nd->n", vectors, _unit(others))
    return cosines


def _unit(vectors: Array) -> Array:
    """Rows, or one row, of length 1; a zero row stays zero, near to nothing."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    unit: Array = vectors / np.maximum(lengths, 1e-12)
    return unit
