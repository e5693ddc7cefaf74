"""A bank whose contexts change: as one that is built rebuilt, at the price of the change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from large_banks import DIMENSIONS, PLACES, context, joined, large_bank
from small_banks import unit

from traces_core.bank.bank import Bank
from traces_core.bank.chunked_vectors import ChunkedVectors
from traces_core.bank.recall import recall_of_index
from traces_core.bank.settings import BankSettings
from traces_core.errors import EmptySideError, UnknownNameError
from traces_core.store.digest import file_digest

EXACT = BankSettings()


def _same_answers(one: Bank, two: Bank, contexts: list[str] | None = None) -> None:
    queries = unit(7, np.random.default_rng(9), DIMENSIONS)
    for side in ("normal", "anomalous"):
        here, there = one.search(queries, 6, side, contexts), two.search(queries, 6, side, contexts)
        assert np.array_equal(here.trace_ids, there.trace_ids)
        np.testing.assert_allclose(here.similarities, there.similarities, atol=1e-6)


@settings(max_examples=15)
@given(
    came=st.dictionaries(st.sampled_from([*PLACES, "new"]), st.integers(0, 2), max_size=3),
    gone=st.sets(st.sampled_from(PLACES), max_size=2),
)
def test_an_exact_bank_that_changed_is_the_bank_rebuilt(came: dict[str, int], gone: set[str]) -> None:
    bank, parts = large_bank(EXACT)
    gone -= set(came)
    news = {place: context(place, seed, per_class=20 + seed) for place, seed in came.items()}
    kept = {place: part for place, part in {**parts, **news}.items() if place not in gone}
    changed = bank.with_contexts(news, gone)
    rebuilt = Bank.build(*joined(kept), "drawn:1", EXACT)
    assert changed.fingerprint == rebuilt.fingerprint
    assert changed.corpus.equals(rebuilt.corpus)
    for side in ("normal", "anomalous"):
        assert np.array_equal(changed.vectors(side), rebuilt.vectors(side))
    _same_answers(changed, rebuilt)


def test_a_changed_exact_bank_is_byte_by_byte_on_disk_as_one_rebuilt(tmp_path: Path) -> None:
    bank, parts = large_bank(EXACT)
    news = {"north": context("north", 1)}
    saved = bank.with_contexts(news, ["west"]).save(tmp_path / "changed")
    rebuilt = Bank.build(*joined({**parts, **news, "west": context("west", 0)}), "drawn:1", EXACT)
    assert file_digest(rebuilt.with_contexts({}, ["west"]).save(tmp_path / "again")) == file_digest(saved)
    kept = {place: part for place, part in {**parts, **news}.items() if place != "west"}
    assert file_digest(Bank.build(*joined(kept), "drawn:1", EXACT).save(tmp_path / "rebuilt")) == file_digest(
        saved
    )


def test_a_changed_index_passes_the_gate_that_a_new_one_passes() -> None:
    bank, parts = large_bank()
    news = {"north": context("north", 1)}
    changed = bank.with_contexts(news)
    rebuilt = Bank.build(*joined({**parts, **news}), "drawn:1", bank.settings)
    assert changed.fingerprint == rebuilt.fingerprint
    for side in ("normal", "anomalous"):
        assert changed.indexes[side].replaced == 300  # it was not trained again
        assert np.array_equal(changed.indexes[side].ids(), rebuilt.indexes[side].ids())
        assert min(recall_of_index(one, side, 5) for one in (changed, rebuilt)) >= 0.99


def test_what_left_a_context_is_never_found_again_and_what_came_is() -> None:
    bank, parts = large_bank()
    table, vectors = context("north", 1)
    changed = bank.with_contexts({"north": (table, vectors)})
    for side in ("normal", "anomalous"):
        mine = (table["side"] == side).to_numpy()  # of what left, too: the same sides in the same order
        nearest = changed.search(vectors[mine], 1, side).trace_ids
        assert nearest.ravel().tolist() == table["trace_id"].to_numpy()[mine].tolist()
        nearest = changed.search(parts["north"][1][mine], 5, side).trace_ids
        assert set(nearest.ravel()) <= set(changed.trace_ids(side))


def test_an_index_gains_and_loses_only_the_traces_that_differ() -> None:
    bank, parts = large_bank()
    table, vectors = parts["north"]
    row = int(np.flatnonzero((table["side"] == "anomalous").to_numpy())[0])
    turned = vectors.copy()
    turned[row] = unit(1, np.random.default_rng(4), DIMENSIONS)
    changed = bank.with_contexts({"north": (table, turned)})
    assert {side: index.replaced for side, index in changed.indexes.items()} == {"normal": 0, "anomalous": 1}
    assert changed.search(turned[row][None], 1, "anomalous").trace_ids.item() == table["trace_id"][row]


def test_the_bank_that_was_changed_stays_as_it_was() -> None:
    bank, _ = large_bank()
    before = {side: bank.indexes[side].ids() for side in bank.indexes}
    mark = bank.fingerprint
    bank.with_contexts({"north": context("north", 1)}, ["south"])
    assert bank.fingerprint == mark
    assert all(np.array_equal(bank.indexes[side].ids(), before[side]) for side in before)


def test_contexts_that_stay_are_neither_read_nor_copied() -> None:
    bank, _ = large_bank(EXACT)
    [array] = bank.contents.chunks.arrays
    changed = bank.with_contexts({"north": context("north", 1)})
    shared = [chunk for chunk in changed.contents.chunks.arrays if np.shares_memory(chunk, array)]
    assert sum(len(chunk) for chunk in shared) == len(bank) - 600
    assert len(shared) == 3  # before north of the anomalous side, between the two, after


def test_a_side_that_grows_gets_an_index_and_one_that_shrinks_loses_it() -> None:
    bank, _ = large_bank()
    fewer = bank.with_contexts({}, ["north"])
    assert set(bank.indexes) == {"normal", "anomalous"}
    assert fewer.indexes == {}
    assert set(fewer.with_contexts({"north": context("north", 2)}).indexes) == {"normal", "anomalous"}


def test_an_index_is_retrained_when_too_much_has_changed() -> None:
    bank, _ = large_bank()
    once = bank.with_contexts({"north": context("north", 1)})
    twice = once.with_contexts({"south": context("south", 1)})
    assert once.indexes["normal"].replaced == 300
    assert twice.indexes["normal"].replaced == 0  # 600 of 1200 are more than 0.3


def test_a_change_that_makes_no_bank_is_refused() -> None:
    bank, parts = large_bank(EXACT)
    table, vectors = parts["north"]
    with pytest.raises(UnknownNameError, match="no context named 'nroth'"):
        bank.with_contexts({}, ["nroth"])
    with pytest.raises(ValueError, match=r"come as 'south' are of \['north'\]"):
        bank.with_contexts({"south": (table, vectors)})
    with pytest.raises(ValueError, match="Rebuild the bank"):
        bank.with_contexts({"north": (table.drop("writer"), vectors)})
    with pytest.raises(ValueError, match="Embed it with the bank's encoder"):
        bank.with_contexts({"north": (table, unit(len(table), np.random.default_rng(0), 16))})
    with pytest.raises(ValueError, match="599 vectors for 600 traces"):
        bank.with_contexts({"north": (table, vectors[1:])})
    stolen = pl.when(pl.int_range(pl.len()) == 0).then(parts["south"][0]["trace_id"][0]).otherwise("trace_id")
    again = table.with_columns(trace_id=stolen)
    with pytest.raises(ValueError, match="share an id"):
        bank.with_contexts({"north": (again, vectors)})
    with pytest.raises(EmptySideError):
        bank.with_contexts({}, PLACES)


@given(cuts=st.lists(st.integers(0, 9), max_size=3), rows=st.lists(st.integers(0, 8), min_size=1))
def test_vectors_in_several_arrays_read_as_those_in_one(cuts: list[int], rows: list[int]) -> None:
    whole = unit(9, np.random.default_rng(0))
    chunks = ChunkedVectors(np.split(whole, sorted(cuts)))
    wanted = np.array(rows)
    assert len(chunks) == 9
    assert np.array_equal(chunks.take(wanted), whole[wanted])
    assert np.array_equal(chunks.copy(2, 8), whole[2:8])
    assert all(len(chunk) <= 2 for chunk in chunks.rows(0, 9, at_most=2))
    queries = unit(2, np.random.default_rng(1))
    asked = np.stack([wanted, np.full_like(wanted, -1)])
    cosines = chunks.cosines(queries, asked)
    np.testing.assert_allclose(cosines[0], whole[wanted] @ queries[0], atol=1e-6)
    assert np.isneginf(cosines[1]).all()
