"""An experiment. Real captions: the shipped bank on the UCF-Crime test set, from what others' VLMs wrote.

real_sentences/<table> ──> real/<experiment> ──> real_results

Needs the folder that TRACES_REAL_DATA names; `make benchmark-real` makes the group, nothing else does.
"""

from functools import partial

import dagster as dg

from experiments.real_captions import bench, rows
from experiments.real_captions.runs import real_run
from pipelines.automation import GPU
from pipelines.mlflow_links import mlflow_run
from pipelines.reporting import report
from pipelines.resources import ProjectResource, TrackerResource, git_commit
from traces_core.store.code import code_of


def _sentences(table: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["real_sentences", table],
        kinds={"huggingface"},
        code_version=code_of(bench.real_sentences),
        description=f"Unit vectors of the sentences of {bench.TABLES[table]}.",
        pool=GPU,
    )
    def embed(project: ProjectResource) -> dg.MaterializeResult:
        return report(bench.real_sentences(project.open(), table))

    return embed


def _rows(name: str) -> dg.AssetsDefinition:
    @dg.asset(
        key=["real", name],
        kinds={"mlflow"},
        deps=[["real_sentences", table] for table in bench.TABLES],
        code_version=code_of(rows.real_rows),
        description=rows.EXPERIMENTS[name].__doc__,
        pool=GPU,
    )
    def measure(
        context: dg.AssetExecutionContext, project: ProjectResource, tracker: TrackerResource
    ) -> dg.MaterializeResult:
        artifact, runs = rows.real_rows(project.open(), name), tracker.open()
        run = mlflow_run(context, runs, artifact.recipe, partial(real_run, runs, name, artifact))
        return report(artifact, rows=len(artifact.read()["rows"]), **run)

    return measure


SENTENCES = [_sentences(table) for table in bench.TABLES]
MEASURED = [_rows(name) for name in rows.EXPERIMENTS]


@dg.asset(
    kinds={"markdown"},
    deps=[["real", name] for name in rows.EXPERIMENTS],
    code_version=code_of(rows.real_results),
)
def real_results(project: ProjectResource) -> dg.MaterializeResult:
    """Every row of every experiment, with what it was made from: what the results page shows."""
    gathered = rows.real_results(project.open(), git_commit())
    return report(gathered, rows=len(gathered.read()["rows"]))
