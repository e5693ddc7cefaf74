"""How an artifact comes onto a disk and off it: written aside, renamed, pointed at, one writer at a time.

Which artifact, and under which recipe, is known to `artifacts`.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import save_file

from traces_core.disk import litter_name, sync, unreadable
from traces_core.store.artifact import Lineage
from traces_core.store.digest import canonical_json, digest, file_digest

SCRATCH = ".making-"
"""How the name of a scratch folder begins; then comes the writer's process, as in `disk.litter_name`."""


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
    try:
        recipe, _, lineage = (folder / "current").read_text(encoding="utf-8").partition("\n")
        return recipe.strip(), json.loads(lineage) if lineage.strip() else None
    except FileNotFoundError:
        return None, None
    except (OSError, ValueError) as error:
        raise unreadable(folder / "current", error) from error


@contextlib.contextmanager
def scratch_folder(folder: Path) -> Iterator[Path]:
    """A folder beside the artifact, on the same disk, that vanishes whatever happens in it."""
    scratch = folder / litter_name(SCRATCH[1:-1])
    scratch.mkdir()
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def settle(path: Path) -> None:
    """Have a finished artifact outlive a loss of power, with the rights that its scratch folder has.

    Libraries write files that nobody but their owner may read, whatever the umask of the process.
    """
    rights = path.parent.stat().st_mode & 0o777
    for one in (path, *path.rglob("*")):
        one.chmod(rights if one.is_dir() else rights & 0o666)
        sync(one)


def move_to(source: Path, target: Path) -> None:
    """Rename; a folder there goes first: it failed its check."""
    if target.is_dir():
        shutil.rmtree(target)
    source.replace(target)
