"""Steps in which the Context-Aware system scores: two streams, both as one, and when an alarm is raised.

    context_gate ──> context_aware_scores ──> context_aware_thresholds ──> context_aware_alarms

Scales and thresholds come from the calibration set, which holds normal footage only. What was learned, and
from what, is in `context_aware`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from traces_core.context_aware.calibration import ContextCalibration, ranked
from traces_core.context_aware.scoring import ContextScorer
from traces_core.context_aware.views import Views
from traces_core.detector.loading import context_scorer, is_predicting
from traces_core.detector.pipeline import EpisodeStage
from traces_core.detector.sinks import TableSink
from traces_core.encoders.evidence import Evidence
from traces_core.project import Project
from traces_core.steps.calibration import episode_rules
from traces_core.steps.grids import seen_of
from traces_core.steps.scores import SCORES, by_video, scores_table, tracks_of
from traces_core.store import Artifact
from traces_core.store.digest import file_digest
from traces_core.store.running import step
from traces_core.streams.pvalues import NormalFootage
from traces_core.streams.table import CONTEXT_AWARE
from traces_core.streams.thresholds import Threshold, calibrate_threshold
from traces_core.types import Array, Interval, ScoreTrack
from traces_core.video import Gap


@step
def context_aware_scores(
    project: Project,
    videos: Artifact,
    video_features: Artifact,
    patch_grids: Artifact,
    context_gate: Artifact,
    trace_index: Artifact,
    *,
    which: str = "model",
) -> Artifact:
    """The streams alignment and surprise of one shard's videos, as in `SCORES`; one recipe a video.

    Only what is calibrated on or measured is scored: not what was learned from.
    """
    asked = videos.read().filter(pl.col("set") != "training")["video_id"].implode()
    usable = video_features.read().filter(
        pl.col("fingerprint").is_not_null() & pl.col("video_id").is_in(asked)
    )
    blocks = dict.fromkeys(usable["video_id"])
    if is_predicting(project):
        blocks = dict(
            patch_grids.read().filter(pl.col("blocks") > 0).select("video_id", "fingerprint").rows()
        )
    contexts = dict(videos.read().select("video_id", "context").rows())
    model = file_digest(context_gate.path / f"{which}.safetensors")
    scorer: ContextScorer | None = None

    def score(video_id: str) -> pl.DataFrame:
        nonlocal scorer
        scorer = scorer or context_scorer(project, context_gate, trace_index, which)
        context = contexts[video_id] if project.settings.scoring.by_context else None
        return scores_table(video_id, _tracks_of(project, scorer, video_id, context))

    parts = [
        project.store.remember(
            "video_context_scores",
            video_id,
            made_from={
                "features": fingerprint,
                "grids": blocks[video_id],
                "context": contexts[video_id],
                "bank": trace_index.fingerprint,
                "model": model,
                "gate": project.settings.context_gate.model_dump(include={"sides", "scene"}),
                "scoring": project.settings.scoring.model_dump(include={"k", "by_context"}),
                "surprise": project.settings.predictor.model_dump(include={"top_share", "temperature"}),
            },
            make=partial(score, video_id),
        )
        for video_id, fingerprint in usable.select("video_id", "fingerprint").rows()
        if video_id in blocks
    ]
    return project.store.remember(
        "context_aware_scores",
        video_features.key,
        made_from={"videos": {part.key: part.fingerprint for part in parts}},
        make=lambda: pl.concat([SCORES.to_frame(), *(part.read() for part in parts)]),
    )


def _tracks_of(
    project: Project, scorer: ContextScorer, video_id: str, context: str | None
) -> dict[str, ScoreTrack]:
    """The streams of one video, anew after gaps, compared with the traces of its context (None: all)."""
    tracks: dict[str, list[ScoreTrack]] = {}
    pieces = list(seen_of(project, video_id))
    unknown = tuple(Interval(one.start_s, one.end_s) for one in pieces if isinstance(one, Gap))
    for views in _views_of(project, pieces):
        scores = scorer.start(context).push(Views.stack([views], project.machine.device), views.times_s)
        for name, track in scores.tracks.items():
            tracks.setdefault(name, []).append(track)
    return {name: ScoreTrack.joined(some, unknown) for name, some in tracks.items()}


def _views_of(project: Project, pieces: Iterable[Evidence | Gap]) -> list[Views]:
    """The blocks of each piece that has some."""
    readout = project.settings.training.fusion.readout_frames
    views = [Views.of(one, readout_frames=readout) for one in pieces if isinstance(one, Evidence)]
    return [one for one in views if len(one)]


def surprise_at(
    project: Project, context_gate: Artifact, trace_index: Artifact, video_id: str, at_s: float
) -> Array | None:
    """The surprise map (G, G) of a video that the graph scored, at the last block that ended by a moment.

    It is computed again from what is kept; None where nothing was predicted by then.
    """
    seen = _views_of(project, seen_of(project, video_id))
    before = [views for views in seen if views.times_s[0] <= at_s]
    if not before:
        return None
    scorer, views = context_scorer(project, context_gate, trace_index), before[-1]
    return scorer.surprise(Views.stack([views], project.machine.device), views.times_s).map_at(at_s)


@step
def context_aware_thresholds(
    project: Project, videos: Artifact, context_aware_scores: list[Artifact]
) -> Artifact:
    """What normal footage says about each stream, by scene, and the thresholds for the stated rate.

    Thresholds are in -log10 of p-values, and in the units of the stream for each scene.

    Raises
    ------
    TooLittleFootageError
        If there is too little normal footage for the rate that the settings ask for.
    """
    normal = videos.read().filter((pl.col("set") == "calibration") & pl.col("reason").is_null())
    gate = project.settings.context_gate

    def calibrate() -> dict[str, Any]:
        contexts = dict(normal.select("video_id", "context").rows())
        durations = dict(normal.select("video_id", "duration_s").rows())
        table = pl.concat([entry.read() for entry in context_aware_scores])
        tracks = tracks_of(table.filter(pl.col("video_id").is_in(list(contexts))))
        footage = NormalFootage.from_tracks(tracks, contexts, scene_scores=gate.scene_scores)
        rankings = {
            video_id: ranked(footage, some, contexts[video_id])
            for video_id, some in by_video(table).items()
            if video_id in contexts
        }
        names = sorted({name for some in rankings.values() for name in some})
        thresholds = {
            name: calibrate_threshold(
                {video: some[name] for video, some in rankings.items() if name in some},
                durations,
                false_alarms_per_hour=project.settings.calibration.false_alarms_per_hour,
                block_s=project.settings.calibration.block_s,
                rules=episode_rules(project),
            )
            for name in names
        }
        return {
            "normal": footage.to_dict(),
            "thresholds": {name: threshold.to_dict() for name, threshold in thresholds.items()},
            "by_scene": _in_units(footage, thresholds),
        }

    made_from = {
        "scores": {entry.key: entry.fingerprint for entry in context_aware_scores},
        "videos": normal.select("video_id", "context").sort("video_id").rows(),
        "settings": project.settings.calibration.model_dump(),
        "scene_scores": gate.scene_scores,
    }
    return project.store.remember("context_aware_thresholds", made_from=made_from, make=calibrate)


def _in_units(
    normal: NormalFootage, thresholds: Mapping[str, Threshold]
) -> dict[str, dict[str, dict[str, float]]]:
    """By stream and scene (the empty name is all of them): the threshold in the stream's own units."""
    return {
        stream: {
            scene: {
                "threshold": scale.score_at(-thresholds[stream].value * np.log(10)),
                "normal_scores": len(scale.scores),
            }
            for scene, scale in scales.items()
        }
        for stream, scales in normal.streams.items()
    }


