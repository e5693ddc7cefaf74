"""Chapter 3. The trace bank: what the detector knows, as vectors.

trace_corpus ──> trace_embeddings ──> trace_index
"""

import dagster as dg

from pipelines.asset import asset
from pipelines.automation import GPU
from pipelines.partitions import CONTEXTS
from pipelines.reporting import coverage_metadata, report
from traces_core.project import Project
from traces_core.steps import bank
from traces_core.store import Artifact


@asset(kinds={"clip"}, partitions_def=CONTEXTS, pool=GPU)
def trace_embeddings(project: Project, trace_corpus: Artifact) -> dg.MaterializeResult:
    """One unit vector per trace of a context, in the order of its corpus; repetitions are marked."""
    vectors = bank.trace_embeddings(project, trace_corpus)
    covered = coverage_metadata(bank.corpus_coverage([trace_corpus], [vectors]), vectors.key)
    traces = len(trace_corpus.read())
    return report(vectors, traces=traces, space=project.clip.space, **vectors.facts, **covered)


@asset(kinds={"faiss"})
def trace_index(
    project: Project, trace_corpus: list[Artifact], trace_embeddings: list[Artifact]
) -> dg.MaterializeResult:
    """The bank: both sides of all contexts, searchable as a whole or by context."""
    index = bank.trace_index(project, trace_corpus, trace_embeddings)
    covered = coverage_metadata(bank.corpus_coverage(trace_corpus, trace_embeddings), "the bank")
    return report(index, **index.facts, space=project.clip.space, **covered)
