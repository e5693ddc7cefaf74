from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_banks import DIMENSIONS, small_bank, small_corpus, unit

from traces_core.bank.bank import Bank
from traces_core.bank.recall import recall_against_exact
from traces_core.errors import (
    EmptySideError,
    MixedSpacesError,
    NotFiniteError,
    NotUnitNormError,
    UnknownNameError,
)
from traces_core.types import Array


def slow_search(
    corpus: pl.DataFrame, vectors: Array, query: Array, k: int, side: str, contexts: list[str] | None
) -> list[tuple[float, int]]:
    """The k nearest, one cosine at a time."""
    answers = []
    for row, vector in zip(corpus.iter_rows(named=True), vectors, strict=True):
        if row["side"] == side and (contexts is None or row["context"] in contexts):
            answers.append((float(sum(a * b for a, b in zip(query, vector, strict=True))), row["trace_id"]))
    return sorted(answers, reverse=True)[:k]


@given(seed=st.integers(0, 1000), k=st.integers(1, 20), side=st.sampled_from(["normal", "anomalous"]),
       contexts=st.sampled_from([None, ["north"], ["south"], ["south", "north"]]))  # fmt: skip
def test_search_agrees_with_a_slow_one(seed: int, k: int, side: str, contexts: list[str] | None) -> None:
    bank, corpus, vectors = small_bank(seed)
    queries = unit(3, np.random.default_rng(seed + 1))
    matches = bank.search(queries, k, side, contexts)
    for query, similarities, ids in zip(queries, matches.similarities, matches.trace_ids, strict=True):
        expected = slow_search(corpus, vectors, query, k, side, contexts)
        assert ids.tolist() == [number for _, number in expected]
        np.testing.assert_allclose(similarities, [cosine for cosine, _ in expected], atol=1e-5)


@given(order=st.permutations(range(25)))
def test_the_order_of_the_traces_does_not_matter(order: list[int]) -> None:
    bank, corpus, vectors = small_bank()
    other = Bank.build(corpus[order], vectors[order], "drawn:1")
    assert other.fingerprint == bank.fingerprint
    queries = unit(4, np.random.default_rng(1))
    for side in ("normal", "anomalous"):
        one, two = bank.search(queries, 5, side), other.search(queries, 5, side)
        assert np.array_equal(one.trace_ids, two.trace_ids)


def test_a_k_beyond_the_side_gives_all_of_it_and_nothing_twice() -> None:
    bank, _, _ = small_bank()
    matches = bank.search(unit(2, np.random.default_rng(1)), 1000, "anomalous", ["north"])
    assert matches.trace_ids.shape == (2, 7)
    assert set(matches.trace_ids[0]) == set(bank.trace_ids("anomalous", ["north"]))


def test_no_query_gets_no_answer() -> None:
    bank, _, _ = small_bank()
    assert bank.search(np.empty((0, DIMENSIONS), np.float32), 3, "normal").trace_ids.shape == (0, 3)


def test_a_class_can_answer_alone() -> None:
    bank, _, _ = small_bank()
    matches = bank.search(unit(2, np.random.default_rng(1)), 9, "anomalous", label="fire")
    assert {bank.trace(number).label for number in matches.trace_ids.ravel()} == {"fire"}
    assert bank.classes == ("fire", "theft")


def test_a_trace_is_found_by_its_id() -> None:
    bank, corpus, vectors = small_bank()
    row = corpus.row(9, named=True)
    trace = bank.trace(row["trace_id"])
    assert (trace.context, trace.label, trace.text) == (row["context"], row["class"], row["text"])
    assert bank.search(vectors[9:10], 1, "anomalous").trace_ids.item() == row["trace_id"]
    with pytest.raises(UnknownNameError, match="there is no trace named '5'"):
        bank.trace(5)


def test_one_context_may_be_given_by_its_name_alone() -> None:
    bank, _, _ = small_bank()
    assert np.array_equal(bank.trace_ids("normal", "north"), bank.trace_ids("normal", ["north"]))


def test_an_unknown_context_is_refused_with_the_nearest_name() -> None:
    bank, _, _ = small_bank()
    with pytest.raises(UnknownNameError, match=r"no context named 'nroth'. Did you mean 'north'"):
        bank.search(unit(1, np.random.default_rng(1)), 1, "normal", ["nroth"])


@pytest.mark.parametrize("side", ["normal", "anomalous"])
def test_a_bank_with_an_empty_side_is_refused(side: str) -> None:
    corpus = small_corpus().filter(pl.col("side") != side)
    with pytest.raises(EmptySideError, match=f"the {side} side of the bank is empty"):
        Bank.build(corpus, unit(len(corpus), np.random.default_rng(0)), "drawn:1")


def test_a_context_with_an_empty_side_is_refused_when_it_is_asked_alone() -> None:
    corpus = small_corpus().filter((pl.col("context") == "north") | (pl.col("side") == "normal"))
    bank = Bank.build(corpus, unit(len(corpus), np.random.default_rng(0)), "drawn:1")
    query = unit(1, np.random.default_rng(1))
    assert bank.search(query, 1, "anomalous").trace_ids.shape == (1, 1)
    with pytest.raises(EmptySideError, match="in south"):
        bank.search(query, 1, "anomalous", ["south"])


