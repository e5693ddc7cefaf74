"""What was found out about video files, kept between processes until a file's stamp changes.

Footage is large: to read a terabyte so as to learn that nothing in it has changed would take an hour.
Artifacts are not asked about here. They are read anew by each process, which is how damage is noticed.
"""

from __future__ import annotations

import logging
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path

import diskcache

from traces_core.store.digest import file_stamp

_LOG = logging.getLogger(__name__)
_FAULTS = (OSError, sqlite3.Error, diskcache.Timeout, ValueError, zlib.error)
"""What a cache raises that cannot be opened, read or written, or that is damaged."""


class FileCache:
    """A cache of what functions of a file said.

    Parameters
    ----------
    folder
        Where it lies. It may be deleted at any time; where it cannot be written, files are read instead.
    version
        Of the code that is asked: another one asks again.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder, FileCache(Path(folder) / "seen", "1") as seen:
    ...     seen.ask(lambda path: path.suffix, Path(__file__))
    '.py'
    """

    def __init__(self, folder: Path, version: str) -> None:
        self._version = version
        self._cache: diskcache.Cache | None = None
        try:  # as JSON: a pickle in a file that somebody else wrote would be run
            self._cache = diskcache.Cache(str(folder), disk=diskcache.JSONDisk)
        except _FAULTS as error:
            self._give_up(error)

    def __enter__(self) -> FileCache:
        return self

    def __exit__(self, *_: object) -> None:
        if self._cache is not None:
            self._cache.close()

    def ask(self, read: Callable[[Path], str], path: Path) -> str:
        """What `read` says of a file: what it said when the file had this stamp, else what it says now."""
        stamp = file_stamp(path)
        if stamp is None:  # so new that it may yet change under this stamp
            return read(path)
        key: list[str | int] = [self._version, read.__qualname__, *stamp]
        known = self._kept(key)
        if known is None:
            known = read(path)
            self._keep(key, known)
        return known

    def _kept(self, key: list[str | int]) -> str | None:
        try:
            return None if self._cache is None else self._cache.get(key)
        except _FAULTS as error:
            self._give_up(error)
            return None

    def _keep(self, key: list[str | int], said: str) -> None:
        try:
            if self._cache is not None:
                self._cache.set(key, said)
        except _FAULTS as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        _LOG.warning("what is known of the footage cannot be kept (%s): every video is read each time", error)
        self._cache = None
