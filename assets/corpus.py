"""Chapter 2. The corpus: every trace of every context in use, as a table.

catalog ──> trace_corpus
"""

import dagster as dg

from pipelines.asset import asset
from pipelines.automation import LLM, a_model_is_away, tried_again
from pipelines.partitions import CONTEXTS
from pipelines.reporting import report, table
from traces_core.project import Project
from traces_core.steps import corpus


@asset(kinds={"polars"}, partitions_def=CONTEXTS, pool=LLM)
def trace_corpus(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult:
    """The traces of one context: sentences of both sides, each with an id made from its content."""
    with tried_again(a_model_is_away, times=3, wait_s=60):
        written = corpus.trace_corpus(project, context.partition_key)
    traces = written.read()
    sides = dict(traces.group_by("side").len().rows())
    samples = traces.group_by("side", "class", maintain_order=True).head(2)
    return report(
        written,
        traces=len(traces),
        normal=sides.get("normal", 0),
        anomalous=sides.get("anomalous", 0),
        **written.facts,
        sentences=table(samples.to_dicts(), ["side", "class", "text"]),
    )
