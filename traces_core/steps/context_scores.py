"""Steps in which the Context-Aware system speaks: two streams of scores, both as one, and when it calls.

    context_gate ──> context_aware_scores ──> context_aware_thresholds ──> context_aware_alarms

Scales and thresholds come from the calibration set, which holds normal footage only. What was learned, and
from what, is in `context_aware`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from traces_core.bank.bank import Bank
from traces_core.calibration import Threshold, calibrate_threshold
from traces_core.context_aware.pvalues import NormalFootage, alone, either
from traces_core.context_aware.saved import load_model
from traces_core.context_aware.scoring import (
    ALIGNMENT,
    CONTEXT_AWARE,
    SURPRISE,
    ContextAwareScores,
    ContextScorer,
)
from traces_core.context_aware.views import Views
from traces_core.metrics.events import find_episodes
from traces_core.project import Project
from traces_core.steps.block_views import views_of
from traces_core.steps.context_aware import origin
from traces_core.steps.detection import (
    ALARMS,
    SCORES,
    by_video,
    episode_rules,
    scores_table,
    tracks_of,
)
from traces_core.store import Artifact
from traces_core.store.code import step
from traces_core.store.digest import file_digest
from traces_core.types import Array, ScoreTrack

BECAUSE = pl.Schema({**ALARMS, "because": pl.String()})
"""One row an episode: as `ALARMS`, and which streams mismatch at its peak, joined by `+`."""


def context_scorer(
    project: Project, learned: Artifact, index: Artifact, which: str = "model"
) -> ContextScorer:
    """What turns what was seen into the two streams, from the model that ships (or the `candidate`)."""
    model, references = load_model(learned.path / f"{which}.safetensors", origin(project))
    settings = project.settings
    return ContextScorer(
        model=model.to(project.machine.device),
        bank=Bank.load(index.path),
        references=references,
        settings=settings.context_gate,
        k=settings.scoring.k,
        top_share=settings.predictor.top_share,
        temperature=settings.predictor.temperature,
    )


@step
def context_aware_scores(
    project: Project,
    listed: Artifact,
    features: Artifact,
    grids: Artifact | None,
    learned: Artifact,
    index: Artifact,
    *,
    which: str = "model",
) -> Artifact:
    """The streams alignment and surprise of one shard's videos, as in `SCORES`; one recipe a video.

    Only what is calibrated on or measured is scored: not what was learned from.
    """
    asked = listed.read().filter(pl.col("set") != "training")["video_id"].implode()
    usable = features.read().filter(pl.col("fingerprint").is_not_null() & pl.col("video_id").is_in(asked))
    blocks = dict.fromkeys(usable["video_id"])
    if grids is not None:
        blocks = dict(grids.read().filter(pl.col("blocks") > 0).select("video_id", "fingerprint").rows())
    contexts = dict(listed.read().select("video_id", "context").rows())
    model = file_digest(learned.path / f"{which}.safetensors")
    scorer: ContextScorer | None = None

    def score(video_id: str) -> pl.DataFrame:
        nonlocal scorer
        scorer = scorer or context_scorer(project, learned, index, which)
        context = contexts[video_id] if project.settings.scoring.by_context else None
        return scores_table(video_id, findings(project, scorer, views_of(project, video_id), context).tracks)

    parts = [
        project.store.remember(
            "video_context_scores",
            video_id,
            made_from={
                "features": fingerprint,
                "grids": blocks[video_id],
                "context": contexts[video_id],
                "bank": index.fingerprint,
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
        features.key,
        made_from={"videos": {part.key: part.fingerprint for part in parts}},
        make=lambda: pl.concat([SCORES.to_frame(), *(part.read() for part in parts)]),
    )


def findings(
    project: Project, scorer: ContextScorer, views: Views, context: str | None
) -> ContextAwareScores:
    """Streams and surprise maps of one video, compared with the traces of its context (all, if unknown)."""
    contexts = (context,) if context in scorer.bank.contexts else None
    return scorer.score(Views.stack([views], project.machine.device), views.times_s, contexts)


def surprise_at(project: Project, video_id: str, at_s: float) -> Array | None:
    """The surprise map (G, G) of a video that the graph scored, at the last block that ended by a moment.

    It is computed anew from what is kept; None where nothing was predicted by then.
    """
    store, views = project.store, views_of(project, video_id)
    scorer = context_scorer(project, store.current("context_gate"), store.current("trace_index"))
    return scorer.surprise(Views.stack([views], project.machine.device), views.times_s).map_at(at_s)


@step
def context_aware_thresholds(project: Project, listed: Artifact, scores: list[Artifact]) -> Artifact:
    """What normal footage says about each stream, by scene, and the thresholds for the stated rate.

    Thresholds are in -log10 of p-values, and in the units of the stream for each scene.

    Raises
    ------
    TooLittleFootageError
        If there is too little normal footage for the rate that the settings ask for.
    """
    normal = listed.read().filter((pl.col("set") == "calibration") & pl.col("reason").is_null())
    gate = project.settings.context_gate

    def calibrate() -> dict[str, Any]:
        contexts = dict(normal.select("video_id", "context").rows())
        durations = dict(normal.select("video_id", "duration_s").rows())
        table = pl.concat([entry.read() for entry in scores])
        tracks = tracks_of(table.filter(pl.col("video_id").is_in(list(contexts))))
        found = NormalFootage.from_tracks(tracks, contexts, scene_scores=gate.scene_scores)
        said = {
            video_id: judged(found, some, contexts[video_id])
            for video_id, some in by_video(table).items()
            if video_id in contexts
        }
        names = sorted({name for some in said.values() for name in some})
        thresholds = {
            name: calibrate_threshold(
                {video: some[name] for video, some in said.items() if name in some},
                durations,
                false_alarms_per_hour=project.settings.calibration.false_alarms_per_hour,
                block_s=project.settings.calibration.block_s,
                rules=episode_rules(project),
            )
            for name in names
        }
        return {
            "normal": found.to_dict(),
            "thresholds": {name: threshold.to_dict() for name, threshold in thresholds.items()},
            "by_scene": _in_units(found, thresholds),
        }

    made_from = {
        "scores": {entry.key: entry.fingerprint for entry in scores},
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


def judged(
    normal: NormalFootage, tracks: Mapping[str, ScoreTrack], scene: str | None
) -> dict[str, ScoreTrack]:
    """The streams of one video in -log10 of p-values at its scene, and both as one (`context_aware`)."""
    some = [tracks[name] for name in (ALIGNMENT, SURPRISE) if name in tracks]
    found = {track.stream: normal.surprisal(track, scene) for track in some}
    return {**found, CONTEXT_AWARE: either(some, normal, scene, name=CONTEXT_AWARE)}


@step
def context_aware_alarms(
    project: Project, listed: Artifact, scores: Artifact, calibrated: Artifact
) -> Artifact:
    """The episodes above the thresholds in one shard's videos, and why; columns as in `BECAUSE`."""

    def find() -> pl.DataFrame:
        normal, thresholds = calibration_of(calibrated)
        known = {row["video_id"]: row for row in listed.read().iter_rows(named=True)}
        rows = []
        for video_id, tracks in by_video(scores.read()).items():
            said = judged(normal, tracks, known[video_id]["context"])
            for name, track in said.items():
                threshold, end_s = thresholds[name], known[video_id]["duration_s"]
                for one in find_episodes(track, threshold.value, threshold.rules, end_s=end_s):
                    why = mismatching(said, one.peak_s, threshold.value) if name == CONTEXT_AWARE else name
                    rows.append((video_id, name, one.start_s, one.end_s, one.peak_s, one.peak_score, why))
        return pl.DataFrame(rows, schema=BECAUSE, orient="row")

    made_from = {
        "scores": scores.fingerprint,
        "thresholds": calibrated.fingerprint,
        "videos": listed.fingerprint,
    }
    return project.store.remember("context_aware_alarms", scores.key, made_from=made_from, make=find)


