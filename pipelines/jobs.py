"""Jobs: what people, schedules and sensors start by name.

Assets of one Dagster job share their partitions. Where the whole graph is wanted, a job of one op walks it
(`pipelines.walk`): its runs are ordinary runs of their own, and the job says what came of them. What makes a
new bank from a new seed is in `pipelines.regenerate`.
"""

import dagster as dg
from pydantic import Field

from pipelines import versioning
from pipelines.automation import GPU, LLM
from pipelines.champion import log_waiting
from pipelines.regenerate import try_new_bank
from pipelines.reporting import Rows, rows_metadata
from pipelines.resources import ProjectResource, TrackerResource
from pipelines.results import write_results
from pipelines.walk import BANK, BENCHMARK, DEMO, walk_as_job
from traces_core.steps import corpus as corpus_step


class PretrainConfig(dg.Config):
    """What to pre-train."""

    seed: int = Field(0, ge=0, description="Seed of the pocket encoders: 0 replaces those of pocket-0.")


@dg.op(pool=GPU)
def pretrain(context: dg.OpExecutionContext, config: PretrainConfig) -> None:
    """Pre-train one seed of the pocket encoders; the weights in the package are replaced."""
    from traces_core.practice.pretraining import pretrain_pocket

    for tower, metrics in pretrain_pocket(config.seed, echo=context.log.info).items():
        context.log.info(f"{tower}: {metrics}")


@dg.job(description="Pre-train the pocket encoders of one seed (about twenty minutes on two cores).")
def pretrain_pocket() -> None:
    """One op: the encoders are part of the checkout, not of the graph."""
    pretrain()


@dg.op(out=dg.Out(dg.Nothing), pool=LLM)
def ask_writer(context: dg.OpExecutionContext, project: ProjectResource) -> None:
    """Ask the language model about all contexts in use in one batch; its replies wait for the corpus.

    The catalog's own sentences need nobody to be asked.
    """
    for name, count in corpus_step.write_ahead(project.open()).items():
        context.log.info(f"{name}: {count} sentences")


def _walk(name: str, selection: str, *, waits: bool = False) -> dg.OpDefinition:
    @dg.op(
        name=name,
        description=f"Make `{selection}`, wave by wave; what is found by its recipe is not computed.",
        ins={"start": dg.In(dg.Nothing)} if waits else {},
        out=dg.Out(dg.Nothing),
        pool=GPU,
    )
    def walk_graph(context: dg.OpExecutionContext) -> None:
        context.add_output_metadata({"runs": walk_as_job(context, selection)})

    return walk_graph


@dg.op(ins={"start": dg.In(dg.Nothing)}, out=dg.Out(dg.Nothing))
def publish(context: dg.OpExecutionContext, project: ProjectResource) -> None:
    """Put the result table and the pages where people look for them: in reports/."""
    project = project.open()
    results = write_results(project.store, project.machine.reports)
    versioning.write_comparable(project)
    rows: Rows = results["rows"]
    page = project.machine.reports / "benchmark" / "index.html"
    context.add_output_metadata(
        {"page": dg.MetadataValue.path(page), **rows_metadata(rows, results["baselines"])}
    )


@dg.op(ins={"start": dg.In(dg.Nothing)})
def tell_dvc(context: dg.OpExecutionContext, project: ProjectResource) -> None:
    """Record in DVC what was made, once a job and only where DVC is set up for it."""
    context.log.info(versioning.record(project.open()) or "Nothing new for DVC, or not its store.")


@dg.op(out=dg.Out(dg.Nothing))
def log_runs(context: dg.OpExecutionContext, project: ProjectResource, tracker: TrackerResource) -> None:
    """Log what waits, as far as MLflow answers."""
    opened = tracker.open()
    logged = log_waiting(project.open, opened)
    context.add_output_metadata({"logged": logged, "still waiting": len(opened.spool.waiting())})


@dg.job(
    description="Log in MLflow what waits on disk since it was away: the sensor `mlflow_is_back` starts it."
)
def log_waiting_runs() -> None:
    """Detectors among it are judged by the gate."""
    log_runs()


@dg.job(description="Write the bank anew, all contexts: traces, vectors, index. One context: write_bank.")
def rebuild_bank() -> None:
    """The language model, if there is one, is asked about all contexts at once."""
    tell_dvc(_walk("make_bank", BANK, waits=True)(ask_writer()))


@dg.job(description="Make the whole graph on the footage of params.yaml, and the result table: `make demo`.")
def demo() -> None:
    """All that the result table rests on."""
    tell_dvc(publish(_walk("make_graph", DEMO)()))


@dg.job(description="Make the whole graph and every ablation (an hour on two cores): `make benchmark`.")
def benchmark() -> None:
    """The result table with why it is as it is."""
    tell_dvc(publish(_walk("make_graph_and_ablations", BENCHMARK)()))


@dg.job(
    description="Try a bank from a new seed; it replaces the present one only if the benchmark is better."
)
def regenerate_bank() -> None:
    """What is made on the way is kept by recipe, taken or not."""
    tell_dvc(try_new_bank())


JOBS = [
    demo,
    rebuild_bank,
    dg.define_asset_job(
        "write_bank",
        dg.AssetSelection.assets("trace_corpus", "trace_embeddings"),
        description="Traces and vectors of one context; as a backfill, of several side by side.",
    ),
    dg.define_asset_job(
        "score_footage",
        dg.AssetSelection.assets("video_features", "anomaly_scores", "alarms"),
        description=(
            "Features, scores and alarms of one shard, with the bank and the thresholds there are; as a "
            "backfill, of several side by side."
        ),
    ),
    dg.define_asset_job(
        "score_inbox",
        dg.AssetSelection.assets("inbox_scores"),
        description="One video that was dropped into the inbox: the sensor `inbox` starts it.",
    ),
    dg.define_asset_job(
        "observe_sources",
        dg.AssetSelection.tag("chapter", "sources", include_sources=True)
        | dg.AssetSelection.assets("videos", "annotations"),
        description="Observe what people edit, and list the footage: every night, by its schedule.",
    ),
    benchmark,
    regenerate_bank,
    log_waiting_runs,
    pretrain_pocket,
]
