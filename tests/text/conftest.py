"""Tiny catalogs, written by the tests that read them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from textwrap import dedent

import pytest
from yards import YARD

from traces_core.text import Context


@pytest.fixture
def write_context(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str = YARD, name: str = "yard") -> Path:
        folder = tmp_path / "catalog"
        folder.mkdir(exist_ok=True)
        path = folder / f"{name}.yaml"
        path.write_text(dedent(text), encoding="utf-8")
        return path

    return write


@pytest.fixture
def yard() -> Context:
    return Context(
        context="yard",
        scene="An empty yard behind a house.",
        normal=("A cat sleeps on a wall.", "A man waters the flowers."),
        anomalous={
            "fire": ("Flames rise from a bin.", "A shed is burning in the dark."),
            "theft": (
                "A stranger lifts a bicycle over the fence.",
                "Somebody carries tools out of the shed at night.",
            ),
        },
        tags=("outdoors",),
    )
