"""What a definition names of the world outside itself, by Python's own rules of scope.

Only syntax is read. What a module defines is in `source`, what a name stands for is decided in `code`.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

Chain = tuple[str, ...]
"""A name and its attributes: `world.write_corpus` is `("world", "write_corpus")`."""

_PROJECT = "project"
"""The name by which steps know what they are handed."""

_PARTS = {"settings", "machine"}
"""Its parts whose own parts are told apart."""

_KEEPING = {"remember", "remember_path"}
"""Methods of the store that keep an artifact under the name that comes first."""


@dataclass(frozen=True)
class Import:
    """What a name stands for that an import statement brought: a module, or something of a module."""

    module: str
    attribute: str | None


@dataclass(frozen=True)
class References:
    """What a definition names: resolved by whoever follows them."""

    chains: frozenset[Chain]
    """Global names with the attributes taken of them."""
    imports: frozenset[Import]
    """Imports within its own functions."""
    kept: frozenset[Chain]
    """Names under which it keeps artifacts: a constant's chain, or `("", "the name")`."""
    handed: frozenset[str]
    """What it reads of the project that a step is handed: `clip`, `settings.scoring`, `machine.catalog`."""
    sections: frozenset[tuple[str, str]]
    """Sections of the settings, each with the attribute taken of it; empty where it is used as a whole."""
    strings: tuple[str, ...]
    """Its string constants, for those that name a file beside the module."""

    @classmethod
    def of(cls, module: str, statements: Iterable[ast.stmt]) -> References:
        """What some statements of a module name."""
        reader = _Reader(module)
        for statement in statements:
            reader.note_aliases(statement)
            reader.visit(statement)
        return cls(
            chains=frozenset(reader.chains),
            imports=frozenset(reader.imports),
            kept=frozenset(reader.kept),
            handed=frozenset(reader.handed),
            sections=frozenset(reader.sections),
            strings=reader.strings,
        )


def imported(
    statement: ast.Import | ast.ImportFrom, module: str, *, is_package: bool
) -> Iterator[tuple[str, Import]]:
    """The names that an import statement binds, and what they stand for."""
    if isinstance(statement, ast.Import):
        for alias in statement.names:
            top = alias.name.partition(".")[0]
            yield (alias.asname, Import(alias.name, None)) if alias.asname else (top, Import(top, None))
        return
    source = statement.module or ""
    if statement.level:
        kept = module.split(".")
        kept = kept[: len(kept) - statement.level + is_package]
        source = ".".join([*kept, *([source] if source else [])])
    for alias in statement.names:
        yield alias.asname or alias.name, Import(source, alias.name)


def is_stored(node: ast.AST) -> bool:
    """Whether a node is a name that is bound there."""
    return isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)


