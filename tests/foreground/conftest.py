"""What normal footage of the drawn walkway says, learned once."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_walkway import RATE, SMALL, normal_video

from traces_core.foreground.surprise import ForegroundSurprise


@pytest.fixture(scope="session")
def videos() -> list[np.ndarray]:
    return [normal_video(seed) for seed in range(6)]


@pytest.fixture(scope="session")
def learned(videos: list[np.ndarray]) -> ForegroundSurprise:
    return ForegroundSurprise.fit(videos, SMALL, RATE)
