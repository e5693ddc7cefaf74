"""Scores: how much nearer something is to the anomalous side of a bank than to the normal side.

Belongs here: formulas over neighbours, and the explanation of a score by traces. Searching is in `bank`,
thresholds are in `calibration`, figures of merit in `metrics`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from traces_core.bank import Bank, Trace
from traces_core.text.catalog import Side
from traces_core.types import Array

CHUNK = 4096
"""Vectors scored at once: bounds the memory, changes nothing else."""


@dataclass(frozen=True, slots=True)
class Match:
    """A trace and how near it is."""

    trace: Trace
    """The sentence."""
    similarity: float
    """Cosine with what is explained, in [-1, 1]."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a moment has its score: the very traces that the score is made of."""

    score: float
    """Mean of the anomalous similarities minus mean of the normal ones."""
    anomalous: tuple[Match, ...]
    """Nearest anomalous traces, nearest first."""
    normal: tuple[Match, ...]
    """Nearest normal traces, nearest first."""


def score_vectors(
    vectors: Array, bank: Bank, *, k: int, space: str, contexts: Sequence[str] | None = None
) -> Array:
    """One anomaly score per vector.

    With `a_1 >= a_2 >= ...` the cosines of a vector with the anomalous traces of the contexts and
    `n_1 >= n_2 >= ...` those with the normal ones::

        score = (a_1 + ... + a_p) / p - (n_1 + ... + n_q) / q,   p = min(k, anomalous traces),
                                                                 q = min(k, normal traces)

    Parameters
    ----------
    vectors : float32 array of shape (T, D)
        Unit vectors; T may be 0.
    bank
        The traces to compare with.
    k
        Traces per side that answer, 1 or more.
    space
        Which encoder's space the vectors lie in.
    contexts
        Only traces of these contexts answer; None asks all of them.

    Returns
    -------
    float32 array of shape (T,)
        In [-2, 2]: 2 is a vector equal to anomalous traces and opposite to the normal ones, 0 one as near
        to either side, -2 the reverse.

    Raises
    ------
    MixedSpacesError
        If the vectors come from another encoder than the bank's.
    EmptySideError, UnknownNameError, NotFiniteError, NotUnitNormError, ValueError
        As `Bank.search`.

    Notes
    -----
    TRACES (arXiv 2511.00580) takes the maxima of both sides, which is k = 1 here; the mean of k on each
    side on its own is ours, since with maxima k does nothing (PAPERS, section 1, point 3).
    """
    bank.require_space(space, "score_vectors")
    anomalous = _mean_top(vectors, bank, k, "anomalous", contexts)
    return anomalous - _mean_top(vectors, bank, k, "normal", contexts)


def class_scores(
    vectors: Array, bank: Bank, *, k: int, space: str, contexts: Sequence[str] | None = None
) -> dict[str, Array]:
    """One score per vector for each class: which anomaly it would be.

    As `score_vectors`, with only the anomalous traces of one class on the anomalous side::

        score_c = mean of the top min(k, traces of c) of class c - mean of the top min(k, ...) normal ones

    Returns
    -------
    dict of str to float32 array of shape (T,)
        Of every class that the contexts have, sorted by name; each in [-2, 2]. With k = 1 the largest of
        them is `score_vectors`; with a larger k none exceeds it, if each class has k traces or more.

    Raises
    ------
    MixedSpacesError, EmptySideError, UnknownNameError, NotFiniteError, NotUnitNormError, ValueError
        As `score_vectors`.
    """
    bank.require_space(space, "class_scores")
    normal = _mean_top(vectors, bank, k, "normal", contexts)
    labels = [label for label in bank.classes if len(bank.trace_ids("anomalous", contexts, label))]
    return {label: _mean_top(vectors, bank, k, "anomalous", contexts, label) - normal for label in labels}


def label_gaps(
    label_vectors: Array, bank: Bank, *, k: int, space: str, contexts: Sequence[str] | None = None
) -> Array:
    """How anomalous each label sentence is by the bank's own judgement.

    The text of an action label ("people fighting") is scored as a frame would be, so that a window
    encoder's label probabilities can be weighed without naming its anomalous labels by hand.

    Parameters
    ----------
    label_vectors : float32 array of shape (L, D)
        Unit vectors of the label sentences, from the text encoder of the bank's space.
    bank, k, space, contexts
        As in `score_vectors`.

    Returns
    -------
    float32 array of shape (L,)
        In [-2, 2]; above 0 where the label is nearer to the anomalous side.

    Raises
    ------
    MixedSpacesError, EmptySideError, UnknownNameError, NotFiniteError, NotUnitNormError, ValueError
        As `score_vectors`.
    """
    return score_vectors(label_vectors, bank, k=k, space=space, contexts=contexts)


def explain(
    vector: Array, bank: Bank, *, k: int, space: str, contexts: Sequence[str] | None = None
) -> Explanation:
    """The traces behind the score of one vector, on both sides.

    Parameters
    ----------
    vector : float32 array of shape (D,)
        The moment, as a unit vector.
    bank, k, space, contexts
        As in `score_vectors`, so that the explanation is of the same score.

    Raises
    ------
    MixedSpacesError, EmptySideError, UnknownNameError, NotFiniteError, NotUnitNormError, ValueError
        As `score_vectors`.
    """
    bank.require_space(space, "explain")
    anomalous = _matches(vector, bank, k, "anomalous", contexts)
    normal = _matches(vector, bank, k, "normal", contexts)
    score = np.mean([match.similarity for match in anomalous]) - np.mean(
        [match.similarity for match in normal]
    )
    return Explanation(float(score), anomalous, normal)


def _matches(
    vector: Array, bank: Bank, k: int, side: Side, contexts: Sequence[str] | None
) -> tuple[Match, ...]:
    found = bank.search(np.asarray(vector)[None, :], k, side, contexts)
    pairs = zip(found.trace_ids[0], found.similarities[0], strict=True)
    return tuple(Match(bank.trace(int(number)), float(similarity)) for number, similarity in pairs)


def _mean_top(
    vectors: Array,
    bank: Bank,
    k: int,
    side: Side,
    contexts: Sequence[str] | None,
    label: str | None = None,
) -> Array:
    """Mean of the k largest cosines with one side, (T,)."""
    means = np.empty(len(vectors), dtype=np.float32)
    for rows in _chunks(len(vectors)):
        found = bank.search(vectors[rows], k, side, contexts, label=label)
        means[rows] = found.similarities.mean(axis=1, dtype=np.float64)
    return means


def _chunks(length: int) -> Iterator[slice]:
    """Slices that cover `length` rows; one empty slice for none, so that a wrong request is refused too."""
    yield from (slice(start, start + CHUNK) for start in range(0, max(1, length), CHUNK))
