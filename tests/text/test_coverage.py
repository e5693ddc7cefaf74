"""What a corpus covers: the numbers against slow ones, and the picture and table of them."""

from __future__ import annotations

import re
from itertools import combinations

import numpy as np
import polars as pl
import pytest

from traces_core.report.coverage import coverage_markdown, coverage_picture
from traces_core.text.corpus import SCHEMA
from traces_core.text.coverage import coverage
from traces_core.types import Array

LABELS = (
    [("yard", "normal", "")] * 5 + [("yard", "anomalous", "fire")] * 4 + [("yard", "anomalous", "theft")] * 3
)
LABELS += [("attic", "normal", "")] * 4 + [("attic", "anomalous", "fire")] * 2


def drawn() -> tuple[pl.DataFrame, Array]:
    rows = [(*label, f"sentence {i} | of {label[0]}") for i, label in enumerate(LABELS)]
    corpus = pl.DataFrame(rows, schema=["context", "side", "class", "text"], orient="row")
    vectors = np.random.default_rng(4).normal(size=(len(rows), 6)).astype(np.float32) + 0.5
    return corpus, vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def rows_of(label: str, contexts: tuple[str, ...] = ("yard", "attic")) -> list[int]:
    side = "normal" if not label else "anomalous"
    return [i for i, row in enumerate(LABELS) if row[0] in contexts and row[1:] == (side, label)]


@pytest.mark.parametrize(("name", "contexts"), [("fire", ("yard", "attic")), ("theft", ("yard",))])
def test_the_numbers_of_a_class_agree_with_slow_ones(name: str, contexts: tuple[str, ...]) -> None:
    corpus, vectors = drawn()
    row = coverage(corpus, vectors).classes.row(by_predicate=pl.col("class") == name, named=True)
    inside, against = rows_of(name), rows_of("", contexts)
    assert (row["traces"], row["contexts"], row["normal"]) == (len(inside), len(contexts), len(against))
    within = np.mean([vectors[i] @ vectors[j] for i, j in combinations(inside, 2)])
    to_normal = np.mean([vectors[i] @ vectors[j] for i in inside for j in against])
    assert row["within"] == pytest.approx(within, abs=1e-5)
    assert row["to_normal"] == pytest.approx(to_normal, abs=1e-5)
    assert row["gap"] == pytest.approx(within - to_normal, abs=1e-5)
    centre = vectors[inside].mean(axis=0) / np.linalg.norm(vectors[inside].mean(axis=0))
    nearest = max(against, key=lambda i: float(vectors[i] @ centre))
    assert row["nearest_normal"] == corpus["text"][nearest]
    assert row["nearest_class"] == ({"fire", "theft"} - {name}).pop()


def test_the_order_of_the_rows_changes_no_number() -> None:
    corpus, vectors = drawn()
    turned = np.random.default_rng(1).permutation(len(corpus))
    one, other = coverage(corpus, vectors), coverage(corpus[turned], vectors[turned])
    assert one.names == other.names == ("normal", "fire", "theft")
    np.testing.assert_allclose(one.cosines, other.cosines, atol=1e-6)
    assert np.diag(one.cosines) == pytest.approx(1, abs=1e-5)
    assert one.smallest_gap == pytest.approx(other.smallest_gap, abs=1e-6)


def test_a_class_of_one_sentence_has_no_gap_and_one_class_no_confusion() -> None:
    corpus, vectors = drawn()
    alone = [0, 1, rows_of("theft")[0]]
    covered = coverage(corpus[alone], vectors[alone])
    row = covered.classes.row(0, named=True)
    assert (row["within"], row["gap"], row["nearest_class"]) == (None, None, None)
    assert row["to_normal"] is not None
    assert covered.smallest_gap is None
    assert coverage_picture(covered)[:4] == b"\x89PNG"
    assert "| theft | 1 | 1 | – |" in coverage_markdown(covered)


def test_the_picture_is_the_same_twice_and_says_when_the_numbers_change() -> None:
    corpus, vectors = drawn()
    one = coverage_picture(coverage(corpus, vectors))
    assert one == coverage_picture(coverage(corpus, vectors))
    assert one != coverage_picture(coverage(corpus, vectors[::-1]))


def test_the_table_begins_with_the_smallest_gap_and_keeps_its_columns() -> None:
    corpus, vectors = drawn()
    covered = coverage(corpus, vectors)
    first = covered.classes.sort("gap")["class"][0]
    lines = coverage_markdown(covered).splitlines()
    assert lines[2].startswith(f"| {first} |")
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in lines}
    assert cells == {lines[0].count("|")}


def test_vectors_of_another_corpus_are_refused() -> None:
    corpus, vectors = drawn()
    with pytest.raises(ValueError, match="3 vectors for 18 sentences"):
        coverage(corpus, vectors[:3])


def test_a_corpus_as_the_project_writes_it_is_taken() -> None:
    corpus, vectors = drawn()
    whole = corpus.with_columns(
        *(pl.lit(None, dtype=kind).alias(name) for name, kind in SCHEMA.items() if name not in corpus.columns)
    ).select(SCHEMA.names())
    assert coverage(whole, vectors).classes.equals(coverage(corpus, vectors).classes)
