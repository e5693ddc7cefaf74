"""Scorers made of the nearest traces: the difference of two means (TRACES) and a soft vote (Flashback)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from traces_core.scoring.base import Contexts, FittedScorer, ScorerSettings, labels_of
from traces_core.text.catalog import Side
from traces_core.types import Array

if TYPE_CHECKING:
    from traces_core.bank.bank import Bank


class Difference(ScorerSettings):
    """Mean of the k nearest anomalous similarities minus mean of the k nearest normal ones.

    With `a_1 >= a_2 >= ...` the cosines of a vector with the anomalous traces of the contexts and
    `n_1 >= n_2 >= ...` those with the normal ones::

        score = (a_1 + ... + a_p) / p - (n_1 + ... + n_q) / q,   p = min(k, anomalous traces),
                                                                 q = min(k, normal traces)

    In [-2, 2]: 2 is a vector equal to anomalous traces and opposite to the normal ones, 0 one as near to
    either side, -2 the reverse. The score of a class has only that class on the anomalous side: with k = 1
    the largest of them is the score, with a larger k none exceeds it if each class has k traces or more.

    Notes
    -----
    Source: TRACES (arXiv 2511.00580) takes the maxima of both sides, which is k = 1 here; the mean of k on
    each side on its own is ours, since with maxima k does nothing (PAPERS, section 1, point 3).
    """

    k: int = Field(5, ge=1, le=1000, description="Nearest traces averaged on each side (count).")

    def fit(self, bank: Bank, contexts: Contexts) -> FittedScorer:
        """Nothing is learned: the bank is searched for each vector."""
        return _OfNeighbours(bank, contexts, self.k, _difference)


class SoftVote(ScorerSettings):
    """Log-odds of a softmax vote among the k nearest traces of both sides together.

    With `w` the weight, `s_i = w cos_i` for an anomalous trace, `s_i = cos_i` for a normal one and `J` the
    k traces with the largest `s_i` of both sides together (all of them where the contexts have fewer;
    among equals the anomalous ones first)::

        A = anomalous traces in J, or the nearest anomalous one if J has none
        N = normal traces in J, or the nearest normal one if J has none
        score = log(sum of exp(s_i) over A) - log(sum of exp(s_i) over N)

    Real numbers, 0 for a vote that is as strong on either side. A larger similarity with an anomalous trace
    never lowers the score, one with a normal trace never raises it. The score of a class has only that
    class on the anomalous side.

    Notes
    -----
    Source: Flashback (arXiv 2505.15205): anomalous embeddings scaled by 0.95, then the share of the
    softmax over the ten nearest that falls to anomalous ones. That share is `1 / (1 + exp(-score))` here
    wherever `J` holds both sides. Where it holds one, the paper's vote is 0 or 1 exactly, for masses of
    moments; the log-odds and the nearest trace of the missing side are ours, and keep those moments in the
    order of their similarities.
    """

    k: int = Field(10, ge=1, le=1000, description="Nearest traces of both sides together that vote (count).")
    weight: float = Field(0.95, gt=0, le=2, description="Factor of the anomalous embeddings.")

    def fit(self, bank: Bank, contexts: Contexts) -> FittedScorer:
        """Nothing is learned: the bank is searched for each vector."""
        return _OfNeighbours(bank, contexts, self.k, self._log_odds)

    def _log_odds(self, anomalous: Array, normal: Array) -> NDArray[np.float64]:
        width = anomalous.shape[1]
        similarities = np.concatenate([self.weight * anomalous.astype(np.float64), normal], axis=1)
        nearest = np.argsort(-similarities, axis=1, kind="stable")[:, : self.k]
        votes = np.zeros(similarities.shape, dtype=bool)
        np.put_along_axis(votes, nearest, True, axis=1)
        votes[:, [0, width]] = True  # the nearest of a side votes even where the joint list lacks it
        weights = np.where(votes, np.exp(similarities), 0.0)
        odds: NDArray[np.float64] = weights[:, :width].sum(axis=1) / weights[:, width:].sum(axis=1)
        return np.log(odds)


def _difference(anomalous: Array, normal: Array) -> Array:
    difference: Array = _mean(anomalous) - _mean(normal)
    return difference


def _mean(similarities: Array) -> Array:
    mean: Array = similarities.mean(axis=1, dtype=np.float64).astype(np.float32)
    return mean


@dataclass(frozen=True)
class _OfNeighbours(FittedScorer):
    """A score that needs the k nearest of each side and nothing else."""

    bank: Bank
    contexts: Contexts
    k: int
    join: Callable[[Array, Array], NDArray[np.floating]]
    """From (T, p) anomalous and (T, q) normal similarities, falling along each row, to scores (T,)."""

    def score(self, vectors: Array) -> NDArray[np.floating]:
        return self.join(self._nearest(vectors, "anomalous"), self._nearest(vectors, "normal"))

    def class_scores(self, vectors: Array) -> dict[str, NDArray[np.floating]]:
        normal = self._nearest(vectors, "normal")
        labels = labels_of(self.bank, self.contexts)
        return {label: self.join(self._nearest(vectors, "anomalous", label), normal) for label in labels}

    def _nearest(self, vectors: Array, side: Side, label: str | None = None) -> Array:
        return self.bank.search(vectors, self.k, side, self.contexts, label=label).similarities
