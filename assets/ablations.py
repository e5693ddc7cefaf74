"""Chapter 10. Ablations: the benchmark again with one thing changed, to see what each part is worth.

benchmark_metrics ──> ablations/<what is changed> ──> results
"""

from functools import partial

import dagster as dg

from pipelines.automation import GPU
from pipelines.mlflow_links import mlflow_run
from pipelines.mlflow_runs import ablation_runs
from pipelines.reporting import report, shown_rows
from pipelines.resources import ProjectResource, TrackerResource
from traces_core.steps import ladder, pages
from traces_core.steps.ablations import ABLATIONS, ablation
from traces_core.store.code import code_of
from traces_core.store.digest import digest

JOINT = {name: ["context_aware_alarms"] for name in ladder.ABLATIONS}
"""What the ablations of the Context-Aware system begin with, besides the benchmark."""


def _asset(name: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["ablations", name],
        kinds={"mlflow"},
        deps=["benchmark_metrics", "trace_index", *JOINT.get(name, [])],
        code_version=digest([code_of(ablation), code_of(ABLATIONS[name], deep=True)]),
        description=ABLATIONS[name].__doc__,
        pool=GPU,
    )
    def compare(
        context: dg.AssetExecutionContext, project: ProjectResource, tracker: TrackerResource
    ) -> dg.MaterializeResult:
        project, runs = project.open(), tracker.open()
        measured = project.store.current("benchmark_metrics", "benchmark")
        found = ablation(project, name, ABLATIONS[name], measured)
        rows = found.read()["rows"]
        log = partial(ablation_runs, runs, project, measured, found)
        run = mlflow_run(context, runs, found.recipe, log)
        return report(found, rows=len(rows), **shown_rows(rows), **run)

    return compare


COMPARISONS = [_asset(name) for name in ABLATIONS]


@dg.asset(
    kinds={"html"},
    deps=["benchmark_metrics", *(["ablations", name] for name in ABLATIONS)],
    code_version=code_of(pages.results_page),
)
def results(project: ProjectResource) -> dg.MaterializeResult:
    """The page with every row and every ablation."""
    written = pages.results_page(project.open())
    return report(written, **written.facts)
