"""The caption stream: captions against the sentences of the catalog, in the space of a sentence encoder.

    catalog ──> corpus ──> bank ──┐
    captions ──> sentences ───────┴──> scores of sentences ──> of captions ──> over time

Bank, scorers and gates are those of frames. All of it is causal: the score of a stretch rests on captions of
the stretches up to and with it. Reading a table is in `table`, the arithmetic of time in `trailing`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from traces_core.bank.bank import WEIGHT, Bank
from traces_core.captions.background import BACKGROUND, PRACTICE, agrees
from traces_core.captions.history import departures
from traces_core.captions.sentences import split_sentences
from traces_core.captions.settings import CaptionSettings
from traces_core.captions.table import CaptionTable
from traces_core.captions.trailing import trailing_means
from traces_core.encoders.base import TextEncoder
from traces_core.errors import UnknownNameError
from traces_core.scoring import score_vectors
from traces_core.text.catalog import read_catalog
from traces_core.text.corpus import write_corpus
from traces_core.text.duplicates import find_repetitions
from traces_core.text.scenes import SceneChoice, scene_sentence
from traces_core.types import Array, ScoreTrack

STREAM = "caption"
"""Name of the stream."""
CHUNK = 2048
"""Sentences whose vectors are held at once: a million captions take no more memory than these."""

Progress = Callable[[int, int], None]
"""Called after each chunk: sentences scored, and how many there are."""


def catalog_corpus(
    catalog: Path | str,
    contexts: Sequence[str] = (),
    classes: Sequence[str] = (),
    *,
    scene: SceneChoice = "matched",
) -> pl.DataFrame:
    """The traces that captions are compared with, as `write_corpus` gives them.

    Parameters
    ----------
    catalog
        Folder with one YAML file a context.
    contexts
        Those that answer; none named: all there are, but those tagged `background` or `practice`.
    classes
        Anomalous classes that answer; none named: all of these contexts. The normal side stays whole.
    scene
        Which sentence about the place joins the normal side: see `traces_core.text.scenes`.

    Raises
    ------
    CatalogError
        If a file does not say what a context must say, or a context does not exist.
    UnknownNameError
        If no trace of these contexts is of a class.
    """
    chosen = read_catalog(catalog, contexts or None)
    if not contexts:
        set_aside = {BACKGROUND, PRACTICE}
        real = {name: context for name, context in chosen.items() if not set_aside & set(context.tags)}
        chosen = real or chosen
    scenes = {name: scene_sentence(scene, name, chosen, catalog) for name in chosen}
    corpus = write_corpus(chosen, scenes={name: text for name, text in scenes.items() if text})
    is_anomalous = pl.col("side") == "anomalous"
    known = set(corpus.filter(is_anomalous)["class"])
    for name in classes:
        if name not in known:
            raise UnknownNameError("class", name, known, where=f"{catalog}, {len(chosen)} contexts")
    return corpus.filter(~is_anomalous | pl.col("class").is_in(list(classes))) if classes else corpus


@dataclass(frozen=True)
class CaptionScorer:
    """A bank in a sentence encoder's space, and how captions are judged by it."""

    corpus: pl.DataFrame
    """The traces that answer."""
    bank: Bank
    """They and what stands behind them, as vectors of `encoder`."""
    encoder: TextEncoder
    """Whose space that is."""
    settings: CaptionSettings
    """Scorer, pooling, windows."""

    @classmethod
    def build(
        cls,
        corpus: pl.DataFrame,
        encoder: TextEncoder,
        settings: CaptionSettings | None = None,
        *,
        vectors: Array | None = None,
        background: pl.DataFrame | None = None,
        background_vectors: Array | None = None,
    ) -> CaptionScorer:
        """The scorer of a corpus, such as `catalog_corpus` gives; a dozen sentences a side are enough.

        Parameters
        ----------
        corpus
            Columns as in `traces_core.text.corpus.SCHEMA`.
        encoder
            Puts both, traces and captions, into one space.
        settings
            Scorer, pooling and windows, and which traces repeat one another; None takes the defaults.
        vectors : float32 array of shape (N, D), optional
            Unit vectors of the traces, where they are had already.
        background
            What stands behind the corpus, as `background_corpus` gives it; those that agree with it join the
            bank with the weight that the settings say.
        background_vectors : float32 array of shape (M, D), optional
            Theirs.

        Raises
        ------
        EmptySideError
            If a side has no sentence.
        """
        settings = settings or CaptionSettings()
        unit = encoder.encode_texts(corpus["text"].to_list()) if vectors is None else vectors
        kept = find_repetitions(corpus, unit, near=settings.near_duplicate_cosine).kept
        corpus, unit = corpus.filter(kept), unit[kept]
        traces = corpus.with_columns(pl.lit(1.0).alias(WEIGHT))
        if background is not None and settings.background:
            others = background_vectors
            if others is None:
                others = encoder.encode_texts(background["text"].to_list())
            agree = agrees(traces, unit, background, others)
            behind = background.filter(agree).with_columns(pl.lit(settings.background).alias(WEIGHT))
            traces, unit = pl.concat([traces, behind]), np.concatenate([unit, others[agree]])
        return cls(corpus, Bank.build(traces, unit, encoder.space), encoder, settings)

    @property
    def contexts(self) -> list[str]:
        """Contexts that answer, sorted."""
        return sorted(set(self.corpus["context"]))

    @property
    def classes(self) -> list[str]:
        """Anomalous classes that answer, sorted."""
        return sorted(set(self.corpus.filter(pl.col("side") == "anomalous")["class"]))

    @property
    def behind(self) -> int:
        """Traces that stand behind those that answer."""
        return len(self.bank) - len(self.corpus)

    def score_vectors(self, vectors: Array) -> Array:
        """float32 array of shape (N,): scores of N sentences given as unit vectors of the encoder's space."""
        scorer = self.settings.scoring.chosen
        return score_vectors(vectors, self.bank, space=self.encoder.space, scorer=scorer)

    def score_sentences(
        self, sentences: Sequence[str], progress: Progress | None = None
    ) -> tuple[Array, Array]:
        """One score a sentence, each of which does not depend on the others, and their vectors.

        Returns
        -------
        float32 array of shape (N,), float32 array of shape (N, D)
        """
        scores = np.empty(len(sentences), np.float32)
        kept = np.empty((len(sentences), self.encoder.dimensions), np.float32)
        for start, vectors in embedded(sentences, self.encoder):
            rows = slice(start, start + len(vectors))
            kept[rows], scores[rows] = vectors, self.score_vectors(vectors)
            if progress is not None:
                progress(rows.stop, len(sentences))
        return scores, kept


