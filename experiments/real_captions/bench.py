"""Steps on real captions: what VLMs said about the UCF-Crime test set, judged by the shipped bank.

    TRACES_REAL_DATA ──> sentences (vectors, once a table) ──> their scores (once a bank) ──> rows

What rows share is kept in the store: a row costs arithmetic only. Captions are never kept, only vectors and
scores of their sentences. Which rows there are is in `rows`, the page in `report`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl

from experiments.material import data_set_folder
from traces_core.captions.background import background_corpus
from traces_core.captions.settings import CaptionSettings
from traces_core.captions.stream import (
    CHUNK,
    CaptionScorer,
    CaptionSentences,
    caption_tracks,
    catalog_corpus,
    scored_table,
    sentences_of,
)
from traces_core.captions.table import CaptionTable, read_captions
from traces_core.datasets import GroundTruth, VideoNames, read_lengths, read_ucf_crime
from traces_core.project import Project
from traces_core.store import Artifact
from traces_core.store.code import code_of, made_with
from traces_core.store.digest import digest, file_digest
from traces_core.store.running import step
from traces_core.text.scenes import SceneChoice
from traces_core.types import Array, ScoreTrack

Value = TypeVar("Value")

TABLES = {
    "captions_vadtree_coarse": "VADTree's coarse captions (LLaVA-Video-7B, one a stretch)",
    "captions_corevad_1s": "CoReVAD's answers (InternVL2, one a second)",
}
"""Caption tables of the UCF-Crime test set, `<name>.parquet`, and who wrote them."""
OFFICIAL = "Temporal_Anomaly_Annotation_for_Testing_Videos.txt"
VERA = "reannotation_vera.json"
LENGTHS = "test_video_lengths.txt"


@dataclass(frozen=True)
class RealData:
    """Captions and both ground truths of the UCF-Crime test set."""

    folder: Path
    """Where they lie."""
    official: GroundTruth
    """The official annotation."""
    vera: GroundTruth
    """VERA's re-annotation: the same scores get another AUC."""
    tables: Mapping[str, CaptionTable]
    """Captions by the name of their table."""

    @cached_property
    def sentences(self) -> dict[str, CaptionSentences]:
        """The distinct sentences of each table."""
        return {name: sentences_of(table) for name, table in self.tables.items()}

    @property
    def fingerprints(self) -> dict[str, str]:
        """What the numbers rest on, by name."""
        truths = {truth.name: truth.fingerprint for truth in (self.official, self.vera)}
        return truths | {name: table.fingerprint for name, table in self.tables.items()}


def real_data() -> RealData:
    """The real data that TRACES_REAL_DATA names, read once.

    Raises
    ------
    RealDataError
        If it is not set, or a file is not in its folder `ucf_crime`.
    """
    files = (OFFICIAL, VERA, LENGTHS, *(f"{name}.parquet" for name in TABLES))
    folder = data_set_folder("ucf_crime", files)
    return _read(folder, tuple(file_digest(folder / name) for name in files))


@lru_cache(maxsize=1)
def _read(folder: Path, _files: tuple[str, ...]) -> RealData:
    lengths = read_lengths(folder / LENGTHS)
    official, vera = (read_ucf_crime(folder / name, lengths) for name in (OFFICIAL, VERA))
    tables = {name: read_captions(folder / f"{name}.parquet") for name in TABLES}
    return RealData(folder, official, vera, tables)


@step
def real_sentences(project: Project, name: str) -> Artifact:
    """Unit vectors of the distinct sentences of a table, in the order of `sentences_of`."""
    material = real_data()
    encoder = project.sentences
    return project.store.remember(
        "real_sentences",
        name,
        made_from={"table": material.tables[name].fingerprint, "text_encoder": made_with(encoder)},
        make=lambda: {"vectors": encoder.encode_texts(material.sentences[name].texts)},
    )


