"""The corpus: every trace of the chosen contexts as one table, each with an id made from its content.

Columns: `trace_id` (int64, positive), `context`, `side` ("normal" or "anomalous"), `class` (on the normal
side the class a sentence is the look-alike of, empty where a person wrote it), `text`, and where it comes
from: `writer`, `model`, `prompt_version`, `seed`, `round`. Who writes the sentences is in `writers`, whether
they are any good in `gates`, their vectors in `traces_core.bank`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import astuple

import polars as pl

from traces_core.errors import UnknownNameError
from traces_core.text.catalog import Context
from traces_core.text.gates import CorpusLimits, Finding, check_corpus
from traces_core.text.writers import Draft, Manuscript, ShippedWriter, Writer

__all__ = [
    "ORDER",
    "SCHEMA",
    "CorpusLimits",
    "Finding",
    "check_corpus",
    "corpus_of",
    "join_corpora",
    "limit_traces",
    "trace_id",
    "without_class",
    "write_corpus",
]

SCHEMA = pl.Schema(
    {
        "trace_id": pl.Int64(),
        "context": pl.String(),
        "side": pl.String(),
        "class": pl.String(),
        "text": pl.String(),
        "writer": pl.String(),
        "model": pl.String(),
        "prompt_version": pl.String(),
        "seed": pl.Int64(),
        "round": pl.Int64(),
    }
)
"""Columns of a corpus."""

ORDER = ("context", "side", "class", "text")
"""What a corpus is sorted by: content alone, so that moving a line in a file changes nothing."""

_POSITIVE = (1 << 63) - 1


def trace_id(context: str, side: str, label: str, text: str) -> int:
    """Identity of a trace, from its content: the same sentence in the same place has it for good.

    Returns
    -------
    int
        In [1, 2**63): the first eight bytes of a SHA-256, without the sign. FAISS marks "nothing found"
        with -1, so no id is negative; two of a million traces agree with a chance of 5e-8.

    Examples
    --------
    >>> trace_id("street", "normal", "", "A man walks.") == trace_id("street", "normal", "", "A man walks.")
    True
    >>> trace_id("street", "normal", "", "A man walks.") == trace_id("shop", "normal", "", "A man walks.")
    False
    """
    content = "\x1f".join((context, side, label, text)).encode()
    return max(1, int.from_bytes(hashlib.sha256(content).digest()[:8], "big") & _POSITIVE)


def write_corpus(
    contexts: Mapping[str, Context] | Iterable[Context],
    *,
    scenes: Mapping[str, str] | None = None,
    writer: Writer | None = None,
) -> pl.DataFrame:
    """The corpus of some contexts, in the order of its content.

    Parameters
    ----------
    contexts
        What `read_catalog` gave, or contexts one by one; their order does not matter.
    scenes
        The sentence about the place by context, a normal trace; a context that is not in it gets none, and
        None gives each its own. Never an anomalous trace: see `traces_core.text.scenes`.
    writer
        Who writes; None takes the catalog as it stands.

    Returns
    -------
    pl.DataFrame
        Columns as in `SCHEMA`, sorted by `ORDER`.
    """
    chosen = list(contexts.values() if isinstance(contexts, Mapping) else contexts)
    return corpus_of((writer or ShippedWriter()).write(chosen), scenes=scenes)


def corpus_of(manuscripts: Iterable[Manuscript], *, scenes: Mapping[str, str] | None = None) -> pl.DataFrame:
    """The corpus that some manuscripts make; `scenes` and what it gives are those of `write_corpus`."""
    rows = []
    for manuscript in manuscripts:
        name, drafts = manuscript.context.context, list(manuscript.drafts)
        scene = manuscript.context.scene if scenes is None else scenes.get(name)
        if scene and scene not in {draft.text for draft in drafts}:
            drafts.append(Draft("normal", "", scene))
        for draft in drafts:
            content = (name, draft.side, draft.label, draft.text)
            rows.append((trace_id(*content), *content, *astuple(draft.origin)))
    return pl.DataFrame(rows, schema=SCHEMA, orient="row").sort(ORDER)


def join_corpora(parts: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """One corpus from the corpora of several contexts; equal to writing all of them at once."""
    return pl.concat([SCHEMA.to_frame(), *parts]).sort(ORDER)


def limit_traces(corpus: pl.DataFrame, per_side: int, *, seed: int) -> pl.DataFrame:
    """At most so many traces per context and side, drawn by the seed; classes take turns.

    Parameters
    ----------
    corpus
        A corpus; its order does not matter.
    per_side
        Traces kept of each side of each context, 1 or more; a smaller side is kept whole. On the
        anomalous side every class gives its first trace before any gives its second.
    seed
        Chooses the traces. With one seed a smaller limit keeps a part of what a larger one keeps, and
        what is kept of one context does not depend on the others.

    Raises
    ------
    ValueError
        If `per_side` is below 1: a side would be empty.
    """
    if per_side < 1:
        raise ValueError(f"limit_traces: per_side is {per_side}, expected 1 or more: no side may be empty")
    lots = [hashlib.sha256(f"{seed}|{number}".encode()).hexdigest() for number in corpus["trace_id"]]
    turn = pl.col("lot").rank("ordinal").over("context", "side", "class")
    return (
        corpus.with_columns(pl.Series("lot", lots, dtype=pl.String))
        .with_columns(turn.alias("turn"))
        .sort("turn", "lot")
        .filter(pl.int_range(pl.len()).over("context", "side") < per_side)
        .select(corpus.columns)
        .sort(ORDER)
    )


def without_class(corpus: pl.DataFrame, name: str) -> pl.DataFrame:
    """The corpus without one class and its look-alikes: the bank had nobody thought of it.

    Raises
    ------
    UnknownNameError
        If no trace is of that class, so that an ablation never leaves out nothing.
    """
    classes = corpus.filter(pl.col("side") == "anomalous")["class"].unique().to_list()
    if name not in classes:
        raise UnknownNameError("class", name, classes, where="without_class")
    return corpus.filter(pl.col("class") != name)
