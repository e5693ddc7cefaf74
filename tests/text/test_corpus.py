from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces_core.errors import UnknownNameError
from traces_core.text import (
    Context,
    Draft,
    Manuscript,
    TraceOrigin,
    Writer,
    join_corpora,
    limit_traces,
    trace_id,
    without_class,
    write_corpus,
)
from traces_core.text.corpus import SCHEMA


def renamed(context: Context, name: str) -> Context:
    return context.model_copy(update={"context": name})


def big_corpus() -> pl.DataFrame:
    rows = [
        (
            trace_id(place, side, label, f"{label} {i}"),
            place,
            side,
            label,
            f"{label} {i}",
            "drawn",
            "",
            "",
            0,
            0,
        )
        for place in ("north", "south")
        for side, label, count in (("normal", "", 9), ("anomalous", "fire", 2), ("anomalous", "theft", 7))
        for i in range(count)
    ]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def test_every_sentence_becomes_a_trace_and_the_scene_a_normal_one(yard: Context) -> None:
    corpus = write_corpus([yard])
    assert corpus.schema == SCHEMA
    assert corpus.filter(side="normal")["text"].to_list() == sorted([*yard.normal, yard.scene])
    assert corpus.filter(side="anomalous").height == 4
    assert set(corpus["writer"]) == {"shipped"}


def test_the_scene_can_be_left_out_and_is_never_anomalous(yard: Context) -> None:
    assert yard.scene not in write_corpus([yard], scenes={})["text"].to_list()
    assert yard.scene not in write_corpus([yard]).filter(side="anomalous")["text"].to_list()


def test_another_sentence_can_take_the_place_of_the_scene_and_stands_there_once(yard: Context) -> None:
    other = write_corpus([yard], scenes={"yard": "A quiet place.", "garden": "A lawn."})
    assert other.filter(side="normal")["text"].to_list() == sorted([*yard.normal, "A quiet place."])
    known = write_corpus([yard], scenes={"yard": yard.normal[0]})
    assert known.filter(side="normal")["text"].to_list() == sorted(yard.normal)


def test_ids_are_positive_and_come_from_content_alone(yard: Context) -> None:
    corpus = write_corpus([yard])
    expected = hashlib.sha256(b"yard\x1fanomalous\x1ffire\x1fFlames rise from a bin.").digest()
    number = corpus.filter(text="Flames rise from a bin.")["trace_id"].item()
    assert number == int.from_bytes(expected[:8], "big") % 2**63
    assert corpus["trace_id"].min() > 0  # type: ignore[operator]
    assert corpus["trace_id"].n_unique() == len(corpus)


def test_neither_the_order_of_contexts_nor_of_sentences_matters(yard: Context) -> None:
    other = renamed(yard, "garden")
    turned = yard.model_copy(update={"normal": yard.normal[::-1]})
    both = write_corpus([yard, other])
    assert both.equals(write_corpus({"garden": other, "yard": turned}))
    assert both.equals(join_corpora([write_corpus([yard]), write_corpus([other])]))


def test_one_changed_sentence_changes_one_trace(yard: Context) -> None:
    changed = yard.model_copy(update={"normal": ("A dog sleeps on a wall.", yard.normal[1])})
    before, after = set(write_corpus([yard])["trace_id"]), set(write_corpus([changed])["trace_id"])
    assert len(before - after) == len(after - before) == 1


class Echo:
    """Writes each normal sentence as loud as it can: another writer through the same door."""

    fingerprint = "echo-1"

    def write(self, contexts: Sequence[Context]) -> Iterator[Manuscript]:
        for context in contexts:
            loud = [
                Draft("normal", "", text.upper(), TraceOrigin("echo", round=2)) for text in context.normal
            ]
            yield Manuscript(context, tuple(loud))


def test_another_writer_can_take_the_place_of_the_shipped_one_and_every_trace_says_so(yard: Context) -> None:
    writer: Writer = Echo()
    corpus = write_corpus([yard], writer=writer)
    assert corpus["text"].to_list() == ["A CAT SLEEPS ON A WALL.", "A MAN WATERS THE FLOWERS.", yard.scene]
    assert corpus.select("writer", "round").rows() == [("echo", 2), ("echo", 2), ("shipped", 0)]


def test_a_trace_of_the_catalog_has_no_model_and_no_prompt(yard: Context) -> None:
    origin = write_corpus([yard]).select("writer", "model", "prompt_version", "seed", "round").unique()
    assert origin.rows() == [("shipped", "", "", 0, 0)]


@given(seed=st.integers(0, 2**32), small=st.integers(1, 12), more=st.integers(0, 12), shuffle=st.randoms())
def test_a_smaller_limit_keeps_part_of_what_a_larger_one_keeps(seed, small, more, shuffle) -> None:
    corpus = big_corpus()
    order = list(range(len(corpus)))
    shuffle.shuffle(order)
    fewer = limit_traces(corpus[order], small, seed=seed)
    assert set(fewer["trace_id"]) <= set(limit_traces(corpus, small + more, seed=seed)["trace_id"])
    assert fewer.equals(limit_traces(corpus, small, seed=seed))
    counts = fewer.group_by("context", "side").len()["len"].to_list()
    assert counts == [min(small, 9)] * 4


def test_the_classes_take_turns_under_a_limit() -> None:
    few = limit_traces(big_corpus(), 5, seed=3).filter(side="anomalous", context="north")
    assert dict(few["class"].value_counts().rows()) == {"fire": 2, "theft": 3}


def test_the_seed_chooses_the_traces_and_other_contexts_do_not() -> None:
    corpus = big_corpus()
    draws = {tuple(limit_traces(corpus, 2, seed=seed)["trace_id"]) for seed in range(8)}
    assert len(draws) > 4
    alone = limit_traces(corpus.filter(context="north"), 2, seed=1)
    assert limit_traces(corpus, 2, seed=1).filter(context="north").equals(alone)


def test_a_limit_that_would_empty_a_side_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 1 or more"):
        limit_traces(big_corpus(), 0, seed=1)


def test_leaving_out_a_class_leaves_the_rest() -> None:
    corpus = big_corpus()
    rest = without_class(corpus, "fire")
    assert set(rest["class"]) == {"", "theft"}
    assert len(corpus) - len(rest) == np.sum(corpus["class"].to_numpy() == "fire")


@pytest.mark.parametrize("name", ["fyre", ""])
def test_leaving_out_a_class_that_is_not_there_is_refused(name: str) -> None:
    with pytest.raises(UnknownNameError, match="there is no class named"):
        without_class(big_corpus(), name)
