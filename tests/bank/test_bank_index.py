"""The index of a large side: what it proposes is compared exactly, and most of what is there is found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from large_banks import DIMENSIONS, SETTINGS, large_bank
from small_banks import unit

from traces_core.bank.bank import Bank
from traces_core.bank.recall import near, recall_against_exact, recall_of_index
from traces_core.bank.settings import BankSettings
from traces_core.types import Array


def test_a_side_has_an_index_only_beyond_the_size_that_is_searched_exactly() -> None:
    assert set(large_bank()[0].indexes) == {"normal", "anomalous"}
    assert large_bank(BankSettings(exact_up_to=1200))[0].indexes == {}


def test_the_similarities_of_an_index_are_exact() -> None:
    bank, _ = large_bank()
    queries = unit(20, np.random.default_rng(3), DIMENSIONS)
    matches = bank.search(queries, 5, "normal")
    vector_of = dict(zip(bank.trace_ids("normal").tolist(), bank.vectors("normal"), strict=True))
    for query, similarities, ids in zip(queries, matches.similarities, matches.trace_ids, strict=True):
        np.testing.assert_allclose(similarities, [vector_of[one] @ query for one in ids.tolist()], atol=1e-6)
        assert np.all(np.diff(similarities) <= 0)
        assert len(set(ids.tolist())) == 5


def test_an_index_passes_the_gate_and_a_starved_one_does_not() -> None:
    bank, _ = large_bank()
    starved, _ = large_bank(SETTINGS.model_copy(update={"candidates": 1, "coordinates": 8}))
    assert recall_of_index(bank, "normal", 5) >= 0.99
    assert recall_of_index(starved, "normal", 5) < 0.9


def test_fewer_coordinates_in_a_code_propose_better() -> None:
    queries = unit(100, np.random.default_rng(5), DIMENSIONS)
    banks = [
        large_bank(SETTINGS.model_copy(update={"candidates": 40, "coordinates": shared}))[0]
        for shared in (8, 4, 2, 1)
    ]
    recalls = [recall_against_exact(bank, queries, 5, "normal") for bank in banks]
    assert recalls == sorted(recalls)
    assert recalls[0] < 0.8 < 0.98 < recalls[-1]


def test_contexts_and_classes_of_an_indexed_side_are_searched_exactly() -> None:
    bank, parts = large_bank(SETTINGS.model_copy(update={"candidates": 1}))
    table, vectors = parts["south"]
    queries = unit(10, np.random.default_rng(3), DIMENSIONS)
    mine = ((table["side"] == "anomalous") & (table["class"] == "fire")).to_numpy()
    matches = bank.search(queries, 4, "anomalous", ["south"], label="fire")
    best = np.argsort(-(queries @ vectors[mine].T), axis=1)[:, :4]
    assert np.array_equal(matches.trace_ids, table["trace_id"].to_numpy()[mine][best])


def test_a_k_beyond_the_candidates_is_answered_in_full() -> None:
    bank, _ = large_bank(SETTINGS.model_copy(update={"candidates": 10}))
    matches = bank.search(unit(3, np.random.default_rng(3), DIMENSIONS), 2000, "normal")
    assert matches.trace_ids.shape == (3, 1200)
    assert all(len(set(row.tolist())) == 1200 for row in matches.trace_ids)
    assert np.isfinite(matches.similarities).all()


def test_no_query_gets_no_answer_from_an_index() -> None:
    matches = large_bank()[0].search(np.empty((0, DIMENSIONS), np.float32), 3, "normal")
    assert matches.trace_ids.shape == matches.similarities.shape == (0, 3)


@pytest.mark.parametrize("dimensions", [7, 30, 32])  # codes of one, two and four coordinates
def test_an_index_is_of_vectors_of_any_length(dimensions: int) -> None:
    _, parts = large_bank()
    corpus = pl.concat(table for table, _ in parts.values())
    vectors = unit(len(corpus), np.random.default_rng(1), dimensions)
    bank = Bank.build(corpus, vectors, "drawn:1", SETTINGS)
    matches = bank.search(vectors[:50], 1, corpus["side"][0])
    assert matches.trace_ids.ravel().tolist() == corpus["trace_id"][:50].to_list()


def test_a_saved_index_answers_as_before_and_its_vectors_stay_on_disk(tmp_path: Path) -> None:
    bank, _ = large_bank()
    read = Bank.load(bank.save(tmp_path / "bank"))
    queries = unit(20, np.random.default_rng(3), DIMENSIONS)
    for side in ("normal", "anomalous"):
        one, two = bank.search(queries, 5, side), read.search(queries, 5, side)
        assert np.array_equal(one.trace_ids, two.trace_ids)
        assert np.array_equal(one.similarities, two.similarities)
    assert not read.contents.chunks.arrays[0].flags.owndata
    assert read.settings == bank.settings


@pytest.mark.parametrize("cosine", [-0.5, 0.0, 0.7, 1.0])
def test_a_vector_beside_another_has_the_cosine_asked_for(cosine: float) -> None:
    vectors = unit(30, np.random.default_rng(0), DIMENSIONS)
    moved: Array = near(vectors, cosine, np.random.default_rng(1))
    np.testing.assert_allclose((moved * vectors).sum(axis=1), cosine, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(moved, axis=1), 1, atol=1e-5)


def test_codes_that_come_after_others_left_are_those_of_an_index_that_never_changed() -> None:
    bank, _ = large_bank()
    rng = np.random.default_rng(2)
    vectors, ids = unit(6000, rng, DIMENSIONS), np.arange(6000)
    queries = unit(4, rng, DIMENSIONS)
    start = bank.indexes["normal"]
    empty = start.changed(start.ids(), ids[:0], vectors[:0])
    straight = empty.changed(ids[:0], ids[100:], vectors[100:])
    detour = empty.changed(ids[:0], ids[:5701], vectors[:5701])  # 5701 - 100 leaves a block in part
    detour = detour.changed(ids[:100], ids[5701:], vectors[5701:])
    for index in (straight, detour):
        assert index.ids().tolist() == ids[100:].tolist()
    results = [index.lists.search(queries, 5900) for index in (straight, detour)]
    by_id = [np.take_along_axis(near, np.argsort(ids, axis=1), axis=1) for near, ids in results]
    np.testing.assert_allclose(*by_id, atol=1e-5)
