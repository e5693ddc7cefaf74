"""One fixed camera: where the ground is, what stands on it, how the light falls, how the sensor rustles.

The geometry of a scene belongs here; the paint of its background belongs in `backdrops`, what moves in
front of it in `acts`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from traces_core.practice import paints
from traces_core.practice.paints import Colour
from traces_core.practice.plans import Plan, generator

WIDTH = 128
"""Width of every frame, in pixels."""
HEIGHT = 96
"""Height of every frame, in pixels."""

HORIZON_PX: dict[str, tuple[float, float]] = {"generic": (29.0, 35.0), "held_out": (36.0, 41.0)}
"""Range of the row of the horizon, by pool: the pools' cameras never look alike."""
VANISHING_PX: dict[str, tuple[tuple[float, float], ...]] = {
    "generic": ((44.0, 84.0),),
    "held_out": ((26.0, 42.0), (86.0, 102.0)),
}
"""Ranges of the column of the vanishing point, by pool."""
NOISE_SIGMA = (2.0, 6.0)
"""Range of the standard deviation of the sensor's noise, in grey values."""


@dataclass(frozen=True)
class SceneLayout:
    """The layout of a fixed camera, in pixels."""

    context: str
    """One of `CONTEXTS`."""
    pool: str
    """`generic` or `held_out`."""
    light: str
    """One of `LIGHTS`."""
    camera: int
    """Which camera of the pool."""
    horizon: float
    """Row at which the ground begins."""
    vanishing: float
    """Column to which the lines of the ground run."""
    road: float
    """Row of the wheels of vehicles on the road (or of the train on its track)."""
    bench: tuple[float, float]
    """Column of the middle and row of the feet of the bench."""
    pane: tuple[float, float, float, float]
    """Left, top, right and bottom of the window that can be smashed."""
    wall: tuple[float, float]
    """Left and right column of the wall that can be climbed."""
    tint: tuple[float, float, float]
    """Gains of red, green and blue."""
    sigma: float
    """Standard deviation of the noise, in grey values."""
    occluder: tuple[str, float, float, Colour] | None
    """What stands in front: its name, column, width and colour; None where nothing does."""


def scene_of(plan: Plan) -> SceneLayout:
    """The scene of a plan: the same for every plan of this context, pool, camera and light."""
    return _scene(plan.context, plan.pool, plan.camera, plan.light)


@lru_cache(maxsize=64)
def _scene(context: str, pool: str, camera: int, light: str) -> SceneLayout:
    rng = generator(camera, "scene", context, pool)
    horizon = float(rng.uniform(*HORIZON_PX[pool]))
    ranges = VANISHING_PX[pool]
    vanishing = float(rng.uniform(*ranges[int(rng.integers(len(ranges)))]))
    left_first = bool(rng.random() < 0.5)
    pane_x = float(rng.uniform(16, 34) if left_first else rng.uniform(72, 88))
    wall_x = float(rng.uniform(78, 96) if left_first else rng.uniform(8, 26))
    occluder = None
    if rng.random() < 0.4:
        name = str(
            rng.choice(
                {"corridor": ["pillar"], "shop": ["pillar", "sign"]}.get(context, ["pillar", "tree", "sign"])
            )
        )
        occluder = (
            name,
            float(rng.uniform(6, 122)),
            float(rng.uniform(4, 8)),
            paints.surface(pool, rng, (0.25, 0.5)),
        )
    return SceneLayout(
        context=context,
        pool=pool,
        light=light,
        camera=camera,
        horizon=horizon,
        vanishing=vanishing,
        road=horizon + float(rng.uniform(27.0, 31.0)),
        bench=(float(rng.uniform(34, 94)), float(rng.uniform(80, 86))),
        pane=(pane_x, horizon - 2, pane_x + 24, horizon + 26),
        wall=(wall_x, wall_x + 26),
        tint=paints.tint(light, rng),
        sigma=float(rng.uniform(*NOISE_SIGMA)),
        occluder=occluder,
    )


def noise_fields(scene: SceneLayout, rng: np.random.Generator, count: int = 6) -> NDArray[np.int16]:
    """A few fields of sensor noise, int16 array of shape (count, 96, 128, 3), to be rolled and reused."""
    shared = rng.normal(0.0, scene.sigma, (count, HEIGHT, WIDTH, 1))
    coloured = rng.normal(0.0, 0.4 * scene.sigma, (count, HEIGHT, WIDTH, 3))
    return np.rint(shared + coloured).astype(np.int16)
