"""A folder: a JSON file of every alarm, and copies of its frame and clip beside it.

Each is written aside and renamed, the JSON last: who sees it finds the others. An update replaces the file,
so a folder holds how every alarm ended.
"""

from __future__ import annotations

import json
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from traces_core.disk import aside, writable_folder, write_whole
from traces_core.errors import StorageError
from traces_core.live.ledger import Letter
from traces_core.live.settings import Folder
from traces_core.live.sinks.base import LiveSink, SinkError, safe

_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


class FolderSink(LiveSink):
    """Writes letters into a folder.

    Parameters
    ----------
    settings : Folder
        The folder; made where it is missing.
    name, title : str
        See `LiveSink`.
    live : Path
        Folder of the ledger, within which the paths of frames and clips count.
    """

    def __init__(self, settings: Folder, name: str, title: str, live: Path) -> None:
        self.name, self.title = name, title
        self._folder, self._live = settings.path, live

    def send(self, letter: Letter) -> None:
        """Write a letter; see `LiveSink.send`."""
        message = dict(letter.message)
        try:
            writable_folder(self._folder)
            path = self._folder / file_name(letter)
            for part in ("frame", "clip"):
                message[part] = self._copied(message.get(part), path)
            write_whole(path, json.dumps(message, indent=2, ensure_ascii=False) + "\n")
        except (StorageError, OSError) as error:
            raise SinkError(safe(error, ()), retry=True) from None

    def _copied(self, part: Any, beside: Path) -> str | None:
        """Name of the copy of a frame or clip; None where there is none, or none any more."""
        source = file_within(self._live, part)
        if source is None:
            return None
        copy = beside.with_name(beside.stem + source.suffix)
        if not copy.exists() or copy.stat().st_size != source.stat().st_size:
            with aside(copy) as half:
                shutil.copyfile(source, half)
        return copy.name


def file_name(letter: Letter) -> str:
    """Name of a letter's file: when it began, the camera, what it is about; updates have the same."""
    start_s = letter.message.get("start_s", letter.created_s)
    about = letter.alarm if letter.kind in ("opened", "closed") else letter.kind
    parts = (f"{datetime.fromtimestamp(start_s, UTC):%Y%m%dT%H%M%SZ}", letter.camera, about)
    return _UNSAFE.sub("-", "_".join(parts))[:200] + ".json"


def file_within(folder: Path, part: Any) -> Path | None:
    """A file of a message; None where it names none, is gone, or would lie outside of the folder."""
    if not isinstance(part, str) or not part:
        return None
    path = (folder / part).resolve()
    return path if path.is_relative_to(folder.resolve()) and path.is_file() else None
