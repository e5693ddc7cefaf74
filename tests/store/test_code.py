"""What of a piece of code a fingerprint sees: everything that it can reach, and nothing beside it."""

from __future__ import annotations

import importlib
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from traces_core.store import code, kept, resolving, source
from traces_core.store.code import LIBRARIES_LEFT_OUT, code_of, made_with, release
from traces_core.store.running import code_of_running_step, step

Written = Callable[..., str]
FILES = {
    "work.py": """
        from functools import lru_cache

        from wares import registry
        from wares.shelf import Thing, Unused
        from wares.words import DEEP as NAMED

        LIMIT = 5
        OTHER = 7
        first, second = 1, 2

        def start(value, factor=3):
            '''Says what it does.'''
            if value > LIMIT:
                return helper(value) * factor
            return registry.KINDS["plain"](NAMED) + Thing().size + first

        def helper(value):
            def inner(other):
                return other - OTHER
            return [one for one in range(value)]

        def beside(value):
            return value
    """,
    "wares/__init__.py": "EAGER = []\nEAGER.append(1)\n",
    "wares/registry.py": """
        from wares import effects

        def plain(value):
            return value

        KINDS = {"plain": plain}
    """,
    "wares/effects.py": "import json\njson.dumps(1)\n",
    "wares/shelf.py": """
        class Base:
            depth = 1

        class Thing(Base):
            size = 4

            def unused(self):
                return self.size

        class Unused:
            size = 5
    """,
    "wares/words.py": "from wares.deep import DEEP\n",
    "wares/deep.py": "DEEP = 11\n",
}


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Written]:
    """The fingerprint of `start`, after some text in some files was replaced."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(resolving, "OURS", ("work", "wares"))

    def write(file: str = "", old: str = "", new: str = "", *, deep: bool = False) -> str:
        for name, text in FILES.items():
            text = dedent(text)
            assert name != file or text.count(old) == 1
            path = tmp_path / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(text.replace(old, new) if name == file else text)
        for module in [one for one in sys.modules if one.partition(".")[0] in ("work", "wares")]:
            del sys.modules[module]
        importlib.invalidate_caches()
        forget()
        return code_of(importlib.import_module("work").start, deep=deep)

    yield write
    for module in [one for one in sys.modules if one.partition(".")[0] in ("work", "wares")]:
        del sys.modules[module]
    forget()


def forget() -> None:
    """What is known of source and of releases is read again."""
    kept.known(code.PACKAGES).clear()
    cached = (code._closure, code._targets, code._effects, resolving.behaviour, release)
    for known in (source._parsed, source._path_of, *cached):
        known.cache_clear()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("work.py", "value > LIMIT", "value >= LIMIT"),
        ("work.py", "LIMIT = 5", "LIMIT = 6"),
        ("work.py", "factor=3", "factor=4"),  # a default argument
        ("work.py", "other - OTHER", "other + OTHER"),  # within a function within
        ("work.py", "OTHER = 7", "OTHER = 8"),
        ("work.py", "range(value)", "range(value + 1)"),
        ("work.py", "= 1, 2", "= 3, 2"),
        ("wares/registry.py", '{"plain": plain}', '{"plain": abs}'),  # an entry of a registry
        ("wares/registry.py", "return value", "return -value"),  # what an entry names
        ("wares/shelf.py", "size = 4", "size = 9"),  # a class attribute
        ("wares/shelf.py", "depth = 1", "depth = 2"),  # of a base
        ("wares/shelf.py", "return self.size", "return 0"),  # a class counts as a whole
        ("wares/deep.py", "DEEP = 11", "DEEP = 12"),  # through two re-exports
        ("wares/words.py", "from wares.deep import DEEP", "DEEP = 11"),  # the same value from elsewhere
        ("wares/__init__.py", "append(1)", "append(2)"),  # what importing the package does
        ("wares/registry.py", "KINDS = {", "import json\n\njson.dumps(2)\nKINDS = {"),  # and its modules
    ],
)
def test_a_change_that_can_be_reached_changes_the_fingerprint(
    written: Written, file: str, old: str, new: str
) -> None:
    assert written() != written(file, old, new)


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("work.py", "'''Says what it does.'''", "'''Says something else.'''"),
        ("work.py", "LIMIT = 5", "LIMIT = 5  # at most"),
        ("work.py", "helper(value) * factor", "(helper(value)\n                * factor)"),
        ("work.py", "def beside(value):\n    return value", "def beside(value):\n    return 0"),
        ("wares/shelf.py", "size = 5", "size = 6"),  # imported, not used
        ("work.py", "from functools import lru_cache", "from functools import cache"),
    ],
)
def test_a_change_that_cannot_be_reached_does_not(written: Written, file: str, old: str, new: str) -> None:
    assert written() == written(file, old, new)


def test_a_step_stops_at_another_step_unless_it_runs_it_itself(written: Written) -> None:
    marked = ("work.py", "def helper(value):", "step = lambda one: one\n\n@step\ndef helper(value):")
    changed = (marked[0], marked[1], marked[2] + "\n    value += 1")
    assert written(*marked) == written(*changed)
    assert written(*marked, deep=True) != written(*changed, deep=True)


def test_a_data_file_beside_the_module_is_part_of_what_names_it(written: Written, tmp_path: Path) -> None:
    page = ("work.py", "LIMIT = 5", 'from pathlib import Path\nLIMIT = Path(__file__).parent / "pages"')
    (tmp_path / "pages").mkdir()
    seen = []
    for text in ("one", "two"):
        (tmp_path / "pages" / "a.html").write_text(text)
        seen.append(written(*page))
    assert seen[0] != seen[1]


def test_an_environment_variable_that_is_read_is_part_of_it(
    written: Written, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = ("work.py", "LIMIT = 5", 'import os\nLIMIT = os.environ.get("WARES_LIMIT")')
    seen = []
    for value in ("1", "2"):
        monkeypatch.setenv("WARES_LIMIT", value)
        seen.append(written(*reading))
    assert seen[0] != seen[1]


def _installed(folder: Path, name: str, number: str) -> None:
    """A release of a library as `importlib.metadata` finds it."""
    for old in folder.glob("*.dist-info"):
        shutil.rmtree(old)
    about = folder / f"{name}-{number}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")


def test_another_release_of_a_library_counts_where_it_is_used(written: Written, tmp_path: Path) -> None:
    used = ("work.py", "LIMIT = 5", "import torch.nn\nLIMIT = torch.nn")
    unused = ("work.py", "LIMIT = 5", "import torch.nn\nLIMIT = 5")
    _installed(tmp_path, "torch", "2.13.0+cpu")
    here, plain = written(*used), written(*unused)
    _installed(tmp_path, "torch", "2.13.0+cu130")
    assert written(*used) == here
    _installed(tmp_path, "torch", "2.13.1")
    assert written(*used) != here
    assert written(*unused) == plain


def test_libraries_that_count_for_nothing_are_named_with_a_reason() -> None:
    assert all(reason and release(name) for name, reason in LIBRARIES_LEFT_OUT.items())


def test_what_has_no_source_is_named() -> None:
    with pytest.raises(ModuleNotFoundError, match="no source"):
        code_of(len)


class Handed:
    fingerprint = "who it is"


def test_an_object_that_is_handed_in_says_who_it_is_and_what_its_class_does() -> None:
    assert made_with(Handed()) == ["who it is", code_of(Handed)]


def test_artifacts_are_filed_under_the_step_that_runs_innermost() -> None:
    assert outer() == [code_of(outer), code_of(inner), code_of(outer)]
    with pytest.raises(RuntimeError, match="@step"):
        code_of_running_step()


@step
def outer() -> list[str]:
    return [code_of_running_step(), inner(), code_of_running_step()]


@step
def inner() -> str:
    return code_of_running_step()
