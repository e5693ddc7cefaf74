"""Gates of the corpus: what a set of sentences must be before anything is computed from it.

Each check gives a `Finding` that says what differed, not only that something did. Whether an error stops
the graph is decided there. What a single file must say is in `catalog`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
import polars as pl

from traces_core.text.catalog import SIDES
from traces_core.types import Array

_SHOWN = 3
"""How many offenders a finding quotes."""
_BLOCK = 2048
"""Rows compared at once: bounds the memory of the near-duplicate search to tens of MiB."""
_SENTENCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ,.;:'’()/%&-]*[.!?]?")
_COMMON = {"a", "an", "and", "are", "as", "at", "by", "from", "has", "in", "into", "is", "of", "off", "on"}
_COMMON |= {"out", "over", "the", "to", "up", "while", "with"}


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found."""

    name: str
    """Which check."""
    passed: bool
    """Whether the corpus is as it should be."""
    severity: Literal["error", "warning"]
    """What a failure means: an error must stop whatever follows, a warning must be read."""
    found: Mapping[str, float]
    """The numbers behind it."""
    text: str
    """What was found, with examples, and what to do."""


@dataclass(frozen=True, slots=True)
class CorpusLimits:
    """What still passes."""

    max_words: int = 25
    """Words in a sentence: PE-Core reads 32 tokens, and a sentence cut short says something else."""
    near_duplicate: float = 0.985
    """Cosine within one side of one context at which two sentences count as one."""
    near_duplicate_share: float = 0.10
    """Share of such sentences from which on the corpus pretends to be larger than it is."""
    leakage_share: float = 0.25
    """Share of normal sentences nearer to the anomalous side from which on the sides are not two."""
    english_share: float = 0.80
    """Share of sentences that hold one of the commonest English words."""


def check_corpus(
    corpus: pl.DataFrame,
    vectors: Array | None = None,
    *,
    unknown_words: Callable[[str], Iterable[str]] | None = None,
    limits: CorpusLimits | None = None,
) -> list[Finding]:
    """Every check of a corpus, in a fixed order.

    Parameters
    ----------
    corpus
        Columns `trace_id`, `context`, `side`, `class`, `text`.
    vectors : float32 array of shape (N, D), optional
        Unit vectors of the sentences, row by row: adds near duplicates and side leakage.
    unknown_words
        Says which words of a sentence the text encoder has never seen: adds a warning about them.
    limits
        Thresholds; None takes the defaults.

    Returns
    -------
    list of Finding
        `both_sides`, `duplicates`, `length`, `language`; with vectors `near_duplicates` and
        `side_leakage`; with `unknown_words` `vocabulary`.

    Raises
    ------
    ValueError
        If there is not one vector for each sentence.
    """
    limits = limits or CorpusLimits()
    findings = [_both_sides(corpus), _duplicates(corpus), _length(corpus, limits), _language(corpus, limits)]
    if vectors is not None:
        if len(vectors) != len(corpus):
            raise ValueError(f"check_corpus: {len(vectors)} vectors for {len(corpus)} sentences")
        findings += [_near_duplicates(corpus, vectors, limits), _leakage(corpus, vectors, limits)]
    if unknown_words is not None:
        findings.append(_vocabulary(corpus, unknown_words))
    return findings


def _both_sides(corpus: pl.DataFrame) -> Finding:
    sides = corpus.group_by("context").agg(pl.col("side").unique()).sort("context")
    lacking = [
        f"{context} has no {side} trace" for context, has in sides.rows() for side in SIDES if side not in has
    ]
    strange = sorted(set(corpus["side"]) - set(SIDES))
    lacking += [f"{side!r} is no side" for side in strange]
    if corpus.is_empty():
        lacking.append("the corpus is empty")
    counts: dict[str, float] = {side: corpus.filter(pl.col("side") == side).height for side in SIDES}
    advice = "Write sentences for the side that lacks them."
    return _finding("both_sides", lacking, {"contexts": sides.height, **counts}, advice)


def _duplicates(corpus: pl.DataFrame) -> Finding:
    plain = corpus.select("context", text=pl.col("text").str.to_lowercase().str.strip_chars(" .!"))
    again = plain.group_by("context", "text").len().filter(pl.col("len") > 1).sort("context", "text")
    offenders = [f"{context}: {text!r} stands {times} times" for context, text, times in again.rows()]
    shared = corpus.height - corpus["trace_id"].n_unique()
    if shared and not offenders:
        offenders.append(f"{shared} traces share an id with another")
    numbers = {"duplicates": int((again["len"] - 1).sum() or 0), "shared_ids": shared}
    return _finding("duplicates", offenders, numbers, "Delete all but one, or reword.")


def _length(corpus: pl.DataFrame, limits: CorpusLimits) -> Finding:
    words = corpus.select("context", "text", words=pl.col("text").str.split(" ").list.len())
    long = words.filter(pl.col("words") > limits.max_words).sort("words", descending=True)
    offenders = [f"{context}: {count} words in {text!r}" for context, text, count in long.rows()]
    counts = words["words"].to_numpy()
    numbers = {"longest": int(counts.max(initial=0)), "too_long": long.height}
    return _finding("length", offenders, numbers, f"Keep to {limits.max_words} words.")


