"""Chapter 2. The corpus: every trace of every context in use, as a table.

catalog ──> trace_corpus
"""

import dagster as dg

from assets.sources import settings
from pipelines.automation import WHEN_INPUTS_CHANGE
from pipelines.partitions import CONTEXTS
from pipelines.reporting import report
from pipelines.resources import WorkshopResource
from traces_core.steps import knowledge


@dg.asset(
    kinds={"polars"},
    partitions_def=CONTEXTS,
    deps=["catalog", *settings("corpus", "writing", "clip")],
    code_version=knowledge.WRITING,
    automation_condition=WHEN_INPUTS_CHANGE,
)
def trace_corpus(context: dg.AssetExecutionContext, workshop: WorkshopResource) -> dg.MaterializeResult:
    """The traces of one context: sentences of both sides, each with an id made from its content."""
    corpus = knowledge.trace_corpus(workshop.open(), context.partition_key)
    table = corpus.read()
    sides = dict(table.group_by("side").len().rows())
    return report(
        corpus,
        traces=len(table),
        normal=sides.get("normal", 0),
        anomalous=sides.get("anomalous", 0),
        **corpus.facts,
        sentences=dg.MetadataValue.md("\n".join(f"- {text}" for text in table["text"].head(8))),
    )
