"""Chapter 14. The Context-Aware system: video and text meet where the scene says what is normal.

patch_grids ──> predictor ──┐
video_features ─────────────┼──> context_gate ──> context_aware_scores ──> context_aware_thresholds
trace_index ────────────────┘                               └──> context_aware_alarms <──┘

All of it learns from normal training footage; arXiv 2508.18463, with what differs in docs/decisions/0021.
"""

import json
from collections.abc import Mapping
from functools import partial

import dagster as dg
import polars as pl

from pipelines.asset import asset
from pipelines.automation import GPU
from pipelines.mlflow_links import mlflow_run
from pipelines.partitions import SHARDS
from pipelines.reporting import report, shown_alarm, shown_peak, sound_scores, table
from pipelines.resources import ProjectResource
from pipelines.tracking import TRAININGS, TrackedRun, Tracker
from traces_core.context_aware.calibration import ContextCalibration
from traces_core.project import Project
from traces_core.steps import block_views, context_scores
from traces_core.steps import context_aware as steps
from traces_core.store import Artifact
from traces_core.streams.table import ALIGNMENT, CONTEXT_AWARE


@asset(kinds={"timesformer"}, partitions_def=SHARDS, pool=GPU)
def patch_grids(
    context: dg.AssetExecutionContext, project: Project, practice_footage: Artifact, videos: Artifact
) -> dg.MaterializeResult:
    """The patch tokens of each block of one shard's videos; anomalous training videos are left out."""
    manifest = block_views.patch_grids(project, practice_footage, videos, context.partition_key)
    rows = manifest.read()
    return report(manifest, videos=len(rows), blocks=int(rows["blocks"].sum()))


@asset(kinds={"torch"}, pool=GPU)
def predictor(
    context: dg.AssetExecutionContext,
    project: Project,
    tracker: Tracker,
    practice_footage: Artifact,
    videos: Artifact,
    patch_grids: list[Artifact],
) -> dg.MaterializeResult:
    """Dense predictive coding, trained alone on normal footage: the next block, place by place."""
    trained = steps.predictor(project, practice_footage, videos, patch_grids)
    training = _training(trained)
    params = project.settings.predictor.model_dump(mode="json")
    log = partial(_training_run, tracker, trained, "predictor", params)
    return report(
        trained,
        loss_untrained=training["begin"]["prediction"],
        loss=training["validation"]["prediction"],
        best_step=training["best_step"],
        **mlflow_run(context, tracker, trained.recipe, log),
    )


@asset(kinds={"torch"}, pool=GPU)
def context_gate(
    context: dg.AssetExecutionContext,
    project: Project,
    tracker: Tracker,
    practice_footage: Artifact,
    videos: Artifact,
    video_features: list[Artifact],
    patch_grids: list[Artifact],
    predictor: Artifact,
    trace_index: Artifact,
) -> dg.MaterializeResult:
    """Head, gate and predictor, trained jointly on normal footage; what they began as, if that is better."""
    footage = (practice_footage, videos, video_features, patch_grids)
    trained = steps.context_gate(project, *footage, predictor, trace_index)
    training, settings = _training(trained), project.settings
    params = {name: getattr(settings, name).model_dump(mode="json") for name in ("joint", "context_gate")}
    log = partial(_training_run, tracker, trained, "context gate", params)
    return report(
        trained,
        shipped=training["shipped"],
        reason=training["reason"],
        best_step=training.get("best_step"),
        **mlflow_run(context, tracker, trained.recipe, log),
    )


@asset(kinds={"polars"}, partitions_def=SHARDS, pool=GPU)
def context_aware_scores(
    project: Project,
    practice_footage: Artifact,
    videos: Artifact,
    video_features: Artifact,
    patch_grids: Artifact,
    context_gate: Artifact,
    trace_index: Artifact,
) -> dg.MaterializeResult:
    """The streams alignment and surprise of one shard's calibration and benchmark videos; causal."""
    seen = (videos, video_features, patch_grids)
    scores = context_scores.context_aware_scores(project, *seen, context_gate, trace_index)
    rows = scores.read()
    peak = shown_peak(project, practice_footage, videos, scores, ALIGNMENT)
    return report(scores, scores=len(rows), videos=rows["video_id"].n_unique(), **peak)


