"""Facts about video files, kept between processes until a file's stamp changes.

Footage is large: to read a terabyte so as to learn that nothing in it has changed would take an hour.
Not for artifacts: each process reads them again, which is how damage is noticed.
"""

from __future__ import annotations

import logging
import sqlite3
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import diskcache

from traces_core.store.digest import file_stamp

Fact = TypeVar("Fact", bound=str | float)

_LOG = logging.getLogger(__name__)
_FAULTS = (OSError, sqlite3.Error, diskcache.Timeout, ValueError, zlib.error)
"""What a cache raises that cannot be opened, read or written, or that is damaged."""


class FileCache:
    """A cache of the results of functions of a file.

    Parameters
    ----------
    folder
        Where it lies. It may be deleted at any time; where it cannot be written, files are read instead.
    version
        Of the code that computes them: another version computes them again.

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
        try:  # as JSON: a pickle in a file that another user wrote would be run
            self._cache = diskcache.Cache(str(folder), disk=diskcache.JSONDisk)
        except _FAULTS as error:
            self._give_up(error)

    def __enter__(self) -> FileCache:
        return self

    def __exit__(self, *_: object) -> None:
        if self._cache is not None:
            self._cache.close()

    def ask(self, read: Callable[[Path], Fact], path: Path) -> Fact:
        """The result of `read` for a file: the kept one if the file still has that stamp, else a new one."""
        stamp = file_stamp(path)
        if stamp is None:  # so new that it may yet change under this stamp
            return read(path)
        key: list[Any] = [self._version, read.__qualname__, *stamp]
        kept: Fact | None = self._kept(key)
        if kept is not None:
            return kept
        known = read(path)
        self._keep(key, known)
        return known

    def _kept(self, key: list[str | int]) -> Any:
        try:
            return None if self._cache is None else self._cache.get(key)
        except _FAULTS as error:
            self._give_up(error)
            return None

    def _keep(self, key: list[str | int], result: str | float) -> None:
        try:
            if self._cache is not None:
                self._cache.set(key, result)
        except _FAULTS as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        _LOG.warning("facts about the footage cannot be kept (%s): every video is read each time", error)
        self._cache = None
