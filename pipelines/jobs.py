"""Jobs: what people start by name. Assets of one job share their partitions; `pipelines.run` joins them."""

import dagster as dg

from pipelines.partitions import CONTEXTS, SHARDS
from pipelines.resources import WorkshopResource
from traces_core.steps import knowledge


class PretrainConfig(dg.Config):
    """What to pre-train."""

    seed: int = 0


@dg.op
def pretrain(context: dg.OpExecutionContext, config: PretrainConfig) -> None:
    """Pre-train one seed of the pocket encoders; the weights in the package are replaced."""
    from traces_core.encoders.pretraining import pretrain_pocket

    for tower, metrics in pretrain_pocket(config.seed, echo=context.log.info).items():
        context.log.info(f"{tower}: {metrics}")


@dg.job(description="Pre-train the pocket encoders of one seed (about twenty minutes on two cores).")
def pretrain_pocket() -> None:
    """One op: the encoders are part of the checkout, not of the graph."""
    pretrain()


@dg.op
def ask_writer(context: dg.OpExecutionContext, workshop: WorkshopResource) -> None:
    """Ask the language model about every context in use; its replies are kept for `trace_corpus`."""
    for name, count in knowledge.write_ahead(workshop.open()).items():
        context.log.info(f"{name}: {count} sentences")


@dg.job(description="Ask the language model about all contexts in one batch; write_bank finds the replies.")
def ask_ahead() -> None:
    """One op: the batch is full only if no context is asked about alone."""
    ask_writer()


JOBS = [
    dg.define_asset_job(
        "write_bank",
        dg.AssetSelection.assets("trace_corpus", "trace_embeddings"),
        partitions_def=CONTEXTS,
        description="Traces and vectors, context by context.",
    ),
    dg.define_asset_job(
        "score_footage",
        dg.AssetSelection.assets("video_features", "anomaly_scores"),
        partitions_def=SHARDS,
        description="Features and scores, shard by shard.",
    ),
    dg.define_asset_job(
        "benchmark",
        dg.AssetSelection.assets("thresholds", "benchmark_metrics", "benchmark_report"),
        description="Thresholds, the result table and its pages.",
    ),
    ask_ahead,
    pretrain_pocket,
]
