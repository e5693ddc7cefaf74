"""Chapter 14. The model: the detector as somebody else can run it, and whether it is the one to run.

benchmark_metrics ──────────────────────┐
trace_index, adapters, thresholds ──────┴──> detector_model ──> MLflow: models:/traces@champion
"""

from functools import partial

import dagster as dg

from assets.sources import settings
from pipelines.automation import WHEN_INPUTS_CHANGE
from pipelines.champion import promote
from pipelines.mlflow_links import mlflow_run
from pipelines.reporting import report
from pipelines.resources import ProjectResource, TrackerResource
from traces_core.detector.saved import PARTS, SECTIONS
from traces_core.steps import detection


@dg.asset(
    kinds={"mlflow"},
    deps=["benchmark_metrics", *PARTS, *settings(*SECTIONS)],
    code_version=detection.DETECTING,
    automation_condition=WHEN_INPUTS_CHANGE,
)
def detector_model(
    context: dg.AssetExecutionContext, project: ProjectResource, tracker: TrackerResource
) -> dg.MaterializeResult:
    """A version of the MLflow model `traces`; it becomes the champion if the benchmark is no worse for it."""
    project, runs = project.open(), tracker.open()
    card = detection.detector_card(project)
    run = mlflow_run(context, runs, card.recipe, partial(promote, project, runs))
    return report(card, **run)
