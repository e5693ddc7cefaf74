"""Which of two equal sentences stays."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces_core.text.duplicates import find_repetitions, readable_rows, row_groups
from traces_core.types import Array

COLUMNS = ("context", "side", "class", "text", "writer")


def table(*rows: tuple[str, str, str, str, str]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=dict.fromkeys(COLUMNS, pl.String), orient="row")


def unit(vectors: Array) -> Array:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def kept_texts(corpus: pl.DataFrame, **how: object) -> list[str]:
    return corpus.filter(find_repetitions(corpus, **how).kept)["text"].to_list()  # type: ignore[arg-type]


def test_the_catalog_stays_where_a_model_says_the_same() -> None:
    corpus = table(
        ("yard", "anomalous", "fire", "A BIN BURNS", "openai"),
        ("yard", "normal", "", "A bin burns.", "shipped"),
    )
    assert kept_texts(corpus) == ["A bin burns."]


def test_case_punctuation_and_blanks_make_no_other_sentence_and_another_context_does() -> None:
    corpus = table(
        ("yard", "normal", "", "A cat sleeps, here.", "shipped"),
        ("yard", "normal", "", "a cat  sleeps here!", "shipped"),
        ("attic", "normal", "", "A cat sleeps here.", "shipped"),
    )
    repetitions = find_repetitions(corpus)
    assert repetitions.kept.tolist() == [True, False, True]
    assert repetitions.exact == ((1, 0),)


def test_a_near_repetition_in_another_class_stays() -> None:
    rows = [
        ("yard", "anomalous", label, f"It burns {i}", "x")
        for i, label in enumerate(("fire", "fire", "arson"))
    ]
    same = np.tile(np.array([[1, 0]], np.float32), (3, 1))
    assert find_repetitions(table(*rows), same, near=0.99).kept.tolist() == [True, False, True]


def test_normal_look_alikes_of_two_classes_are_one_side() -> None:
    rows = [("yard", "normal", label, f"It glows {i}", "x") for i, label in enumerate(("fire", "arson"))]
    same = np.tile(np.array([[1, 0]], np.float32), (2, 1))
    assert find_repetitions(table(*rows), same, near=0.99).kept.sum() == 1


def test_what_repeats_only_a_sentence_that_left_stays() -> None:
    rows = table(*[("yard", "normal", "", text, "x") for text in ("a", "b", "c")])
    turned = np.deg2rad([0, 10, 20])
    vectors = np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)
    repetitions = find_repetitions(rows, vectors, near=float(np.cos(np.deg2rad(11))))
    assert repetitions.kept.tolist() == [True, False, True]
    assert [(row, first) for row, first, _ in repetitions.near] == [(1, 0)]


def test_sentences_that_the_encoder_cannot_read_stay() -> None:
    rows = table(*[("yard", "normal", "", text, "x") for text in ("a zebra", "a gnu", "a cat")])
    same = np.tile(np.array([[1, 0]], np.float32), (3, 1))
    readable = readable_rows(rows["text"].to_list(), lambda text: ["?"] if "cat" not in text else [])
    assert readable.tolist() == [False, False, True]
    assert find_repetitions(rows, same, near=0.9, readable=readable).kept.all()


@given(st.integers(0, 10_000))
def test_the_order_of_the_rows_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rows = [
        ("yard", side, "fire" if side == "anomalous" else "", f"{rng.integers(30)} cats", writer)
        for side in ("normal", "anomalous")
        for writer in ("shipped", "openai")
        for _ in range(8)
    ]
    corpus = table(*dict.fromkeys(rows))
    vectors = unit(rng.normal(size=(len(corpus), 3)))
    turned = rng.permutation(len(corpus))
    assert sorted(kept_texts(corpus, vectors=vectors, near=0.9)) == sorted(
        kept_texts(corpus[turned], vectors=vectors[turned], near=0.9)
    )


@pytest.mark.parametrize("count", [50, 2500])  # within one block of rows, and over two
def test_near_repetitions_agree_with_a_slow_search(count: int) -> None:
    rng = np.random.default_rng(5)
    rows = [("yard", "normal", "", f"Cat {i:05d} sleeps.", "x") for i in range(count)]
    vectors = unit(rng.normal(size=(count, 3)))
    near = 0.99 if count == 50 else 0.9999
    kept: list[int] = []
    for i in range(count):
        if not kept or (vectors[kept] @ vectors[i]).max() < near:
            kept.append(i)
    assert len(kept) < count
    assert np.flatnonzero(find_repetitions(table(*rows), vectors, near=near).kept).tolist() == kept


def test_groups_come_in_the_order_of_their_names_with_rising_rows() -> None:
    corpus = pl.DataFrame({"side": ["normal", "anomalous", "normal"]})
    assert [rows.tolist() for rows in row_groups(corpus, "side")] == [[1], [0, 2]]
