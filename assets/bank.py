"""Chapter 3. The trace bank: what the detector knows, as vectors.

trace_corpus ──> trace_embeddings ──> trace_index
"""

import dagster as dg

from assets.sources import settings
from pipelines.automation import WHEN_INPUTS_CHANGE
from pipelines.partitions import CONTEXTS
from pipelines.reporting import report, shown_coverage
from pipelines.resources import ProjectResource
from traces_core.steps import knowledge
from traces_core.store.code import code_of


@dg.asset(
    kinds={"clip"},
    partitions_def=CONTEXTS,
    deps=["trace_corpus", *settings("clip", "corpus")],
    code_version=code_of(knowledge.trace_embeddings),
    automation_condition=WHEN_INPUTS_CHANGE,
)
def trace_embeddings(context: dg.AssetExecutionContext, project: ProjectResource) -> dg.MaterializeResult:
    """One unit vector per trace of a context, in the order of its corpus; repetitions are marked."""
    project = project.open()
    corpus = project.store.current("trace_corpus", context.partition_key)
    vectors = knowledge.trace_embeddings(project, corpus)
    covered = shown_coverage(knowledge.corpus_coverage([corpus], [vectors]), context.partition_key)
    return report(vectors, traces=len(corpus.read()), space=project.clip.space, **vectors.facts, **covered)


@dg.asset(
    kinds={"faiss"},
    deps=["trace_corpus", "trace_embeddings", *settings("clip", "bank")],
    code_version=code_of(knowledge.trace_index),
    automation_condition=WHEN_INPUTS_CHANGE,
)
def trace_index(project: ProjectResource) -> dg.MaterializeResult:
    """The bank: both sides of all contexts, searchable as a whole or by context."""
    project = project.open()
    contexts = knowledge.contexts_in_use(project)
    corpora = [project.store.current("trace_corpus", context) for context in contexts]
    vectors = [project.store.current("trace_embeddings", context) for context in contexts]
    index = knowledge.trace_index(project, corpora, vectors)
    covered = shown_coverage(knowledge.corpus_coverage(corpora, vectors), "the bank")
    return report(index, **index.facts, space=project.clip.space, **covered)
