"""One axis per class in the whitened space of the sentences (PRISM)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from traces_core.scoring.base import CHUNK, Contexts, FittedScorer, Floats, ScorerSettings, labels_of
from traces_core.types import Array

if TYPE_CHECKING:
    from traces_core.bank.bank import Bank


class WhitenedAxes(ScorerSettings):
    """How far a vector points from the normal sentences towards a class, where all directions are as common.

    With `m` the mean of the normal sentences of the contexts, `m_c` that of the anomalous sentences of a
    class, `S` the covariance (divided by their number) of all sentences of the contexts, both sides
    together, in D dimensions, and `l` the shrinkage::

        C = (1 - l) S + l (trace(S) / D) I
        u_c = C^(-1/2) (m_c - m),   z = C^(-1/2) (vector - m)
        p_c = cosine of z with u_c  (0 where either is zero)
        score = temperature log(mean over c of exp(p_c / temperature))

    In [-1, 1]: 1 points straight at every class, -1 away from every class. A soft maximum: between the mean
    of the `p_c` and the largest. The score of a class is `p_c`.

    Notes
    -----
    Source: PRISM (ICML 2026): whitened text covariance, axes from normal to anomalous, vectors centred on
    the normal *text* centre, softmax temperature 0.2. Ours, where our source is silent: the shrinkage, which
    makes a dozen sentences in 512 dimensions enough (docs/decisions/0014); the cosine, which makes the
    temperature mean the same in every space; and the soft maximum in place of a softmax-weighted sum,
    since it rises with each `p_c`. Nothing of the video is used: centring on the mean of its own frames, as
    transductive methods do, is not causal.
    """

    shrinkage: float = Field(
        0.1, ge=1e-6, le=1, description="Weight of the sphere in the covariance (share); 1 whitens nothing."
    )
    temperature: float = Field(0.2, ge=0.001, le=100, description="Softness of the maximum over classes.")

    is_learned: ClassVar[bool] = True

    def fit(self, bank: Bank, contexts: Contexts) -> FittedScorer:
        """Centre, whitening and axes, from the sentences alone; float64."""
        labels = labels_of(bank, contexts)
        normal = bank.vectors("normal", contexts)
        sentences = [normal, *(bank.vectors("anomalous", contexts, label) for label in labels)]
        centre, *means = (some.mean(axis=0, dtype=np.float64) for some in sentences)
        whitening = self._whitening(sentences)
        axes = _unit((np.stack(means) - centre) @ whitening)
        return _OfAxes(centre, whitening, axes, labels, self.temperature)

    def _whitening(self, sentences: Sequence[Array]) -> Floats:
        """`C^(-1/2)` up to a rotation, which no cosine sees: (D, D), to be multiplied from the right."""
        count, dimensions = sum(map(len, sentences)), sentences[0].shape[1]
        mean = sum(some.sum(axis=0, dtype=np.float64) for some in sentences) / count
        covariance = np.zeros((dimensions, dimensions))
        for some in sentences:
            for start in range(0, len(some), CHUNK):
                centred = some[start : start + CHUNK] - mean  # (<= CHUNK, D)
                covariance += centred.T @ centred / count
        sphere = np.trace(covariance) / dimensions
        variances, axes = np.linalg.eigh(covariance)
        shrunk = (1 - self.shrinkage) * np.maximum(variances, 0) + self.shrinkage * sphere
        # Sentences that are all the same vary in no direction, and nothing is whitened.
        whitening: Floats = axes / np.sqrt(shrunk if sphere > 0 else 1.0)
        return whitening


@dataclass(frozen=True)
class _OfAxes(FittedScorer):
    """What was fitted; C classes."""

    centre: Floats
    """Mean of the normal sentences, (D,)."""
    whitening: Floats
    """(D, D)."""
    axes: Floats
    """(C, D): whitened, of length 1, or zero for a class whose mean is the normal one."""
    labels: list[str]
    temperature: float

    def score(self, vectors: Array) -> NDArray[np.floating]:
        exponents = self._cosines(vectors) / self.temperature
        log_mean: Floats = np.logaddexp.reduce(exponents, axis=1) - np.log(len(self.labels))
        return self.temperature * log_mean

    def class_scores(self, vectors: Array) -> dict[str, NDArray[np.floating]]:
        return dict(zip(self.labels, self._cosines(vectors).T, strict=True))

    def _cosines(self, vectors: Array) -> Floats:
        cosines: Floats = _unit((vectors - self.centre) @ self.whitening) @ self.axes.T  # (T, C)
        return cosines


def _unit(vectors: Floats) -> Floats:
    """Each row at length 1; a zero row stays zero."""
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = vectors / np.where(lengths > 0, lengths, 1.0)
    return unit