def test_vectors_of_another_space_are_refused() -> None:
    bank, _, _ = small_bank()
    with pytest.raises(MixedSpacesError, match="drawn:2"):
        bank.require_space("drawn:2", "a test")
    with pytest.raises(MixedSpacesError, match="16 dimensions"):
        bank.search(unit(1, np.random.default_rng(0), 16), 1, "normal")


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        (np.nan, NotFiniteError, "row 1 holds NaN"),
        (np.inf, NotFiniteError, "row 1 holds NaN or infinity"),
        (0.0, NotUnitNormError, "row 1 has length 0.0000"),  # a zero vector
        (2.0, NotUnitNormError, "row 1 has length 2.0000"),
    ],
)
def test_vectors_that_are_not_on_the_unit_sphere_are_refused(value: float, error: type, words: str) -> None:
    bank, corpus, vectors = small_bank()
    queries = unit(2, np.random.default_rng(1))
    queries[1] = 0
    queries[1, 0] = value
    with pytest.raises(error, match=words):
        bank.search(queries, 1, "normal")
    vectors[1] = queries[1]
    with pytest.raises(error, match=words):
        Bank.build(corpus, vectors, "drawn:1")


def test_a_vector_stored_in_half_precision_is_near_enough_to_the_unit_sphere() -> None:
    bank, _, _ = small_bank()
    queries = unit(50, np.random.default_rng(1)).astype(np.float16)
    assert bank.search(queries, 1, "normal").similarities.dtype == np.float32


def test_a_bank_needs_one_vector_and_one_id_for_each_trace() -> None:
    _, corpus, vectors = small_bank()
    with pytest.raises(ValueError, match="24 vectors for 25 traces"):
        Bank.build(corpus, vectors[:-1], "drawn:1")
    twice = pl.concat([corpus, corpus[:1]])
    with pytest.raises(ValueError, match="share an id"):
        Bank.build(twice, np.concatenate([vectors, vectors[:1]]), "drawn:1")


def test_a_k_below_one_is_refused() -> None:
    bank, _, _ = small_bank()
    with pytest.raises(ValueError, match="k is 0"):
        bank.search(unit(1, np.random.default_rng(0)), 0, "normal")


def test_the_fingerprint_follows_every_input() -> None:
    bank, corpus, vectors = small_bank()
    reworded = corpus.with_columns(text=pl.col("text") + " again")
    turned = np.concatenate([vectors[1:], vectors[:1]])
    others = [
        Bank.build(corpus, vectors, "drawn:2"),
        Bank.build(reworded, vectors, "drawn:1"),
        Bank.build(corpus, turned, "drawn:1"),
    ]
    assert len({bank.fingerprint, *(other.fingerprint for other in others)}) == 4


def test_a_saved_bank_answers_as_before(tmp_path: Path) -> None:
    bank, _, _ = small_bank()
    read = Bank.load(bank.save(tmp_path / "deep" / "bank"))
    queries = unit(5, np.random.default_rng(2))
    assert (read.space, read.fingerprint, len(read)) == (bank.space, bank.fingerprint, 25)
    assert np.array_equal(
        read.search(queries, 4, "normal").similarities, bank.search(queries, 4, "normal").similarities
    )
    assert np.array_equal(read.vectors("anomalous"), bank.vectors("anomalous"))


def test_saving_replaces_the_old_bank_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    small_bank(1)[0].save(tmp_path / "bank")
    bank = small_bank(2)[0]
    bank.save(tmp_path / "bank")
    assert Bank.load(tmp_path / "bank").fingerprint == bank.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == ["bank"]


def test_a_small_side_is_searched_exactly() -> None:
    bank, _, _ = small_bank()
    queries = unit(20, np.random.default_rng(7))
    assert recall_against_exact(bank, queries, 5, "anomalous") == 1.0


def test_recall_falls_when_the_search_answers_wrongly() -> None:
    bank, _, _ = small_bank()
    queries = unit(20, np.random.default_rng(7))
    ids = bank.trace_ids("normal")

    class Wrong(Bank):
        def search(self, queries, k, side, contexts=None, *, label=None):  # type: ignore[no-untyped-def]
            matches = super().search(queries, k, side, contexts, label=label)
            next_to = dict(zip(ids.tolist(), np.roll(ids, 1).tolist(), strict=True))
            return type(matches)(matches.similarities, np.vectorize(next_to.get)(matches.trace_ids))

    wrong = Wrong(bank.space, bank.settings, bank.contents, bank.indexes)
    assert recall_against_exact(wrong, queries, 2, "normal") < 0.6


def test_a_trace_that_is_given_twice_counts_once() -> None:
    bank, _, _ = small_bank()

    class Stuck(Bank):
        def search(self, queries, k, side, contexts=None, *, label=None):  # type: ignore[no-untyped-def]
            matches = super().search(queries, k, side, contexts, label=label)
            return type(matches)(matches.similarities, np.repeat(matches.trace_ids[:, :1], k, axis=1))

    stuck = Stuck(bank.space, bank.settings, bank.contents, bank.indexes)
    assert recall_against_exact(stuck, unit(20, np.random.default_rng(7)), 4, "normal") == 0.25


def test_a_bank_says_what_it_holds() -> None:
    assert repr(small_bank()[0]) == "Bank(12 normal + 13 anomalous traces, 2 contexts, 8-d, space='drawn:1')"


@pytest.mark.parametrize("contexts", [None, ["south"], ["south", "north"]])
@pytest.mark.parametrize("label", [None, "theft"])
def test_vectors_come_in_the_order_of_their_ids_whatever_is_asked_for(contexts, label) -> None:
    bank, corpus, vectors = small_bank()
    vector_of = dict(zip(corpus["trace_id"].to_list(), vectors, strict=True))
    ids = bank.trace_ids("anomalous", contexts, label)
    assert len(ids) > 0
    np.testing.assert_array_equal(
        bank.vectors("anomalous", contexts, label), [vector_of[number] for number in ids.tolist()]
    )
    assert bank.vectors("normal", contexts, "theft").shape == (0, DIMENSIONS)  # nobody wrote look-alikes
