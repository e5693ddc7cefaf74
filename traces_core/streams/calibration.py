"""The calibration of the streams against the traces: their scales and thresholds, as kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from traces_core.store import Artifact
from traces_core.streams.late import LateFusion, StreamScale
from traces_core.streams.table import LATE, STREAMS
from traces_core.streams.thresholds import Threshold
from traces_core.types import ScoreTrack


@dataclass(frozen=True)
class Calibration:
    """Scales, and the thresholds for the stated rate of false alarms."""

    scales: LateFusion
    """One scale a stream, for the late fusion."""
    thresholds: Mapping[str, Threshold]
    """One threshold a stream, the late one included."""

    @classmethod
    def load(cls, artifact: Artifact) -> Calibration:
        """Read what the step `thresholds` made."""
        content = artifact.read()
        scales = LateFusion(tuple(StreamScale(**scale) for scale in content["scales"]))
        return cls(scales, {name: Threshold.from_dict(one) for name, one in content["thresholds"].items()})


def late_parts(tracks: Mapping[str, ScoreTrack]) -> dict[str, ScoreTrack]:
    """The tracks that the late fusion is made of, by the table; those it does not list are parts, too."""
    return {
        name: track
        for name, track in tracks.items()
        if name not in STREAMS or STREAMS[name].fused_into == LATE
    }


def with_late(scales: LateFusion, tracks: Mapping[str, ScoreTrack]) -> dict[str, ScoreTrack]:
    """The tracks of one whole video, and their late fusion beside them."""
    return {**tracks, LATE: scales.combine(late_parts(tracks), name=LATE)}
