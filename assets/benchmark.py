"""Chapter 9. The benchmark: how good the scores are, with what costs nothing and what cheats beside them.

annotations ─┐
anomaly_scores ─┼──> benchmark_metrics ──> benchmark_report
thresholds ─────┘
"""

from functools import partial

import dagster as dg

from assets.sources import settings
from pipelines.automation import WHEN_INPUTS_CHANGE
from pipelines.mlflow_links import mlflow_run
from pipelines.mlflow_runs import benchmark_run, report_in_run
from pipelines.reporting import report, shown_rows
from pipelines.resources import ProjectResource, TrackerResource
from traces_core.steps import benchmark, footage, pages
from traces_core.store.code import code_of


@dg.asset(
    kinds={"mlflow"},
    deps=["annotations", "videos", "anomaly_scores", "thresholds", *settings("benchmark")],
    code_version=code_of(benchmark.benchmark_metrics),
    automation_condition=WHEN_INPUTS_CHANGE,
)
def benchmark_metrics(
    context: dg.AssetExecutionContext, project: ProjectResource, tracker: TrackerResource
) -> dg.MaterializeResult:
    """Every stream's row: AUC with its interval, average precision, events, false alarms, baselines."""
    project = project.open()
    store = project.store
    scores = [
        store.current("anomaly_scores", s) for s in footage.shard_names(project.settings.footage.shards)
    ]
    measured = benchmark.benchmark_metrics(
        project,
        store.current("videos"),
        store.current("annotations", "benchmark"),
        scores,
        store.current("thresholds"),
    )
    rows = measured.read()["rows"]
    runs = tracker.open()
    run = mlflow_run(context, runs, measured.recipe, partial(benchmark_run, runs, project, measured))
    aucs = {f"auc_{row['stream']}": row["auc"] for row in rows}
    return report(measured, **aucs, **shown_rows(rows, benchmark.baseline_rows(rows)), **run)


@dg.asset(
    kinds={"html"},
    deps=["benchmark_metrics", "alarms", "trace_index"],
    code_version=code_of(pages.benchmark_pages),
    automation_condition=WHEN_INPUTS_CHANGE,
)
def benchmark_report(
    context: dg.AssetExecutionContext, project: ProjectResource, tracker: TrackerResource
) -> dg.MaterializeResult:
    """The pages people read: the benchmark, and one page for each of its videos."""
    project, runs = project.open(), tracker.open()
    measured = project.store.current("benchmark_metrics", "benchmark")
    written = pages.benchmark_pages(project)
    run = mlflow_run(context, runs, written.recipe, partial(report_in_run, runs, project, measured, written))
    return report(written, **written.facts, **run)
