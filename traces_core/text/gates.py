"""Gates of the corpus: what a set of sentences must be before anything is computed from it.

Each check gives a `Finding` that says what differed, not only that something did. Whether an error stops
the graph is decided there. Here is what can be seen in the words; what takes vectors is in `vector_gates`,
which of two equal sentences stays in `duplicates`, what a single file must say in `catalog`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

import polars as pl

from traces_core.text.catalog import SIDES
from traces_core.text.duplicates import find_repetitions, readable_rows
from traces_core.text.findings import FEWEST, CorpusLimits, Finding, finding
from traces_core.text.reference import HARMLESS, WRONG
from traces_core.text.vector_gates import check_vectors, swapped_sides
from traces_core.types import Array

__all__ = ["CorpusLimits", "Finding", "check_corpus", "sentence_faults"]

_WORD = re.compile(r"[a-z0-9]+(?:['’][a-z]+)?")
_SENTENCE = re.compile(r"(?!\d+[.)] )[A-Za-z0-9][A-Za-z0-9 ,.;:'’()/%&-]*[.!?]?")
_LITTLE_WORDS = """
    a an and are around as at away before behind beside between by down from has he her his in into is it its
    near no of off on one out over past several she some someone somebody that the their them they through to
    two under until up while with without"""
_LITTLE_WORDS_ELSEWHERE = """
    auf das dem den der ein eine einem einen einer ist mit nicht oder sich sie und von zu avec dans elle est
    et il la le les par pour sur une con del el en los las por que su una gli nel per che della het een zijn
    op voor uit com da dos em na os uma"""
_ENGLISH, _FOREIGN = frozenset(_LITTLE_WORDS.split()), frozenset(_LITTLE_WORDS_ELSEWHERE.split())
_ONE_SAMPLE = 60
"""Sentences that diversity is measured on: a share of new words falls with the number of sentences."""


def check_corpus(
    corpus: pl.DataFrame,
    vectors: Array | None = None,
    *,
    unknown_words: Callable[[str], Iterable[str]] | None = None,
    encode: Callable[[Sequence[str]], Array] | None = None,
    limits: CorpusLimits | None = None,
) -> list[Finding]:
    """Every check of a corpus, in a fixed order.

    Parameters
    ----------
    corpus
        Columns `trace_id`, `context`, `side`, `class`, `text`, `writer`.
    vectors : float32 array of shape (N, D), optional
        Unit vectors of the sentences, row by row: adds the checks that take them.
    unknown_words
        Says which words of a sentence the text encoder has never seen: adds a warning about them, and
        keeps such sentences out of the checks by vectors, which would judge what the encoder cannot read.
    encode
        The text encoder of the vectors: adds the check that the sides are not swapped.
    limits
        Thresholds; None takes the defaults.

    Returns
    -------
    list of Finding
        `both_sides`, `duplicates`, `length`, `language`, `diversity`; with vectors `near_duplicates`,
        `side_leakage` and `self_similarity`; with vectors and `encode` `swapped_sides`; with
        `unknown_words` `vocabulary`.

    Raises
    ------
    ValueError
        If there is not one vector for each sentence.
    NotFiniteError
        If a vector holds NaN or infinity.
    """
    limits = limits or CorpusLimits()
    findings = [
        _both_sides(corpus),
        _duplicates(corpus, limits),
        _length(corpus, limits),
        _language(corpus, limits),
        _diversity(corpus, limits),
    ]
    if vectors is not None:
        if len(vectors) != len(corpus):
            raise ValueError(f"check_corpus: {len(vectors)} vectors for {len(corpus)} sentences")
        readable = readable_rows(corpus["text"].to_list(), unknown_words or (lambda _: ()))
        findings += check_vectors(corpus, vectors, readable, limits)
        if encode is not None:
            findings.append(swapped_sides(corpus, vectors, encode(WRONG), encode(HARMLESS)))
    if unknown_words is not None:
        findings.append(_vocabulary(corpus, unknown_words))
    return findings


def sentence_faults(text: str) -> list[str]:
    """What is wrong with one sentence by itself: length, markup, language; nothing where it is fine.

    Examples
    --------
    >>> sentence_faults("A man waits at the door.")
    []
    >>> sentence_faults("<b>A man</b> waits")
    ['markup, a list, a single word or letters that are not English']
    """
    faults, most = [], CorpusLimits().max_words
    if (count := len(text.split())) > most:
        faults.append(f"{count} words, {most} at most")
    if not _is_plain(text):
        faults.append("markup, a list, a single word or letters that are not English")
    elif _is_foreign(text):
        faults.append("words of another language")
    return faults


def _both_sides(corpus: pl.DataFrame) -> Finding:
    """Both sides of every context and class; a normal sentence of no class is a counterpart of all."""
    kept = corpus.filter(find_repetitions(corpus).kept)
    lacking = ["the corpus is empty"] if corpus.is_empty() else []
    lacking += [f"{side!r} is not a side" for side in sorted(set(corpus["side"]) - set(SIDES))]
    for context in sorted(corpus["context"].unique()):
        inside = kept.filter(pl.col("context") == context)
        lacking += [f"{context} has no {side} trace" for side in SIDES if side not in inside["side"]]
        named = {
            side: set(corpus.filter(pl.col("context") == context, pl.col("side") == side)["class"])
            for side in SIDES
        }
        if "" in named["anomalous"]:
            lacking.append(f"{context} has anomalous traces of no class")
        lost = named["anomalous"] - set(inside.filter(pl.col("side") == "anomalous")["class"])
        lacking += [
            f"{context}: class {name!r} has only sentences that appear elsewhere" for name in sorted(lost)
        ]
        alone = [] if "" in named["normal"] else sorted(named["anomalous"] - named["normal"])
        lacking += [
            f"{context}: class {name!r} has no normal counterpart" for name in alone if named["normal"]
        ]
    counts: dict[str, float] = {side: corpus.filter(pl.col("side") == side).height for side in SIDES}
    classes = corpus.filter(pl.col("side") == "anomalous")["class"].n_unique()
    numbers = {"contexts": corpus["context"].n_unique(), "classes": classes, **counts}
    return finding("both_sides", lacking, numbers, "Write sentences for the side that lacks them.")


def _duplicates(corpus: pl.DataFrame, limits: CorpusLimits) -> Finding:
    """Equal words; they are left out of the bank, and fail where they are more than a slip."""
    texts, contexts = corpus["text"].to_list(), corpus["context"].to_list()
    pairs = find_repetitions(corpus).exact
    noted = [f"{contexts[row]}: {texts[row]!r} repeats {texts[original]!r}" for row, original in pairs]
    share = len(pairs) / max(1, len(texts))
    offenders = noted if share > limits.duplicate_share else []
    numbers = {"left_out": len(pairs), "share": share}
    advice = "Delete all but one; a writer that repeats itself needs another model, prompt or temperature."
    return finding("duplicates", offenders, numbers, advice, noted=noted)


def _length(corpus: pl.DataFrame, limits: CorpusLimits) -> Finding:
    words = [len(text.split()) for text in corpus["text"]]
    rows = sorted(zip(words, corpus["context"], corpus["text"], strict=True), reverse=True)
    offenders = [
        f"{context}: {count} words in {text!r}" for count, context, text in rows if count > limits.max_words
    ]
    numbers = {"longest": max(words, default=0), "too_long": len(offenders)}
    return finding("length", offenders, numbers, f"Keep to {limits.max_words} words.")


def _language(corpus: pl.DataFrame, limits: CorpusLimits) -> Finding:
    texts = corpus["text"].to_list()
    not_plain = [text for text in texts if not _is_plain(text)]
    foreign = [text for text in texts if _is_plain(text) and _is_foreign(text)]
    english = sum(not _ENGLISH.isdisjoint(_words(text)) for text in texts)
    share = english / max(1, len(texts))
    offenders = [repr(text) for text in (*not_plain, *foreign)]
    if share < limits.english_share:
        offenders.append(f"only {share:.0%} of the sentences hold a common English word")
    numbers = {"not_plain": len(not_plain), "foreign": len(foreign), "english_share": share}
    return finding(
        "language", offenders, numbers, "Write plain English sentences: no markup, lists or emoji."
    )


def _diversity(corpus: pl.DataFrame, limits: CorpusLimits) -> Finding:
    """Distinct-1 and distinct-2 (Li et al., arXiv 1510.03055) of each side of each context.

    Measured on 60 sentences at most, those with the smallest ids: an id is a hash, so that is a draw.
    """
    poor, lowest = [], {1: 1.0, 2: 1.0}
    for (context, side), rows in corpus.sort("trace_id").group_by("context", "side", maintain_order=True):
        if len(rows) < FEWEST:
            continue
        lists = [_words(text) for text in rows["text"].head(_ONE_SAMPLE)]
        for size, least in ((1, limits.distinct_1), (2, limits.distinct_2)):
            share = _distinct(lists, size)
            lowest[size] = min(lowest[size], share)
            if share < least:
                poor.append(f"{context}, {side}: distinct-{size} {share:.2f}, {least:g} expected")
    numbers = {f"distinct_{size}": share for size, share in lowest.items()}
    advice = "Vary people, objects, viewpoint, light and wording."
    return finding("diversity", sorted(poor), numbers, advice)


def _vocabulary(corpus: pl.DataFrame, unknown_words: Callable[[str], Iterable[str]]) -> Finding:
    strange: dict[str, list[str]] = {}
    for context, text in corpus.select("context", "text").rows():
        for word in unknown_words(text):
            strange.setdefault(word, []).append(f"{context}: {text!r}")
    offenders = [f"{word!r} in {places[0]}" for word, places in sorted(strange.items())]
    sentences = len({place for places in strange.values() for place in places})
    numbers = {"unknown_words": len(strange), "sentences": sentences}
    advice = "The text encoder has never seen these words: it cannot know what the sentence says. Use others."
    return finding("vocabulary", offenders, numbers, advice, "warning")


def _is_plain(text: str) -> bool:
    return bool(_SENTENCE.fullmatch(text)) and " " in text


def _is_foreign(text: str) -> bool:
    """Whether the little words of other languages outnumber the English ones."""
    words = _words(text)
    return sum(word in _FOREIGN for word in words) > sum(word in _ENGLISH for word in words)


def _words(text: str) -> list[str]:
    return _WORD.findall(text.lower())


def _distinct(lists: Iterable[list[str]], size: int) -> float:
    """Share of the n-grams that are no repetition; 1 where there is none."""
    grams = [tuple(words[i : i + size]) for words in lists for i in range(len(words) - size + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0
