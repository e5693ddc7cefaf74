"""Fingerprints: equal for equal content, different for different content."""

from __future__ import annotations

import importlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces_core.store.digest import (
    LENGTH,
    LIBRARIES,
    _known_digest,
    _part,
    _source,
    canonical_json,
    code_digest,
    digest,
    file_digest,
    release,
    source_digest,
)

PLAIN = """
def double(value):
    return 2 * value
"""
REWORDED = '''
"""A module about doubling."""

def double(
    value,  # any number
):
    """Twice the value."""
    # two times
    return (2 * value)
'''

LEAVES = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
)


def test_comments_docstrings_and_formatting_do_not_change_the_fingerprint_of_code() -> None:
    assert source_digest(PLAIN) == source_digest(REWORDED)


@pytest.mark.parametrize("changed", ["return 3 * value", "return 2 * value + 0", "return value * 2"])
def test_a_change_of_code_changes_its_fingerprint(changed: str) -> None:
    assert source_digest(PLAIN) != source_digest(PLAIN.replace("return 2 * value", changed))


def test_a_string_that_is_used_is_code_and_not_a_docstring() -> None:
    assert source_digest("x = 'a'") != source_digest("x = 'b'")


def _forget() -> None:
    for known in (_part, _source, release):
        known.cache_clear()


def test_a_package_stands_for_every_module_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    package = tmp_path / "wares" / "inner"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text("")
    found = []
    for body in ("x = 1", "x = 1  # one", "x = 2"):
        (package / "deep.py").write_text(body)
        _forget()
        found.append(code_digest(["wares"]))
    assert found[0] == found[1] != found[2]


STEPS = """
import {library}

LIMIT = 5

def first():
    return 1

def second(): return {value}
"""


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., dict[str, str]]]:
    """Digests of the definitions of a module that is written anew each time."""
    monkeypatch.syspath_prepend(str(tmp_path))

    def written(value: int = 2, library: str = "json") -> dict[str, str]:
        (tmp_path / "steps_of_ours.py").write_text(STEPS.format(value=value, library=library))
        _forget()
        importlib.invalidate_caches()
        names = ("", ":first", ":second", ":LIMIT")
        return {name: code_digest([f"steps_of_ours{name}"]) for name in names}

    yield written
    _forget()
    sys.modules.pop("steps_of_ours", None)


def test_a_definition_is_told_from_the_others_of_its_module(steps: Callable[..., dict[str, str]]) -> None:
    before, after = steps(), steps(value=3)
    assert {name for name in before if before[name] != after[name]} == {"", ":second"}


def test_a_definition_that_is_not_there_is_named(steps: Callable[..., dict[str, str]]) -> None:
    steps()
    with pytest.raises(ModuleNotFoundError, match="third"):
        code_digest(["steps_of_ours:third"])


def _installed(folder: Path, name: str, release_: str) -> None:
    """A release of a library as `importlib.metadata` finds it."""
    for old in folder.glob("*.dist-info"):
        shutil.rmtree(old)
    about = folder / f"{name.replace('-', '_')}-{release_}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {release_}\n")


def test_another_release_of_an_imported_numerical_library_is_other_code(
    steps: Callable[..., dict[str, str]], tmp_path: Path
) -> None:
    _installed(tmp_path, "torch", "2.13.0+cpu")
    here, plain = steps(library="torch.nn"), steps()
    _installed(tmp_path, "torch", "2.13.0+cu130")
    assert steps(library="torch.nn") == here
    _installed(tmp_path, "torch", "2.13.1")
    assert all(steps(library="torch.nn")[name] != here[name] for name in here)
    assert steps() == plain


def test_every_numerical_library_is_known_by_its_release() -> None:
    assert [name for name in LIBRARIES if not release(name)] == []


def test_a_file_that_changes_under_its_old_time_stamp_has_another_fingerprint(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"same")
    long_ago = path.stat().st_mtime - 100
    found = []
    for content in (b"same", b"sane"):
        path.write_bytes(content)
        os.utime(path, (long_ago, long_ago))
        found.append(file_digest(path))
    assert found[0] != found[1]


def test_a_settled_file_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"same")
    monkeypatch.setattr("traces_core.store.digest._SETTLED_NS", -(10**9))
    before = _known_digest.cache_info()
    assert file_digest(path) == file_digest(path)
    after = _known_digest.cache_info()
    assert (after.misses - before.misses, after.hits - before.hits) == (1, 1)


def test_the_order_in_which_modules_are_named_does_not_matter() -> None:
    names = ["traces_core.types", "traces_core.errors"]
    assert code_digest(names) == code_digest([*names[::-1], names[0]]) != code_digest(names[:1])


def test_a_module_that_is_not_there_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match="nothing_like_it"):
        code_digest(["traces_core.nothing_like_it"])


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