@dataclass(frozen=True)
class CaptionSentences:
    """What the captions of a table say, each sentence once."""

    texts: tuple[str, ...]
    """N sentences, sorted by length and content: one order for one set."""
    captions: pl.DataFrame
    """`caption, sentence`: which sentences, as rows of `texts`, each distinct caption holds."""


def sentences_of(table: CaptionTable) -> CaptionSentences:
    """The distinct captions of a table in their distinct sentences."""
    cut = {caption: split_sentences(caption) for caption in table.rows["caption"].unique(maintain_order=True)}
    texts = sorted(
        {text for sentences in cut.values() for text in sentences}, key=lambda text: (len(text), text)
    )
    rows = {text: row for row, text in enumerate(texts)}
    pairs = [(caption, rows[text]) for caption, sentences in cut.items() for text in sentences]
    schema = {"caption": pl.String, "sentence": pl.Int64}
    return CaptionSentences(tuple(texts), pl.DataFrame(pairs, schema=schema, orient="row"))


def embedded(sentences: Sequence[str], encoder: TextEncoder) -> Iterator[tuple[int, Array]]:
    """Vectors of sentences, chunk by chunk: the first row and a float32 array of shape (rows, D)."""
    for start in range(0, len(sentences), CHUNK):
        yield start, encoder.encode_texts(sentences[start : start + CHUNK])


