"""Fingerprints of code: what a step does is what it can reach, and nothing is listed by hand.

    code_of(thresholds) -> 16 digits

From a function through the names it uses, their attributes, classes and re-exports, as far as our own
packages go; the releases of the libraries used on the way; data files named beside `__file__`; environment
variables. It stops at other steps, whose results have fingerprints of their own. What is handed in (encoders,
settings, the store) is not followed: an encoder's recipe carries its own code (`made_with`), settings are in
a recipe by value, and of their classes only the behaviour counts here. How source becomes definitions is in
`source`, what a name of it stands for in `resolving`.
"""

from __future__ import annotations

import ast
import importlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import packages_distributions, version
from sys import stdlib_module_names
from typing import Any, Protocol

from traces_core.store.digest import digest, file_digest
from traces_core.store.kept import keep, known
from traces_core.store.resolving import (
    LEFT_OUT,
    OURS,
    behaviour,
    of_import,
    resolve,
    settings_sections,
)
from traces_core.store.source import Definition, find_module

PROJECT = ("traces_core.project", "Project")
"""The class of what a step is handed."""


PACKAGES = (*OURS, "assets")
"""What is known of their code is kept between processes."""

LIBRARIES_LEFT_OUT = {
    "diskcache": "remembers what was asked",
    "pydantic": "checks settings and replies; their values are in the recipe",
    "rich": "draws progress",
}
"""Libraries whose release changes no result, and why."""

MACHINE = {
    "TRACES_INBOX": "where dropped files lie; each counts by its content",
    "TRACES_REAL_DATA": "where data lies; what lies there is in the recipe by content",
    **dict.fromkeys(("ALL_PROXY", "HTTPS_PROXY", "all_proxy", "https_proxy"), "how a network is reached"),
}
"""Environment variables that belong to the machine and change no result, and why."""


class HasFingerprint(Protocol):
    """What is handed to a step and says by a fingerprint who it is, such as an encoder."""

    @property
    def fingerprint(self) -> str:
        """Fingerprint of its weights and of how they are used."""


