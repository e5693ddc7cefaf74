"""Frame level: the scores of tracks and the labels of a ground truth, at the same frames.

The numbers of one ranking are in `ranking`, intervals of confidence in `bootstrap`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from traces_core.datasets import GroundTruth
from traces_core.errors import EvaluationError, NotFiniteError
from traces_core.metrics.ranking import Labels, Scores, roc_auc
from traces_core.types import ScoreTrack, Times


@dataclass(frozen=True)
class FrameScores:
    """Scores and labels of all frames of all videos, video after video."""

    videos: tuple[str, ...]
    """Names of the V videos, in order."""
    offsets: NDArray[np.int64]
    """Shape (V + 1,): the frames of video v are `offsets[v]:offsets[v + 1]`."""
    scores: Scores
    """Shape (F,); minus infinity where the track has no score."""
    labels: Labels
    """Shape (F,): the frame is anomalous."""
    classes: Mapping[str, Labels]
    """Per named class, shape (F,): the frame is an anomaly of that class."""
    unscored: int = 0
    """Frames before the first score of their track, or in a stretch of which it knows nothing."""

    @classmethod
    def from_tracks(cls, tracks: Mapping[str, ScoreTrack], truth: GroundTruth) -> FrameScores:
        """Each frame gets the score that holds at its time (see `scores_at`).

        Raises
        ------
        EvaluationError
            If a video has no track, or a track no video.
        NotFiniteError
            If a track holds NaN or infinity.
        """
        missing = sorted(set(truth.videos) - set(tracks))
        unknown = sorted(set(tracks) - set(truth.videos))
        if missing or unknown:
            raise EvaluationError(
                f"{truth.name}: {len(missing)} videos without scores {missing[:3]}, {len(unknown)} scored "
                f"videos that the ground truth does not know {unknown[:3]}. Score exactly the "
                f"{len(truth.videos)} videos of the ground truth: leaving some out changes every number."
            )
        parts = [scores_at(tracks[v], truth.frame_times(v), where=v) for v in truth.videos]
        scores = np.concatenate(parts) if parts else np.zeros(0)
        return replace(cls.blank(truth), scores=scores, unscored=int(np.isneginf(scores).sum()))

    @classmethod
    def blank(cls, truth: GroundTruth) -> FrameScores:
        """The frames and labels of `truth` with every score 0: to be filled with a baseline's."""
        times = [truth.frame_times(video) for video in truth.videos]
        offsets = np.concatenate([[0], np.cumsum([len(part) for part in times])]).astype(np.int64)
        flat = np.zeros(int(offsets[-1]), np.bool_)
        classes = {name: flat.copy() for name in truth.classes}
        for video, origin, part in zip(truth.videos, offsets[:-1].tolist(), times, strict=True):
            for event in truth.intervals[video]:
                first, after = origin + np.searchsorted(part, [event.start_s, event.end_s])
                flat[first:after] = True
                if event.label:
                    classes[event.label][first:after] = True
        return cls(truth.videos, offsets, np.zeros(len(flat)), flat, classes)

    def with_scores(self, scores: Scores) -> FrameScores:
        """The same frames with other scores, shape (F,)."""
        return replace(self, scores=scores, unscored=0)

    def __len__(self) -> int:
        return len(self.scores)

    @cached_property
    def video_of(self) -> NDArray[np.int64]:
        """Shape (F,): index of each frame's video."""
        return np.repeat(np.arange(len(self.videos), dtype=np.int64), np.diff(self.offsets))

    @cached_property
    def has_anomaly(self) -> Labels:
        """Shape (V,): the video holds at least one anomalous frame."""
        counts = np.bincount(self.video_of[self.labels], minlength=len(self.videos))
        return np.asarray(counts > 0)

    @cached_property
    def cells(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Frames by (score, video): the score's rank (M,), rising; the video (M,); each frame's cell (F,).

        There are few cells where scores hold for many frames; whatever is counted often is counted by cell.
        """
        videos = max(len(self.videos), 1)
        _, level = np.unique(self.scores, return_inverse=True)
        keys, cell = np.unique(level * videos + self.video_of, return_inverse=True)
        return keys // videos, keys % videos, cell

    def of(self, video: str) -> tuple[Scores, Labels]:
        """Scores and labels of one video's frames."""
        v = self.videos.index(video)
        stretch = slice(int(self.offsets[v]), int(self.offsets[v + 1]))
        return self.scores[stretch], self.labels[stretch]


def scores_at(track: ScoreTrack, times_s: Times, *, where: str = "track") -> Scores:
    """The score that holds at each time: that of the last entry at or before it.

    Parameters
    ----------
    track : scores of shape (T,) with their times.
    times_s : float64 array of shape (F,), seconds, rising.
    where : name of the video, for the error message.

    Returns
    -------
    float64 array of shape (F,)
        The last score holds to the end. Times before the first score get it too if it is at most one hop
        (the median step of the track) away: a sampler's first tick may come a fraction of a hop late.
        Earlier ones get minus infinity, and so do times in a stretch that is unknown, up to the next score: a
        detector without a score raises no alarm.

    Raises
    ------
    NotFiniteError
        If a score is NaN or infinite.

    Examples
    --------
    >>> track = ScoreTrack(np.array([1.0, 2.0]), np.array([0.5, 0.7]))
    >>> scores_at(track, np.array([0.0, 1.5, 2.0, 9.0]))
    array([0.5, 0.5, 0.7, 0.7])
    """
    values = np.asarray(track.values, dtype=np.float64)
    if values.ndim != 1:
        raise EvaluationError(f"{where}: scores of shape {values.shape}; expected one number for each time.")
    if not np.isfinite(values).all():
        bad = int(np.argmin(np.isfinite(values)))
        raise NotFiniteError(
            f"{where}: the score at {track.times_s[bad]} s is {values[bad]}. "
            "Mend the stream; a score is a number."
        )
    if len(values) == 0:
        return np.full(len(times_s), -np.inf)
    position = np.searchsorted(track.times_s, times_s, side="right") - 1
    hop_s = float(np.median(np.diff(track.times_s))) if len(values) > 1 else np.inf
    reach_s = float(track.times_s[0]) - hop_s * (1 + 1e-9)
    held = values[np.maximum(position, 0)]
    known = (position >= 0) | (times_s >= reach_s)
    for gap in track.unknown:  # none holds from there to the next score
        known &= (times_s < gap.start_s) | (track.times_s[np.maximum(position, 0)] >= gap.start_s)
    return np.where(known, held, -np.inf)


def auc_anomalous(frames: FrameScores) -> float | None:
    """ROC-AUC over the videos that hold an anomaly only: can it tell WHEN, not just WHICH video."""
    inside = frames.has_anomaly[frames.video_of]
    return roc_auc(frames.scores[inside], frames.labels[inside])


def auc_macro(frames: FrameScores) -> float | None:
    """Mean of the videos' own ROC-AUCs, over those with both classes; None where there is none."""
    each = [roc_auc(*frames.of(frames.videos[v])) for v in np.flatnonzero(frames.has_anomaly)]
    defined = [auc for auc in each if auc is not None]
    return float(np.mean(defined)) if defined else None
