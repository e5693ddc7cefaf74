"""Captioned windows for the tests of this folder, and settings small enough to train in a moment."""

from __future__ import annotations

import pytest
from drawn_windows import Drawn, draw

from traces_core.fusion.settings import FusionSettings


@pytest.fixture(scope="session")
def drawn() -> Drawn:
    return draw()


@pytest.fixture(scope="session")
def few() -> Drawn:
    return draw(seed=1, clips=24)


@pytest.fixture
def quick() -> FusionSettings:
    return FusionSettings(
        steps=8, evaluate_every=4, batch=16, hidden=8, heads=2, learning_rate=3e-3, patience=50
    )
