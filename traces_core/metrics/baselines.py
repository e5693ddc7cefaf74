"""What scores that know nothing of the content get on the same ground truth.

Printed beside every result: on UCF-Crime a perfect video label without any localisation gets 0.816 AUC and
the middle of the video alone 0.619. A name says `offline` where the score needs the whole video, and
`oracle` where it knows the truth.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from traces_core.datasets import GroundTruth
from traces_core.metrics.frame import FrameScores, auc_anomalous
from traces_core.metrics.ranking import LevelCounts, Scores


def baselines(truth: GroundTruth, *, rng: np.random.Generator) -> dict[str, dict[str, float | None]]:
    """Frame metrics of each baseline on `truth`.

    Parameters
    ----------
    truth : the ground truth of the result that stands beside it.
    rng : draws the scores of `random`.

    Returns
    -------
    dict
        Per baseline (the keys of `BASELINES`): `auc`, `auc_anomalous`, `average_precision`,
        `pr_auc_trapezoid`; None where undefined. The average precision of `constant` is the anomalous
        share: chance.
    """
    frames = FrameScores.blank(truth)
    rows: dict[str, dict[str, float | None]] = {}
    for name, score in BASELINES.items():
        filled = frames.with_scores(score(frames, truth, rng))
        counts = LevelCounts.of(filled.scores, filled.labels)
        rows[name] = {
            "auc": counts.roc_auc,
            "auc_anomalous": auc_anomalous(filled),
            "average_precision": counts.average_precision,
            "pr_auc_trapezoid": counts.pr_auc_trapezoid,
        }
    return rows


def _constant(frames: FrameScores, truth: GroundTruth, rng: np.random.Generator) -> Scores:
    return np.zeros(len(frames))


def _random(frames: FrameScores, truth: GroundTruth, rng: np.random.Generator) -> Scores:
    return rng.random(len(frames))


def _centre_prior(frames: FrameScores, truth: GroundTruth, rng: np.random.Generator) -> Scores:
    """1 in the middle of each video, 0 at both ends."""
    lengths = np.diff(frames.offsets)
    index = np.arange(len(frames)) - np.repeat(frames.offsets[:-1], lengths)
    # Whole numbers until the division: the two halves of a video mirror each other exactly.
    length = np.repeat(lengths, lengths)
    return np.asarray(1 - np.abs(2 * index + 1 - length) / length, dtype=np.float64)


def _shorter(frames: FrameScores, truth: GroundTruth, rng: np.random.Generator) -> Scores:
    durations = np.array([truth.durations_s[video] for video in frames.videos])
    return -durations[frames.video_of]


def _video_label(frames: FrameScores, truth: GroundTruth, rng: np.random.Generator) -> Scores:
    return frames.has_anomaly[frames.video_of].astype(np.float64)


def _video_label_and_centre(frames: FrameScores, truth: GroundTruth, rng: np.random.Generator) -> Scores:
    return _video_label(frames, truth, rng) * (1 + _centre_prior(frames, truth, rng))


BASELINES: dict[str, Callable[[FrameScores, GroundTruth, np.random.Generator], Scores]] = {
    "constant": _constant,
    "random": _random,
    "centre_prior_offline": _centre_prior,
    "shorter_is_anomalous_offline": _shorter,
    "perfect_video_label_oracle_offline": _video_label,
    "perfect_video_label_with_centre_prior_oracle_offline": _video_label_and_centre,
}
"""How each baseline scores the frames of a ground truth: shape (F,)."""
