"""What the encoders saw of each camera, kept for some days: last week can be judged by another catalog.

Vectors, never pictures: the frames' and the fused windows' in half precision, and the action labels, a row a
minute in an SQLite file of its own. In 128 dimensions at 8 frames a second a camera takes some 240 MB a day,
in 512 dimensions 900 MB. What it would have raised is told in `replay`.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load, save

from traces_core.encoders.evidence import Evidence
from traces_core.live.ledger import overwriting
from traces_core.streams.scorer import BankScorer
from traces_core.types import Array

MINUTE_S = 60


@dataclass(frozen=True)
class KeptScorer(BankScorer):
    """A scorer of kept evidence, whose windows are fused already: their vectors stand where tokens do."""

    def fused_vectors(self, window_frames: Array, tokens: Array) -> Array:
        """float32 (T, D): the vectors themselves, of unit norm again."""
        vectors = tokens[:, 0]
        unit: Array = vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-6)
        return unit


class EvidenceStore:
    """The kept evidence of all cameras.

    Parameters
    ----------
    folder : that of the ledger.
    """

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = Lock()
        self._connection = sqlite3.connect(
            folder / "evidence.sqlite", timeout=60, isolation_level=None, check_same_thread=False
        )
        self._connection.execute("PRAGMA auto_vacuum=INCREMENTAL")
        self._connection.execute("PRAGMA journal_mode=WAL")
        self._connection.execute("PRAGMA synchronous=NORMAL")
        self._connection.execute(
            "CREATE TABLE IF NOT EXISTS evidence (camera TEXT NOT NULL, at_s REAL NOT NULL, "
            "arrays BLOB NOT NULL, PRIMARY KEY (camera, at_s)) WITHOUT ROWID"
        )

    def put(self, camera: str, evidence: Evidence, fused: Array) -> None:
        """Keep what was seen in about a minute.

        Parameters
        ----------
        camera : whose it is.
        evidence : what was seen, with times in seconds since 1970.
        fused : float32 (T, D), the fused vector of each window.
        """
        if not len(evidence.frame_times_s):
            return
        arrays = {
            "frame_times_s": evidence.frame_times_s,
            "frames": evidence.frames.astype(np.float16),
            "window_times_s": evidence.window_times_s,
            "fused": fused.astype(np.float16),
            "labels": evidence.labels.astype(np.float16),
        }
        content = save({name: np.ascontiguousarray(one) for name, one in arrays.items()})
        with self._lock:
            self._connection.execute(
                "INSERT OR REPLACE INTO evidence VALUES (?, ?, ?)",
                (camera, float(evidence.frame_times_s[0]), content),
            )

    def pieces(self, camera: str, since_s: float, until_s: float = 1e12) -> Iterator[Evidence]:
        """What was seen between two times (seconds since 1970), in order; for a `KeptScorer`."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT at_s FROM evidence WHERE camera = ? AND at_s >= ? AND at_s < ? ORDER BY at_s",
                (camera, since_s, until_s),
            ).fetchall()
        for (at_s,) in rows:
            with self._lock:
                row = self._connection.execute(
                    "SELECT arrays FROM evidence WHERE camera = ? AND at_s = ?", (camera, at_s)
                ).fetchone()
            if row is not None:  # else it was deleted meanwhile
                yield _evidence(load(row[0]))

    def cameras(self) -> dict[str, tuple[float, float, int]]:
        """By camera: the first and the last minute's begin (seconds since 1970), and bytes."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT camera, MIN(at_s), MAX(at_s), SUM(LENGTH(arrays)) FROM evidence GROUP BY camera"
            ).fetchall()
        return {name: (first_s, last_s, size) for name, first_s, last_s, size in rows}

    def forget(self, *, camera: str | None = None, before_s: float = 1e12) -> None:
        """Delete what was seen before a time, of one camera or of all; the file shrinks."""
        erasing = nullcontext() if camera is None else overwriting(self._connection)
        with self._lock, erasing:
            self._connection.execute(
                "DELETE FROM evidence WHERE at_s < ? AND (? IS NULL OR camera = ?)",
                (before_s, camera, camera),
            )
            self._connection.execute("PRAGMA incremental_vacuum").fetchall()

    def shrink(self, most_bytes: float) -> int:
        """Delete the oldest minutes of all cameras beyond a size; what is left, in bytes."""
        with self._lock:
            rows = self._connection.execute(
                "SELECT at_s, LENGTH(arrays) FROM evidence ORDER BY at_s DESC"
            ).fetchall()
        left, before_s = 0, -1.0
        for at_s, size in rows:
            if left + size > most_bytes:
                before_s = at_s
                break
            left += size
        if before_s >= 0:
            self.forget(before_s=np.nextafter(before_s, np.inf))
        return left

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()


def _evidence(arrays: dict[str, NDArray[Any]]) -> Evidence:
    fused = arrays["fused"].astype(np.float32)
    frames = arrays["frames"].astype(np.float32)
    return Evidence(
        arrays["frame_times_s"],
        frames,
        arrays["window_times_s"],
        np.zeros((len(fused), 0, frames.shape[1]), np.float32),
        fused[:, None],
        arrays["labels"].astype(np.float32),
    )


class MinuteOfEvidence:
    """Collects what was seen until a minute is over.

    Parameters
    ----------
    store, camera : where it goes, and whose it is.
    """

    def __init__(self, store: EvidenceStore, camera: str) -> None:
        self._store, self._camera = store, camera
        self._pieces: list[tuple[Evidence, Array]] = []

    def push(self, evidence: Evidence, fused: Array) -> None:
        """Take what is new; what makes a minute is written."""
        self._pieces.append((evidence, fused))
        first_s, last_s = self._pieces[0][0].frame_times_s[0], evidence.frame_times_s[-1]
        if last_s - first_s >= MINUTE_S:
            self.flush()

    def flush(self) -> None:
        """Write what there is: the camera was away, or ends."""
        some, self._pieces = self._pieces, []
        if not some:
            return
        joined = {
            name: np.concatenate([getattr(one, name) for one, _ in some])
            for name in ("frame_times_s", "frames", "window_times_s", "labels")
        }
        empty = np.zeros((0, 0, 0), np.float32)
        evidence = Evidence(window_frames=empty, tokens=empty, **joined)
        self._store.put(self._camera, evidence, np.concatenate([fused for _, fused in some]))
