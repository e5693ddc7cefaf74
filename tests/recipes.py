"""Which artifacts of a store would get another recipe, were the source of the library another."""

from __future__ import annotations

import ast
import importlib
import json
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from traces_core.detector.loading import block_encoder, scene_encoder
from traces_core.project import Project
from traces_core.store import code, kept, resolving, source
from traces_core.store.code import code_of, release

ROOT = Path(__file__).resolve().parents[1]
_FOLDER = "experiments.ped2"
APART = (
    *(f"{_FOLDER}.coding.steps:ped2_{name}" for name in ("motion", "predictor", "expectation", "scores")),
    *(f"{_FOLDER}.foreground:ped2_{name}" for name in ("foreground", "foreground_scores")),
    f"{_FOLDER}.results:ped2_results",
    "experiments.real_captions.bench:real_sentences",
    "experiments.real_captions.steps:real_rows",
)
"""Steps of experiments: their data sets are not here, so each is an artifact of its code alone."""


class Recipes:
    """The recipes of a store, by the digests of code that stand in them."""

    def __init__(self, project: Project, steps: Iterable[str]) -> None:
        self._asked: dict[str, object] = {step: _named(step) for step in (*steps, *APART)}
        for one in (
            project.clip,
            project.windows,
            block_encoder(project),
            scene_encoder(project),
            project.writer(),
        ):
            self._asked[f"{type(one).__module__}:{type(one).__qualname__}"] = type(one)
        self._before = self._digests()
        known = set(self._before.values())
        self.rests_on: dict[str, set[str]] = {}
        """By artifact: the digests of code that its recipes hold; of an experiment, its step's."""
        self.unknown: set[str] = set()
        """Artifacts that some other code made than the steps that ran."""
        for path in project.store.root.glob("*/*/*.recipe.json"):
            about = json.loads(path.read_text(encoding="utf-8"))
            name = about["name"]
            if about["code"] not in known:
                self.unknown.add(name)
            digests = {about["code"], *_texts(about["made_from"])} & known
            self.rests_on.setdefault(name, set()).update(digests)

        for step in APART:
            self.rests_on[step.partition(":")[2]] = {self._before[step]}

    def _digests(self) -> dict[str, str]:
        return {name: code_of(one) for name, one in self._asked.items()}  # type: ignore[arg-type]

    def changed(self) -> set[str]:
        """Names of the artifacts whose recipes hold a digest that is another now."""
        forget()
        after = self._digests()
        gone = {digest for name, digest in self._before.items() if after[name] != digest}
        return {name for name, digests in self.rests_on.items() if digests & gone}


def edited(file: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have one file of the library read as if a text in it were another; it must stand there once."""
    path = ROOT / file
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1, f"{file}: {old!r} stands there {text.count(old)} times"
    changed = text.replace(old, new)
    ast.parse(changed)
    parsed, read = source._parsed, Path.read_text

    def of_edited(name: str, place: Path) -> source.Module:
        return kept if place == path else parsed(name, place)

    with monkeypatch.context() as within:
        within.setattr(Path, "read_text", lambda self, **how: changed if self == path else read(self, **how))
        kept = parsed.__wrapped__(_module_of(path), path)
    monkeypatch.setattr(source, "_parsed", of_edited)


def _module_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def forget() -> None:
    """Closures are computed again."""
    kept.known(code.PACKAGES).clear()
    for known in (code._closure, code._targets, code._effects, resolving.behaviour, release):
        known.cache_clear()


def _named(step: str) -> object:
    module, _, name = step.partition(":")
    return getattr(importlib.import_module(module), name)


def _texts(value: object) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for one in value.values():
                yield from _texts(one)
        case list():
            for one in value:
                yield from _texts(one)
