"""Tiny ground truths and tracks, drawn by code, for the tests of this folder."""

from __future__ import annotations

from fractions import Fraction

import numpy as np

from traces_core.datasets import AnnotationRow, GroundTruth
from traces_core.types import ScoreTrack

RATE = Fraction(4)


def small_truth() -> GroundTruth:
    """Three anomalous videos (two classes, four events) and three normal ones, at 4 frames/s."""
    rows = [
        AnnotationRow("a.mp4", 5.0, 10.0, "fight"),
        AnnotationRow("a.mp4", 20.0, 22.0, "fire"),
        AnnotationRow("b.mp4", 0.0, 6.0, "fire"),
        AnnotationRow("c.mp4", 12.0, 30.0, "fight"),
    ]
    durations_s = {"a.mp4": 30.0, "b.mp4": 18.0, "c.mp4": 24.0, "d.mp4": 40.0, "e.mp4": 12.0, "f.mp4": 21.5}
    return GroundTruth.from_rows("small", rows, durations_s=durations_s, rates=RATE)


def drawn_tracks(
    truth: GroundTruth, rng: np.random.Generator, *, hop_s: float = 0.5, signal: float = 1.0
) -> dict[str, ScoreTrack]:
    """Noise, raised by `signal` inside the events; rounded, so that scores tie."""
    tracks = {}
    for video in truth.videos:
        times_s = np.arange(0.0, truth.durations_s[video], hop_s)
        inside = np.zeros(len(times_s), dtype=bool)
        for event in truth.intervals[video]:
            inside |= (times_s >= event.start_s) & (times_s < event.end_s)
        values = np.round(rng.normal(size=len(times_s)) + signal * inside, 1)
        tracks[video] = ScoreTrack(times_s, values.astype(np.float32), stream="drawn")
    return tracks


def constant_tracks(truth: GroundTruth, value: float = 0.3) -> dict[str, ScoreTrack]:
    """The same score everywhere."""
    return {
        video: ScoreTrack(np.array([0.0, 1.0]), np.full(2, value, dtype=np.float32), stream="constant")
        for video in truth.videos
    }
