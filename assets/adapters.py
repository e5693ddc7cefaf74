"""Chapter 6. Adapters: appearance and time become one vector in CLIP's text space.

video_features ──> adapters
"""

import json
from functools import partial

import dagster as dg
import polars as pl

from assets.sources import settings
from pipelines.automation import GPU, WHEN_INPUTS_CHANGE
from pipelines.mlflow_links import mlflow_run
from pipelines.mlflow_runs import training_run
from pipelines.reporting import picture, report
from pipelines.resources import ProjectResource, TrackerResource
from traces_core.project import Project
from traces_core.steps import detection, footage
from traces_core.steps.pages import training_picture
from traces_core.store.code import code_of


@dg.asset(
    kinds={"torch"},
    deps=["video_features", "videos", "practice_footage", *settings("training", "clip", "timesformer")],
    code_version=code_of(detection.adapters),
    automation_condition=WHEN_INPUTS_CHANGE,
    pool=GPU,
)
def adapters(
    context: dg.AssetExecutionContext, project: ProjectResource, tracker: TrackerResource
) -> dg.MaterializeResult:
    """The fusion that ships: trained on captioned clips of other scenes, or else the identity."""
    project = project.open()
    practice, listed = project.store.current("practice_footage"), project.store.current("videos")
    manifest = feature_manifest(project)
    learned = detection.adapters(project, practice, listed, manifest)
    said = json.loads((learned.path / "training.json").read_text())
    runs = tracker.open()
    return report(
        learned,
        shipped=said["shipped"],
        reason=said["reason"],
        best_step=said.get("best_step"),
        training_windows=said.get("windows", {}).get("training"),
        **({"curves": picture(training_picture(said), "Losses")} if said["curve"] else {}),
        **mlflow_run(context, runs, learned.recipe, partial(training_run, runs, project, learned)),
    )


def feature_manifest(project: Project) -> pl.DataFrame:
    """The manifests of all shards, joined."""
    names = footage.shard_names(project.settings.footage.shards)
    return pl.concat([project.store.current("feature_manifest", name).read() for name in names])
