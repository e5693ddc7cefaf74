"""Chapter 15. The Context-Aware system: video and text meet where the scene says what is normal.

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

from assets.sources import settings
from pipelines.automation import GPU, WHEN_INPUTS_CHANGE
from pipelines.mlflow_links import mlflow_run
from pipelines.partitions import SHARDS
from pipelines.reporting import report, shown_alarm, shown_peak, sound_scores, table
from pipelines.resources import ProjectResource, TrackerResource
from pipelines.tracking import TRAININGS, TrackedRun, Tracker
from traces_core.context_aware.calibration import ContextCalibration
from traces_core.detector.loading import is_predicting
from traces_core.project import Project
from traces_core.steps import block_views, context_aware, context_scores, footage
from traces_core.store import Artifact
from traces_core.streams.table import ALIGNMENT, CONTEXT_AWARE


@dg.asset(
    kinds={"timesformer"},
    partitions_def=SHARDS,
    deps=["videos", "practice_footage", *settings("sampling", "timesformer", "predictor", "context_gate")],
    code_version=block_views.GRIDDING,
    automation_condition=WHEN_INPUTS_CHANGE,
    pool=GPU,
)
def patch_grids(context: dg.AssetExecutionContext, project: ProjectResource) -> dg.MaterializeResult:
    """The patch tokens of each block of one shard's videos; anomalous training videos are left out."""
    project = project.open()
    practice, listed = project.store.current("practice_footage"), project.store.current("videos")
    manifest = block_views.patch_grids(project, practice, listed, context.partition_key)
    rows = manifest.read()
    return report(manifest, videos=len(rows), blocks=int(rows["blocks"].sum()))


@dg.asset(
    kinds={"torch"},
    deps=["patch_grids", "videos", "practice_footage", *settings("predictor")],
    code_version=context_aware.JOINING,
    automation_condition=WHEN_INPUTS_CHANGE,
    pool=GPU,
)
def predictor(
    context: dg.AssetExecutionContext, project: ProjectResource, tracker: TrackerResource
) -> dg.MaterializeResult:
    """Dense predictive coding, trained alone on normal footage: the next block, place by place."""
    project, runs = project.open(), tracker.open()
    practice, listed = project.store.current("practice_footage"), project.store.current("videos")
    learned = context_aware.predictor(project, practice, listed, _joined(project, "grid_manifest"))
    said = _training(learned)
    log = partial(
        _training_run, runs, learned, "predictor", project.settings.predictor.model_dump(mode="json")
    )
    return report(
        learned,
        loss_untrained=said["begin"]["prediction"],
        loss=said["validation"]["prediction"],
        best_step=said["best_step"],
        **mlflow_run(context, runs, learned.recipe, log),
    )


@dg.asset(
    kinds={"torch"},
    deps=[
        "predictor",
        "patch_grids",
        "video_features",
        "videos",
        "practice_footage",
        "trace_index",
        *settings("joint", "context_gate", "predictor", "training", "clip", "timesformer"),
    ],
    code_version=context_aware.JOINING,
    automation_condition=WHEN_INPUTS_CHANGE,
    pool=GPU,
)
def context_gate(
    context: dg.AssetExecutionContext, project: ProjectResource, tracker: TrackerResource
) -> dg.MaterializeResult:
    """Head, gate and predictor, trained jointly on normal footage; what they began as, if that is better."""
    project, runs = project.open(), tracker.open()
    store, predicts = project.store, is_predicting(project)
    learned = context_aware.context_gate(
        project,
        store.current("practice_footage"),
        store.current("videos"),
        _joined(project, "feature_manifest"),
        _joined(project, "grid_manifest") if predicts else None,
        store.current("predictor") if predicts else None,
        store.current("trace_index"),
    )
    said = _training(learned)
    params = {
        name: getattr(project.settings, name).model_dump(mode="json") for name in ("joint", "context_gate")
    }
    log = partial(_training_run, runs, learned, "context gate", params)
    return report(
        learned,
        shipped=said["shipped"],
        reason=said["reason"],
        best_step=said.get("best_step"),
        **mlflow_run(context, runs, learned.recipe, log),
    )


