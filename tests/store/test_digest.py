"""Fingerprints: equal for equal content, different for different content."""

from __future__ import annotations

import os
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces_core.store.digest import (
    LENGTH,
    _known_digest,
    canonical_json,
    digest,
    file_digest,
)

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


def test_a_file_that_changes_under_its_old_time_stamp_has_another_fingerprint(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"same")
    long_ago = path.stat().st_mtime - 100
    digests = []
    for content in (b"same", b"sane"):
        path.write_bytes(content)
        os.utime(path, (long_ago, long_ago))
        digests.append(file_digest(path))
    assert digests[0] != digests[1]


def test_a_settled_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"same")
    monkeypatch.setattr("traces_core.store.digest._SETTLED_NS", -(10**9))
    before = _known_digest.cache_info()
    assert file_digest(path) == file_digest(path)
    after = _known_digest.cache_info()
    assert (after.misses - before.misses, after.hits - before.hits) == (1, 1)


@given(st.dictionaries(st.text(max_size=4), VALUES, max_size=5))
def test_the_order_of_a_mapping_does_not_matter(tree: dict[str, object]) -> None:
    assert digest(tree) == digest(dict(reversed(tree.items())))


@given(VALUES)
def test_a_fingerprint_is_sixteen_hexadecimal_digits_and_always_the_same(value: object) -> None:
    assert len(digest(value)) == LENGTH
    assert int(digest(value), 16) >= 0
    assert digest(value) == digest(value)


def test_equal_fractions_are_equal_and_close_ones_are_not() -> None:
    assert digest(Fraction(30000, 1001)) == digest(Fraction(60000, 2002))
    assert digest(Fraction(30000, 1001)) != digest(Fraction(2997, 100))
    assert digest(Fraction(30000, 1001)) != digest(30000 / 1001)


def test_tuples_sets_and_paths_have_a_canonical_text() -> None:
    assert canonical_json({"b": {2, 1}, "a": (Path("x/y"), None)}) == '{"a":["x/y",null],"b":[1,2]}'


def test_a_value_without_a_canonical_text_is_refused_by_its_kind() -> None:
    with pytest.raises(TypeError, match="bytes"):
        digest({"x": b"raw"})


def test_the_fingerprint_of_a_file_is_of_its_bytes_and_not_of_its_name(tmp_path: Path) -> None:
    a, b, c = (tmp_path / name for name in "abc")
    a.write_bytes(b"same" * 400_000)
    b.write_bytes(b"same" * 400_000)
    c.write_bytes(b"same" * 399_999 + b"sane")
    assert file_digest(a) == file_digest(b) != file_digest(c)


def _grown(folder: Path) -> Path:
    (folder / "deep").mkdir(parents=True)
    (folder / "one.txt").write_text("1")
    (folder / "deep" / "two.txt").write_text("2")
    return folder


def test_two_folders_of_equal_files_have_one_fingerprint(tmp_path: Path) -> None:
    assert file_digest(_grown(tmp_path / "a")) == file_digest(_grown(tmp_path / "b"))


@pytest.mark.parametrize("change", ["edit", "rename", "add", "remove"])
def test_every_change_below_a_folder_changes_its_fingerprint(tmp_path: Path, change: str) -> None:
    before = file_digest(folder := _grown(tmp_path / "a"))
    two = folder / "deep" / "two.txt"
    match change:
        case "edit":
            two.write_text("3")
        case "rename":
            two.rename(folder / "two.txt")
        case "add":
            (folder / "deep" / "three.txt").write_text("")
        case "remove":
            two.unlink()
    assert file_digest(folder) != before
