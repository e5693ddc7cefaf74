"""Chapter 13. The Context-Aware system learns: video and text meet where the scene says what is normal.

patch_grids ──> predictor ──┐
video_features ─────────────┼──> context_gate
trace_index ────────────────┘

All of it learns from normal training footage; arXiv 2508.18463, with what differs in docs/decisions/0021.
"""

import json
from collections.abc import Mapping
from functools import partial

import dagster as dg

from pipelines.asset import asset
from pipelines.automation import GPU
from pipelines.mlflow_links import mlflow_run
from pipelines.public import asset_check
from pipelines.reporting import report
from pipelines.resources import ProjectResource
from pipelines.tracked_run import RunLog
from pipelines.tracking import TRAININGS, LoggedRun, Tracker
from traces_core.project import Project
from traces_core.steps import context_aware as steps
from traces_core.store import Artifact


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


@asset_check(asset=predictor, blocking=True)
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


@asset_check(asset=context_gate, blocking=True)
def joint_model_is_no_worse_than_clip(project: ProjectResource) -> dg.AssetCheckResult:
    """What ships is what training began with, or found the right captions at least as often."""
    training = _training(project.open().store.current("context_gate"))
    numbers = {name: training[name]["retrieval"] for name in ("begin", "validation") if name in training}
    return dg.AssetCheckResult(
        passed=not training["shipped"] or numbers["validation"] >= numbers["begin"],
        metadata={"shipped": training["shipped"], **{f"retrieval_{name}": x for name, x in numbers.items()}},
        description=training["reason"],
    )


def _training(learned: Artifact) -> dict:
    return json.loads((learned.path / "training.json").read_text(encoding="utf-8"))


def _training_run(
    tracker: Tracker, learned: Artifact, what: str, params: Mapping[str, object], tags: Mapping[str, str]
) -> LoggedRun:
    """The MLflow run of one training: its settings, its curves, its weights."""

    def fill(run: RunLog) -> None:
        training = _training(learned)
        run.params(params)
        run.tags({"shipped": str(training["shipped"]), "reason": training["reason"]})
        for point in training["curve"]:
            numbers = {name: value for name, value in point.items() if name != "step"}
            run.metrics({"training": numbers}, step=int(point["step"]))
        run.file(learned.path)

    run_tags = {**tags, "recipe": learned.recipe}
    return tracker.once(f"{what} {learned.recipe[:6]}", run_tags, fill, experiment=TRAININGS)
