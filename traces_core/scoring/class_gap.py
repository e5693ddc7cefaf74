"""The gap of each class between its anomalous and its normal sentences (NOVA)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from traces_core.scoring.base import CHUNK, Contexts, FittedScorer, Floats, ScorerSettings, labels_of
from traces_core.types import Array

if TYPE_CHECKING:
    from traces_core.bank.bank import Bank

_ALL = ""
_SIMILARITIES = 1 << 24
"""Most similarities held at once: 64 MiB."""


class ClassGap(ScorerSettings):
    """Log-odds of the class whose sentences are nearest, judged against that class's normal sentences.

    For a class c with anomalous sentences `A_c` and normal sentences `N_c`, and `top(S)` the mean of the
    `share |S|` largest cosines of a vector with the sentences of S, rounded up to whole sentences::

        gap_c = (weight top(A_c) - top(N_c)) / temperature
        score = max over c of gap_c

    `N_c` are the normal sentences that were written as look-alikes of c (their `class` in the corpus is
    c), where the contexts have any; else all normal sentences of the contexts, look-alikes of other classes
    among them. Real numbers: 0 where the weighted anomalous mean equals the normal one. The score of a
    class is its gap.

    Notes
    -----
    Source: NOVA (arXiv 2609.06360), whose number is `1 / (1 + exp(-score))`: the sigmoid rises strictly, so
    the order, the maximum over classes and every ranking measure are the paper's, while float32 has no
    numbers left between the sigmoid and 1 from a gap of 17 on. Its visual normal anchor, motion gate and
    smoothing are not here: they rest on more of the video than one moment.
    """

    weight: float = Field(0.90, gt=0, le=2, description="Factor of the anomalous similarities.")
    temperature: float = Field(0.03, gt=0, le=10, description="Cosine that one unit of log-odds is worth.")
    share: float = Field(0.5, gt=0, le=1, description="Nearest sentences of each side averaged (share).")

    def fit(self, bank: Bank, contexts: Contexts) -> FittedScorer:
        """Nothing is learned: the sentences of each class are put together."""
        anomalous = {label: bank.vectors("anomalous", contexts, label) for label in labels_of(bank, contexts)}
        look_alikes = {label: bank.vectors("normal", contexts, label) for label in anomalous}
        normal = {label: sentences for label, sentences in look_alikes.items() if len(sentences)}
        if len(normal) < len(anomalous):
            normal[_ALL] = bank.vectors("normal", contexts)
        return _ByClass(self, anomalous, normal)


@dataclass(frozen=True)
class _ByClass(FittedScorer):
    """The sentences of each class; all arrays float32 of shape (sentences, D)."""

    settings: ClassGap
    anomalous: Mapping[str, Array]
    normal: Mapping[str, Array]
    """The look-alikes of the classes that have any; `_ALL` answers for the others."""

    @property
    def chunk(self) -> int:
        longest = max(map(len, [*self.normal.values(), *self.anomalous.values()]))
        return min(CHUNK, max(1, _SIMILARITIES // longest))

    def score(self, vectors: Array) -> NDArray[np.floating]:
        largest: Floats = np.max(list(self.class_scores(vectors).values()), axis=0)
        return largest

    def class_scores(self, vectors: Array) -> dict[str, NDArray[np.floating]]:
        weight, temperature = self.settings.weight, self.settings.temperature
        normal = {label: self._top(vectors, sentences) for label, sentences in self.normal.items()}
        return {
            label: (weight * self._top(vectors, sentences) - normal[label if label in normal else _ALL])
            / temperature
            for label, sentences in self.anomalous.items()
        }

    def _top(self, vectors: Array, sentences: Array) -> Floats:
        """Mean of the largest cosines of each vector with some sentences, (T,)."""
        cosines = vectors @ sentences.T  # (T, sentences)
        count = len(sentences)
        most = math.ceil(round(self.settings.share * count, 6))  # 0.7 x 10 is 7.000000000000001
        nearest = np.partition(cosines, count - most, axis=1)[:, count - most :]
        mean: Floats = nearest.mean(axis=1, dtype=np.float64)
        return mean
