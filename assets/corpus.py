"""Chapter 2. The corpus: every trace of every context in use, as a table.

catalog ──> trace_corpus
"""

import dagster as dg

from assets.sources import settings
from pipelines.automation import LLM, WHEN_INPUTS_CHANGE, a_model_is_away, tried_again
from pipelines.partitions import CONTEXTS
from pipelines.reporting import report, table
from pipelines.resources import ProjectResource
from traces_core.steps import knowledge
from traces_core.store.code import code_of


@dg.asset(
    kinds={"polars"},
    partitions_def=CONTEXTS,
    deps=["catalog", *settings("corpus", "writing", "clip")],
    code_version=code_of(knowledge.trace_corpus),
    automation_condition=WHEN_INPUTS_CHANGE,
    pool=LLM,
)
def trace_corpus(context: dg.AssetExecutionContext, project: ProjectResource) -> dg.MaterializeResult:
    """The traces of one context: sentences of both sides, each with an id made from its content."""
    with tried_again(a_model_is_away, times=3, wait_s=60):
        corpus = knowledge.trace_corpus(project.open(), context.partition_key)
    traces = corpus.read()
    sides = dict(traces.group_by("side").len().rows())
    samples = traces.group_by("side", "class", maintain_order=True).head(2)
    return report(
        corpus,
        traces=len(traces),
        normal=sides.get("normal", 0),
        anomalous=sides.get("anomalous", 0),
        **corpus.facts,
        sentences=table(samples.to_dicts(), ["side", "class", "text"]),
    )
