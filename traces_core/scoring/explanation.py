"""The explanation of a moment: the nearest traces of both sides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from traces_core.text.catalog import Side
from traces_core.types import Array

if TYPE_CHECKING:
    from traces_core.bank.answers import Trace
    from traces_core.bank.bank import Bank


@dataclass(frozen=True, slots=True)
class Match:
    """A trace and how near it is."""

    trace: Trace
    """The sentence."""
    similarity: float
    """Cosine with what is explained, in [-1, 1]."""


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a moment has its score: the very traces that the `difference` of the same k is made of.

    The other scorers weigh more traces, or directions between them; for these the nearest traces say what
    a moment looks like, and do not add up to its score.
    """

    score: float
    """Mean of the anomalous similarities minus mean of the normal ones."""
    anomalous: tuple[Match, ...]
    """Nearest anomalous traces, nearest first."""
    normal: tuple[Match, ...]
    """Nearest normal traces, nearest first."""


def explain(
    vector: Array, bank: Bank, *, k: int, space: str, contexts: Sequence[str] | None = None
) -> Explanation:
    """The nearest traces of one vector, on both sides.

    Parameters
    ----------
    vector : float32 array of shape (D,)
        The moment, as a unit vector.
    bank
        The traces to compare with.
    k
        Traces per side that answer, 1 or more.
    space
        Which encoder's space the vector lies in.
    contexts
        Only traces of these contexts count; None means all.

    Raises
    ------
    MixedSpacesError
        If the vector comes from another encoder than the bank's.
    EmptySideError, UnknownNameError, NotFiniteError, NotUnitNormError, ValueError
        As `Bank.search`.
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
    nearest = bank.search(np.asarray(vector)[None, :], k, side, contexts)
    pairs = zip(nearest.trace_ids[0], nearest.similarities[0], strict=True)
    return tuple(Match(bank.trace(int(number)), float(similarity)) for number, similarity in pairs)
