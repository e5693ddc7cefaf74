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


MOST_LEVELS = 4000
"""Distinct scores up to which a draw is exact: beyond, an interval is off by far less than it is wide."""


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

    def by_level(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Anomalous and normal frames per level and video: two arrays of shape (L, V), the score rising.

        Of more than `MOST_LEVELS` levels neighbours are joined, so that none holds more than about
        2 / MOST_LEVELS of either side, and their frames tie.
        """
        level = self.level
        if len(level) and level[-1] >= MOST_LEVELS:
            level = (_steps(level, self.anomalous) + _steps(level, self.normal))[level]
        levels, level = np.unique(level, return_inverse=True)
        shape = (len(levels), self.videos)
        sides = []
        for counts in (self.anomalous, self.normal):
            flat = np.bincount(
                level * self.videos + self.video, weights=counts, minlength=shape[0] * shape[1]
            )
            sides.append(flat.astype(np.float64).reshape(shape))
        return sides[0], sides[1]

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
    """ROC-AUC of each draw, shape (R,), NaN where undefined. Ties half; exact up to `MOST_LEVELS`.

    The AUC of a weighted set of videos is a bilinear form in the weights: pairs won by the anomalous
    frames of video u over the normal frames of video v are counted once, for all draws.
    """
    hits, misses = cells.by_level()  # (L, V)
    of_event = hits.any(axis=0)  # (V,): U of them, few for a class
    own = hits[:, of_event]
    twice = 2 * (own.sum(axis=0) - np.cumsum(own, axis=0)) + own  # (L, U)
    # einsum: on a busy machine BLAS waits for its threads longer than this takes
    wins = np.einsum("lu,lv->uv", twice, misses)  # (U, V): twice the pairs won
    drawn = weights.astype(np.float64)  # (R, V)
    pairs = 2 * (drawn @ hits.sum(axis=0)) * (drawn @ misses.sum(axis=0))
    won = (np.einsum("ru,uv->rv", drawn[:, of_event], wins) * drawn).sum(axis=1)
    results = np.full(len(weights), np.nan)
    np.divide(won, pairs, out=results, where=pairs > 0)
    return results


def average_precision_of_draws(cells: Cells, weights: Weights) -> NDArray[np.float64]:
    """Step-wise average precision of each draw, (R,), NaN where undefined; exact up to `MOST_LEVELS`."""
    results = np.full(len(weights), np.nan)
    hits, misses = (side[::-1] for side in cells.by_level())  # (L, V), highest score first
    step = max(1, 2_000_000 // max(len(hits), 1))  # draws at once: 16 MB an array
    for first in range(0, len(weights), step):
        drawn = weights[first : first + step].T.astype(np.float64)  # (V, r)
        gained = hits @ drawn
        true_positives = np.cumsum(gained, axis=0)
        alarms = true_positives + np.cumsum(misses @ drawn, axis=0)
        area = (gained * true_positives / np.maximum(alarms, 1)).sum(axis=0)
        total = gained.sum(axis=0)
        defined = (total > 0) & (alarms[-1:].sum(axis=0) > total)
        np.divide(area, total, out=results[first : first + step], where=defined)
    return results


def _steps(level: NDArray[np.int64], counts: NDArray[np.int64]) -> NDArray[np.int64]:
    """A step per level, rising from 0 to MOST_LEVELS / 2 with the frames of one side below it."""
    by_level = np.bincount(level, weights=counts).astype(np.int64)
    below = np.cumsum(by_level) - by_level
    steps: NDArray[np.int64] = below * (MOST_LEVELS // 2) // max(int(by_level.sum()), 1)
    return steps


def percentile_bounds(values: NDArray[np.float64], level: float = 0.95) -> Bounds:
    """The middle `level` of the draws; draws in which the number was undefined are left out and counted."""
    defined = values[~np.isnan(values)]
    if not len(defined):
        return Bounds(None, None, level, 0)
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return Bounds(float(low), float(high), level, len(defined))