@dataclass(frozen=True)
class Bench:
    """One table, ready to be judged by any bank that the catalog makes."""

    project: Project
    """Catalog, settings, encoder, store."""
    material: RealData
    """Captions and ground truths."""
    name: str
    """Which table."""
    sentences: Artifact
    """What `real_sentences` made of it."""

    @property
    def table(self) -> CaptionTable:
        """Its captions."""
        return self.material.tables[self.name]

    @cached_property
    def vectors(self) -> Array:
        """float32 array of shape (N, D): its sentences."""
        vectors: Array = self.sentences.read()["vectors"]
        return vectors

    def settings(self, **changed: Any) -> CaptionSettings:
        """The settings of the graph, with all contexts that answer by default, and some changed."""
        return self.project.settings.captions.model_copy(update={"contexts": (), "classes": (), **changed})

    def corpus(self, settings: CaptionSettings, scene: SceneChoice | None = None) -> pl.DataFrame:
        """The traces that answer by these settings."""
        chosen = scene or self.project.settings.corpus.scene
        return catalog_corpus(self.project.machine.catalog, settings.contexts, settings.classes, scene=chosen)

    def background(self, settings: CaptionSettings) -> pl.DataFrame:
        """The traces that stand behind those that answer by these settings."""
        corpus = self.corpus(settings)
        return background_corpus(
            self.project.machine.catalog, corpus, set(corpus["context"]), settings.classes
        )

    def scorer(self, corpus: pl.DataFrame, settings: CaptionSettings, behind: pl.DataFrame) -> CaptionScorer:
        """The bank of a corpus, and of what stands behind it; their sentences are not encoded again."""
        return CaptionScorer.build(
            corpus,
            self.project.sentences,
            settings,
            vectors=_trace_vectors(self.project, corpus),
            background=behind,
            background_vectors=_trace_vectors(self.project, behind),
        )

    def judged(self, scorer: CaptionScorer) -> Array:
        """float32 array of shape (N,): scores of the sentences."""
        chunks = range(0, len(self.vectors), CHUNK)
        return np.concatenate([scorer.score_vectors(self.vectors[at : at + CHUNK]) for at in chunks])

    def scores(
        self, corpus: pl.DataFrame, settings: CaptionSettings, behind: pl.DataFrame | None = None
    ) -> Array:
        """As `judged`, by the bank of a corpus: remembered."""
        behind = self.background(settings) if behind is None else behind
        made_from = {
            "sentences": self.sentences.fingerprint,
            "text_encoder": made_with(self.project.sentences),
            "corpus": digest(corpus.write_ndjson()),
            "background": [settings.background, digest(behind.write_ndjson())],
            "near_duplicate_cosine": settings.near_duplicate_cosine,
            "scorer": {"name": settings.scoring.scorer, **settings.scoring.chosen.model_dump()},
        }
        kept = self.project.store.aside().remember(
            "real_scores",
            self.name,
            code=code_of(Bench),
            made_from=made_from,
            make=lambda: {"scores": self.judged(self.scorer(corpus, settings, behind))},
        )
        scores: Array = kept.read()["scores"]
        return scores

    def tracks(
        self, corpus: pl.DataFrame, settings: CaptionSettings, behind: pl.DataFrame | None = None
    ) -> dict[str, ScoreTrack]:
        """The caption stream of each video of the ground truth; nothing said stands for `background`."""
        scores, sentences = self.scores(corpus, settings, behind), self.material.sentences[self.name]
        scored = scored_table(self.table, sentences, scores, self.vectors, settings)
        return self.renamed(caption_tracks(self.table, scored))

    def videos(self) -> list[pl.DataFrame]:
        """The captions of each video, in the order of time."""
        return self.table.rows.partition_by("video", maintain_order=True)

    def renamed(self, of_videos: Mapping[str, Value]) -> dict[str, Value]:
        """The same things by the names that the ground truth gives the videos."""
        names = VideoNames(self.material.official.videos)
        return {names.find(video, where=self.name): value for video, value in of_videos.items()}


@step
def _trace_vectors(project: Project, corpus: pl.DataFrame) -> Array:
    """Vectors of a corpus out of those of all that the catalog can say: encoded once for all rows."""
    known = _all_texts(project.machine.catalog, file_digest(project.machine.catalog))
    every = tuple(sorted({*known, *corpus["text"]}))
    encoder = project.sentences
    kept = project.store.aside().remember(
        "real_traces",
        made_from={"texts": digest(every), "text_encoder": made_with(encoder)},
        make=lambda: {"vectors": encoder.encode_texts(every)},
    )
    rows = {text: row for row, text in enumerate(every)}
    vectors: Array = kept.read()["vectors"][[rows[text] for text in corpus["text"]]]
    return vectors


@lru_cache(maxsize=1)
def _all_texts(catalog: Path, _digest: str) -> tuple[str, ...]:
    scenes: tuple[SceneChoice, ...] = ("matched", "generic")
    corpora = [catalog_corpus(catalog, scene=scene) for scene in scenes]
    corpora.append(background_corpus(catalog, corpora[0], ()))
    return tuple(sorted({text for corpus in corpora for text in corpus["text"]}))
