"""Steps of the calibration: scales and thresholds from normal footage, and the alarms they raise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import polars as pl

from traces_core.detector.pipeline import EpisodeStage
from traces_core.detector.sinks import TableSink
from traces_core.project import Project
from traces_core.steps.footage import clocks_of
from traces_core.steps.scores import by_video, fingerprints_of, tracks_of
from traces_core.store import Artifact
from traces_core.store.running import step
from traces_core.streams.calibration import Calibration, with_late
from traces_core.streams.episodes import EpisodeRules
from traces_core.streams.late import LateFusion
from traces_core.streams.table import LATE
from traces_core.streams.thresholds import calibrate_threshold
from traces_core.types import ScoreTrack


def episode_rules(project: Project) -> EpisodeRules:
    """When a run of high scores is an episode, by the settings."""
    return EpisodeRules(min_gap_s=project.settings.calibration.min_gap_s)


@step
def thresholds(project: Project, videos: Artifact, anomaly_scores: list[Artifact]) -> Artifact:
    """Scales and thresholds from the calibration set, which holds normal footage only.

    Raises
    ------
    TooLittleFootageError
        If it is too short for the rate that the settings ask for.
    """
    durations = {one: duration_s for _, one, duration_s, _ in clocks_of(videos, "calibration")}
    ids = sorted(durations)

    def calibrate() -> dict[str, Any]:
        table = pl.concat([entry.read() for entry in anomaly_scores]).filter(pl.col("video_id").is_in(ids))
        tracks = tracks_of(table.sort("video_id", maintain_order=True))
        scales = LateFusion.from_normal_tracks({name: list(by.values()) for name, by in tracks.items()})
        tracks[LATE] = {
            video_id: with_late(scales, {name: by[video_id] for name, by in tracks.items()})[LATE]
            for video_id in ids
        }
        by_stream = {name: _threshold(project, by, durations) for name, by in tracks.items()}
        return {"scales": [asdict(scale) for scale in scales.scales], "thresholds": by_stream}

    made_from = {
        "scores": fingerprints_of(anomaly_scores, ids),
        "durations_s": durations,
        "settings": project.settings.calibration.model_dump(),
    }
    return project.store.remember("thresholds", made_from=made_from, make=calibrate)


def _threshold(
    project: Project, tracks: Mapping[str, ScoreTrack], durations_s: Mapping[str, float]
) -> dict[str, object]:
    settings = project.settings.calibration
    return calibrate_threshold(
        tracks,
        {video: durations_s[video] for video in tracks},
        false_alarms_per_hour=settings.false_alarms_per_hour,
        block_s=settings.block_s,
        rules=episode_rules(project),
    ).to_dict()


@step
def alarms(project: Project, videos: Artifact, anomaly_scores: Artifact, thresholds: Artifact) -> Artifact:
    """The episodes above the thresholds in one shard's videos, every stream; columns as in `EPISODES`."""
    durations = dict(videos.read().select("video_id", "duration_s").rows())

    def find() -> pl.DataFrame:
        calibration, sink = Calibration.load(thresholds), TableSink()
        for video_id, tracks in by_video(anomaly_scores.read()).items():
            stage = EpisodeStage(video_id, calibration.thresholds, [sink])
            stage.push(with_late(calibration.scales, tracks))
            stage.close(durations[video_id])
        return sink.table()

    made_from = {
        "scores": anomaly_scores.fingerprint,
        "thresholds": thresholds.fingerprint,
        "durations_s": {video: durations[video] for video in anomaly_scores.facts["videos"]},
    }
    return project.store.remember("alarms", anomaly_scores.key, made_from=made_from, make=find)
