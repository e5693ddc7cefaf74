"""A walkway before a still camera, drawn: textured people that walk along rows, tall where they are near."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from traces_core.foreground.settings import ForegroundSettings

ROWS, COLUMNS, RATE = 120, 180, 10.0
SMALL = ForegroundSettings(every=2, batch=64)


def height_at(row: float) -> float:
    """Pixels of a person whose middle is at a row."""
    return 16.0 + 0.1 * row


@dataclass(frozen=True)
class Walker:
    """A person who walks along a row."""

    row: float
    """Of the middle."""
    start: float
    """Column at the first frame."""
    speed: float
    """Heights a second, to the right."""
    width: float = 0.4
    """In heights."""
    seed: int = 0
    """Of the clothes."""


def background() -> np.ndarray:
    """float64 (ROWS, COLUMNS): a pavement with some texture."""
    rng = np.random.default_rng(7)
    coarse = rng.uniform(-15, 15, (ROWS // 6, COLUMNS // 6))
    return 120 + np.kron(coarse, np.ones((6, 6)))


def draw(walkers: list[Walker], frames: int, seed: int = 0) -> np.ndarray:
    """uint8 (frames, ROWS, COLUMNS), with a grey level of noise."""
    rng = np.random.default_rng(seed)
    video = background() + rng.normal(0, 1, (frames, ROWS, COLUMNS))
    y, x = np.mgrid[:ROWS, :COLUMNS]
    for one in sorted(walkers, key=lambda walker: walker.row):
        tall = height_at(one.row)
        cloth = np.random.default_rng(one.seed).uniform(10, 80, (10, 6))
        for number in range(frames):
            middle = one.start + one.speed * tall * number / RATE
            down = (y - one.row) / tall + 0.5
            across = (x - middle) / (one.width * tall) + 0.5
            inside = (down >= 0) & (down < 1) & (across >= 0) & (across < 1)
            shade = cloth[(down[inside] * 10).astype(int), (across[inside] * 6).astype(int)]
            video[number][inside] = shade
    return np.clip(np.rint(video), 0, 255).astype(np.uint8)


def normal_video(seed: int, frames: int = 40) -> np.ndarray:
    """Five people who walk either way, at half a height to 0.9 heights a second."""
    rng = np.random.default_rng([seed, 1])
    walkers = [
        Walker(
            row=float(row),
            start=float(rng.uniform(10, COLUMNS - 10)),
            speed=float(rng.choice([-1, 1]) * rng.uniform(0.5, 0.9)),
            seed=int(rng.integers(1000)),
        )
        for row in rng.permutation([25, 45, 65, 85, 102]) + rng.uniform(-4, 4, 5)
    ]
    return draw(walkers, frames, seed)
