"""Scores: how much nearer something is to the anomalous side of a bank than to the normal side.

Belongs here: the scorers, each one formula with its parameters, behind `score_vectors`; and the explanation
of a moment by traces. Searching is in `bank`, thresholds are in `streams`, figures of merit in `metrics`.

    difference      Difference     top-k means of both sides (TRACES); the default
    class_gap       ClassGap       the gap of the nearest class (NOVA)
    soft_vote       SoftVote       the vote of the nearest traces of both sides (Flashback)
    whitened_axes   WhitenedAxes   a direction for each class (PRISM)
    linear_probe    LinearProbe    logistic regression between the sides
    kernel_machine  KernelMachine  support vectors between the sides, and soft neighbours

All are causal: each vector is scored alone. Their units differ, so thresholds and scales belong to one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from traces_core.scoring.base import (
    Contexts,
    FittedScorer,
    ScorerSettings,
    as_tuple,
    checked,
    require_both_sides,
)
from traces_core.scoring.class_gap import ClassGap
from traces_core.scoring.explanation import Explanation, Match, explain
from traces_core.scoring.kernel_machine import KernelMachine
from traces_core.scoring.linear_probe import LinearProbe
from traces_core.scoring.neighbours import Difference, SoftVote
from traces_core.scoring.whitened_axes import WhitenedAxes
from traces_core.types import Array

if TYPE_CHECKING:
    from traces_core.bank.bank import Bank

__all__ = [
    "ClassGap",
    "Difference",
    "Explanation",
    "FittedScorer",
    "KernelMachine",
    "LinearProbe",
    "Match",
    "ScorerSettings",
    "SoftVote",
    "WhitenedAxes",
    "class_scores",
    "explain",
    "fit_scorer",
    "score_vectors",
]

_DEFAULT = Difference()
_REMEMBERED = 32
"""Fitted scorers kept in memory, the latest used: one a context and scorer, 2 MiB each in 512 dimensions."""
_FITTED: OrderedDict[tuple[str, Contexts, ScorerSettings], FittedScorer] = OrderedDict()


def score_vectors(
    vectors: Array,
    bank: Bank,
    *,
    space: str,
    scorer: ScorerSettings = _DEFAULT,
    contexts: Sequence[str] | None = None,
) -> Array:
    """One anomaly score per vector: higher is more anomalous.

    Parameters
    ----------
    vectors : float32 array of shape (T, D)
        Unit vectors; T may be 0.
    bank
        The traces to compare with.
    space
        Which encoder's space the vectors lie in.
    scorer
        The formula with its parameters; units and range are in its docstring.
    contexts
        Only traces of these contexts count; None means all.

    Returns
    -------
    float32 array of shape (T,)
        Each vector's score, which does not depend on the other vectors.

    Raises
    ------
    MixedSpacesError
        If the vectors come from another encoder than the bank's.
    EmptySideError, UnknownNameError
        If the contexts have no trace of one side, or the bank has no such context.
    NotFiniteError, NotUnitNormError, ValueError
        If the vectors are no finite unit vectors, one a row.
    """
    bank.require_space(space, "score_vectors")
    vectors, fitted = checked(vectors, bank), fit_scorer(scorer, bank, contexts)
    scores = np.empty(len(vectors), dtype=np.float32)
    for rows in _chunks(len(vectors), fitted.chunk):
        scores[rows] = fitted.score(vectors[rows])
    return scores


def class_scores(
    vectors: Array,
    bank: Bank,
    *,
    space: str,
    scorer: ScorerSettings = _DEFAULT,
    contexts: Sequence[str] | None = None,
) -> dict[str, Array]:
    """One score per vector for each class: which anomaly it would be.

    Parameters
    ----------
    vectors, bank, space, scorer, contexts
        As in `score_vectors`.

    Returns
    -------
    dict of str to float32 array of shape (T,)
        Of every class that the contexts have, sorted by name; what it means is in the scorer's docstring.

    Raises
    ------
    NoClassesError
        If the scorer knows no classes.
    MixedSpacesError, EmptySideError, UnknownNameError, NotFiniteError, NotUnitNormError, ValueError
        As `score_vectors`.
    """
    bank.require_space(space, "class_scores")
    vectors, fitted = checked(vectors, bank), fit_scorer(scorer, bank, contexts)
    parts = [fitted.class_scores(vectors[rows]) for rows in _chunks(len(vectors), fitted.chunk)]
    return {label: np.concatenate([part[label] for part in parts]).astype(np.float32) for label in parts[0]}


def fit_scorer(scorer: ScorerSettings, bank: Bank, contexts: Sequence[str] | None = None) -> FittedScorer:
    """The scorer, fitted to some contexts of a bank, or remembered from the last time.

    Remembered by the bank's fingerprint, the contexts and the parameters, where there was something to fit.

    Raises
    ------
    EmptySideError, UnknownNameError
        If the contexts have no trace of one side, or the bank has no such context.
    """
    asked = as_tuple(contexts)
    require_both_sides(bank, asked)
    if not scorer.is_learned:
        return scorer.fit(bank, asked)
    key = (bank.fingerprint, asked, scorer)
    fitted = _FITTED.pop(key, None) or scorer.fit(bank, asked)
    _FITTED[key] = fitted
    while len(_FITTED) > _REMEMBERED:
        _FITTED.popitem(last=False)
    return fitted


def _chunks(length: int, size: int) -> Iterator[slice]:
    """Slices that cover `length` rows; one empty slice for none."""
    yield from (slice(start, start + size) for start in range(0, max(1, length), size))
