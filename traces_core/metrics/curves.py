"""What two versions of the benchmark are compared by: a few numbers a stream, and small tables of curves.

Callers write them where their tool expects them, as `pipelines.versioning` does for DVC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from traces_core.datasets import GroundTruth
from traces_core.metrics.frame import FrameScores
from traces_core.metrics.numbers import numbers_of
from traces_core.metrics.ranking import LevelCounts
from traces_core.types import ScoreTrack

RECALLS = np.linspace(0.01, 1.0, 100)
"""Shares of the anomalous frames at which precision is measured."""

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


def precision_curves(tracks: Tracks, truth: GroundTruth) -> pl.DataFrame:
    """The precision of each stream at each of `RECALLS`; columns as in `PRECISION`."""
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


def score_curves(tracks: Tracks, truth: GroundTruth) -> pl.DataFrame:
    """The scores of the most eventful video; columns as in `SCORES`."""
    video = truth.most_eventful
    parts = [
        _rows(SCORES, stream=stream, time_s=track.times_s, score=track.values, video=video)
        for stream, by_video in sorted(tracks.items())
        if (track := by_video.get(video)) is not None
    ]
    return pl.concat([pl.DataFrame(schema=SCORES), *parts])


def _rows(schema: pl.Schema, **columns: Any) -> pl.DataFrame:
    """Columns as arrays, or as one value for all rows."""
    length = max(np.size(values) for values in columns.values())
    full = {name: np.broadcast_to(values, length) for name, values in columns.items()}
    return pl.DataFrame(full).select(pl.col(name).cast(kind) for name, kind in schema.items())
