"""A bank on disk: a folder of files that belong together, or no bank.

    vectors.npy                     every vector, in the order of the traces; read where it lies
    traces.parquet                  the traces, sorted by side, context, class and id
    normal.faiss  anomalous.faiss   the index of a side that is too large to be searched exactly
    bank.json                       space, settings, fingerprints of the bank, its parts and the other files

Belongs here: writing it in one step and refusing whatever is not what was written. What a bank does is in
`bank`.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import polars as pl
from pydantic import ValidationError

from traces_core.bank.chunked_vectors import ChunkedVectors
from traces_core.bank.contents import BankContents
from traces_core.bank.index import SideIndex
from traces_core.bank.layout import Layout, Part, parts_of
from traces_core.bank.settings import BankSettings
from traces_core.disk import in_words, lives, sync, unreadable
from traces_core.errors import CorruptArtifactError, MissingArtifactError
from traces_core.store.digest import file_digest
from traces_core.text.catalog import SIDES, Side
from traces_core.types import Array

FORMAT = 2
"""Version of the folder."""
_LOOPS = 1 << 20
"""Bound on repetitions inside FAISS while it reads a file: an index needs a few for each list."""


def write_bank_folder(
    folder: Path, held: BankContents, indexes: Mapping[Side, SideIndex], about: Mapping[str, Any]
) -> Path:
    """Write the files beside the target, then rename: a reader finds the old bank or the new one."""
    with in_words(folder):
        return _written(folder, held, indexes, about)


def _written(
    folder: Path, held: BankContents, indexes: Mapping[Side, SideIndex], about: Mapping[str, Any]
) -> Path:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder)
    scratch = folder.with_name(f".{folder.name}-{os.getpid()}-{uuid.uuid4().hex[:8]}")
    scratch.mkdir()
    try:
        _write_vectors(held.chunks, scratch / "vectors.npy")
        held.corpus.rechunk().write_parquet(scratch / "traces.parquet")
        for side, index in indexes.items():
            faiss.write_index(index.lists, str(scratch / f"{side}.faiss"))
        manifest = {
            "format": FORMAT,
            **about,
            "parts": [
                [part.side, part.context, part.classes, part.fingerprint] for part in held.layout.parts
            ],
            "replaced": {side: index.replaced for side, index in indexes.items()},
            "files": {
                path.name: file_digest(path) for path in sorted(scratch.iterdir()) if path.suffix != ".npy"
            },
        }
        (scratch / "bank.json").write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")
        for file in (*scratch.iterdir(), scratch):
            sync(file)
        _swap(scratch, folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    return folder


_POLARS = (pl.exceptions.PolarsError, pl.exceptions.PanicException)
"""What polars raises. MemoryError and OverflowError are of counts in a file that ask for a machine."""


def read_bank_folder(folder: Path) -> tuple[BankContents, dict[Side, SideIndex], dict[str, Any]]:
    """What a bank holds, the index of each large side, and what the bank says about itself.

    Raises
    ------
    MissingArtifactError
        If there is no bank in that folder.
    CorruptArtifactError
        If a file is missing, cut short or changed, or the files do not belong together.
    """
    about = _read_about(folder)
    for name in ("vectors.npy", *about["files"]):
        path = folder / name
        if not path.is_file():
            raise CorruptArtifactError(path, "the bank lacks this file")
        if name in about["files"] and file_digest(path) != about["files"][name]:
            raise CorruptArtifactError(path, "not the file that was written with bank.json")
    try:
        corpus = pl.read_parquet(folder / "traces.parquet", glob=False)
        vectors = np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False)
        indexes = {
            side: SideIndex(_read_index(folder / f"{side}.faiss"), replaced)
            for side, replaced in about["replaced"].items()
        }
    except (OSError, ArithmeticError, MemoryError, RuntimeError, ValueError, *_POLARS) as error:
        raise unreadable(folder, error) from error
    held = _belonging(folder, about, corpus, vectors)
    for side, index in indexes.items():
        ids = held.ids[slice(*held.layout.side(side))]
        if index.lists.d != held.chunks.dimensions or not np.array_equal(index.ids(), np.sort(ids)):
            raise CorruptArtifactError(folder / f"{side}.faiss", "this index is of other traces")
    return held, indexes, about


def parts_in(folder: Path) -> dict[str, dict[str, str]]:
    """Fingerprints of what a saved bank holds, by context and side; its vectors are not opened.

    Raises
    ------
    MissingArtifactError, CorruptArtifactError
        As `read_bank_folder`, where there is no bank that could be read.
    """
    fingerprints: dict[str, dict[str, str]] = {}
    for side, context, _, fingerprint in _read_about(folder)["parts"]:
        fingerprints.setdefault(context, {})[side] = fingerprint
    return fingerprints


def _belonging(folder: Path, about: Mapping[str, Any], corpus: pl.DataFrame, vectors: Array) -> BankContents:
    """Traces and vectors as the contents of a bank, if they are what bank.json says the bank holds."""
    expected = tuple(
        Part(side, context, tuple((name, count) for name, count in classes), fingerprint)
        for side, context, classes, fingerprint in about["parts"]
    )
    if vectors.ndim != 2 or vectors.dtype != np.float32 or len(vectors) != len(corpus):
        problem = f"{vectors.dtype} vectors of shape {vectors.shape} for {len(corpus)} traces"
        raise CorruptArtifactError(folder / "vectors.npy", problem)
    if parts_of(corpus, vectors) != expected:
        raise CorruptArtifactError(folder, "traces and vectors are not those that bank.json describes")
    return BankContents(corpus, Layout(expected), ChunkedVectors([vectors]))


def _write_vectors(chunks: ChunkedVectors, path: Path) -> None:
    """One NumPy file of all pages, without ever holding them together in memory."""
    header = {"descr": "<f4", "fortran_order": False, "shape": (len(chunks), chunks.dimensions)}
    with path.open("wb") as stream:
        np.lib.format.write_array_header_1_0(stream, header)
        for chunk in chunks.arrays:
            chunk.astype("<f4", copy=False).tofile(stream)


def _swap(new: Path, target: Path) -> None:
    """Put a finished folder in its place; the old one is out of the way before it is deleted."""
    if target.exists():
        old = _old(target)
        target.rename(old)
        new.rename(target)
        shutil.rmtree(old)
    else:
        new.rename(target)


def _old(target: Path) -> Path:
    return target.with_name(f".{target.name}-{os.getpid()}-old-{uuid.uuid4().hex[:8]}")


def _sweep(target: Path) -> None:
    """Put back what a killed writer moved out of the way, and delete what it left half written."""
    ours = re.compile(rf"\.{re.escape(target.name)}-(\d+)-(old-)?[0-9a-f]{{8}}")
    for left in target.parent.glob(".*"):
        match = ours.fullmatch(left.name)
        if match is None or lives(int(match[1])):
            continue
        if match[2] and not target.exists():
            left.rename(target)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _read_about(folder: Path) -> dict[str, Any]:
    path = folder / "bank.json"
    if not path.is_file():
        raise MissingArtifactError("trace_index", folder)
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        if about["format"] != FORMAT:
            raise CorruptArtifactError(path, f"format {about['format']!r}, expected {FORMAT}")
        BankSettings(**about["settings"])
        parts = [(side, context, dict(classes), mark) for side, context, classes, mark in about["parts"]]
        sides = {f"{side}.faiss" for side in about["replaced"]}
        complete = bool(parts) and sides <= {f"{side}.faiss" for side in SIDES}
        complete &= set(about["files"]) == {"traces.parquet", *sides}
        complete &= {"space", "fingerprint"} <= set(about)
    except CorruptArtifactError:
        raise
    except (OSError, RecursionError, ValueError, KeyError, TypeError, ValidationError) as error:
        raise unreadable(path, error, f"not what a bank says about itself ({error})") from error
    if not complete:
        raise CorruptArtifactError(path, "does not name the files of a bank")
    return about


def _read_index(path: Path) -> Any:
    with _limited_deserialization(path.stat().st_size):
        index = faiss.read_index(str(path))
    if not isinstance(index, faiss.IndexIVFPQFastScan):
        raise CorruptArtifactError(path, f"a {type(index).__name__}, expected an IndexIVFPQFastScan")
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