def score_captions(
    table: CaptionTable, scorer: CaptionScorer, progress: Progress | None = None
) -> pl.DataFrame:
    """One score a stretch.

    Parameters
    ----------
    table
        What `read_captions` or `check_captions` gave.
    scorer
        Bank, encoder and settings.
    progress
        Called after each chunk of sentences.

    Returns
    -------
    pl.DataFrame
        `video`, the stretch as the table says it (`first_frame, last_frame` or `start_s, end_s`; `fps` where
        it had that) and `score` (float64, in the scorer's units; higher is more anomalous), sorted by video
        and time: what `traces evaluate` reads. Causal.
    """
    sentences = sentences_of(table)
    return scored_table(table, sentences, *scorer.score_sentences(sentences.texts, progress), scorer.settings)


def scored_table(
    table: CaptionTable, sentences: CaptionSentences, scores: Array, vectors: Array, settings: CaptionSettings
) -> pl.DataFrame:
    """As `score_captions`, from scores (N,) and unit vectors (N, D) of the sentences."""
    own = caption_scores(sentences, scores, settings.top_share).with_row_index("row")
    rows = table.rows.join(own, on="caption", maintain_order="left")
    meanings = caption_vectors(sentences, vectors)
    videos = rows.select("score", "start_s", "end_s", "row", "video").partition_by(
        "video", maintain_order=True, include_key=False
    )
    over_time = [_over_time(part, meanings, settings) for part in videos]
    return table.stretches.with_columns(score=np.concatenate([np.empty(0), *over_time]))


def _over_time(part: pl.DataFrame, meanings: Array, settings: CaptionSettings) -> NDArray[np.float64]:
    """The scores of one video's stretches, against the earlier captions of the same camera."""
    scores, start_s, end_s = (part[name].to_numpy() for name in ("score", "start_s", "end_s"))
    new = departures(meanings[part["row"].to_numpy()], end_s - start_s)
    return trailing_means(scores + settings.departure * new, start_s, end_s, settings.trailing_s)


def caption_vectors(sentences: CaptionSentences, vectors: Array) -> Array:
    """float32 array of shape (C, D): the mean of each distinct caption's sentences, in their order."""
    first = sentences.captions["caption"].rle_id().to_numpy()
    starts = np.flatnonzero(np.diff(first, prepend=-1))
    rows = sentences.captions["sentence"].to_numpy()
    means = np.empty((len(starts), vectors.shape[1]), np.float32)
    for at, (start, end) in enumerate(pairwise([*starts, len(rows)])):
        means[at] = np.asarray(vectors[rows[start:end]]).mean(axis=0)
    return means


def caption_scores(sentences: CaptionSentences, scores: Array, top_share: float) -> pl.DataFrame:
    """`caption, score`: the mean of the highest `top_share` of each caption's sentences, rounded up to whole.

    One sentence in many may tell of the event, and the mean of all would drown it; the highest alone would
    be an accident of wording.
    """
    values = np.asarray(scores, dtype=np.float64)[sentences.captions["sentence"].to_numpy()]
    most = (pl.len() * top_share).round(6).ceil().cast(pl.Int64)  # 0.7 x 10 is 7.000000000000001
    return (
        sentences.captions.with_columns(score=values)
        .group_by("caption", maintain_order=True)
        .agg(pl.col("score").sort(descending=True).head(most).mean())
    )


def caption_tracks(table: CaptionTable, scored: pl.DataFrame) -> dict[str, ScoreTrack]:
    """The stream of each video: its scores at the seconds where their stretches begin."""
    timed = table.rows.select("video", "start_s").with_columns(score=scored["score"])
    return {
        part["video"][0]: ScoreTrack(part["start_s"].to_numpy(), part["score"].to_numpy(), stream=STREAM)
        for part in timed.partition_by("video", maintain_order=True)
    }
