"""Source read as definitions: what a module defines, imports and does when it is imported.

Only syntax is read; nothing is imported or run. What a definition names is in `references`; which ones a step
reaches is decided in `code`.
"""

from __future__ import annotations

import ast
import importlib.util
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path

from traces_core.store.references import Import, References, imported, is_stored

_WORDS = {"description", "title"}
"""Keywords of a settings field that only people read."""


@dataclass(frozen=True)
class Definition:
    """One definition of a module: a function, a class, a constant, or what the module does when imported."""

    module: str
    name: str
    statements: tuple[ast.stmt, ...] = field(compare=False, repr=False)

    @cached_property
    def is_step(self) -> bool:
        """Whether it makes artifacts of its own, under a recipe of its own (`@step`)."""
        decorators = getattr(self.statements[0], "decorator_list", ()) if self.statements else ()
        return any(ast.unparse(one).rpartition(".")[2] == "step" for one in decorators)

    @cached_property
    def text(self) -> str:
        """Its syntax without docstrings, comments, layout and what settings say to people."""
        return "\n".join(map(ast.dump, self.statements))

    @cached_property
    def references(self) -> References:
        """What it names of the world outside itself."""
        return References.of(self.module, self.statements)


@dataclass(frozen=True)
class Module:
    """One parsed file."""

    name: str
    path: Path
    definitions: dict[str, Definition]
    imports: dict[str, Import]
    effects: Definition
    """Statements that do something when the module is imported, such as `cv2.setNumThreads(1)`."""


def find_module(name: str) -> Module | None:
    """The module of a dotted name, parsed; None where there is no such source file."""
    path = _path_of(name)
    return None if path is None else _parsed(name, path)


@cache
def _path_of(name: str) -> Path | None:
    loaded = sys.modules.get(name)
    known = getattr(loaded, "__file__", None)
    if known is not None and known.endswith(".py"):
        return Path(known)
    try:
        spec = importlib.util.find_spec(name)
    except (ModuleNotFoundError, ValueError):
        return None
    origin = None if spec is None else spec.origin
    return Path(origin) if origin is not None and origin.endswith(".py") else None


@cache
def _parsed(name: str, path: Path) -> Module:
    definitions: dict[str, Definition] = {}
    imports: dict[str, Import] = {}
    effects: list[ast.stmt] = []
    tree = ast.parse(path.read_text(encoding="utf-8"))
    _Bare().visit(tree)
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            imports |= dict(imported(statement, name, is_package=path.name == "__init__.py"))
        elif _is_guarded(statement):
            continue
        elif names := list(_defined(statement)):
            for one in names:
                before = definitions[one].statements if one in definitions else ()
                definitions[one] = Definition(name, one, (*before, statement))
        else:
            effects.append(statement)
        if isinstance(statement, ast.If | ast.Try | ast.With) and not _is_guarded(statement):
            for inner in ast.walk(statement):
                if isinstance(inner, ast.Import | ast.ImportFrom):
                    imports |= dict(imported(inner, name, is_package=path.name == "__init__.py"))
    return Module(name, path, definitions, imports, Definition(name, "", tuple(effects)))


def _defined(statement: ast.stmt) -> Iterator[str]:
    """Names that a statement of a module defines."""
    match statement:
        case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
            yield statement.name
        case ast.Assign():
            for target in statement.targets:
                yield from (one.id for one in ast.walk(target) if is_stored(one))  # type: ignore[attr-defined]
        case ast.AnnAssign(target=ast.Name(id=name)) | ast.AugAssign(target=ast.Name(id=name)):
            yield name
        case ast.If() | ast.Try() | ast.With() | ast.For():
            for inner in (*statement.body, *getattr(statement, "orelse", ()), *_handlers(statement)):
                yield from _defined(inner)


def _handlers(statement: ast.stmt) -> Iterator[ast.stmt]:
    if isinstance(statement, ast.Try):
        for handler in statement.handlers:
            yield from handler.body


def _is_text(statement: ast.stmt) -> bool:
    return (
        isinstance(statement, ast.Expr)
        and isinstance(statement.value, ast.Constant)
        and isinstance(statement.value.value, str)
    )


def _is_guarded(statement: ast.stmt) -> bool:
    """Whether a statement runs for a type checker, or for a module run as a program, alone."""
    return isinstance(statement, ast.If) and ast.unparse(statement.test) in (
        "TYPE_CHECKING",
        "typing.TYPE_CHECKING",
        "__name__ == '__main__'",
    )


class _Bare(ast.NodeTransformer):
    """Leaves out what no computer reads."""

    def visit(self, node: ast.AST) -> ast.AST:
        node = self.generic_visit(node)
        body = getattr(node, "body", None)
        if isinstance(body, list):
            node.body = [one for one in body if not _is_text(one)]  # type: ignore[attr-defined]
        if isinstance(node, ast.Call) and ast.unparse(node.func).rpartition(".")[2] == "Field":
            node.keywords = [one for one in node.keywords if one.arg not in _WORDS]
        return node
