"""Chapter 12. Real captions: the shipped bank on the UCF-Crime test set, from what others' VLMs wrote.

real_sentences/<table> ──> real/<experiment> ──> real_results

Needs the folder that TRACES_REAL_DATA names; `make benchmark-real` makes the group, nothing else does.
"""

import dagster as dg

from pipelines.reporting import report
from pipelines.resources import TrackerResource, WorkshopResource, git_commit
from traces_core.steps import real, real_rows
from traces_core.steps.captions import CUTTING


def _sentences(table: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["real_sentences", table],
        kinds={"huggingface"},
        code_version=CUTTING,
        description=f"Unit vectors of the sentences of {real.TABLES[table]}.",
        pool="encoders",
    )
    def embed(workshop: WorkshopResource) -> dg.MaterializeResult:
        return report(real.real_sentences(workshop.open(), table))

    return embed


def _rows(name: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["real", name],
        kinds={"mlflow"},
        deps=[["real_sentences", table] for table in real.TABLES],
        code_version=real_rows.COMPARING,
        description=real_rows.EXPERIMENTS[name].__doc__,
        pool="encoders",
    )
    def measure(
        context: dg.AssetExecutionContext, workshop: WorkshopResource, tracker: TrackerResource
    ) -> dg.MaterializeResult:
        found = real_rows.real_rows(workshop.open(), name)
        rows = found.read()["rows"]
        if found.computed:
            tags = {"dagster_run": context.run.run_id, "git_commit": git_commit(), "recipe": found.recipe}
            with tracker.open().run(f"real: {name}", tags) as parent:
                parent.content("rows.json", rows)
                parent.params({"experiment": name})
            for row in rows:
                said = {key: row[key] for key in ("experiment", "table", "variant", "seed") if key in row}
                with tracker.open().run(f"{name}: {row['variant']}", tags, parent.run_id) as run:
                    run.params(said)
                    run.metrics({key: value for key, value in row.items() if key not in said})
        return report(found, rows=len(rows))

    return measure


SENTENCES = [_sentences(table) for table in real.TABLES]
MEASURED = [_rows(name) for name in real_rows.EXPERIMENTS]


@dg.asset(
    kinds={"markdown"},
    deps=[["real", name] for name in real_rows.EXPERIMENTS],
    code_version=real_rows.COMPARING,
)
def real_results(workshop: WorkshopResource) -> dg.MaterializeResult:
    """Every row of every experiment, with what it was made from: what the results page shows."""
    gathered = real_rows.real_results(workshop.open(), git_commit())
    return report(gathered, rows=len(gathered.read()["rows"]))
