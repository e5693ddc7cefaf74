"""Chapter 9. The benchmark: how good the scores are, with what costs nothing and what cheats beside them.

annotations ────┐
anomaly_scores ─┼──> benchmark_metrics ──> benchmark_report
thresholds ─────┘                              alarms ──┘
"""

from functools import partial

import dagster as dg

from pipelines.asset import asset
from pipelines.automation import GPU
from pipelines.mlflow_links import mlflow_run
from pipelines.mlflow_runs import benchmark_run, report_in_run
from pipelines.reporting import report, rows_metadata
from pipelines.tracking import Tracker
from traces_core.project import Project
from traces_core.steps import benchmark
from traces_core.store import Artifact


@asset(kinds={"mlflow"})
def benchmark_metrics(
    context: dg.AssetExecutionContext,
    project: Project,
    tracker: Tracker,
    practice_footage: Artifact,
    videos: Artifact,
    annotations: Artifact,
    trace_corpus: list[Artifact],
    trace_embeddings: list[Artifact],
    trace_index: Artifact,
    adapters: Artifact,
    anomaly_scores: list[Artifact],
    thresholds: Artifact,
) -> dg.MaterializeResult:
    """Every stream's row: AUC with its interval, average precision, events, false alarms, baselines."""
    metrics = benchmark.benchmark_metrics(project, videos, annotations, anomaly_scores, thresholds)
    rows = metrics.read()["rows"]
    made = {
        "practice_footage": practice_footage,
        "videos": videos,
        "annotations": annotations,
        "trace_corpus": trace_corpus,
        "trace_embeddings": trace_embeddings,
        "trace_index": trace_index,
        "adapters": adapters,
        "anomaly_scores": anomaly_scores,
        "thresholds": thresholds,
    }
    log = partial(benchmark_run, tracker, project, metrics, made)
    run = mlflow_run(context, tracker, metrics.recipe, log)
    aucs = {f"auc_{row['stream']}": row["auc"] for row in rows}
    return report(metrics, **aucs, **rows_metadata(rows, benchmark.baseline_rows(rows)), **run)


@asset(kinds={"html"}, pool=GPU)
def benchmark_report(
    context: dg.AssetExecutionContext,
    project: Project,
    tracker: Tracker,
    benchmark_metrics: Artifact,
    practice_footage: Artifact,
    videos: Artifact,
    annotations: Artifact,
    anomaly_scores: list[Artifact],
    alarms: list[Artifact],
    trace_index: Artifact,
    adapters: Artifact,
    thresholds: Artifact,
) -> dg.MaterializeResult:
    """The pages people read: the benchmark, and one page for each of its videos."""
    parts = (anomaly_scores, alarms, trace_index, adapters, thresholds)
    written = benchmark.benchmark_report(
        project, benchmark_metrics, practice_footage, videos, annotations, *parts
    )
    log = partial(report_in_run, tracker, project, benchmark_metrics, written)
    return report(written, **written.facts, **mlflow_run(context, tracker, written.recipe, log))
