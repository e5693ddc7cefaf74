"""How an artifact comes onto a disk and off it: written aside, renamed, pointed at, one writer at a time.

Which artifact, and under which recipe, is known to `artifacts`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import save_file

from traces_core.store.artifact import Lineage
from traces_core.store.digest import canonical_json, digest, file_digest

SCRATCH = ".making-"
"""How the name of a scratch folder begins; then comes the writer's process."""


def write_value(value: Any, path: Path) -> Path:
    """Write a table, arrays by name, or JSON to a path without a suffix; the path with it."""
    if isinstance(value, pl.DataFrame):
        path = path.with_suffix(".parquet")
        value.write_parquet(path)
    elif isinstance(value, dict) and value and all(isinstance(v, np.ndarray) for v in value.values()):
        path = path.with_suffix(".safetensors")
        save_file({name: np.ascontiguousarray(array) for name, array in value.items()}, path)
    else:
        path = path.with_suffix(".json")
        path.write_text(json.dumps(json.loads(canonical_json(value)), indent=1), encoding="utf-8")
    return path


def content_fingerprint(path: Path) -> str:
    """Of content, not of bytes, where a library's next version may write the same table differently."""
    if path.suffix == ".parquet":
        table = pl.read_parquet(path, glob=False)
        schema = {name: str(kind) for name, kind in table.schema.items()}
        return digest([schema, table.write_ndjson()])
    return file_digest(path)


def pointer_in(folder: Path) -> tuple[str | None, Lineage | None]:
    """The recipe that is current in the folder of a part, and its lineage where that was recorded."""
    with contextlib.suppress(FileNotFoundError):
        recipe, _, lineage = (folder / "current").read_text(encoding="utf-8").partition("\n")
        return recipe.strip(), json.loads(lineage) if lineage.strip() else None
    return None, None


@contextlib.contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """A folder beside the artifact, on the same disk, that vanishes whatever happens in it."""
    scratch = folder / f"{SCRATCH}{os.getpid()}-{uuid.uuid4().hex[:8]}"
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def writer_lives(scratch: Path) -> bool:
    """Whether the process that a scratch folder is named after still runs on this machine."""
    try:
        os.kill(int(scratch.name.split("-")[1]), 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's process
        return True
    return True


@contextlib.contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Within, nobody else puts anything into a store; on a disk that knows no locks, everybody may."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def move_to(source: Path, target: Path) -> None:
    """Rename; a folder there goes first: it failed its check."""
    if target.is_dir():
        shutil.rmtree(target)
    source.replace(target)


def write_text(path: Path, text: str) -> None:
    """Write a file aside and rename it."""
    temporary = path.with_name(f".{path.name}-{uuid.uuid4().hex[:8]}")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)
