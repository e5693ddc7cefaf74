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
from pipelines.resources import TrackerResource, WorkshopResource
from pipelines.tracking import TRAININGS, TrackedRun, Tracker
from traces_core.context_aware.scoring import ALIGNMENT, CONTEXT_AWARE
from traces_core.steps import block_views, context_aware, context_scores, footage
from traces_core.steps.workshop import Workshop
from traces_core.store import Artifact


@dg.asset(
    kinds={"timesformer"},
    partitions_def=SHARDS,
    deps=["videos", "practice_footage", *settings("sampling", "timesformer", "predictor", "context_gate")],
    code_version=block_views.GRIDDING,
    automation_condition=WHEN_INPUTS_CHANGE,
    pool=GPU,
)
def patch_grids(context: dg.AssetExecutionContext, workshop: WorkshopResource) -> dg.MaterializeResult:
    """The patch tokens of each block of one shard's videos; anomalous training videos are left out."""
    shop = workshop.open()
    practice, listed = shop.shelf.current("practice_footage"), shop.shelf.current("videos")
    manifest = block_views.patch_grids(shop, practice, listed, context.partition_key)
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
    context: dg.AssetExecutionContext, workshop: WorkshopResource, tracker: TrackerResource
) -> dg.MaterializeResult:
    """Dense predictive coding, trained alone on normal footage: the next block, place by place."""
    shop, runs = workshop.open(), tracker.open()
    practice, listed = shop.shelf.current("practice_footage"), shop.shelf.current("videos")
    learned = context_aware.predictor(shop, practice, listed, _joined(shop, "grid_manifest"))
    said = _training(learned)
    log = partial(_training_run, runs, learned, "predictor", shop.settings.predictor.model_dump(mode="json"))
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
    context: dg.AssetExecutionContext, workshop: WorkshopResource, tracker: TrackerResource
) -> dg.MaterializeResult:
    """Head, gate and predictor, trained jointly on normal footage; what they began as, if that is better."""
    shop, runs = workshop.open(), tracker.open()
    shelf, is_predicting = shop.shelf, block_views.is_predicting(shop)
    learned = context_aware.context_gate(
        shop,
        shelf.current("practice_footage"),
        shelf.current("videos"),
        _joined(shop, "feature_manifest"),
        _joined(shop, "grid_manifest") if is_predicting else None,
        shelf.current("predictor") if is_predicting else None,
        shelf.current("trace_index"),
    )
    said = _training(learned)
    params = {
        name: getattr(shop.settings, name).model_dump(mode="json") for name in ("joint", "context_gate")
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
def context_aware_scores(
    context: dg.AssetExecutionContext, workshop: WorkshopResource
) -> dg.MaterializeResult:
    """The streams alignment and surprise of one shard's calibration and benchmark videos; causal."""
    shop, shard = workshop.open(), context.partition_key
    shelf = shop.shelf
    scores = context_scores.context_aware_scores(
        shop,
        shelf.current("videos"),
        shelf.current("feature_manifest", shard),
        shelf.current("grid_manifest", shard) if block_views.is_predicting(shop) else None,
        shelf.current("context_gate"),
        shelf.current("trace_index"),
    )
    rows = scores.read()
    return report(
        scores,
        scores=len(rows),
        videos=rows["video_id"].n_unique(),
        **shown_peak(shop, scores, ALIGNMENT),
    )


@dg.asset(
    kinds={"json"},
    deps=["context_aware_scores", "videos", *settings("calibration", "context_gate")],
    code_version=context_scores.WEIGHING,
    automation_condition=WHEN_INPUTS_CHANGE,
)
def context_aware_thresholds(workshop: WorkshopResource) -> dg.MaterializeResult:
    """How often normal footage of each scene scores as high, and the thresholds for the stated rate."""
    shop = workshop.open()
    shards = footage.shard_names(shop.settings.footage.shards)
    scores = [shop.shelf.current("context_aware_scores", shard) for shard in shards]
    calibrated = context_scores.context_aware_thresholds(shop, shop.shelf.current("videos"), scores)
    rows = [
        {"stream": stream, "scene": scene or "all of them", **said}
        for stream, scenes in calibrated.read()["by_scene"].items()
        for scene, said in scenes.items()
    ]
    _, thresholds = context_scores.calibration_of(calibrated)
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
def context_aware_alarms(
    context: dg.AssetExecutionContext, workshop: WorkshopResource
) -> dg.MaterializeResult:
    """The episodes in which alignment, surprise, or either of them mismatches, and which of them does."""
    shop = workshop.open()
    found = context_scores.context_aware_alarms(
        shop,
        shop.shelf.current("videos"),
        shop.shelf.current("context_aware_scores", context.partition_key),
        shop.shelf.current("context_aware_thresholds"),
    )
    rows = found.read()
    either = rows.filter(pl.col("stream") == CONTEXT_AWARE).sort("peak_score", descending=True)
    shown = {}
    if len(either):
        alarm = either.row(0, named=True)
        shown = shown_alarm(shop, alarm, context_scores.surprise_at(shop, alarm["video_id"], alarm["peak_s"]))
    return report(found, episodes=len(rows), videos=rows["video_id"].n_unique(), **shown)


@dg.asset_check(asset=predictor, blocking=True)
def predictor_has_learned(workshop: WorkshopResource) -> dg.AssetCheckResult:
    """It finds the next block of normal videos it was not trained on better than it did untrained."""
    said = _training(workshop.open().shelf.current("predictor"))
    before, after = (said[name]["prediction"] for name in ("begin", "validation"))
    return dg.AssetCheckResult(
        passed=after < before,
        metadata={"loss_untrained": before, "loss": after},
        description=f"CPC on normal validation videos: {after:.3f} nats, untrained {before:.3f}. Where it is "
        "no lower, give more normal footage or more predictor.steps.",
    )


@dg.asset_check(asset=context_gate, blocking=True)
def joint_model_is_no_worse_than_clip(workshop: WorkshopResource) -> dg.AssetCheckResult:
    """What ships is what training began with, or found the right captions at least as often."""
    said = _training(workshop.open().shelf.current("context_gate"))
    numbers = {name: said[name]["retrieval"] for name in ("begin", "validation") if name in said}
    return dg.AssetCheckResult(
        passed=not said["shipped"] or numbers["validation"] >= numbers["begin"],
        metadata={"shipped": said["shipped"], **{f"retrieval_{name}": x for name, x in numbers.items()}},
        description=said["reason"],
    )


@dg.asset_check(asset=context_aware_scores, blocking=True, partitions_def=SHARDS)
def context_scores_are_sound(
    context: dg.AssetCheckExecutionContext, workshop: WorkshopResource
) -> dg.AssetCheckResult:
    """Finite, and no stream gives mostly one value."""
    shelf = workshop.open().shelf
    return sound_scores(shelf.current("context_aware_scores", context.partition_key).read())


def _joined(shop: Workshop, manifest: str) -> pl.DataFrame:
    """The manifests of all shards."""
    names = footage.shard_names(shop.settings.footage.shards)
    return pl.concat([shop.shelf.current(manifest, name).read() for name in names])


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
