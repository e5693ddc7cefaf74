"""Fingerprints of values and of files. Two equal digests mean equal content.

Those of code are in `code`; what they are for (whether to compute, whom to tell) is in `store`.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

LENGTH = 16
"""Hexadecimal digits kept: 64 bits, a collision in a million artifacts has a chance of 3e-8."""

Stamp = tuple[int, int, int, int, int]

_SETTLED_NS = 2_000_000_000
"""Age at which a time stamp says that a file stayed as it was; file systems count in up to two seconds."""


def digest(value: Any) -> str:
    """Fingerprint of a value made of dicts, lists, strings, numbers, fractions, paths and None.

    Parameters
    ----------
    value
        Compared by content: the order of a mapping's keys does not matter.

    Returns
    -------
    str
        16 hexadecimal digits.

    Raises
    ------
    TypeError
        For anything whose content has no canonical text.

    Examples
    --------
    >>> digest({"a": 1, "b": 2.5}) == digest({"b": 2.5, "a": 1})
    True
    >>> digest(1) == digest("1")
    False
    """
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()[:LENGTH]


def canonical_json(value: Any) -> str:
    """One text for one value: sorted keys, no spaces, shortest floats.

    Examples
    --------
    >>> canonical_json({"rate": Fraction(30000, 1001), "a": (1, None)})
    '{"a":[1,null],"rate":"30000/1001"}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain)


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction | Path):
        return str(value)
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Mapping):
        return dict(value)
    raise TypeError(f"no canonical text for {type(value).__name__}: {value!r}")


def file_digest(path: Path | str) -> str:
    """Fingerprint of a file's bytes, or of every file below a folder with its relative path.

    A file is read once in a process, and again when its size, its time stamps or its inode say that it may
    have changed.
    """
    path = Path(path)
    if path.is_dir():
        inside = sorted(item for item in path.rglob("*") if item.is_file())
        return digest({item.relative_to(path).as_posix(): file_digest(item) for item in inside})
    stamp = file_stamp(path)
    return _bytes_digest(path) if stamp is None else _known_digest(path, stamp)


def file_stamp(path: Path) -> Stamp | None:
    """What changes whenever a file does; None while it is so new that it may change under the same stamp.

    The change time is part of it, which no program can set back.
    """
    about = path.stat()
    if time.time_ns() - max(about.st_mtime_ns, about.st_ctime_ns) < _SETTLED_NS:
        return None
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


@lru_cache(maxsize=1 << 16)
def _known_digest(path: Path, _stamp: Stamp) -> str:
    return _bytes_digest(path)


def _bytes_digest(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:LENGTH]
