"""Chapter 10. The model: the detector as others can run it, and whether it becomes the champion.

benchmark_metrics ──────────────────────┐
trace_index, adapters, thresholds ──────┴──> detector_model ──> MLflow: models:/traces@champion
"""

from functools import partial

import dagster as dg

from pipelines.asset import asset
from pipelines.champion import promote
from pipelines.mlflow_links import mlflow_run
from pipelines.reporting import report
from pipelines.tracking import Tracker
from traces_core.project import Project
from traces_core.steps import model
from traces_core.store import Artifact


@asset(kinds={"mlflow"})
def detector_model(
    context: dg.AssetExecutionContext,
    project: Project,
    tracker: Tracker,
    benchmark_metrics: Artifact,
    trace_index: Artifact,
    adapters: Artifact,
    thresholds: Artifact,
) -> dg.MaterializeResult:
    """A version of the MLflow model `traces`; it becomes the champion if the benchmark is no worse for it."""
    card = model.detector_model(project, trace_index, adapters, thresholds)
    log = partial(promote, project, tracker, benchmark_metrics, card, [trace_index, adapters, thresholds])
    return report(card, **mlflow_run(context, tracker, card.recipe, log))
