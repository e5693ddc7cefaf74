"""The painted backgrounds of the six contexts, and what stands in front of the figures.

Static paint belongs here; where things are belongs in `scenes`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from traces_core.practice import paints
from traces_core.practice.furniture import draw_bench, draw_pane, draw_wall, steps
from traces_core.practice.kinds import KINDS
from traces_core.practice.paints import Colour, shade
from traces_core.practice.plans import generator
from traces_core.practice.scenes import HEIGHT, WIDTH, SceneLayout
from traces_core.practice.vehicles import draw_vehicle

_Draw = ImageDraw.ImageDraw


@lru_cache(maxsize=64)
def backdrop(scene: SceneLayout) -> Image.Image:
    """The lit background of a scene, an RGB image of 128 x 96 pixels; never to be drawn upon."""
    rng = generator(scene.camera, "backdrop", scene.context, scene.pool)
    image = Image.new("RGB", (WIDTH, HEIGHT))
    draw = ImageDraw.Draw(image)
    _PAINTERS[scene.context](draw, scene, rng)
    if scene.context in KINDS["climb"].contexts:
        draw_wall(draw, scene, rng)
    if scene.context in KINDS["smash"].contexts:
        draw_pane(draw, scene, rng)
    if scene.context in KINDS["sit"].contexts:
        draw_bench(draw, scene, paints.surface(scene.pool, rng, (0.3, 0.5), 0.5))
    pixels = np.asarray(image, dtype=np.float32)
    grain = rng.normal(0.0, 3.0, (HEIGHT, WIDTH, 1)) + np.kron(
        rng.normal(0, 2.5, (24, 32, 1)), np.ones((4, 4, 1))
    )
    pixels = (pixels + grain) * np.asarray(scene.tint, dtype=np.float32) * _lamps(scene, rng)
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _lamps(scene: SceneLayout, rng: np.random.Generator) -> NDArray[np.float32]:
    """Gains of shape (96, 128, 1): pools of lamp light in the dark, a soft slope by day."""
    rows, columns = np.mgrid[0:HEIGHT, 0:WIDTH].astype(np.float32)
    slope = 1.0 + 0.12 * (columns / WIDTH - 0.5) * float(rng.choice((-1, 1)))
    gains = slope - 0.10 * (rows / HEIGHT - 0.5)
    x = float(rng.uniform(20, 108))
    if scene.light != "day":
        strength = 0.9 if scene.light == "night" else 0.3
        gains = gains + strength * np.exp(-(((columns - x) / 26) ** 2) - ((rows - 60) / 34) ** 2)
    return np.asarray(gains[..., None], dtype=np.float32)


def _ground(
    draw: _Draw, scene: SceneLayout, colour: Colour, top: float, tiles: int, rows: bool = True
) -> None:
    """A floor from a row down, with lines that run to the vanishing point."""
    draw.rectangle((0, top, WIDTH, HEIGHT), fill=colour)
    dark = shade(colour, 0.84)
    for number in range(-2 * tiles, 3 * tiles + 1):
        foot = number * WIDTH / tiles
        slope = (foot - scene.vanishing) / (HEIGHT - scene.horizon + 8)
        draw.line((scene.vanishing + slope * (top - scene.horizon + 8), top, foot, HEIGHT), fill=dark)
    if rows:
        step, row = 3.0, top
        while row < HEIGHT:
            draw.line((0, row, WIDTH, row), fill=dark)
            row, step = row + step, step * 1.35


def _street(draw: _Draw, scene: SceneLayout, rng: np.random.Generator) -> None:
    draw.rectangle((0, 0, WIDTH, HEIGHT), fill=(168, 192, 214))
    x = -4.0
    while x < WIDTH:
        width = float(rng.uniform(24, 42))
        colour = paints.surface(scene.pool, rng, (0.5, 0.8))
        top = float(rng.uniform(0, 12))
        draw.rectangle((x, top, x + width, scene.horizon + 4), fill=colour, outline=shade(colour, 0.7))
        for row in steps(top + 4, scene.horizon - 4, 9):
            for column in steps(x + 4, x + width - 6, 9):
                draw.rectangle((column, row, column + 4, row + 5), fill=shade(colour, 0.5))
        x += width
    kerb = scene.road + 5
    draw.rectangle((0, scene.horizon + 4, WIDTH, kerb), fill=(84, 84, 88))
    lane = (scene.horizon + kerb) / 2 + 4
    for column in steps(-8 + float(rng.uniform(0, 12)), WIDTH, 20):
        draw.rectangle((column, lane, column + 10, lane + 1), fill=(226, 226, 214))
    _ground(draw, scene, paints.surface(scene.pool, rng, (0.55, 0.75), 0.22), kerb, 6)
    draw.rectangle((0, kerb, WIDTH, kerb + 2), fill=(204, 204, 200))


def _corridor(draw: _Draw, scene: SceneLayout, rng: np.random.Generator) -> None:
    wall = paints.surface(scene.pool, rng, (0.62, 0.84))
    floor = paints.surface(scene.pool, rng, (0.4, 0.62))
    left, right = scene.vanishing - 17, scene.vanishing + 17
    top, bottom = scene.horizon - 15, scene.horizon + 22
    edge = min(76.0, bottom + 12)
    _ground(draw, scene, floor, bottom, 7)
    draw.rectangle((0, 0, WIDTH, bottom), fill=shade(wall, 0.92))
    draw.polygon([(0, 0), (left, top), (right, top), (WIDTH, 0)], fill=shade(wall, 1.15))
    for number in range(3):
        y = top * (0.2 + 0.3 * number)
        half = 15 - 4 * number
        draw.rectangle((scene.vanishing - half, y, scene.vanishing + half, y + 1.5), fill=(252, 250, 236))
    draw.polygon([(0, 0), (left, top), (left, bottom), (0, edge)], fill=wall)
    draw.polygon([(WIDTH, 0), (right, top), (right, bottom), (WIDTH, edge)], fill=shade(wall, 0.84))
    draw.rectangle((left, top, right, bottom), fill=shade(wall, 0.74), outline=shade(wall, 0.55))
    door = paints.surface(scene.pool, rng, (0.35, 0.6), 0.55)
    draw.rectangle(
        (scene.vanishing - 7, top + 9, scene.vanishing + 7, bottom), fill=door, outline=shade(door, 0.6)
    )
    for near, far in ((0.15, 0.42), (0.6, 0.8)):
        for side, end in ((0.0, left), (float(WIDTH), right)):
            columns = [side + (end - side) * near, side + (end - side) * far]
            feet = [edge + (bottom - edge) * near, edge + (bottom - edge) * far]
            heads = [foot - (foot - scene.horizon) * 1.75 for foot in feet]
            corners = [
                (columns[0], heads[0]),
                (columns[1], heads[1]),
                (columns[1], feet[1]),
                (columns[0], feet[0]),
            ]
            draw.polygon(corners, fill=door, outline=shade(door, 0.6))


def _sales_floor(draw: _Draw, scene: SceneLayout, rng: np.random.Generator) -> None:
    wall = paints.surface(scene.pool, rng, (0.7, 0.88), 0.2)
    base = scene.horizon + 26
    draw.rectangle((0, 0, WIDTH, base), fill=wall)
    for column in (24.0, 64.0, 104.0):
        draw.rectangle((column - 9, 2, column + 9, 4), fill=(252, 252, 244))
    _ground(draw, scene, paints.surface(scene.pool, rng, (0.66, 0.84), 0.16), base, 8)
    frame = paints.surface(scene.pool, rng, (0.35, 0.55))
    for x in steps(-6 + float(rng.uniform(0, 8)), WIDTH, 34):
        draw.rectangle((x, 12, x + 30, base + 2), fill=shade(frame, 0.7))
        for row in steps(14, base - 6, 11):
            column = x + 1
            while column < x + 27:
                width, tall = float(rng.uniform(2, 5)), float(rng.uniform(5, 9))
                good = paints.surface(scene.pool, rng, (0.55, 0.85), 0.55)
                draw.rectangle((column, row + 9 - tall, column + width, row + 9), fill=good)
                column += width + 1
            draw.rectangle((x, row + 9, x + 30, row + 10), fill=frame)
    side = 1 if scene.pane[0] < 60 else -1
    x = 108.0 if side > 0 else -14.0
    counter = paints.surface(scene.pool, rng, (0.5, 0.7), 0.5)
    draw.rectangle((x, base - 6, x + 34, base + 18), fill=counter, outline=shade(counter, 0.6))
    draw.rectangle((x - 1, base - 8, x + 35, base - 5), fill=shade(counter, 1.25))


def _car_park(draw: _Draw, scene: SceneLayout, rng: np.random.Generator) -> None:
    draw.rectangle((0, 0, WIDTH, HEIGHT), fill=(172, 188, 202))
    wall = paints.surface(scene.pool, rng, (0.45, 0.65), 0.2)
    draw.rectangle((0, scene.horizon - 16, WIDTH, scene.horizon + 2), fill=wall)
    for row in steps(scene.horizon - 12, scene.horizon, 5):
        draw.line((0, row, WIDTH, row), fill=shade(wall, 0.85))
    asphalt = paints.surface(scene.pool, rng, (0.36, 0.50), 0.10)
    draw.rectangle((0, scene.horizon + 2, WIDTH, HEIGHT), fill=asphalt)
    rows = ((scene.horizon + 2, scene.horizon + 17), (82.0, 96.0))
    for top, bottom in rows:
        for number in range(-8, 14):
            foot = number * 26.0
            ends = [
                scene.vanishing
                + (foot - scene.vanishing) * (row - scene.horizon + 24) / (120 - scene.horizon)
                for row in (top, bottom)
            ]
            draw.line((ends[0], top, ends[1], bottom), fill=(222, 222, 210), width=1 if top < 70 else 2)
    x = float(rng.uniform(-10, 8))
    while x < WIDTH:
        if rng.random() < 0.7:
            model = "van" if rng.random() < 0.25 else "car"
            draw_vehicle(
                draw,
                x + 16,
                scene.horizon + 15,
                30,
                1,
                model,
                paints.surface(scene.pool, rng, (0.3, 0.85), 0.8),
            )
        x += 37


def _plaza(draw: _Draw, scene: SceneLayout, rng: np.random.Generator) -> None:
    draw.rectangle((0, 0, WIDTH, HEIGHT), fill=(176, 202, 226))
    facade = paints.surface(scene.pool, rng, (0.6, 0.82))
    draw.rectangle((0, scene.horizon - 18, WIDTH, scene.horizon + 2), fill=facade)
    for column in steps(4, WIDTH, 11):
        draw.rectangle((column, scene.horizon - 13, column + 5, scene.horizon + 2), fill=shade(facade, 0.62))
        draw.pieslice(
            (column, scene.horizon - 16, column + 5, scene.horizon - 10), 180, 360, fill=shade(facade, 0.62)
        )
    for column in rng.uniform(0, WIDTH, 3).tolist():
        draw.rectangle((column - 1, scene.horizon - 8, column + 1, scene.horizon + 5), fill=(86, 64, 46))
        draw.ellipse((column - 9, scene.horizon - 24, column + 9, scene.horizon - 5), fill=(70, 116, 62))
    _ground(draw, scene, paints.surface(scene.pool, rng, (0.62, 0.82), 0.3), scene.horizon + 3, 9)
    x, y = (float(rng.uniform(20, 108)), scene.horizon + 20)
    stone = paints.surface(scene.pool, rng, (0.6, 0.76), 0.12)
    draw.ellipse((x - 22, y - 8, x + 22, y + 8), fill=stone, outline=shade(stone, 0.6))
    draw.ellipse((x - 18, y - 6, x + 18, y + 4), fill=(104, 160, 196))
    draw.rectangle((x - 2, y - 18, x + 2, y), fill=shade(stone, 0.85))
    draw.ellipse((x - 9, y - 20, x + 9, y - 14), fill=stone, outline=shade(stone, 0.6))
    draw.arc((x - 12, y - 20, x, y + 4), 180, 300, fill=(206, 230, 244))
    draw.arc((x, y - 20, x + 12, y + 4), 240, 360, fill=(206, 230, 244))


def _platform(draw: _Draw, scene: SceneLayout, rng: np.random.Generator) -> None:
    wall = paints.surface(scene.pool, rng, (0.55, 0.78))
    draw.rectangle((0, 0, WIDTH, HEIGHT), fill=wall)
    for row in steps(4, scene.horizon, 6):
        for column in steps(-3 * (row % 4), WIDTH, 12):
            draw.rectangle((column, row, column + 12, row + 6), outline=shade(wall, 0.9))
    roof = paints.surface(scene.pool, rng, (0.3, 0.45))
    draw.polygon([(0, 0), (WIDTH, 0), (WIDTH, 7), (0, 10)], fill=roof)
    for column in (18.0, 62.0, 106.0):
        draw.rectangle((column, 8, column + 2, scene.horizon + 6), fill=shade(roof, 0.8))
    edge = scene.road + 3
    draw.rectangle((0, scene.horizon + 6, WIDTH, edge), fill=(74, 66, 60))
    for column in steps(-4, WIDTH, 8):
        draw.line((column, edge - 4, column + 5, scene.horizon + 11), fill=(52, 44, 38), width=2)
    for row in (scene.horizon + 12, edge - 6):
        draw.line((0, row, WIDTH, row), fill=(176, 178, 184), width=2)
    _ground(draw, scene, paints.surface(scene.pool, rng, (0.58, 0.76), 0.15), edge, 7)
    draw.rectangle((0, edge, WIDTH, edge + 2), fill=(232, 230, 224))
    draw.rectangle((0, edge + 5, WIDTH, edge + 7), fill=(226, 190, 52))


_PAINTERS: dict[str, Callable[[_Draw, SceneLayout, np.random.Generator], None]] = {
    "street": _street,
    "corridor": _corridor,
    "shop": _sales_floor,
    "car_park": _car_park,
    "plaza": _plaza,
    "platform": _platform,
}
