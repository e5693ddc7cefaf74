"""What names stand for in our source: the definitions they lead to, or something of a library.

Followed through imports and re-exports as far as our own packages go. What a definition names is in
`references`; what becomes of it, a fingerprint, is in `code`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from functools import cache

from traces_core.store.references import Chain, Import
from traces_core.store.source import Definition, Module, find_module

OURS = ("traces_core", "experiments")
"""Packages that are followed; everything else is a library, which counts by its release."""

SETTINGS = ("traces_core.settings", "Settings")
"""The class whose fields are the sections of the settings."""

LEFT_OUT = {
    "traces_core.disk": "how files are written; what is in them does not depend on it",
    "traces_core.redaction": "what messages leave out",
    "traces_core.store.code": "says which code runs, and is none of it",
    "traces_core.store.source": "the same",
    "traces_core.store.references": "the same",
    "traces_core.store.resolving": "the same",
    "traces_core.store.kept": "the same",
    "traces_core.store.running": "the same",
    "traces_core.store.artifact": "where an artifact lies; what a step reads of it is in the recipe",
    "traces_core.settings": "values are in a recipe; what its sections do counts where they are read",
    "traces_core.project": "what is handed in; its encoders say in a recipe who they are",
    "traces_core.store.artifacts": "keeps what a step makes; what is kept does not depend on it",
    "traces_core.store.files": "the same",
    "traces_core.store.packs": "the same",
    "traces_core.store.pruning": "deletes what nobody needs",
    "traces_core.store.digest": "names what is kept; another name is another recipe as it is",
    "traces_core.store.dry_run": "looks, and makes nothing",
    "traces_core.video.isolation": "where decoding runs; what it does is in the functions that are isolated",
    "traces_core.video.deadline": "the same",
    "traces_core.video.plain_values": "the same",
    "traces_core.encoders.pocket_models:FOLDER": "weights: an encoder's fingerprint is that of its files",
}
"""Modules and definitions that no closure holds, and why."""


def resolve(module: Module, chain: Chain) -> Iterator[Definition | str]:
    """What a chain of names stands for in a module."""
    first, *rest = chain
    if first in module.definitions:
        yield module.definitions[first]
    elif first in module.imports:
        yield from of_import(module.imports[first], tuple(rest))


def of_import(brought: Import, rest: Chain) -> Iterator[Definition | str]:
    """What an imported name, and attributes of it, stand for."""
    top = brought.module.partition(".")[0]
    if top not in OURS:
        yield ".".join([brought.module, *([brought.attribute] if brought.attribute else [])])
        return
    if is_left_out(brought.module):
        return
    name, names = brought.module, [*([brought.attribute] if brought.attribute else []), *rest]
    while names:
        module = find_module(name)
        if module is not None and names[0] in (*module.definitions, *module.imports):
            yield from resolve(module, tuple(names))
            return
        if find_module(f"{name}.{names[0]}") is None:
            return
        name = f"{name}.{names.pop(0)}"
        if is_left_out(name):
            return
    module = find_module(name)  # a module as a value: all of it may be used
    yield from module.definitions.values() if module is not None else ()


def is_left_out(module: str) -> bool:
    """Whether no closure holds a module; see `LEFT_OUT`."""
    return any(module == one or module.startswith(f"{one}.") for one in LEFT_OUT)


@cache
def behaviour(section: str, attribute: str) -> tuple[Definition, ...]:
    """The methods of the classes of a section of the settings, and of the sections within it.

    Where one attribute is taken: all of them if it is a method, those of its class if it is a field.
    """
    home = find_module(SETTINGS[0])
    names = settings_sections().get(section, ())
    if home is None or not names:
        return ()
    methods = tuple(_methods(home, names))
    own = {one.name for some in methods for one in some.statements if isinstance(one, ast.FunctionDef)}
    if attribute in own | {""}:
        return methods
    classes = [one for name in names for one in resolve(home, (name,)) if isinstance(one, Definition)]
    there = [(find_module(one.module), _annotations(one).get(attribute, ())) for one in classes]
    return tuple(one for module, fields in there if module is not None for one in _methods(module, fields))


def _methods(module: Module, names: Iterable[str]) -> Iterator[Definition]:
    for name in names:
        for definition in resolve(module, (name,)):
            if isinstance(definition, str) or not isinstance(definition.statements[0], ast.ClassDef):
                continue
            there = find_module(definition.module)
            body = definition.statements[0].body
            methods = tuple(one for one in body if isinstance(one, ast.FunctionDef))
            if methods:
                yield Definition(definition.module, f"{definition.name}()", methods)
            if there is not None:
                inner = {one for some in _annotations(definition).values() for one in some}
                bases = {one.id for one in definition.statements[0].bases if isinstance(one, ast.Name)}
                yield from _methods(there, sorted(inner | bases))


def _annotations(definition: Definition) -> dict[str, tuple[str, ...]]:
    """By field of a class: the names in its annotation."""
    return {
        one.target.id: tuple(
            sorted({part.id for part in ast.walk(one.annotation) if isinstance(part, ast.Name)})
        )
        for statement in definition.statements
        if isinstance(statement, ast.ClassDef)
        for one in statement.body
        if isinstance(one, ast.AnnAssign) and isinstance(one.target, ast.Name)
    }


@cache
def settings_sections() -> dict[str, tuple[str, ...]]:
    """By section of the settings: the names in its annotation."""
    home = find_module(SETTINGS[0])
    return {} if home is None else _annotations(home.definitions[SETTINGS[1]])
