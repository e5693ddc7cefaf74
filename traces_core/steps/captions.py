"""Steps of the caption stream: the sentences of a caption table as vectors, and its scores."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from traces_core.captions.background import background_corpus
from traces_core.captions.provenance import catalog_digest, judged_by
from traces_core.captions.settings import CaptionSettings
from traces_core.captions.stream import (
    CHUNK,
    CaptionScorer,
    CaptionSentences,
    catalog_corpus,
    embedded,
    scored_table,
    sentences_of,
)
from traces_core.captions.table import CaptionTable, read_captions
from traces_core.encoders.base import TextEncoder
from traces_core.project import Project
from traces_core.store import Artifact
from traces_core.store.code import made_with
from traces_core.store.running import step
from traces_core.text.findings import CorpusLimits, Finding
from traces_core.text.gates import check_corpus
from traces_core.text.scenes import SceneChoice
from traces_core.types import Array

NO_CAPTIONS = CaptionTable(
    pl.DataFrame(
        schema=dict.fromkeys(("video", "caption"), pl.String)
        | dict.fromkeys(("start_s", "end_s"), pl.Float64)
    )
)
"""What there is where the settings name no caption table."""


def caption_scorer(
    settings: CaptionSettings,
    encoder: TextEncoder,
    catalog: Path,
    *,
    scene: SceneChoice = "matched",
    shipped: Path | None = None,
) -> tuple[CaptionScorer, list[Finding]]:
    """The scorer that the settings choose, and what the gates say about its traces.

    The other contexts of the catalog, or all of the one that is shipped, stand behind those that answer.
    """
    corpus, vectors, findings = _answering(settings, encoder, catalog, scene)
    behind = None
    if settings.background:
        is_own = shipped is None or shipped.resolve() == catalog.resolve()
        answering = set(corpus["context"]) if is_own else ()
        behind = background_corpus(shipped or catalog, corpus, answering, settings.classes)
    return CaptionScorer.build(corpus, encoder, settings, vectors=vectors, background=behind), findings


def _answering(
    settings: CaptionSettings, encoder: TextEncoder, catalog: Path, scene: SceneChoice
) -> tuple[pl.DataFrame, Array, list[Finding]]:
    """The traces that answer, their vectors, and what the gates say about them."""
    corpus = catalog_corpus(catalog, settings.contexts, settings.classes, scene=scene)
    vectors = encoder.encode_texts(corpus["text"].to_list())
    limits = CorpusLimits(near_duplicate=settings.near_duplicate_cosine)
    return corpus, vectors, check_corpus(corpus, vectors, encode=encoder.encode_texts, limits=limits)


@step
def caption_embeddings(project: Project) -> Artifact:
    """A folder: `captions.parquet`, and each sentence once in `sentences.parquet` and `vectors.npy`.

    Without a sentence where the settings name no table.
    """
    table = _table(project)

    def embed(folder: Path) -> tuple[Path, Mapping[str, Any]]:
        folder.mkdir()
        sentences = sentences_of(table)
        sentences.captions.write_parquet(folder / "captions.parquet")
        pl.DataFrame({"text": sentences.texts}).write_parquet(folder / "sentences.parquet")
        if sentences.texts:
            shape = (len(sentences.texts), project.sentences.dimensions)
            vectors = np.lib.format.open_memmap(folder / "vectors.npy", "w+", np.float32, shape)
            for start, unit in embedded(sentences.texts, project.sentences):
                vectors[start : start + len(unit)] = unit
            vectors.flush()
        return folder, {"captions": len(table), "sentences": len(sentences.texts)}

    made_from = {
        "table": table.fingerprint,
        "text_encoder": made_with(project.sentences) if len(table) else None,
    }
    return project.store.remember_path("caption_embeddings", made_from=made_from, write=embed)


@step
def caption_scores(project: Project, caption_embeddings: Artifact) -> Artifact:
    """One score a stretch, as `score_captions` gives it; no row where the settings name no table."""
    table, settings, machine = _table(project), project.settings.captions, project.machine

    def judge() -> pl.DataFrame:
        if not len(table):
            return table.stretches.with_columns(score=pl.lit(None, pl.Float64))
        sentences = CaptionSentences(
            tuple(pl.read_parquet(caption_embeddings.path / "sentences.parquet", glob=False)["text"]),
            pl.read_parquet(caption_embeddings.path / "captions.parquet", glob=False),
        )
        vectors = np.load(caption_embeddings.path / "vectors.npy", mmap_mode="r")
        scorer, _ = caption_scorer(
            settings, project.sentences, machine.catalog, scene=project.settings.corpus.scene
        )
        starts = range(0, len(vectors), CHUNK)
        scores = [scorer.score_vectors(vectors[start : start + CHUNK]) for start in starts]
        return scored_table(table, sentences, np.concatenate(scores), vectors, settings)

    made_from = {
        "table": table.fingerprint,
        "embeddings": caption_embeddings.fingerprint,
        "catalog": catalog_digest(machine.catalog, () if settings.background else settings.contexts),
        "scene": project.settings.corpus.scene,
        "settings": judged_by(settings),
    }
    return project.store.remember("caption_scores", made_from=made_from, make=judge)


def corpus_findings(project: Project) -> list[Finding]:
    """What the gates say about the traces that captions are compared with; nothing where there are none."""
    if project.settings.captions.table is None:
        return []
    settings, scene = project.settings.captions, project.settings.corpus.scene
    return _answering(settings, project.sentences, project.machine.catalog, scene)[2]


def _table(project: Project) -> CaptionTable:
    path = project.settings.captions.table
    return NO_CAPTIONS if path is None else read_captions(path)
