"""Fingerprints: of values, of files and of code. Two equal digests mean equal content.

What a fingerprint is used for (whether to compute, whom to tell) is in `store`.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cache
from pathlib import Path
from typing import Any

LENGTH = 16
"""Hexadecimal digits kept: 64 bits, a collision in a million artifacts has a chance of 3e-8."""

_CHUNK = 1 << 20


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
    """Fingerprint of a file's bytes, or of every file below a folder with its relative path."""
    path = Path(path)
    if path.is_dir():
        inside = sorted(item for item in path.rglob("*") if item.is_file())
        return digest({item.relative_to(path).as_posix(): file_digest(item) for item in inside})
    sha = hashlib.sha256()
    with path.open("rb") as stream:
        while chunk := stream.read(_CHUNK):
            sha.update(chunk)
    return sha.hexdigest()[:LENGTH]


def code_digest(modules: Iterable[str]) -> str:
    """Fingerprint of what the named modules do: their syntax without docstrings, comments and layout.

    Parameters
    ----------
    modules
        Dotted names, such as `traces_core.scoring`. A package stands for every module below it.

    Returns
    -------
    str
        16 hexadecimal digits; equal after reformatting or rewording, different after a change of code.
    """
    return digest({name: _module_digest(name) for name in sorted(set(modules))})


@cache
def _module_digest(name: str) -> str:
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name}: no source to fingerprint")
    origin = Path(spec.origin)
    files = sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]
    return digest([source_digest(file.read_text(encoding="utf-8")) for file in files])


def source_digest(source: str) -> str:
    """Fingerprint of Python source, blind to docstrings, comments and layout.

    Examples
    --------
    >>> source_digest("x = 1  # one") == source_digest("'''About.'''\\nx = (1)")
    True
    >>> source_digest("x = 1") == source_digest("x = 2")
    False
    """
    tree = ast.parse(source)
    for node in ast.walk(tree):
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [item for item in body if not _is_bare_text(item)]  # type: ignore[attr-defined]
    return digest(ast.dump(tree))


def _is_bare_text(node: ast.stmt) -> bool:
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )
