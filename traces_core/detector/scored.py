"""The result of the detector for one whole video."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from traces_core.context_aware.scoring import ContextScores
from traces_core.encoders.features import Features
from traces_core.types import Episode, ScoreTrack, as_text

SCORES = pl.Schema(
    {"video": pl.String(), "time_s": pl.Float64(), "stream": pl.String(), "score": pl.Float32()}
)
"""One row a score, streams one after the other."""


@dataclass(frozen=True)
class ScoredVideo:
    """Scores, thresholds and episodes of one video, with what the encoders saw."""

    path: Path
    """The file."""
    context: str | None
    """The kind of place it was compared with; None for all of them."""
    tracks: Mapping[str, ScoreTrack]
    """Scores by stream."""
    thresholds: Mapping[str, float]
    """Threshold by stream."""
    episodes: Mapping[str, tuple[Episode, ...]]
    """Runs above the threshold, by stream."""
    features: Features
    """What the encoders saw."""
    broken: str | None
    """What damage cost; None for a whole file."""
    context_aware: ContextScores | None = None
    """What the Context-Aware system scored, its surprise maps with it; None where it was not asked."""
    stream: int | None = None
    """Which video stream of the file; None for FFmpeg's choice."""
    notes: tuple[str, ...] = ()
    """What is odd about the file and cost no picture."""

    @property
    def end_s(self) -> float:
        """Time of the last frame looked at, in seconds."""
        return float(self.features.frame_times_s[-1])

    def table(self) -> pl.DataFrame:
        """The scores as rows of `SCORES`."""
        parts = [
            pl.DataFrame(
                {
                    "video": [as_text(self.path)] * len(track),
                    "time_s": track.times_s,
                    "stream": [stream] * len(track),
                    "score": np.asarray(track.values, np.float32),
                },
                schema=SCORES,
            )
            for stream, track in self.tracks.items()
        ]
        return pl.concat(parts)
