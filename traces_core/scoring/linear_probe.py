"""A linear probe: logistic regression between the normal and the anomalous sentences of the bank."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from traces_core.errors import NoClassesError
from traces_core.scoring.base import Contexts, FittedScorer, Floats, ScorerSettings, evenly_spaced
from traces_core.text.catalog import SIDES
from traces_core.types import Array

if TYPE_CHECKING:
    from traces_core.bank.bank import Bank

_MOST = 20_000
"""Most sentences of a side that are fitted: hundreds for each dimension, and no million in memory twice."""


class LinearProbe(ScorerSettings):
    """Log-odds of a logistic regression that was fitted on the bank's own sentences, causal as the others.

    With `x_i` the sentences of the contexts, `y_i` = 1 for an anomalous one and -1 for a normal one, and
    `c_i` = 1 / (2 sentences of its side), so that the sides weigh the same whatever their sizes::

        (w, b) = argmin of sum_i c_i log(1 + exp(-y_i (w x_i + b))) + l2 / 2 |w|^2
        score = w vector + b

    Real numbers; on sentences the probability of the anomalous side is `1 / (1 + exp(-score))`. On frames
    it is not: text and images lie apart, and thresholds come from normal footage. It knows no classes.
    Of a side with more than 20,000 sentences, 20,000 are fitted, evenly spaced in the bank's order (context,
    class, id): every context and class keeps its share.

    Notes
    -----
    Source: ours, after the usual linear probe of frozen encoders; scikit-learn's `LogisticRegression` with
    balanced classes and `C = 1 / (l2 sentences)`, which is the same minimum.
    """

    l2: float = Field(0.001, ge=1e-8, le=1e4, description="Strength of the L2 penalty on the weights.")

    is_learned: ClassVar[bool] = True

    def fit(self, bank: Bank, contexts: Contexts) -> FittedScorer:
        """Weights and offset, from the sentences alone; float64."""
        from sklearn.linear_model import LogisticRegression  # takes a second to load

        sides = [evenly_spaced(bank.vectors(side, contexts), _MOST) for side in SIDES]
        sentences = np.concatenate(sides).astype(np.float64)
        is_anomalous = np.repeat([False, True], [len(side) for side in sides])
        probe = LogisticRegression(
            C=1 / (self.l2 * len(sentences)), class_weight="balanced", tol=1e-7, max_iter=10_000
        ).fit(sentences, is_anomalous)
        return _Probe(probe.coef_[0], float(probe.intercept_[0]))


@dataclass(frozen=True)
class _Probe(FittedScorer):
    weights: Floats
    """(D,)."""
    offset: float

    def score(self, vectors: Array) -> NDArray[np.floating]:
        scores: Floats = vectors @ self.weights + self.offset
        return scores

    def class_scores(self, vectors: Array) -> dict[str, NDArray[np.floating]]:
        raise NoClassesError("linear_probe")
