"""How far a number would move with other videos: bootstrap intervals over whole videos.

Frames of one video are no independent draws, so videos are drawn, with replacement, and each brings all
its frames. Drawing is stratified by default: as many anomalous and as many normal videos as there are,
because a benchmark fixes that share and its result does not estimate it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from traces_core.metrics.frame import FrameScores
from traces_core.metrics.ranking import Labels, LevelCounts

Weights = NDArray[np.int64]
"""Shape (R, V): how often each video was drawn in each resample."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """A percentile interval of confidence."""

    low: float | None
    """Lower end; None where the number is undefined."""
    high: float | None
    """Upper end."""
    level: float
    """Confidence, such as 0.95."""
    resamples: int
    """Draws in which the number was defined."""


@dataclass(frozen=True)
class Cells:
    """Frames counted by (score, video), sorted by score: small where scores hold for many frames."""

    level: NDArray[np.int64]
    """Shape (M,): rank of the score, rising."""
    video: NDArray[np.int64]
    """Shape (M,)."""
    anomalous: NDArray[np.int64]
    """Shape (M,): frames of the anomalous side."""
    normal: NDArray[np.int64]
    """Shape (M,): frames of the normal side."""
    videos: int
    """V."""

    @classmethod
    def of(cls, frames: FrameScores, anomalous: Labels | None = None, normal: Labels | None = None) -> Cells:
        """Count the frames of two masks of shape (F,); all anomalous against all normal by default."""
        anomalous = frames.labels if anomalous is None else anomalous
        normal = ~frames.labels if normal is None else normal
        level, video, cell = frames.cells
        hits = np.bincount(cell[anomalous], minlength=len(level))
        misses = np.bincount(cell[normal], minlength=len(level))
        used = (hits > 0) | (misses > 0)
        return cls(level[used], video[used], hits[used], misses[used], len(frames.videos))

    @property
    def counts(self) -> LevelCounts:
        """The same without the videos: what the metrics of the whole ranking need."""
        anomalous = np.bincount(self.level, weights=self.anomalous)[::-1]
        normal = np.bincount(self.level, weights=self.normal)[::-1]
        return LevelCounts(anomalous.astype(np.int64), normal.astype(np.int64))


def draw_videos(
    has_anomaly: Labels, rng: np.random.Generator, resamples: int, *, is_stratified: bool = True
) -> Weights:
    """Weights of `resamples` draws of as many videos as there are, with replacement.

    Parameters
    ----------
    has_anomaly : bool array of shape (V,): the strata.
    is_stratified : draw anomalous and normal videos apart; else all from one urn.
    """
    strata = [has_anomaly, ~has_anomaly] if is_stratified else [np.ones_like(has_anomaly)]
    weights = np.zeros((resamples, len(has_anomaly)), dtype=np.int64)
    for stratum in strata:
        size = int(stratum.sum())
        if size:
            weights[:, stratum] = rng.multinomial(size, np.full(size, 1 / size), size=resamples)
    return weights


def auc_of_draws(cells: Cells, weights: Weights) -> NDArray[np.float64]:
    """ROC-AUC of each draw, shape (R,), NaN where undefined. Exact, ties half.

    The AUC of a weighted set of videos is a bilinear form in the weights: pairs won by the anomalous
    frames of video u over the normal frames of video v are counted once, for all draws.
    """
    wins = np.zeros((cells.videos, cells.videos))  # (V, V): twice the pairs won
    levels = int(cells.level[-1]) + 1 if len(cells.level) else 0
    for u in np.unique(cells.video[cells.anomalous > 0]):
        mine = cells.video == u
        hits = np.bincount(cells.level[mine], weights=cells.anomalous[mine], minlength=levels)
        twice = 2 * (hits.sum() - np.cumsum(hits)) + hits
        wins[u] = np.bincount(cells.video, weights=twice[cells.level] * cells.normal, minlength=cells.videos)
    anomalous = weights @ np.bincount(cells.video, weights=cells.anomalous, minlength=cells.videos)
    normal = weights @ np.bincount(cells.video, weights=cells.normal, minlength=cells.videos)
    pairs = 2 * anomalous * normal
    won = ((weights @ wins) * weights).sum(axis=1)
    results = np.full(len(weights), np.nan)
    np.divide(won, pairs, out=results, where=pairs > 0)
    return results


def average_precision_of_draws(cells: Cells, weights: Weights) -> NDArray[np.float64]:
    """Step-wise average precision of each draw, shape (R,), NaN where undefined."""
    results = np.full(len(weights), np.nan)
    if not len(cells.level):
        return results
    order = np.arange(len(cells.level))[::-1]  # highest score first
    ends = np.flatnonzero(np.append(np.diff(cells.level[order]) != 0, True))
    video, hits, misses = cells.video[order], cells.anomalous[order], cells.normal[order]
    step = max(1, 2_000_000 // len(order))  # draws at once: 16 MB an array
    for first in range(0, len(weights), step):
        drawn = weights[first : first + step][:, video]  # (r, M)
        found = np.cumsum(drawn * hits, axis=1)[:, ends]
        alarms = found + np.cumsum(drawn * misses, axis=1)[:, ends]
        precision = found / np.maximum(alarms, 1)
        total = found[:, -1]
        area = (np.diff(found, axis=1, prepend=0) * precision).sum(axis=1)
        defined = (total > 0) & (alarms[:, -1] > total)
        np.divide(area, total, out=results[first : first + step], where=defined)
    return results


def percentile_bounds(values: NDArray[np.float64], level: float = 0.95) -> Bounds:
    """The middle `level` of the draws; draws in which the number was undefined are left out and counted."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return Bounds(None, None, level, 0)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Bounds(float(low), float(high), level, len(defined))
