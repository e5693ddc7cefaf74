"""Chapter 10. Ablations: the benchmark again with one thing changed, to see what each part is worth.

benchmark_metrics ──> ablations/<what is changed> ──> results
"""

import dagster as dg

from pipelines.reporting import report
from pipelines.resources import TrackerResource, WorkshopResource, git_commit
from traces_core.steps import pages
from traces_core.steps.ablations import ABLATIONS, COMPARING, ablation


def _asset(name: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["ablations", name],
        kinds={"mlflow"},
        deps=["benchmark_metrics", "trace_index"],
        code_version=COMPARING,
        description=ABLATIONS[name].__doc__,
        pool="encoders",
    )
    def compare(
        context: dg.AssetExecutionContext, workshop: WorkshopResource, tracker: TrackerResource
    ) -> dg.MaterializeResult:
        shop = workshop.open()
        found = ablation(shop, name, shop.shelf.current("benchmark_metrics", "benchmark"))
        rows = found.read()["rows"]
        if found.computed:
            tags = {"dagster_run": context.run.run_id, "git_commit": git_commit(), "recipe": found.recipe}
            with tracker.open().run(f"ablation: {name}", tags) as parent:
                parent.content("rows.json", rows)
                parent.params({"ablation": name})
            for row in rows:
                labelled = {**tags, "ablation": name, "variant": row["variant"]}
                with tracker.open().run(f"{name}: {row['variant']}", labelled, parent.run_id) as run:
                    run.params({key: row[key] for key in ("variant", "stream", "seed") if key in row})
                    run.metrics(row)
        return report(found, rows=len(rows), table=dg.MetadataValue.md(_table(rows)))

    return compare


COMPARISONS = [_asset(name) for name in ABLATIONS]


@dg.asset(
    kinds={"html"},
    deps=["benchmark_metrics", *(["ablations", name] for name in ABLATIONS)],
    code_version=pages.SHOWING,
)
def results(workshop: WorkshopResource) -> dg.MaterializeResult:
    """The page with every row and every ablation."""
    written = pages.results_page(workshop.open())
    return report(written, **written.facts)


def _table(rows: list[dict]) -> str:
    shown = "\n".join(
        f"| {row['variant']} | {row['stream']} | {row.get('seed', '')} | {row['auc']:.3f} |" for row in rows
    )
    return f"| variant | stream | seed | AUC |\n| --- | --- | --- | --- |\n{shown}"
