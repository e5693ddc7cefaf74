"""Chapter 6. Adapters: appearance and time become one vector in CLIP's text space.

video_features ──> adapters
"""

import json
from functools import partial

import dagster as dg

from pipelines.asset import asset
from pipelines.automation import GPU
from pipelines.mlflow_links import mlflow_run
from pipelines.mlflow_runs import training_run
from pipelines.reporting import picture, report
from pipelines.tracking import Tracker
from traces_core.project import Project
from traces_core.steps import adapters as steps
from traces_core.store import Artifact


@asset(kinds={"torch"}, pool=GPU)
def adapters(
    context: dg.AssetExecutionContext,
    project: Project,
    tracker: Tracker,
    practice_footage: Artifact,
    videos: Artifact,
    video_features: list[Artifact],
) -> dg.MaterializeResult:
    """The fusion that ships: trained on captioned clips of other scenes, or else the identity."""
    trained = steps.adapters(project, practice_footage, videos, video_features)
    training = json.loads((trained.path / "training.json").read_text())
    made = {"practice_footage": practice_footage, "videos": videos}
    log = partial(training_run, tracker, project, trained, made)
    return report(
        trained,
        shipped=training["shipped"],
        reason=training["reason"],
        best_step=training.get("best_step"),
        training_windows=training.get("windows", {}).get("training"),
        **({"curves": picture(steps.training_picture(training), "Losses")} if training["curve"] else {}),
        **mlflow_run(context, tracker, trained.recipe, log),
    )
