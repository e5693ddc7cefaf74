"""The chapters of the book: one module of assets each, one of steps, and the number that it begins with."""

from __future__ import annotations

import ast
import pkgutil
import re

import pytest

import assets
from pipelines.definitions import CHAPTERS
from traces_core import steps
from traces_core.store.source import find_module

WITHOUT_STEPS = {
    "sources": "what people edit: nothing makes it",
    "checks": "gates between chapters; what they judge is in the chapters' steps",
}
"""Chapters that no step is behind, and why."""

WITHOUT_A_CHAPTER = {
    "wiring": "how the steps hang together: it runs them all",
    "regeneration": "runs the whole graph for a bank that is not used yet, and makes nothing current",
}
"""Modules of steps that are no chapter, and why."""


def _modules(package: object) -> set[str]:
    return {one.name for one in pkgutil.iter_modules(package.__path__)}


def test_every_chapter_has_its_steps_and_every_module_of_steps_its_chapter() -> None:
    assert _modules(assets) - WITHOUT_STEPS.keys() == _modules(steps) - WITHOUT_A_CHAPTER.keys()
    assert WITHOUT_STEPS.keys() <= _modules(assets)
    assert WITHOUT_A_CHAPTER.keys() <= _modules(steps)


@pytest.mark.parametrize("name", sorted(_modules(assets) - WITHOUT_STEPS.keys()))
def test_a_chapter_takes_steps_from_its_own_module(name: str) -> None:
    module = find_module(f"assets.{name}")
    assert module is not None
    nodes = ast.walk(ast.parse(module.path.read_text(encoding="utf-8")))
    imports = [node for node in nodes if isinstance(node, ast.ImportFrom)]
    within = {one.name for node in imports if node.module == "traces_core.steps" for one in node.names}
    within |= {str(node.module).split(".")[2] for node in imports if _is_of_steps(node)}
    assert within == {name}


def _is_of_steps(node: ast.ImportFrom) -> bool:
    return str(node.module).startswith("traces_core.steps.")


def test_chapters_are_numbered_in_the_order_of_the_table_of_contents() -> None:
    numbers = [re.match(r"Chapter (\d+)\. ", module.__doc__ or "") for module in CHAPTERS]
    assert [int(one.group(1)) for one in numbers if one] == list(range(1, len(CHAPTERS) + 1))
