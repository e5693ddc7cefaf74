"""What stands in a scene: bench, wall, window, and what stands in front of the figures.

Walls and grounds belong in `backdrops`, where things are in `scenes`.
"""

from __future__ import annotations

import numpy as np
from PIL import ImageDraw

from traces_core.practice import paints
from traces_core.practice.paints import Colour, shade
from traces_core.practice.scenes import HEIGHT, SceneLayout

_Draw = ImageDraw.ImageDraw


def steps(start: float, end: float, step: float) -> list[float]:
    """Every number from `start` to before `end`, a `step` apart."""
    return [float(value) for value in np.arange(start, end, step)]


def draw_occluder(draw: _Draw, scene: SceneLayout) -> None:
    """Draw what stands between the camera and the figures, if anything does."""
    if scene.occluder is None:
        return
    name, x, width, paint = scene.occluder
    colour = paints.lit(paint, scene.tint)
    if name == "pillar":
        draw.rectangle((x - width / 2, 0, x + width / 2, HEIGHT), fill=colour)
        draw.rectangle((x - width / 2, 0, x - width / 4, HEIGHT), fill=shade(colour, 1.3))
    elif name == "tree":
        draw.rectangle((x - 2, 24, x + 2, HEIGHT), fill=paints.lit((84, 62, 44), scene.tint))
        leaves = paints.lit((58, 98, 52), scene.tint)
        draw.ellipse((x - 2.4 * width, 2, x + 2.2 * width, 30), fill=leaves)
        draw.ellipse((x - 1.2 * width, -4, x + 2.0 * width, 20), fill=shade(leaves, 1.2))
    else:
        draw.rectangle((x - 1, 30, x + 1, HEIGHT), fill=shade(colour, 0.7))
        draw.rectangle((x - 1.6 * width, 18, x + 1.6 * width, 34), fill=colour, outline=shade(colour, 1.6))


def draw_wall(draw: _Draw, scene: SceneLayout, rng: np.random.Generator) -> None:
    """Draw the brick wall that can be climbed."""
    colour = paints.surface(scene.pool, rng, (0.45, 0.62), 0.25)
    left, right = scene.wall
    bottom = scene.road + 8
    draw.rectangle((left, 6, right, bottom), fill=colour, outline=shade(colour, 0.6))
    for number, row in enumerate(steps(6, bottom - 3, 5)):
        draw.line((left, row, right, row), fill=shade(colour, 0.75))
        for column in steps(left + 4 * (number % 2), right, 8):
            draw.line((column, row, column, row + 5), fill=shade(colour, 0.75))


def draw_pane(draw: _Draw, scene: SceneLayout, rng: np.random.Generator) -> None:
    """Draw the window that can be smashed, whole."""
    left, top, right, bottom = scene.pane
    frame = paints.surface(scene.pool, rng, (0.3, 0.5), 0.4)
    draw.rectangle(
        (left - 4, top - 6, right + 4, scene.road + 6), fill=shade(frame, 1.5), outline=shade(frame, 0.8)
    )
    draw.rectangle((left - 1, top - 1, right + 1, bottom + 1), fill=frame)
    draw.rectangle((left + 1, top + 1, right - 1, bottom - 1), fill=(150, 196, 216))
    draw.line((left + 4, top + 14, left + 12, top + 3), fill=(206, 230, 240), width=2)


def draw_bench(draw: _Draw, scene: SceneLayout, colour: Colour) -> None:
    """Draw the bench."""
    x, y = scene.bench
    draw.rectangle((x - 18, y - 29, x + 18, y - 25), fill=shade(colour, 0.9))
    draw.rectangle((x - 18, y - 18, x + 18, y - 14), fill=colour)
    for column in (x - 15, x + 14):
        draw.rectangle((column, y - 29, column + 1, y - 1), fill=shade(colour, 0.6))
