"""How a bank lies on disk: a folder of four files that belong together, or no bank.

    normal.faiss  anomalous.faiss   the two indexes, with content ids
    traces.parquet                  the sentences, sorted by side and id
    bank.json                       space, dimensions, fingerprints of the bank and of the other files

Belongs here: writing it in one step and refusing whatever is not what was written. What a bank does is in
`bank`.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import polars as pl

from traces_core.digest import file_digest
from traces_core.errors import CorruptArtifactError, MissingArtifactError
from traces_core.text.catalog import SIDES, Side

FORMAT = 1
"""Version of the folder."""
_LOOPS = 1 << 16
"""Bound on repetitions inside FAISS while it reads a file: a flat index needs a handful."""


def write_bank_folder(
    folder: Path, corpus: pl.DataFrame, indexes: Mapping[Side, Any], about: Mapping[str, Any]
) -> Path:
    """Write the four files beside the target, then rename: a reader finds the old bank or the new one."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    bench = folder.with_name(f".{folder.name}-{uuid.uuid4().hex[:8]}")
    bench.mkdir()
    try:
        for side in SIDES:
            faiss.write_index(indexes[side], str(bench / f"{side}.faiss"))
        corpus.write_parquet(bench / "traces.parquet")
        files = {path.name: file_digest(path) for path in sorted(bench.iterdir())}
        text = json.dumps({"format": FORMAT, **about, "files": files}, indent=1)
        (bench / "bank.json").write_text(text + "\n", encoding="utf-8")
        _swap(bench, folder)
    finally:
        shutil.rmtree(bench, ignore_errors=True)
    return folder


def read_bank_folder(folder: Path) -> tuple[pl.DataFrame, dict[Side, Any], dict[str, Any]]:
    """The traces, the index of each side, and what the bank says about itself.

    Raises
    ------
    MissingArtifactError
        If there is no bank in that folder.
    CorruptArtifactError
        If a file is missing, cut short or changed, or the files do not belong together.
    """
    about = _read_about(folder)
    for name, expected in about["files"].items():
        path = folder / name
        if not path.is_file():
            raise CorruptArtifactError(path, "the bank lacks this file")
        if file_digest(path) != expected:
            raise CorruptArtifactError(path, "not the file that was written with bank.json")
    try:
        corpus = pl.read_parquet(folder / "traces.parquet")
        indexes = {side: _read_index(folder / f"{side}.faiss") for side in SIDES}
    except (OSError, RuntimeError, pl.exceptions.PolarsError) as error:
        raise CorruptArtifactError(folder, f"cannot be read ({error})") from error
    for side, index in indexes.items():
        ids = corpus.filter(pl.col("side") == side)["trace_id"].to_numpy()
        stored = faiss.vector_to_array(index.id_map)
        if index.d != about["dimensions"] or not np.array_equal(stored, ids):
            raise CorruptArtifactError(folder / f"{side}.faiss", "this index is of other traces")
    return corpus, indexes, about


def _swap(new: Path, target: Path) -> None:
    """Put a finished folder in its place; the old one is out of the way before it is deleted."""
    if target.exists():
        old = target.with_name(f".{target.name}-old-{uuid.uuid4().hex[:8]}")
        target.rename(old)
        new.rename(target)
        shutil.rmtree(old)
    else:
        new.rename(target)


def _read_about(folder: Path) -> dict[str, Any]:
    path = folder / "bank.json"
    if not path.is_file():
        raise MissingArtifactError("trace_index", folder)
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        complete = set(about["files"]) == {"traces.parquet", *(f"{side}.faiss" for side in SIDES)}
        complete &= {"space", "dimensions", "fingerprint"} <= set(about)
    except (ValueError, KeyError, TypeError) as error:
        raise CorruptArtifactError(path, f"not what a bank says about itself ({error})") from error
    if not complete or about.get("format") != FORMAT:
        raise CorruptArtifactError(path, f"format {about.get('format')!r}, expected {FORMAT} and its files")
    return about


def _read_index(path: Path) -> Any:
    with _limited_deserialization(path.stat().st_size):
        index = faiss.read_index(str(path))
    inner = faiss.downcast_index(index.index) if isinstance(index, faiss.IndexIDMap2) else index
    if not isinstance(inner, faiss.IndexFlatIP):
        raise CorruptArtifactError(path, f"a {type(inner).__name__}, expected a flat index with ids")
    return index


@contextlib.contextmanager
def _limited_deserialization(size_bytes: int) -> Iterator[None]:
    """A damaged count in a FAISS file must fail, not ask for a terabyte or for hours."""
    loops = faiss.get_deserialization_loop_limit()
    vector_bytes = faiss.get_deserialization_vector_byte_limit()
    faiss.set_deserialization_loop_limit(_LOOPS)
    faiss.set_deserialization_vector_byte_limit(size_bytes)
    try:
        yield
    finally:
        faiss.set_deserialization_loop_limit(loops)
        faiss.set_deserialization_vector_byte_limit(vector_bytes)
