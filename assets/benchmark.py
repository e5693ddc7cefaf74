"""Chapter 9. The benchmark: how good the scores are, with what costs nothing and what cheats beside them.

annotations ─┐
anomaly_scores ─┼──> benchmark_metrics ──> benchmark_report
thresholds ─────┘
"""

import dagster as dg

from assets.sources import settings
from pipelines.automation import WHEN_INPUTS_CHANGE
from pipelines.reporting import report
from pipelines.resources import TrackerResource, WorkshopResource, git_commit
from traces_core.steps import benchmark, footage, pages


@dg.asset(
    kinds={"mlflow"},
    deps=["annotations", "videos", "anomaly_scores", "thresholds", *settings("benchmark")],
    code_version=benchmark.MEASURING,
    automation_condition=WHEN_INPUTS_CHANGE,
)
def benchmark_metrics(
    context: dg.AssetExecutionContext, workshop: WorkshopResource, tracker: TrackerResource
) -> dg.MaterializeResult:
    """Every stream's row: AUC with its interval, average precision, events, false alarms, baselines."""
    shop = workshop.open()
    shelf = shop.shelf
    scores = [shelf.current("anomaly_scores", s) for s in footage.shard_names(shop.settings.footage.shards)]
    measured = benchmark.benchmark_metrics(
        shop,
        shelf.current("videos"),
        shelf.current("annotations", "benchmark"),
        scores,
        shelf.current("thresholds"),
    )
    rows = measured.read()["rows"]
    if measured.computed:
        tags = {"dagster_run": context.run.run_id, "git_commit": git_commit(), "recipe": measured.recipe}
        with tracker.open().run("benchmark", tags) as run:
            run.params(shop.settings.model_dump(mode="json"))
            run.tags(measured.read()["provenance"])
            for row in rows:
                run.metrics({f"{row['stream']}/{name}": value for name, value in row.items()})
            run.file(measured.path)
    return report(measured, **{f"auc_{row['stream']}": row["auc"] for row in rows})


@dg.asset(
    kinds={"html"},
    deps=["benchmark_metrics", "alarms", "trace_index"],
    code_version=pages.SHOWING,
    automation_condition=WHEN_INPUTS_CHANGE,
)
def benchmark_report(workshop: WorkshopResource) -> dg.MaterializeResult:
    """The pages people read: the benchmark, and one page for each of its videos."""
    shop = workshop.open()
    written = pages.benchmark_pages(shop)
    return report(written, **written.facts)
