"""The journal: every usable reply of a language model, kept the moment it came.

One file of JSON lines a context. A run that dies loses no reply, and the next one asks
only for what is missing. Delete a file to have its context rewritten.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

from traces_core.disk import locked
from traces_core.text.writers.asking import Asked


class Journal:
    """Replies by the digest of what determines them.

    Parameters
    ----------
    folder
        Where the files lie; made when the first reply is kept.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._read: dict[str, dict[str, str]] = {}

    def find(self, question: Asked, key: str) -> str | None:
        """The reply kept under a key, or None."""
        return self._of(question.context).get(key)

    def keep(self, question: Asked, key: str, reply: str) -> None:
        """Write a reply down, on the disk when this returns."""
        known = self._of(question.context)
        path = self._path(question.context)
        path.parent.mkdir(parents=True, exist_ok=True)
        line = json.dumps({"key": key, "class": question.label, "kind": question.kind, "reply": reply})
        with locked(path.parent), path.open("ab+") as file:
            # a run that died while it wrote left half a line: it gets an end, and is skipped from then on
            file.write(b"" if _ends_well(path) else b"\n")
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        known[key] = reply

    def _of(self, context: str) -> dict[str, str]:
        if context not in self._read:
            self._read[context] = dict(_lines(self._path(context)))
        return self._read[context]

    def _path(self, context: str) -> Path:
        return self.folder / f"{context}.jsonl"


def _lines(path: Path) -> Iterator[tuple[str, str]]:
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        try:
            entry = json.loads(line)
            yield entry["key"], entry["reply"]
        except (ValueError, KeyError, TypeError):
            continue  # half a line


def _ends_well(path: Path) -> bool:
    with path.open("rb") as file:
        if file.seek(0, os.SEEK_END) == 0:
            return True
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"