@dg.asset(
    kinds={"polars"},
    partitions_def=SHARDS,
    deps=[
        "context_gate",
        "video_features",
        "patch_grids",
        "trace_index",
        "videos",
        *settings("context_gate", "scoring", "predictor"),
    ],
    code_version=context_scores.JUDGING,
    automation_condition=WHEN_INPUTS_CHANGE,
    pool=GPU,
)
def context_aware_scores(context: dg.AssetExecutionContext, project: ProjectResource) -> dg.MaterializeResult:
    """The streams alignment and surprise of one shard's calibration and benchmark videos; causal."""
    project, shard = project.open(), context.partition_key
    store = project.store
    scores = context_scores.context_aware_scores(
        project,
        store.current("videos"),
        store.current("feature_manifest", shard),
        store.current("grid_manifest", shard) if is_predicting(project) else None,
        store.current("context_gate"),
        store.current("trace_index"),
    )
    rows = scores.read()
    return report(
        scores,
        scores=len(rows),
        videos=rows["video_id"].n_unique(),
        **shown_peak(project, scores, ALIGNMENT),
    )


@dg.asset(
    kinds={"json"},
    deps=["context_aware_scores", "videos", *settings("calibration", "context_gate")],
    code_version=context_scores.WEIGHING,
    automation_condition=WHEN_INPUTS_CHANGE,
)
def context_aware_thresholds(project: ProjectResource) -> dg.MaterializeResult:
    """How often normal footage of each scene scores as high, and the thresholds for the stated rate."""
    project = project.open()
    shards = footage.shard_names(project.settings.footage.shards)
    scores = [project.store.current("context_aware_scores", shard) for shard in shards]
    calibrated = context_scores.context_aware_thresholds(project, project.store.current("videos"), scores)
    rows = [
        {"stream": stream, "scene": scene or "all of them", **said}
        for stream, scenes in calibrated.read()["by_scene"].items()
        for scene, said in scenes.items()
    ]
    thresholds = ContextCalibration.load(calibrated).thresholds
    return report(
        calibrated,
        by_scene=table(rows, ["stream", "scene", "threshold", "normal_scores"]),
        **{f"threshold_{stream}": one.value for stream, one in thresholds.items()},
    )


@dg.asset(
    kinds={"polars"},
    partitions_def=SHARDS,
    deps=["context_aware_scores", "context_aware_thresholds", "videos"],
    code_version=context_scores.WEIGHING,
    automation_condition=WHEN_INPUTS_CHANGE,
)
def context_aware_alarms(context: dg.AssetExecutionContext, project: ProjectResource) -> dg.MaterializeResult:
    """The episodes in which alignment, surprise, or either of them mismatches, and which of them does."""
    project = project.open()
    found = context_scores.context_aware_alarms(
        project,
        project.store.current("videos"),
        project.store.current("context_aware_scores", context.partition_key),
        project.store.current("context_aware_thresholds"),
    )
    rows = found.read()
    either = rows.filter(pl.col("stream") == CONTEXT_AWARE).sort("peak_score", descending=True)
    shown = {}
    if len(either):
        alarm = either.row(0, named=True)
        shown = shown_alarm(
            project, alarm, context_scores.surprise_at(project, alarm["video"], alarm["peak_s"])
        )
    return report(found, episodes=len(rows), videos=rows["video"].n_unique(), **shown)


@dg.asset_check(asset=predictor, blocking=True)
def predictor_has_learned(project: ProjectResource) -> dg.AssetCheckResult:
    """It finds the next block of normal videos it was not trained on better than it did untrained."""
    said = _training(project.open().store.current("predictor"))
    before, after = (said[name]["prediction"] for name in ("begin", "validation"))
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


def _joined(project: Project, manifest: str) -> pl.DataFrame:
    """The manifests of all shards."""
    names = footage.shard_names(project.settings.footage.shards)
    return pl.concat([project.store.current(manifest, name).read() for name in names])


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
