"""The numbers of one ranking: ROC-AUC, average precision, the trapezoid area, ties.

Scores and labels in, a number out; where they come from is in `frame`. A number that is undefined
(one class is missing) is None, never 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from traces_core.errors import NotFiniteError

Scores = NDArray[np.float64]
Labels = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class LevelCounts:
    """How many anomalous and normal frames share each distinct score, from the highest to the lowest.

    All that the metrics of a ranking need; each of them is None where a class is missing.
    """

    anomalous: NDArray[np.int64]
    """Shape (L,)."""
    normal: NDArray[np.int64]
    """Shape (L,)."""

    @classmethod
    def of(cls, scores: ArrayLike, labels: ArrayLike) -> LevelCounts:
        """Count; `scores` of shape (F,) and `labels` of shape (F,), true or 1 where anomalous."""
        is_anomalous = np.asarray(labels).astype(np.bool_)
        values = np.asarray(scores, dtype=np.float64)
        if np.isnan(values).any():
            raise NotFiniteError("a score is NaN. Mend the stream; NaN has no place in a ranking.")
        levels, position = np.unique(values, return_inverse=True)
        anomalous = np.bincount(position[is_anomalous], minlength=len(levels))
        normal = np.bincount(position[~is_anomalous], minlength=len(levels))
        return cls(anomalous[::-1].astype(np.int64), normal[::-1].astype(np.int64))

    @property
    def is_one_sided(self) -> bool:
        """Whether a class is missing, so that nothing can be ranked."""
        return not (self.anomalous.any() and self.normal.any())

    @property
    def roc_auc(self) -> float | None:
        """See the function of that name."""
        if self.is_one_sided:
            return None
        below = self.normal.sum() - np.cumsum(self.normal)
        twice = int((self.anomalous * (2 * below + self.normal)).sum())  # whole numbers: exact
        return twice / (2 * self._pairs)

    @property
    def average_precision(self) -> float | None:
        """Step-wise average precision: precision at each distinct score, weighted by the recall it adds.

        The share of anomalous frames for a constant score, 1 for a perfect one.

        Examples
        --------
        >>> LevelCounts.of([0, 0, 0, 0], [0, 0, 0, 1]).average_precision
        0.25
        """
        if self.is_one_sided:
            return None
        precision, _ = self._precision_and_recall()
        return float((self.anomalous * precision).sum() / self.anomalous.sum())

    @property
    def pr_auc_trapezoid(self) -> float | None:
        """Area under the precision-recall curve by the trapezoid rule: no average precision, ties inflate it.

        It is what XD-Violence's official code and VADTree call AP. A constant score gets (1 + share) / 2.

        Examples
        --------
        >>> LevelCounts.of([0, 0, 0, 0], [0, 0, 0, 1]).pr_auc_trapezoid
        0.625
        """
        if self.is_one_sided:
            return None
        precision, recall = self._precision_and_recall()
        return float(np.trapezoid(np.concatenate([[1.0], precision]), np.concatenate([[0.0], recall])))

    @property
    def tie_share(self) -> float | None:
        """Share of the (anomalous, normal) pairs of frames that the score cannot order, 0 to 1.

        It is the part of the AUC that a coin decides. Frames of one class that share a score do no harm and
        do not count.

        Examples
        --------
        >>> LevelCounts.of([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1]).tie_share
        0.25
        """
        if self.is_one_sided:
            return None
        return int((self.anomalous * self.normal).sum()) / self._pairs

    @property
    def _pairs(self) -> int:
        return int(self.anomalous.sum()) * int(self.normal.sum())

    def _precision_and_recall(self) -> tuple[Scores, Scores]:
        hits = np.cumsum(self.anomalous)
        # max: levels that hold no frame of either side come first when a class is counted in all levels
        return hits / np.maximum(hits + np.cumsum(self.normal), 1), hits / hits[-1]


def roc_auc(scores: ArrayLike, labels: ArrayLike) -> float | None:
    """Area under the ROC curve: the chance that an anomalous frame outranks a normal one, ties half.

    Returns
    -------
    float or None
        0.5 for a constant or random score, 1 for a perfect one; None where a class is missing.

    Examples
    --------
    >>> roc_auc([0.1, 0.4, 0.4, 0.8], [0, 0, 1, 1]), roc_auc([0.1, 0.2], [0, 0])
    (0.875, None)
    """
    return LevelCounts.of(scores, labels).roc_auc
