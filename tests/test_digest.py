"""Fingerprints: equal for equal content, different for different content."""

from __future__ import annotations

import sys
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces_core.digest import LENGTH, canonical_json, code_digest, digest, file_digest, source_digest

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


def test_a_package_stands_for_every_module_below_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = []
    for number, body in enumerate(["x = 1", "x = 1  # one", "x = 2"]):
        package = tmp_path / f"wares_{number}" / "inner"
        package.mkdir(parents=True)
        for folder in (package, package.parent):
            (folder / "__init__.py").write_text("")
        (package / "deep.py").write_text(body)
    monkeypatch.syspath_prepend(str(tmp_path))
    for number in range(3):
        found.append(_of_package(f"wares_{number}"))
        sys.modules.pop(f"wares_{number}", None)
    assert found[0] == found[1] != found[2]


def _of_package(name: str) -> str:
    from traces_core.digest import _module_digest

    return _module_digest(name)


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