@asset(kinds={"json"})
def context_aware_thresholds(
    project: Project, videos: Artifact, context_aware_scores: list[Artifact]
) -> dg.MaterializeResult:
    """How often normal footage of each scene scores as high, and the thresholds for the stated rate."""
    calibrated = context_scores.context_aware_thresholds(project, videos, context_aware_scores)
    rows = [
        {"stream": stream, "scene": scene or "all of them", **numbers}
        for stream, scenes in calibrated.read()["by_scene"].items()
        for scene, numbers in scenes.items()
    ]
    thresholds = ContextCalibration.load(calibrated).thresholds
    return report(
        calibrated,
        by_scene=table(rows, ["stream", "scene", "threshold", "normal_scores"]),
        **{f"threshold_{stream}": one.value for stream, one in thresholds.items()},
    )


@asset(kinds={"polars"}, partitions_def=SHARDS)
def context_aware_alarms(
    project: Project,
    practice_footage: Artifact,
    videos: Artifact,
    context_gate: Artifact,
    trace_index: Artifact,
    context_aware_scores: Artifact,
    context_aware_thresholds: Artifact,
) -> dg.MaterializeResult:
    """The episodes in which alignment, surprise, or either of them mismatches, and which of them does."""
    raised = context_scores.context_aware_alarms(
        project, videos, context_aware_scores, context_aware_thresholds
    )
    rows = raised.read()
    either = rows.filter(pl.col("stream") == CONTEXT_AWARE).sort("peak_score", descending=True)
    strongest = {}
    if len(either):
        alarm = either.row(0, named=True)
        moment = (alarm["video"], alarm["peak_s"])
        surprise = context_scores.surprise_at(project, context_gate, trace_index, *moment)
        strongest = shown_alarm(project, practice_footage, videos, alarm, surprise)
    return report(raised, episodes=len(rows), videos=rows["video"].n_unique(), **strongest)


@dg.asset_check(asset=predictor, blocking=True)
def predictor_has_learned(project: ProjectResource) -> dg.AssetCheckResult:
    """It finds the next block of normal videos it was not trained on better than it did untrained."""
    training = _training(project.open().store.current("predictor"))
    before, after = (training[name]["prediction"] for name in ("begin", "validation"))
    return dg.AssetCheckResult(
        passed=after < before,
        metadata={"loss_untrained": before, "loss": after},
        description=f"CPC on normal validation videos: {after:.3f} nats, untrained {before:.3f}. Where it is "
        "no lower, give more normal footage or more predictor.steps.",
    )


@dg.asset_check(asset=context_gate, blocking=True)
def joint_model_is_no_worse_than_clip(project: ProjectResource) -> dg.AssetCheckResult:
    """What ships is what training began with, or found the right captions at least as often."""
    said = _training(project.open().store.current("context_gate"))
    numbers = {name: said[name]["retrieval"] for name in ("begin", "validation") if name in said}
    return dg.AssetCheckResult(
        passed=not said["shipped"] or numbers["validation"] >= numbers["begin"],
        metadata={"shipped": said["shipped"], **{f"retrieval_{name}": x for name, x in numbers.items()}},
        description=said["reason"],
    )


@dg.asset_check(asset=context_aware_scores, blocking=True, partitions_def=SHARDS)
def context_scores_are_sound(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """Finite, and no stream gives mostly one value."""
    store = project.open().store
    return sound_scores(store.current("context_aware_scores", context.partition_key).read())


def _training(learned: Artifact) -> dict:
    return json.loads((learned.path / "training.json").read_text(encoding="utf-8"))


def _training_run(
    tracker: Tracker, learned: Artifact, what: str, params: Mapping[str, object], tags: Mapping[str, str]
) -> TrackedRun:
    """The MLflow run of one training: its settings, its curves, its weights."""

    def fill(run: TrackedRun) -> None:
        said = _training(learned)
        run.params(params)
        run.tags({"shipped": str(said["shipped"]), "reason": said["reason"]})
        for point in said["curve"]:
            numbers = {name: value for name, value in point.items() if name != "step"}
            run.metrics({"training": numbers}, step=int(point["step"]))
        run.file(learned.path)

    told = {**tags, "recipe": learned.recipe}
    return tracker.once(f"{what} {learned.recipe[:6]}", told, fill, experiment=TRAININGS)