def calibration_of(calibrated: Artifact) -> tuple[NormalFootage, dict[str, Threshold]]:
    """What `context_aware_thresholds` made."""
    said = calibrated.read()
    thresholds = {name: Threshold.from_dict(one) for name, one in said["thresholds"].items()}
    return NormalFootage.from_dict(said["normal"]), thresholds


def mismatching(said: Mapping[str, ScoreTrack], at_s: float, level: float) -> str:
    """The streams whose own p-value alone lifts the fused one above a level, joined by `+`."""
    single = {name: track for name, track in said.items() if name != CONTEXT_AWARE}
    least = -alone(level, len(single)) / np.log(10)
    last = {name: np.searchsorted(track.times_s, at_s, side="right") - 1 for name, track in single.items()}
    return "+".join(
        name for name, track in single.items() if last[name] >= 0 and track.values[last[name]] > least
    )


def benchmark_tracks(
    listed: Artifact, scores: list[Artifact], calibrated: Artifact
) -> tuple[dict[str, dict[str, ScoreTrack]], dict[str, Threshold]]:
    """Tracks of the benchmark by stream, then by path in the set; and the threshold of the fused stream.

    The two streams are in their own units, so that each stands for itself.
    """
    normal, thresholds = calibration_of(calibrated)
    known = listed.read().filter(pl.col("set") == "benchmark")
    places = {row["video_id"]: row for row in known.iter_rows(named=True)}
    found: dict[str, dict[str, ScoreTrack]] = {}
    for video_id, tracks in by_video(pl.concat([entry.read() for entry in scores])).items():
        if video_id in places:
            row = places[video_id]
            fused = judged(normal, tracks, row["context"])[CONTEXT_AWARE]
            for stream, track in {**tracks, CONTEXT_AWARE: fused}.items():
                found.setdefault(stream, {})[row["video"]] = track
    return found, {CONTEXT_AWARE: thresholds[CONTEXT_AWARE]}
