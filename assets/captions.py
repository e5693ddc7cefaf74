"""Chapter 15. Captions: what a VLM said about videos, against the sentences of the catalog.

    settings/captions ──> caption_embeddings ──> caption_scores
                                    catalog ─────────┘

Empty where `captions.table` names no table: nothing is fetched and nothing is computed then.
"""

import dagster as dg

from pipelines.asset import asset
from pipelines.automation import GPU
from pipelines.reporting import report
from traces_core.project import Project
from traces_core.steps import captions
from traces_core.store import Artifact


@asset(kinds={"sentence_transformers"}, pool=GPU)
def caption_embeddings(project: Project) -> dg.MaterializeResult:
    """Each sentence of the caption table once, as a unit vector of the sentence encoder."""
    embedded = captions.caption_embeddings(project)
    return report(embedded, **embedded.facts)


@asset(kinds={"polars"})
def caption_scores(project: Project, caption_embeddings: Artifact) -> dg.MaterializeResult:
    """One causal score for each stretch that a caption is about: a table that `traces evaluate` reads."""
    scored = captions.caption_scores(project, caption_embeddings)
    table = scored.read()
    return report(scored, stretches=len(table), videos=table["video"].n_unique())
