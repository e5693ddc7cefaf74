"""An experiment. Real captions: the shipped bank on the UCF-Crime test set, from what others' VLMs wrote.

real_sentences/<table> ──> real/<experiment> ──> real_results

Needs the folder that TRACES_REAL_DATA names; `make benchmark-real` makes the group, nothing else does.
"""

from functools import partial

import dagster as dg

from experiments.real_captions import bench, steps
from experiments.real_captions.bench import TABLES
from experiments.real_captions.rows import EXPERIMENTS
from experiments.real_captions.runs import real_run
from pipelines.asset import asset
from pipelines.automation import GPU
from pipelines.mlflow_links import mlflow_run
from pipelines.reporting import report
from pipelines.resources import git_commit
from pipelines.tracking import Tracker
from traces_core.project import Project
from traces_core.store import Artifact


def _sentences(table: str) -> dg.AssetsDefinition:
    @asset(
        key=["real_sentences", table],
        kinds={"huggingface"},
        moves=False,
        description=f"Unit vectors of the sentences of {TABLES[table]}.",
        pool=GPU,
    )
    def embed(project: Project) -> dg.MaterializeResult:
        return report(bench.real_sentences(project, table))

    return embed


def _rows(name: str) -> dg.AssetsDefinition:
    @asset(
        key=["real", name],
        kinds={"mlflow"},
        moves=False,
        inputs={"real_sentences": [dg.AssetKey(["real_sentences", table]) for table in TABLES]},
        runs=[EXPERIMENTS[name]],
        description=EXPERIMENTS[name].__doc__,
        pool=GPU,
    )
    def measure(
        context: dg.AssetExecutionContext,
        project: Project,
        tracker: Tracker,
        real_sentences: list[Artifact],
    ) -> dg.MaterializeResult:
        measured = steps.real_rows(project, name, EXPERIMENTS[name], real_sentences)
        run = mlflow_run(context, tracker, measured.recipe, partial(real_run, tracker, name, measured))
        return report(measured, rows=len(measured.read()["rows"]), **run)

    return measure


SENTENCES = [_sentences(table) for table in TABLES]
MEASURED = [_rows(name) for name in EXPERIMENTS]


@asset(
    kinds={"markdown"},
    moves=False,
    inputs={"real_rows": [dg.AssetKey(["real", name]) for name in EXPERIMENTS]},
)
def real_results(project: Project, real_rows: list[Artifact]) -> dg.MaterializeResult:
    """Every row of every experiment, with what it was made from: what the results page shows."""
    gathered = steps.real_results(project, git_commit(), real_rows)
    return report(gathered, rows=len(gathered.read()["rows"]))
