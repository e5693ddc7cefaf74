"""What looks ahead: smoothing, normalisation and fusion that need the whole video before its first score.

The ONE place for it. Papers report numbers made so, and they are worth ten points of AUC; no live camera can
have them. Every track that leaves here says `offline` in its stream and is not causal. Nothing of the
detector may use this module; the counterparts for live footage are in `smoothing`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from traces_core.smoothing import check_positive, finite_values
from traces_core.types import ScoreTrack

_REACH = 4.0
"""Standard deviations beyond which a Gaussian is taken to be 0."""


def gaussian_smoothing(track: ScoreTrack, sigma_s: float) -> ScoreTrack:
    """Mean of the scores before AND after, weighted by a Gaussian of time.

    Parameters
    ----------
    track : scores of shape (T,) with their times.
    sigma_s : standard deviation of the Gaussian in seconds, above 0.
    """
    check_positive("sigma_s", sigma_s)
    times_s, values = track.times_s, finite_values(track)
    total, weight = values.copy(), np.ones(len(values))
    for lag in range(1, len(values)):
        apart_s = times_s[lag:] - times_s[:-lag]
        if apart_s.min() > _REACH * sigma_s:
            break
        kernel = np.where(apart_s <= _REACH * sigma_s, np.exp(-0.5 * (apart_s / sigma_s) ** 2), 0.0)
        total[lag:] += kernel * values[:-lag]
        total[:-lag] += kernel * values[lag:]
        weight[lag:] += kernel
        weight[:-lag] += kernel
    return _offline(track, total / weight)


def min_max(track: ScoreTrack) -> ScoreTrack:
    """Scores of the video stretched to 0 to 1: makes the highest moment of EVERY video an alarm."""
    values = finite_values(track)
    spread = np.ptp(values) if len(values) else 0.0
    return _offline(track, (values - values.min()) / spread if spread > 0 else np.zeros(len(values)))


def with_video_mean(track: ScoreTrack, weight: float) -> ScoreTrack:
    """Each score plus `weight` times the mean of the whole video: the label of the video, in disguise."""
    values = finite_values(track)
    return _offline(track, values + weight * values.mean() if len(values) else values)


def _offline(track: ScoreTrack, values: NDArray[np.float64]) -> ScoreTrack:
    stream = track.stream if "offline" in track.stream else f"{track.stream}_offline"
    return replace(track, values=values, stream=stream, causal=False)
