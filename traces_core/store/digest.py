"""Fingerprints: of values, of files and of code. Two equal digests mean equal content.

What a fingerprint is used for (whether to compute, whom to tell) is in `store`.
"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import json
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from functools import cache, lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

LENGTH = 16
"""Hexadecimal digits kept: 64 bits, a collision in a million artifacts has a chance of 3e-8."""

LIBRARIES = {
    "PIL": ("pillow",),
    "av": ("av",),
    "faiss": ("faiss-cpu", "faiss-gpu"),
    "matplotlib": ("matplotlib",),
    "numpy": ("numpy",),
    "open_clip": ("open_clip_torch",),
    "polars": ("polars",),
    "scipy": ("scipy",),
    "sentence_transformers": ("sentence-transformers",),
    "sklearn": ("scikit-learn",),
    "torch": ("torch",),
    "transformers": ("transformers",),
}
"""Libraries whose release can change a result, by the name they are imported under: where they come from.
A step is made anew after an upgrade of those that its own modules import (decision 17)."""

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


def code_digest(names: Iterable[str]) -> str:
    """Fingerprint of what code does: its syntax without docstrings, comments and layout, and the releases of
    the libraries that compute for it.

    Parameters
    ----------
    names
        Modules, such as `traces_core.scoring`, and single definitions, such as
        `traces_core.steps.detection:thresholds`. A package stands for every module below it.

    Returns
    -------
    str
        16 hexadecimal digits; equal after reformatting or rewording, different after a change of code, and
        after another release of a library of `LIBRARIES` that a named module imports.

    Raises
    ------
    ModuleNotFoundError
        If there is no such module, or no such definition in it.
    """
    parts = {name: _part(name) for name in sorted(set(names))}
    libraries = sorted({library for _, imported in parts.values() for library in imported})
    return digest(
        {
            "code": {name: code for name, (code, _) in parts.items()},
            "libraries": {library: release(library) for library in libraries},
        }
    )


@cache
def release(library: str) -> str | None:
    """The release of a library of `LIBRARIES` that is installed, such as `2.13.0`; None where it is not.

    Without what says how it was built (`+cpu`, `+cu130`): that belongs to the machine.
    """
    for distribution in LIBRARIES[library]:
        with suppress(PackageNotFoundError):
            return version(distribution).partition("+")[0]
    return None


@cache
def _part(name: str) -> tuple[str, frozenset[str]]:
    """Digest of a module, a package or a definition, and the libraries that its modules import."""
    module, _, definition = name.partition(":")
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError(f"{name}: no source to fingerprint")
    origin = Path(spec.origin)
    files = sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]
    sources = [_source(file) for file in files]
    trees: list[ast.AST] = [tree for tree, _ in sources]
    if definition:
        trees = [node for tree, _ in sources for node in tree.body if definition in _defined(node)]
    if not trees:
        raise ModuleNotFoundError(f"{name}: {module} defines no {definition}")
    return digest([_tree_digest(tree) for tree in trees]), frozenset().union(*(used for _, used in sources))


@cache
def _source(file: Path) -> tuple[ast.Module, frozenset[str]]:
    """The syntax of a file, and the libraries of `LIBRARIES` that it imports."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    return tree, frozenset(LIBRARIES.keys() & set(_imports(tree)))


def _imports(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name.partition(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module.partition(".")[0]


def _defined(node: ast.stmt) -> set[str]:
    """Names that a statement of a module defines."""
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
    return {target.id for target in targets if isinstance(target, ast.Name)}


def source_digest(source: str) -> str:
    """Fingerprint of Python source, blind to docstrings, comments and layout.

    Examples
    --------
    >>> source_digest("x = 1  # one") == source_digest("'''About.'''\\nx = (1)")
    True
    >>> source_digest("x = 1") == source_digest("x = 2")
    False
    """
    return _tree_digest(ast.parse(source))


def _tree_digest(tree: ast.AST) -> str:
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
