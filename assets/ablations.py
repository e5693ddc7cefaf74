"""Chapter 11. Ablations: the benchmark again with one thing changed, to see what each part is worth.

benchmark_metrics ──> ablations/<what is changed> ──> results
"""

from functools import partial

import dagster as dg

from pipelines.asset import asset
from pipelines.automation import GPU
from pipelines.mlflow_links import mlflow_run
from pipelines.mlflow_runs import ablation_runs
from pipelines.reporting import report, rows_metadata
from pipelines.tracking import Tracker
from traces_core.project import Project
from traces_core.steps.ablations import ABLATIONS, ablation
from traces_core.steps.ablations import results as results_step
from traces_core.store import Artifact


def _asset(name: str) -> dg.AssetsDefinition:
    @asset(
        key=["ablations", name],
        kinds={"mlflow"},
        moves=False,
        runs=[ABLATIONS[name]],
        description=ABLATIONS[name].__doc__,
        pool=GPU,
    )
    def compare(
        context: dg.AssetExecutionContext,
        project: Project,
        tracker: Tracker,
        benchmark_metrics: Artifact,
        trace_index: Artifact,
    ) -> dg.MaterializeResult:
        compared = ablation(project, name, ABLATIONS[name], benchmark_metrics, trace_index)
        rows = compared.read()["rows"]
        log = partial(ablation_runs, tracker, project, benchmark_metrics, compared)
        run = mlflow_run(context, tracker, compared.recipe, log)
        return report(compared, rows=len(rows), **rows_metadata(rows), **run)

    return compare


COMPARISONS = [_asset(name) for name in ABLATIONS]


@asset(
    kinds={"html"},
    moves=False,
    inputs={"ablations": [dg.AssetKey(["ablations", name]) for name in ABLATIONS]},
)
def results(
    project: Project, benchmark_metrics: Artifact, adapters: Artifact, ablations: list[Artifact]
) -> dg.MaterializeResult:
    """The page with every row and every ablation."""
    written = results_step(project, benchmark_metrics, adapters, ablations)
    return report(written, **written.facts)
