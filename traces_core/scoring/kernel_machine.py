"""A kernel machine: the boundary between the two sides of the bank, and how near each side is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from traces_core.errors import NoClassesError
from traces_core.scoring.base import Contexts, FittedScorer, Floats, ScorerSettings, evenly_spaced
from traces_core.text.catalog import SIDES, Side
from traces_core.types import Array

if TYPE_CHECKING:
    from traces_core.bank.bank import Bank

_MOST = 5_000
"""Most sentences of a side that are fitted: the work grows with their square."""


class KernelMachine(ScorerSettings):
    """A support vector machine between the sides, and the gap of their soft nearest neighbours.

    With `x_i` the sentences of the contexts, `y_i` = 1 for an anomalous one and -1 for a normal one, and
    A and N the sentences of the two sides::

        machine(v) = sum_i a_i y_i exp(-gamma |v - x_i|^2) + b
        soft(v, S) = temperature log( weighted mean over x in S of exp(v x / temperature) )
        score      = machine(v) + nearest (soft(v, A) - soft(v, N))

    `a` and `b` are those of the soft-margin machine with penalty `penalty`. A sentence counts by its weight
    in the bank, and the sides count the same whatever they hold. Real numbers, above 0 on the anomalous side.
    It knows no classes. Of a side with more than 5,000 sentences, 5,000 are used: those that count most, and
    others evenly spaced in the bank's order (context, class, id). It keeps its order with a dozen sentences a
    side, where means of nearest traces are ruled by accidents of wording.

    Notes
    -----
    Source: ours. scikit-learn's `SVC`. Parameters from sentences alone: the sides of contexts left out, told
    apart by the others' (docs/decisions/0016); no video took part.
    """

    gamma: float = Field(2.0, gt=0, le=1e3, description="Narrowness of the kernel (1 / squared distance).")
    penalty: float = Field(3.0, gt=0, le=1e4, description="Cost of a sentence on the wrong side.")
    nearest: float = Field(8.0, ge=0, le=1e3, description="Weight of the gap of the soft neighbours.")
    temperature: float = Field(
        0.07, ge=0.01, le=10.0, description="Softness of these neighbours (cosine); small: the nearest alone."
    )

    is_learned: ClassVar[bool] = True

    def fit(self, bank: Bank, contexts: Contexts) -> FittedScorer:
        """Support vectors and their weights, from the sentences alone."""
        from sklearn.svm import SVC  # takes a second to load

        sides = [_Side.of(bank, side, contexts) for side in SIDES]
        sentences = np.concatenate([side.vectors for side in sides]).astype(np.float64)
        is_anomalous = np.repeat([False, True], [len(side.shares) for side in sides])
        machine = SVC(C=self.penalty, gamma=self.gamma, tol=1e-6)
        equal = np.concatenate([side.shares for side in sides]) * (len(sentences) / len(sides))
        machine.fit(sentences, is_anomalous, sample_weight=equal)
        weights = machine.dual_coef_[0]
        return _Machine(self, machine.support_vectors_, weights, float(machine.intercept_[0]), *sides)


@dataclass(frozen=True)
class _Side:
    vectors: Array
    """(N, D)."""
    shares: Floats
    """(N,): weights that add up to 1."""

    @classmethod
    def of(cls, bank: Bank, side: Side, contexts: Contexts) -> _Side:
        """A side of some contexts of a bank."""
        weights = bank.weights(side, contexts).astype(np.float64)
        rows = _heaviest(weights, _MOST)
        return cls(bank.vectors(side, contexts)[rows], weights[rows] / weights[rows].sum())

    def nearness(self, vectors: Floats, temperature: float) -> Floats:
        """Soft nearest neighbour of each of (T, D): (T,)."""
        scaled = vectors @ self.vectors.T.astype(np.float64) / temperature
        top = scaled.max(axis=1)
        soft: Floats = top + np.log(np.exp(scaled - top[:, None]) @ self.shares)
        return temperature * soft


def _heaviest(weights: Floats, most: int) -> NDArray[np.intp]:
    """At most so many rows, rising: those that count most, and others evenly spaced.

    >>> _heaviest(np.array([0.2, 0.2, 1.0, 0.2, 0.2, 1.0]), 4).tolist()
    [0, 2, 4, 5]
    """
    order = np.argsort(-weights, kind="stable")
    count = int((weights == weights.max()).sum())
    first, rest = order[:count], order[count:]
    first = evenly_spaced(first, most)
    return np.sort(np.concatenate([first, evenly_spaced(rest, most - len(first))]))


@dataclass(frozen=True)
class _Machine(FittedScorer):
    settings: KernelMachine
    support: Floats
    """(S, D)."""
    weights: Floats
    """(S,): `a_i y_i`."""
    offset: float
    normal: _Side
    anomalous: _Side

    @property
    def chunk(self) -> int:
        return 1024

    def score(self, vectors: Array) -> NDArray[np.floating]:
        wide = vectors.astype(np.float64)
        squared = (
            (wide**2).sum(axis=1)[:, None]
            + (self.support**2).sum(axis=1)[None, :]
            - 2 * wide @ self.support.T
        )  # (T, S)
        machine = np.exp(-self.settings.gamma * squared) @ self.weights + self.offset
        soft = self.settings.temperature
        gap = self.anomalous.nearness(wide, soft) - self.normal.nearness(wide, soft)
        scores: Floats = machine + self.settings.nearest * gap
        return scores

    def class_scores(self, vectors: Array) -> dict[str, NDArray[np.floating]]:
        raise NoClassesError("kernel_machine")
