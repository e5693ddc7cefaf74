"""What was found out about code is kept while no file of it changed, and no longer."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from traces_core.store import code, kept

PACKAGE = "kept_wares"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package, and bytecode that lies in the test's own folder."""
    package = tmp_path / PACKAGE
    package.mkdir()
    (package / "__init__.py").write_text("LIMIT = 5\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path / "bytecode"))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    _forget()
    yield package
    _forget()


def _forget() -> None:
    """As in a new process."""
    importlib.invalidate_caches()
    kept._on_disk.clear()
    for known in (kept.known, kept._path):
        known.cache_clear()


def _find_out(fact: str) -> None:
    kept.known((PACKAGE,))[fact] = [fact]
    path = kept._path((PACKAGE,))
    assert path is not None
    path.parent.mkdir(parents=True, exist_ok=True)
    kept.keep((PACKAGE,))
    _forget()


def test_what_one_process_found_out_the_next_one_knows(folder: Path) -> None:
    _find_out("one")
    assert kept.known((PACKAGE,)) == {"one": ["one"]}


@pytest.mark.parametrize("change", ["content", "time", "new file", "gone"])
def test_a_changed_file_and_nothing_is_known(folder: Path, change: str) -> None:
    _find_out("one")
    file = folder / "__init__.py"
    if change == "content":
        file.write_text("LIMIT = 66\n")
    elif change == "time":
        os.utime(file, ns=(1, 1))
    elif change == "new file":
        (folder / "table.json").write_text("{}")
    else:
        (folder / "more.py").write_text("")
        _forget()
        _find_out("two")
        (folder / "more.py").unlink()
    _forget()
    assert "two" not in kept.known((PACKAGE,))
    assert kept.known((PACKAGE,)) == {}


def test_a_process_that_finds_out_nothing_new_writes_nothing(folder: Path) -> None:
    _find_out("one")
    [path] = folder.parent.rglob("closures.*.json")
    written = path.stat().st_mtime_ns, path.stat().st_ino
    assert kept.known((PACKAGE,)) == {"one": ["one"]}
    kept.keep((PACKAGE,))
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == written


def test_packages_that_lie_otherwise_to_each_other_are_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = kept._path((PACKAGE,))
    monkeypatch.setattr(kept, "_folders", lambda _: [folder.parent / "elsewhere" / PACKAGE])
    shutil.copytree(folder, folder.parent / "elsewhere" / PACKAGE)
    _forget()
    assert kept._path((PACKAGE,)) != here


def test_only_the_newest_state_is_kept(folder: Path) -> None:
    _find_out("one")
    (folder / "__init__.py").write_text("LIMIT = 66\n")
    _forget()
    _find_out("two")
    assert len(list(folder.parent.rglob("closures.*.json"))) == 1
    assert kept.known((PACKAGE,)) == {"two": ["two"]}


def test_a_file_cut_short_is_as_if_it_were_not_there(folder: Path) -> None:
    _find_out("one")
    [path] = folder.parent.rglob("closures.*.json")
    path.write_text(path.read_text()[:-3])
    assert kept.known((PACKAGE,)) == {}


def test_where_python_writes_no_bytecode_nothing_is_written(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    _find_out("one")
    assert not list(folder.parent.rglob("closures.*.json"))


def test_what_is_kept_of_the_library_is_what_is_found_out_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    from traces_core.steps.wiring import STEPS

    steps = [STEPS[name] for name in ("trace_corpus", "thresholds", "context_gate")]
    facts = kept.known(code.PACKAGES)
    for step in steps:
        code.closure_of(step, deep=True)
        code.sections_read(step)
    read = json.loads(json.dumps(facts))
    monkeypatch.setattr(code, "known", lambda packages: read)
    code._closure.cache_clear()
    from_file = [(code.closure_of(step, deep=True), code.sections_read(step)) for step in steps]
    monkeypatch.setattr(code, "known", lambda packages: {})
    code._closure.cache_clear()
    assert from_file == [(code.closure_of(step, deep=True), code.sections_read(step)) for step in steps]
    assert all(closure.definitions for closure, _ in from_file)


def test_an_environment_variable_has_the_value_of_this_process() -> None:
    value = code.Closure({}, {}, {}, {"TRACES_TEST_KEPT": "then"}, frozenset(), frozenset()).to_json()
    assert code.Closure.from_json(value).environment == {"TRACES_TEST_KEPT": None}
