"""The folder of a bank: its files belong together, or it is refused."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import polars as pl
import pytest
from large_banks import large_bank
from small_banks import small_bank, small_corpus, unit

from traces_core.bank.bank import Bank
from traces_core.bank.index import SideIndex
from traces_core.errors import CorruptArtifactError, MissingArtifactError
from traces_core.store.digest import file_digest

FILES = ["vectors.npy", "traces.parquet", "normal.faiss", "anomalous.faiss", "bank.json"]


def _other(folder: Path) -> Path:
    """A bank of as many traces with other ids and other vectors."""
    bank, _ = large_bank()
    corpus = bank.corpus.with_columns(pl.col("trace_id") + 1)
    vectors = unit(len(corpus), np.random.default_rng(3), bank.dimensions)
    return Bank.build(corpus, vectors, "drawn:1", bank.settings).save(folder)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("damage", ["missing", "cut short", "of another bank"])
def test_files_that_do_not_belong_together_are_refused(tmp_path: Path, name: str, damage: str) -> None:
    folder = large_bank()[0].save(tmp_path / "bank")
    assert {path.name for path in folder.iterdir()} == set(FILES)
    if damage == "missing":
        (folder / name).unlink()
    elif damage == "cut short":
        os.truncate(folder / name, (folder / name).stat().st_size // 2)
    else:
        shutil.copy(_other(tmp_path / "other") / name, folder / name)
    expected = MissingArtifactError if (name, damage) == ("bank.json", "missing") else CorruptArtifactError
    with pytest.raises(expected):
        Bank.load(folder)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("normal.faiss", "this index is of other traces"),
        ("traces.parquet", "not those that bank.json describes"),
        ("vectors.npy", "not those that bank.json describes"),
    ],
)
def test_a_file_of_another_bank_is_refused_even_if_its_digest_is_vouched_for(
    tmp_path: Path, name: str, words: str
) -> None:
    folder = large_bank()[0].save(tmp_path / "bank")
    shutil.copy(_other(tmp_path / "other") / name, folder / name)
    about = json.loads((folder / "bank.json").read_text())
    if name in about["files"]:
        about["files"][name] = file_digest(folder / name)
    (folder / "bank.json").write_text(json.dumps(about))
    with pytest.raises(CorruptArtifactError, match=words):
        Bank.load(folder)


def test_one_number_of_one_vector_that_changed_is_noticed(tmp_path: Path) -> None:
    folder = small_bank()[0].save(tmp_path / "bank")
    vectors = np.load(folder / "vectors.npy", mmap_mode="r+")
    vectors[7, 3] += 1e-6
    vectors.flush()
    with pytest.raises(CorruptArtifactError, match="not those that"):
        Bank.load(folder)


@pytest.mark.parametrize(
    "vectors",
    [
        np.zeros((24, 8), np.float32),  # one too few
        np.zeros((25, 8), np.float64),  # of another kind
        np.zeros(25, np.float32),  # of no length
        np.array([None] * 25),  # objects: nothing is unpickled
    ],
)
def test_vectors_of_another_kind_are_refused(tmp_path: Path, vectors: Any) -> None:
    folder = small_bank()[0].save(tmp_path / "bank")
    np.save(folder / "vectors.npy", vectors)
    with pytest.raises(CorruptArtifactError):
        Bank.load(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("format", 1),
        ("format", None),
        ("settings", {"exact_up_to": "many"}),
        ("settings", {"lists": 3}),  # a setting that nothing has
        ("parts", []),
        ("parts", [["normal", "north"]]),
        ("replaced", {"sideways": 0}),
        ("replaced", {"normal": 0}),  # an index that no file is
        ("files", {}),
    ],
)
def test_a_bank_that_says_something_else_about_itself_is_refused(
    tmp_path: Path, key: str, value: Any
) -> None:
    folder = small_bank()[0].save(tmp_path / "bank")
    about = json.loads((folder / "bank.json").read_text())
    (folder / "bank.json").write_text(json.dumps({**about, key: value}))
    with pytest.raises(CorruptArtifactError):
        Bank.load(folder)


def test_a_fingerprint_or_a_space_that_is_not_the_banks_is_refused(tmp_path: Path) -> None:
    folder = small_bank()[0].save(tmp_path / "bank")
    about = json.loads((folder / "bank.json").read_text())
    (folder / "bank.json").write_text(json.dumps({**about, "space": "drawn:2"}))
    with pytest.raises(CorruptArtifactError, match="fingerprint"):
        Bank.load(folder)


def test_an_index_of_another_kind_is_refused(tmp_path: Path) -> None:
    bank, _ = large_bank()
    flat = faiss.IndexIDMap2(faiss.IndexFlatIP(bank.dimensions))
    flat.add_with_ids(bank.vectors("normal"), bank.trace_ids("normal"))
    wrong = Bank(bank.space, bank.settings, bank.contents, {**bank.indexes, "normal": SideIndex(flat)})
    with pytest.raises(CorruptArtifactError, match="expected an IndexIVFPQFastScan"):
        Bank.load(wrong.save(tmp_path / "bank"))


def test_a_bank_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    old = small_bank(1)[0]
    old.save(tmp_path / "bank")
    broken = Bank(old.space, old.settings, old.contents, {"normal": SideIndex("no index")})
    with pytest.raises(TypeError):
        broken.save(tmp_path / "bank")
    assert Bank.load(tmp_path / "bank").fingerprint == old.fingerprint
    assert [path.name for path in tmp_path.iterdir()] == ["bank"]


def _dead() -> int:
    """The number of a process that has ended."""
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    return ended.pid


def test_what_a_killed_writer_left_half_written_is_swept_and_a_living_ones_is_not(tmp_path: Path) -> None:
    half, living = tmp_path / f".bank-{_dead()}-0123abcd", tmp_path / f".bank-{os.getpid()}-0123abcd"
    others = tmp_path / f".bank-{_dead()}-{os.getpid()}-0123abcd"  # of a folder whose name begins alike
    for left in (half, living, others):
        left.mkdir()
        (left / "vectors.npy").write_bytes(b"half")
    small_bank()[0].save(tmp_path / "bank")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["bank", living.name, others.name])


def test_a_writer_killed_between_its_two_renames_loses_no_bank(tmp_path: Path) -> None:
    old = small_bank(1)[0]
    old.save(tmp_path / "bank").rename(tmp_path / f".bank-{_dead()}-old-0123abcd")
    broken = Bank(old.space, old.settings, old.contents, {"normal": SideIndex("no index")})
    with pytest.raises(TypeError):
        broken.save(tmp_path / "bank")  # the next writer puts it back before anything else
    assert Bank.load(tmp_path / "bank").fingerprint == old.fingerprint


def test_the_limits_on_reading_are_put_back(tmp_path: Path) -> None:
    before = faiss.get_deserialization_loop_limit(), faiss.get_deserialization_vector_byte_limit()
    Bank.load(large_bank()[0].save(tmp_path / "bank"))
    assert (faiss.get_deserialization_loop_limit(), faiss.get_deserialization_vector_byte_limit()) == before


def test_a_loaded_bank_outlives_its_folder(tmp_path: Path) -> None:
    bank, corpus, vectors = small_bank()
    read = Bank.load(bank.save(tmp_path / "bank"))
    shutil.rmtree(tmp_path / "bank")
    row = int(np.flatnonzero((small_corpus()["side"] == "normal").to_numpy())[0])
    assert read.search(vectors[row : row + 1], 1, "normal").trace_ids.item() == corpus["trace_id"][row]


@pytest.mark.parametrize("name", ["normal.faiss", "vectors.npy", "bank.json"])
@pytest.mark.parametrize("error", [MemoryError, RecursionError, OverflowError])
def test_a_count_in_a_file_that_asks_for_a_machine_is_a_damaged_bank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, error: type[Exception]
) -> None:
    """As hostile files raise them: `std::bad_alloc` in FAISS, a header of NumPy, JSON without end."""
    folder = large_bank()[0].save(tmp_path / "bank")
    if name == "bank.json":
        (folder / name).write_text("[" * 200_000)
    else:
        owner, reader = (faiss, "read_index") if name.endswith("faiss") else (np, "load")

        def ask_for_a_machine(*_: object, **__: object) -> None:
            raise error("Unable to allocate 3.2 EiB")

        monkeypatch.setattr(owner, reader, ask_for_a_machine)
    with pytest.raises(CorruptArtifactError):
        Bank.load(folder)
