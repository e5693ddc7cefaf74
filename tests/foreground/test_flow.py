"""Flow on pictures that move as drawn."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from traces_core.foreground.flow import BackwardFlow


def _texture(rows: int, columns: int) -> np.ndarray:
    noise = np.random.default_rng(0).integers(0, 256, (rows, columns)).astype(np.uint8)
    return cv2.blur(noise, (5, 5))


@pytest.mark.parametrize(("right", "down"), [(1, 0), (-2, 0), (0, 1), (1, -1), (0, 0)])
def test_flow_says_where_the_picture_came_from(right: int, down: int) -> None:
    wide = _texture(60, 90)
    before, after = wide[8:56, 8:80], wide[8 - down : 56 - down, 8 - right : 80 - right]
    flow = BackwardFlow()
    assert flow(before) is None
    back = flow(after)
    assert back is not None
    assert back[8:-8, 8:-8].mean(axis=(0, 1)).tolist() == pytest.approx([-right, -down], abs=0.2)


def test_a_picture_without_texture_does_not_flow() -> None:
    flow, plain = BackwardFlow(), np.full((24, 32), 128, np.uint8)
    flow(plain)
    back = flow(plain + 20)
    assert back is not None
    assert float(np.abs(back).max()) < 1e-3
