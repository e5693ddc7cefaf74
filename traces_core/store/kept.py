"""What was found out about our code, kept between processes: beside the bytecode, and under its condition.

Bytecode is used while a file has the size and the time that it had; what is kept here, while all of our files
have, and nothing was installed since. So it is never older than the code that runs. Values are JSON.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from functools import cache
from importlib.util import cache_from_source, find_spec
from pathlib import Path
from typing import Any

from traces_core.disk import write_whole
from traces_core.store.digest import digest

_on_disk: set[str] = set()
"""What the file holds: all else was found out by this process."""


@cache
def known(packages: tuple[str, ...]) -> dict[str, Any]:
    """Everything that is known of the code of some packages as they are now; add to it what is found out."""
    path = _path(packages)
    try:
        facts = dict(json.loads(path.read_text(encoding="utf-8"))) if path is not None else {}
    except (OSError, ValueError):
        return {}
    _on_disk.update(facts)
    return facts


def keep(packages: tuple[str, ...]) -> None:
    """Write what is known, for the processes that follow; nothing where Python writes no bytecode."""
    path, facts = _path(packages), known(packages)
    if path is None or sys.dont_write_bytecode or _on_disk >= facts.keys():
        return
    _on_disk.update(facts)
    try:
        write_whole(path, json.dumps(facts))
        for older in set(path.parent.glob(f"{path.name.partition('.')[0]}.*.json")) - {path}:
            older.unlink(missing_ok=True)
    except OSError:  # a folder that belongs to somebody else: it is found out again
        return


@cache
def _path(packages: tuple[str, ...]) -> Path | None:
    """The file of this state of the code; None where there is no such code."""
    folders = list(_folders(packages))
    if not folders:
        return None
    state = [sys.version, [[_place(folder), list(stamps(folder))] for folder in folders], _installed()]
    return Path(cache_from_source(__file__)).with_name(f"closures.{digest(state)}.json")


def _place(folder: Path) -> str:
    """Where a package lies, seen from here: a checkout that is copied with its bytecode is the same one."""
    return os.path.relpath(folder, Path(__file__).parents[2])


def _folders(packages: tuple[str, ...]) -> Iterator[Path]:
    for package in packages:
        spec = find_spec(package)
        yield from map(Path, (spec.submodule_search_locations or ()) if spec is not None else ())


def stamps(folder: Path) -> Iterator[list[Any]]:
    """Name, size and time of every file: code, and the data beside it."""
    for file in sorted(folder.rglob("*")):
        if "__pycache__" not in file.parts and file.is_file():
            stat = file.stat()
            yield [file.relative_to(folder).as_posix(), stat.st_size, stat.st_mtime_ns]


def _installed() -> list[list[Any]]:
    """When something was last installed or removed, by folder of the path that holds installed libraries."""
    folders = [Path(one) for one in sys.path if next(Path(one).glob("*.dist-info"), None) is not None]
    return [[str(folder), folder.stat().st_mtime_ns] for folder in folders]