@step
def context_aware_alarms(
    project: Project, videos: Artifact, context_aware_scores: Artifact, context_aware_thresholds: Artifact
) -> Artifact:
    """The episodes above the thresholds in one shard's videos, and why; columns as in `EPISODES`."""

    def find() -> pl.DataFrame:
        calibration = ContextCalibration.load(context_aware_thresholds)
        places = {row["video_id"]: row for row in videos.read().iter_rows(named=True)}
        sink = TableSink()
        for video_id, tracks in by_video(context_aware_scores.read()).items():
            row = places[video_id]
            stage = EpisodeStage(video_id, calibration.thresholds, [sink])
            stage.push(ranked(calibration.normal, tracks, row["context"]))
            stage.close(row["duration_s"])
        return sink.table()

    made_from = {
        "scores": context_aware_scores.fingerprint,
        "thresholds": context_aware_thresholds.fingerprint,
        "videos": videos.fingerprint,
    }
    return project.store.remember(
        "context_aware_alarms", context_aware_scores.key, made_from=made_from, make=find
    )


def benchmark_tracks(
    videos: Artifact, scores: list[Artifact], context_aware_thresholds: Artifact
) -> tuple[dict[str, dict[str, ScoreTrack]], dict[str, Threshold]]:
    """Tracks of the benchmark by stream, then by path in the set; and the threshold of the fused stream.

    The two streams are in their own units, so that each stands for itself.
    """
    calibration = ContextCalibration.load(context_aware_thresholds)
    known = videos.read().filter(pl.col("set") == "benchmark")
    places = {row["video_id"]: row for row in known.iter_rows(named=True)}
    by_stream: dict[str, dict[str, ScoreTrack]] = {}
    for video_id, tracks in by_video(pl.concat([entry.read() for entry in scores])).items():
        if video_id in places:
            row = places[video_id]
            fused = ranked(calibration.normal, tracks, row["context"])[CONTEXT_AWARE]
            for stream, track in {**tracks, CONTEXT_AWARE: fused}.items():
                by_stream.setdefault(stream, {})[row["video"]] = track
    return by_stream, {CONTEXT_AWARE: calibration.thresholds[CONTEXT_AWARE]}
