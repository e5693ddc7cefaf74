"""What two versions of the benchmark are compared by: a few numbers a stream, and small tables of curves.

They are read from artifacts that are current, and are no artifacts themselves: whoever compares writes them
where the tool expects them, as `pipelines.versioning` does for DVC. What is measured is in `steps.benchmark`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from traces_core.datasets import GroundTruth
from traces_core.metrics import FrameScores, LevelCounts, numbers_of
from traces_core.project import Project
from traces_core.steps.benchmark import tracks_of_set, truth_of
from traces_core.steps.footage import shard_names
from traces_core.streams.calibration import Calibration
from traces_core.types import ScoreTrack

RECALLS = np.linspace(0.01, 1.0, 100)
"""Shares of the anomalous frames at which precision is told."""

PRECISION = pl.Schema({"stream": pl.String(), "recall": pl.Float64(), "precision": pl.Float64()})
SCORES = pl.Schema(
    {"stream": pl.String(), "time_s": pl.Float64(), "score": pl.Float64(), "video": pl.String()}
)

Tracks = Mapping[str, Mapping[str, ScoreTrack]]
"""By stream, then by video."""


def stream_numbers(rows: Sequence[Mapping[str, Any]]) -> dict[str, dict[str, float]]:
    """The compared numbers of each stream, six digits of each; undefined ones are left out.

    Examples
    --------
    >>> stream_numbers([{"stream": "late", "auc": 0.5, "detection_delay_s": None, "frames": 9}])
    {'late': {'auc': 0.5}}
    """
    return {
        row["stream"]: {name: round(value, 6) for name, value in numbers_of(row).items() if value is not None}
        for row in rows
    }


def curve_tables(project: Project) -> dict[str, pl.DataFrame]:
    """Tables by name: `precision` (stream, recall, precision) and `scores` (stream, time_s, score, video).

    The scores are those of the benchmark video with most events; the first by name of several.

    Raises
    ------
    MissingArtifactError
        If the benchmark has not been made.
    """
    store = project.store
    listed, annotated = store.current("videos"), store.current("annotations")
    scores = [
        store.current("anomaly_scores", shard) for shard in shard_names(project.settings.footage.shards)
    ]
    calibration = Calibration.load(store.current("thresholds"))
    tracks = tracks_of_set(listed, scores, calibration, "benchmark")
    truth = truth_of(listed, annotated)
    return {"precision": _precision(tracks, truth), "scores": _scores(tracks, truth)}


def _precision(tracks: Tracks, truth: GroundTruth) -> pl.DataFrame:
    parts = []
    for stream in sorted(tracks):
        frames = FrameScores.from_tracks(tracks[stream], truth)
        counts = LevelCounts.of(frames.scores, frames.labels)
        if counts.is_one_sided:
            continue  # there is nothing to rank
        hits = np.cumsum(counts.anomalous)
        level = np.searchsorted(hits, np.ceil(RECALLS * hits[-1] - 1e-9))
        precision = hits[level] / (hits + np.cumsum(counts.normal))[level]
        parts.append(_rows(PRECISION, stream=stream, recall=RECALLS, precision=precision))
    return pl.concat([pl.DataFrame(schema=PRECISION), *parts])


def _scores(tracks: Tracks, truth: GroundTruth) -> pl.DataFrame:
    video = max(sorted(truth.videos), key=lambda name: len(truth.intervals[name]))
    shown = [(stream, by_video[video]) for stream, by_video in sorted(tracks.items()) if video in by_video]
    parts = [
        _rows(SCORES, stream=stream, time_s=track.times_s, score=track.values, video=video)
        for stream, track in shown
    ]
    return pl.concat([pl.DataFrame(schema=SCORES), *parts])


def _rows(schema: pl.Schema, **columns: Any) -> pl.DataFrame:
    """Columns as arrays, or as one value for all rows."""
    length = max(np.size(values) for values in columns.values())
    full = {name: np.broadcast_to(values, length) for name, values in columns.items()}
    return pl.DataFrame(full).select(pl.col(name).cast(kind) for name, kind in schema.items())
