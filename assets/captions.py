"""Chapter 11. Captions: what a VLM said about videos, against the sentences of the catalog.

    settings/captions ──> caption_embeddings ──> caption_scores
                                    catalog ─────────┘

Empty where `captions.table` names no table: nothing is fetched and nothing is computed then.
"""

import dagster as dg

from assets.sources import settings
from pipelines.automation import GPU, WHEN_INPUTS_CHANGE
from pipelines.reporting import report
from pipelines.resources import ProjectResource
from traces_core.steps import captions
from traces_core.store.code import code_of


@dg.asset(
    kinds={"sentence_transformers"},
    deps=settings("captions"),
    code_version=code_of(captions.caption_embeddings),
    automation_condition=WHEN_INPUTS_CHANGE,
    pool=GPU,
)
def caption_embeddings(project: ProjectResource) -> dg.MaterializeResult:
    """Each sentence of the caption table once, as a unit vector of the sentence encoder."""
    embedded = captions.caption_embeddings(project.open())
    return report(embedded, **embedded.facts)


@dg.asset(
    kinds={"polars"},
    deps=["caption_embeddings", "catalog", *settings("captions", "corpus")],
    code_version=code_of(captions.caption_scores),
    automation_condition=WHEN_INPUTS_CHANGE,
)
def caption_scores(project: ProjectResource) -> dg.MaterializeResult:
    """One causal score for each stretch that a caption is about: a table that `traces evaluate` reads."""
    project = project.open()
    scored = captions.caption_scores(project, project.store.current("caption_embeddings"))
    table = scored.read()
    return report(scored, stretches=len(table), videos=table["video"].n_unique())