class _Reader(ast.NodeVisitor):
    """Collects the global names of a definition, by Python's own rules of scope; annotations are not read."""

    def __init__(self, module: str) -> None:
        self.module = module
        self.chains: set[Chain] = set()
        self.imports: set[Import] = set()
        self.kept: set[Chain] = set()
        self.handed: set[str] = set()
        self.sections: set[tuple[str, str]] = set()
        self._aliases: dict[str, str] = {}
        self.strings: tuple[str, ...] = ()
        self._scopes: list[set[str]] = []

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> None:
        self._visit_all([*node.decorator_list, *node.args.defaults, *filter(None, node.args.kw_defaults)])
        self._inside(node.body, _arguments(node.args) | _stored(node.body))

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def visit_Lambda(self, node: ast.Lambda) -> None:
        self._visit_all([*node.args.defaults, *filter(None, node.args.kw_defaults)])
        self._inside([node.body], _arguments(node.args))

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._visit_all([*node.decorator_list, *node.bases, *(one.value for one in node.keywords)])
        self._visit_all(node.body)  # names of a class body are no names of its methods
        if node.bases:  # pydantic builds the fields of a model from their annotations
            self._visit_all(one.annotation for one in node.body if isinstance(one, ast.AnnAssign))

    def _visit_comprehension(
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp
    ) -> None:
        self.visit(node.generators[0].iter)
        parts = [node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt]
        bound = {one.id for loop in node.generators for one in ast.walk(loop.target) if is_stored(one)}  # type: ignore[attr-defined]
        conditions = [one for loop in node.generators for one in loop.ifs]
        self._inside([*conditions, *(loop.iter for loop in node.generators[1:]), *parts], bound)

    visit_ListComp = visit_SetComp = visit_GeneratorExp = visit_DictComp = _visit_comprehension  # noqa: N815

    def visit_AnnAssign(self, node: ast.AnnAssign) -> None:
        self._visit_all([node.target, *([node.value] if node.value else [])])

    def visit_Import(self, node: ast.Import | ast.ImportFrom) -> None:
        # An import within a function counts as used.
        self.imports.update(one for _, one in imported(node, self.module, is_package=False))

    visit_ImportFrom = visit_Import  # noqa: N815

    def visit_Constant(self, node: ast.Constant) -> None:
        if isinstance(node.value, str):
            self.strings = (*self.strings, node.value)

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Load):
            self._note((node.id,))

    def visit_Attribute(self, node: ast.Attribute) -> None:
        inner: ast.expr = node
        outer = ""
        while isinstance(inner, ast.Attribute):
            self._note_handed(inner, outer)
            outer, inner = inner.attr, inner.value
        chain = _chain(node)
        if chain is None:
            self.visit(node.value)
        else:
            self._note(chain)

    def visit_Call(self, node: ast.Call) -> None:
        called = ast.unparse(node.func).rpartition(".")[2]
        if called in _KEEPING and node.args:
            first = node.args[0]
            chain = ("", first.value) if isinstance(first, ast.Constant) else _chain(first)
            self.kept |= {chain} if chain is not None else set()  # type: ignore[arg-type]
        if called != "code_of":  # who asks for code does not run it
            self.generic_visit(node)

    def _note_handed(self, node: ast.Attribute, outer: str) -> None:
        if _is_project(node.value):
            if node.attr not in _PARTS:
                self.handed.add(node.attr)
        elif (part := self._part_of_project(node.value)) is not None:
            self.handed.add(f"{part}.{node.attr}")
            if part == "settings":
                self.sections.add((node.attr, outer))

    def note_aliases(self, statement: ast.stmt) -> None:
        """Remember the local names of the project's parts: `settings, machine = project.settings, ...`."""
        for node in ast.walk(statement):
            if isinstance(node, ast.Assign) and len(node.targets) == 1:
                target, value = node.targets[0], node.value
                both = isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple)
                pairs = zip(target.elts, value.elts, strict=False) if both else [(target, value)]  # type: ignore[attr-defined]
                for name, part in pairs:
                    if isinstance(name, ast.Name) and isinstance(part, ast.Attribute) and part.attr in _PARTS:
                        self._aliases |= {name.id: part.attr} if _is_project(part.value) else {}

    def _part_of_project(self, node: ast.expr) -> str | None:
        if isinstance(node, ast.Name):
            return self._aliases.get(node.id)
        is_part = isinstance(node, ast.Attribute) and node.attr in _PARTS and _is_project(node.value)
        return node.attr if is_part else None  # type: ignore[attr-defined]

    def _note(self, chain: Chain) -> None:
        if not any(chain[0] in scope for scope in self._scopes) and not hasattr(builtins, chain[0]):
            self.chains.add(chain)

    def _visit_all(self, nodes: Iterable[ast.AST]) -> None:
        for node in nodes:
            self.visit(node)

    def _inside(self, nodes: Iterable[ast.AST], bound: set[str]) -> None:
        self._scopes.append(bound)
        self._visit_all(nodes)
        self._scopes.pop()


def _chain(node: ast.expr) -> Chain | None:
    parts: list[str] = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, *reversed(parts)) if isinstance(node, ast.Name) else None


def _is_project(node: ast.expr) -> bool:
    """Whether an expression is the project that a step was handed, or a variant of it."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name == _PROJECT
        case ast.Call(func=ast.Attribute(value=inner, attr="variant")):
            return _is_project(inner)
    return False


def _arguments(arguments: ast.arguments) -> set[str]:
    some = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return {one.arg for one in [*some, arguments.vararg, arguments.kwarg] if one is not None}


def _stored(body: Iterable[ast.AST]) -> set[str]:
    """Names that a function binds itself, in whatever way; not those of scopes within it."""
    bound: set[str] = set()
    freed: set[str] = set()
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.ClassDef():
                bound.add(node.name)
                continue
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                # A walrus within a comprehension binds outside it.
                bound |= {one.target.id for one in ast.walk(node) if isinstance(one, ast.NamedExpr)}
                continue
            case ast.Import() | ast.ImportFrom():
                bound |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
            case ast.Global():
                freed |= set(node.names)
            case ast.Name(ctx=ast.Store() | ast.Del()):
                bound.add(node.id)
            case (
                ast.ExceptHandler(name=str(name))
                | ast.MatchAs(name=str(name))
                | ast.MatchStar(name=str(name))
            ):
                bound.add(name)
            case ast.MatchMapping(rest=str(name)):
                bound.add(name)
        waiting.extend(ast.iter_child_nodes(node))
    return bound - freed
