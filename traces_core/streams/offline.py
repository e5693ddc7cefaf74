"""What looks ahead: smoothing and means that need the whole video before its first score.

The ONE place for it. Papers report numbers made so, and they are worth ten points of AUC; no live camera can
have them. Every track from here has `offline` in its stream and is not causal. Nothing of the
detector may use this module; means that look back are in `traces_core.captions.trailing`.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

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
    if not (np.isfinite(sigma_s) and sigma_s > 0):
        raise ValueError(f"sigma_s is {sigma_s}; expected seconds above 0")
    times_s, values = track.times_s, track.finite()
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


def with_video_mean(track: ScoreTrack, weight: float) -> ScoreTrack:
    """Each score plus `weight` times the mean of the whole video: the label of the video, in disguise."""
    values = track.finite()
    return _offline(track, values + weight * values.mean() if len(values) else values)


def _offline(track: ScoreTrack, values: NDArray[np.float64]) -> ScoreTrack:
    stream = track.stream if "offline" in track.stream else f"{track.stream}_offline"
    return replace(track, values=values, stream=stream, causal=False)