def _language(corpus: pl.DataFrame, limits: CorpusLimits) -> Finding:
    texts = corpus["text"].to_list()
    offenders = [repr(text) for text in texts if not _SENTENCE.fullmatch(text) or " " not in text]
    english = sum(bool(_COMMON & set(text.lower().rstrip(".!?").split())) for text in texts)
    share = english / max(1, len(texts))
    numbers = {"not_plain": len(offenders), "english_share": share}
    if share < limits.english_share:
        offenders.append(f"only {share:.0%} of the sentences hold a common English word")
    return _finding(
        "language", offenders, numbers, "Write plain English sentences: no markup, lists or emoji."
    )


def _near_duplicates(corpus: pl.DataFrame, vectors: Array, limits: CorpusLimits) -> Finding:
    pairs: list[str] = []
    doubled = 0
    texts = corpus["text"].to_list()
    for _, rows in _groups(corpus, "context", "side"):
        inside = vectors[rows]
        for start in range(0, len(rows), _BLOCK):
            cosines = inside[start : start + _BLOCK] @ inside.T  # (block, N)
            later = np.arange(len(rows))[None, :] > np.arange(start, start + len(cosines))[:, None]
            near = np.argwhere((cosines >= limits.near_duplicate) & later)
            doubled += len(np.unique(near[:, 1]))
            for one, other in near[:_SHOWN]:
                quoted = f"{texts[rows[start + one]]!r} and {texts[rows[other]]!r}"
                pairs.append(f"{quoted} ({cosines[one, other]:.3f})")
    share = doubled / max(1, len(texts))
    numbers = {"near_duplicates": doubled, "share": share}
    offenders = pairs if share > limits.near_duplicate_share else []
    return _finding("near_duplicates", offenders, numbers, "Reword one of each pair.", "warning", pairs)


def _leakage(corpus: pl.DataFrame, vectors: Array, limits: CorpusLimits) -> Finding:
    """A normal sentence leaks if its mean cosine with the anomalous side beats that with its own side."""
    leaks: list[str] = []
    normals = 0
    texts = corpus["text"].to_list()
    for _, rows in _groups(corpus, "context"):
        is_normal = (corpus["side"] == "normal").to_numpy()[rows]
        normal, anomalous = rows[is_normal], rows[~is_normal]
        normals += len(normal)
        if len(normal) < 2 or len(anomalous) == 0:
            continue
        inside, total = vectors[normal], vectors[normal].sum(axis=0)
        own = (inside @ total - np.einsum("nd,nd->n", inside, inside)) / (len(normal) - 1)  # without itself
        other = inside @ vectors[anomalous].mean(axis=0)
        leaks += [f"{texts[normal[i]]!r} (+{other[i] - own[i]:.3f})" for i in np.flatnonzero(other > own)]
    share = len(leaks) / max(1, normals)
    numbers = {"leaking": len(leaks), "share": share}
    offenders = leaks if share > limits.leakage_share else []
    advice = "Reword them without the anomaly's verbs."
    return _finding("side_leakage", offenders, numbers, advice, "warning", leaks)


def _vocabulary(corpus: pl.DataFrame, unknown_words: Callable[[str], Iterable[str]]) -> Finding:
    strange: dict[str, list[str]] = {}
    for context, text in corpus.select("context", "text").rows():
        for word in unknown_words(text):
            strange.setdefault(word, []).append(f"{context}: {text!r}")
    offenders = [f"{word!r} in {places[0]}" for word, places in sorted(strange.items())]
    sentences = len({place for places in strange.values() for place in places})
    numbers = {"unknown_words": len(strange), "sentences": sentences}
    advice = "The text encoder has never seen these words: it cannot know what the sentence says. Use others."
    return _finding("vocabulary", offenders, numbers, advice, "warning")


def _groups(corpus: pl.DataFrame, *columns: str) -> Iterable[tuple[tuple[object, ...], np.ndarray]]:
    """Row numbers of each group, groups in order of their names."""
    numbered = corpus.with_row_index("row").sort(*columns, "row")
    rows = numbered["row"].to_numpy().astype(np.int64)
    starts = numbered.select(pl.struct(*columns).rle_id().alias("run"))["run"].to_numpy()
    edges = [0, *(np.flatnonzero(np.diff(starts)) + 1), len(rows)]
    for start, end in pairwise(edges):
        if end > start:
            yield numbered.select(*columns).row(start), rows[start:end]


def _finding(
    name: str,
    offenders: list[str],
    numbers: Mapping[str, float],
    advice: str,
    severity: Literal["error", "warning"] = "error",
    noted: list[str] | None = None,
) -> Finding:
    """Quote the first offenders; `noted` are quoted too where they are too few to fail."""
    listed = offenders or noted or []
    quoted = "; ".join(listed[:_SHOWN]) + (
        f"; and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    )
    counted = ", ".join(f"{key} {round(value, 3):g}" for key, value in numbers.items())
    text = f"{counted}. {quoted + '. ' if listed else ''}{advice if offenders else ''}".strip()
    return Finding(name, not offenders, severity, dict(numbers), text)
