"""Arrays that grow on disk."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.numpy import load_file

from traces_core.store.array_writer import ArrayWriter

ROWS = {
    "half": np.arange(24, dtype=np.float16).reshape(8, 3),
    "seconds": np.linspace(0, 1, 8),
    "ends": np.arange(8, dtype=np.int64),
    "pictures": np.arange(64, dtype=np.uint8).reshape(8, 2, 2, 2),
    "cubes": np.arange(48, dtype=np.float32).reshape(8, 3, 2).transpose(0, 2, 1),
}


def _written(path: Path, cuts: list[int]) -> bytes:
    edges = [0, *sorted(cuts), 8]
    with ArrayWriter(path) as arrays:
        for start, end in pairwise(edges):
            for name, rows in ROWS.items():
                arrays.append(name, rows[start:end])
        arrays.finish()
    return path.read_bytes()


@settings(max_examples=20)
@given(st.lists(st.integers(0, 8), max_size=5))
def test_the_bytes_are_the_same_however_the_rows_are_split(cuts: list[int]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        assert _written(Path(folder) / "a", cuts) == _written(Path(folder) / "b", [])


def test_safetensors_reads_back_what_was_appended(tmp_path: Path) -> None:
    _written(tmp_path / "a.safetensors", [1, 5])
    arrays = load_file(tmp_path / "a.safetensors")
    assert set(arrays) == set(ROWS)
    for name, rows in ROWS.items():
        assert arrays[name].dtype == rows.dtype
        np.testing.assert_array_equal(arrays[name], rows)


def test_no_rows_at_all_are_an_array_of_length_zero(tmp_path: Path) -> None:
    with ArrayWriter(tmp_path / "a") as arrays:
        arrays.append("x", np.zeros((0, 3), np.float32))
        arrays.finish()
    assert load_file(tmp_path / "a")["x"].shape == (0, 3)


@pytest.mark.parametrize(
    "later", [np.zeros((1, 3), np.float64), np.zeros((1, 4), np.float32), np.zeros(3, np.float32)]
)
def test_rows_of_another_kind_or_width_are_refused_by_name(tmp_path: Path, later: np.ndarray) -> None:
    with ArrayWriter(tmp_path / "a") as arrays:
        arrays.append("tokens", np.zeros((2, 3), np.float32))
        with pytest.raises(ValueError, match="tokens"):
            arrays.append("tokens", later)


def test_a_kind_that_safetensors_has_no_name_for_is_refused(tmp_path: Path) -> None:
    with ArrayWriter(tmp_path / "a") as arrays, pytest.raises(ValueError, match="complex"):
        arrays.append("x", np.zeros(2, np.complex128))


def test_an_error_leaves_nothing_behind(tmp_path: Path) -> None:
    def give_up() -> None:
        with ArrayWriter(tmp_path / "a") as arrays:
            arrays.append("x", np.zeros((2, 3), np.float32))
            raise RuntimeError("the encoder gave up")

    with pytest.raises(RuntimeError, match="gave up"):
        give_up()
    assert list(tmp_path.iterdir()) == []


def test_only_the_finished_file_stays(tmp_path: Path) -> None:
    _written(tmp_path / "a", [4])
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