@dataclass(frozen=True)
class Closure:
    """What a piece of code can reach."""

    definitions: dict[str, str]
    """By `module:name`: digest of the syntax and of what each of its names stands for. An empty name is what
    the module does when it is imported."""
    libraries: dict[str, str]
    """Release of each library that is used on the way, without how it was built (`+cpu`)."""
    files: dict[str, str]
    """Digest of each data file that is named beside `__file__`."""
    environment: dict[str, str | None]
    """Value of each environment variable that is read, but for those of the machine."""
    handed: frozenset[str]
    """What is read of the project that a step is handed: `clip`, `settings.scoring`, `machine.catalog`."""
    artifacts: frozenset[str]
    """Names under which artifacts are kept."""

    def to_json(self) -> dict[str, Any]:
        """It without the values of the environment, which is not that of other processes."""
        return {
            **{name: getattr(self, name) for name in ("definitions", "libraries", "files")},
            **{name: sorted(getattr(self, name)) for name in ("environment", "handed", "artifacts")},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Closure:
        """What `to_json` gave, in the environment of this process."""
        return cls(
            **{name: value[name] for name in ("definitions", "libraries", "files")},
            environment={name: os.environ.get(name) for name in value["environment"]},
            handed=frozenset(value["handed"]),
            artifacts=frozenset(value["artifacts"]),
        )

    @property
    def digest(self) -> str:
        """16 hexadecimal digits."""
        return digest([self.definitions, self.libraries, self.files, self.environment])


def made_with(thing: HasFingerprint) -> list[str]:
    """What a recipe says of an object that was handed in: who it is, and what its class does."""
    return [thing.fingerprint, code_of(type(thing))]


def code_of(thing: Callable[..., Any], *, deep: bool = False) -> str:
    """Fingerprint of all that a function or class can reach.

    Parameters
    ----------
    thing
        A function or a class at the top of a module.
    deep
        Whether to go on through other steps: for what runs them itself, such as an ablation.

    Returns
    -------
    str
        16 hexadecimal digits; equal after reformatting or rewording, different after a change of code that
        can be reached, of a data file or of a library's release.

    Raises
    ------
    ModuleNotFoundError
        If it has no source.
    """
    return closure_of(thing, deep=deep).digest


def closure_of(thing: Callable[..., Any], *, deep: bool = False) -> Closure:
    """All that a function or class can reach; see `code_of`."""
    return _closure(thing.__module__, thing.__qualname__.partition(".")[0], deep)


@cache
def _closure(module: str, name: str, deep: bool) -> Closure:
    about = _fact(f"closure {module}:{name} {deep}", lambda: _found_closure(module, name, deep).to_json())
    return Closure.from_json(about)


def _fact(about: str, find: Callable[[], Any]) -> Any:
    """Something about the code as it is, from an earlier process or found out."""
    facts = known(PACKAGES)
    if about not in facts:
        facts[about] = find()
    return facts[about]


def keep_what_was_found() -> None:
    """Spare the processes that follow what this one found out about the code."""
    keep(PACKAGES)


def _found_closure(module: str, name: str, deep: bool) -> Closure:
    start = find_module(module)
    if start is None or name not in start.definitions:
        raise ModuleNotFoundError(f"{module}:{name}: no source to fingerprint")
    first = start.definitions[name]
    reached: dict[str, Definition] = {}
    named: dict[str, dict[str, str]] = {}
    libraries: set[str] = set()
    waiting = deque([first])
    while waiting:
        one = waiting.popleft()
        key = f"{one.module}:{one.name}"
        if key in reached or key in LEFT_OUT or (one.is_step and one is not first and not deep):
            continue
        reached[key] = one
        for label, target in _targets(one):
            if isinstance(target, str):
                library = target.partition(".")[0]
                libraries |= {library} - stdlib_module_names
            else:
                waiting.append(target)
                target = f"{target.module}:{target.name}"
            named.setdefault(key, {})[label] = target
    variables = {name for one in reached.values() for name in _variables(one)} - MACHINE.keys()
    return Closure(
        definitions={key: digest([one.text, named.get(key, {})]) for key, one in sorted(reached.items())},
        libraries={one: release(one) for one in sorted(libraries - LIBRARIES_LEFT_OUT.keys())},
        files=dict(sorted(pair for one in reached.values() for pair in _files(one))),
        environment={name: os.environ.get(name) for name in sorted(variables)},
        handed=frozenset(part for one in reached.values() for part in one.references.handed),
        artifacts=frozenset(name for one in reached.values() for name in _artifact_names(one)),
    )


@cache
def _targets(one: Definition) -> tuple[tuple[str, Definition | str], ...]:
    """What a definition refers to, and by which name: definitions of ours, or what of a library."""
    return tuple(_named_targets(one))


def _named_targets(one: Definition) -> Iterator[tuple[str, Definition | str]]:
    module = find_module(one.module)
    if module is None:
        return
    for effects in _effects(one.module):
        yield f"import {effects.module}", effects
    for chain in one.references.chains:
        yield from ((".".join(chain), target) for target in resolve(module, chain))
    for brought in one.references.imports:
        label = f"{brought.module}.{brought.attribute or ''}"
        yield from ((label, target) for target in of_import(brought, ()))
    for section, attribute in one.references.sections:
        yield from ((f"settings.{section}", target) for target in behaviour(section, attribute))


@cache
def _effects(module: str) -> tuple[Definition, ...]:
    """What importing a module does: its own statements and those of the packages around it."""
    parts = module.split(".")
    names = [".".join(parts[: length + 1]) for length in range(len(parts))]
    modules = (find_module(name) for name in names)
    return tuple(one.effects for one in modules if one is not None and one.effects.statements)


def _artifact_names(one: Definition) -> Iterator[str]:
    """The names under which a definition keeps artifacts, written there or in a constant."""
    module = find_module(one.module)
    if module is None:
        return
    for chain in one.references.kept:
        if chain[0]:
            constants = (target for target in resolve(module, chain) if isinstance(target, Definition))
            yield from (text for constant in constants for text in constant.references.strings)
        else:
            yield chain[1]


def _files(one: Definition) -> Iterator[tuple[str, str]]:
    """The data files that a definition names beside its module, folders file by file."""
    if ("__file__",) not in one.references.chains:
        return
    module = find_module(one.module)
    for text in one.references.strings if module is not None else ():
        path = module.path.parent / text if module is not None and text else None
        if path is not None and path.exists() and path.suffix != ".py":
            yield f"{one.module}:{text}", file_digest(path)


def _variables(one: Definition) -> Iterator[str]:
    """The environment variables that a definition reads by a constant name."""
    module = find_module(one.module)
    if module is None or not one.references.chains & _READERS:
        return
    known = {name for name in one.references.strings if _is_variable(name)}
    for chain in one.references.chains:
        for target in resolve(module, chain[:1]):
            if isinstance(target, Definition) and len(target.references.strings) == 1:
                known |= {name for name in target.references.strings if _is_variable(name)}
    yield from known


_READERS = {("os", "environ"), ("os", "environ", "get"), ("os", "getenv")}


def _is_variable(text: str) -> bool:
    return text.replace("_", "").isalnum() and (
        text.isupper() or (text.islower() and text.endswith("_proxy"))
    )


@cache
def release(library: str) -> str:
    """The installed release of a library by the name it is imported under, such as `2.13.0`.

    Without what says how it was built (`+cpu`, `+cu130`): that belongs to the machine. Empty where it is not
    installed.
    """
    known = _distributions().get(library, [])
    return ", ".join(version(one).partition("+")[0] for one in sorted(set(known)))


@cache
def _distributions() -> dict[str, list[str]]:
    return {name: list(some) for name, some in packages_distributions().items()}


def steps_called(function: Callable[..., Any]) -> tuple[Callable[..., Any], ...]:
    """The steps that a function names itself, in the order of their names."""
    name = function.__qualname__.partition(".")[0]
    about = f"steps {function.__module__}:{name}"
    steps = _fact(about, lambda: _steps_named(function.__module__, name))
    return tuple(getattr(importlib.import_module(home), step) for home, step in steps)


def _steps_named(home: str, name: str) -> list[tuple[str, str]]:
    module = find_module(home)
    if module is None:
        return []
    one = module.definitions[name]
    named = {target for chain in one.references.chains for target in resolve(module, chain)}
    return sorted((to.module, to.name) for to in named if isinstance(to, Definition) and to.is_step)


def sections_read(function: Callable[..., Any]) -> frozenset[str]:
    """The sections of the settings that a step reads, itself or through what it is handed; `catalog`, too."""
    about = f"sections {function.__module__}:{function.__qualname__}"
    return frozenset(_fact(about, lambda: sorted(_sections_of(closure_of(function, deep=True).handed))))


def _sections_of(handed: Iterable[str]) -> set[str]:
    read = {part for name in handed for part in (name, *_of_project().get(name, ()))}
    sections = {part.partition(".")[2] for part in read if part.startswith("settings.")}
    return sections & settings_sections().keys() | {"catalog"} & {part.rpartition(".")[2] for part in read}


def artifacts_kept(function: Callable[..., Any]) -> frozenset[str]:
    """The names under which a step keeps artifacts: its own, and those of its items."""
    return closure_of(function, deep=True).artifacts


@cache
def _of_project() -> dict[str, frozenset[str]]:
    """By attribute of the project: what it reads of the project itself."""
    home = find_module(PROJECT[0])
    [statement] = () if home is None else home.definitions[PROJECT[1]].statements
    read: dict[str, frozenset[str]] = {}
    for method in statement.body if isinstance(statement, ast.ClassDef) else ():
        if isinstance(method, ast.FunctionDef):
            own = ast.parse(ast.unparse(method).replace("self.", "project."))
            read[method.name] = Definition(PROJECT[0], method.name, tuple(own.body)).references.handed
    return {
        name: frozenset(parts | {inner for part in parts for inner in read.get(part, ())})
        for name, parts in read.items()
    }
