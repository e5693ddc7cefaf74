"""Acts without figures that are not traffic: fire, explosions, broken glass, water; and the list of all.

How flames and smoke are shaped belongs in `elements`; the acts of people are in `acts` and `plays`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from PIL import ImageDraw

from traces_core.practice import paints
from traces_core.practice.acts import Act, Sprite, cast_of
from traces_core.practice.elements import FLAMES, Puffs, debris, flames
from traces_core.practice.paints import lit
from traces_core.practice.plans import Event
from traces_core.practice.poses import ramp, wave
from traces_core.practice.scenes import HEIGHT, WIDTH, SceneLayout
from traces_core.practice.traffic import crash, drive, park, train
from traces_core.practice.troubles import smash_pace


def _fire(event: Event, scene: SceneLayout) -> Act:
    cast = cast_of(event, scene)
    y = cast.actors[0].y - 6
    size = (30 if event.distance == "far" else 40) + 14 * cast.dice[6]
    smoke = Puffs(cast, 8, (74, 70, 70))

    def act(time_s: float) -> list[Sprite]:
        u = time_s - event.start_s
        if not 0 <= u <= cast.length_s:
            return []
        grown = (
            1.0
            if event.mid_motion
            else ramp(u, -0.4, 1.0) * (1 - 0.8 * ramp(u, cast.length_s - 0.6, cast.length_s))
        )
        now = size * grown

        def draw(canvas: ImageDraw.ImageDraw) -> None:
            smoke.draw(canvas, cast.x, y - 0.7 * now, 1.2 * now, u)
            flames(canvas, cast, cast.x, y, now, u)

        return [(y, draw)]

    return act


def _explosion(event: Event, scene: SceneLayout) -> Act:
    cast = cast_of(event, scene)
    y = cast.actors[0].y - 22
    start_s = 0.1 + (0.5 * cast.dice[6] if event.mid_motion else 0.0)
    size = 44 + 16 * cast.dice[7]
    smoke = Puffs(cast, 10, (86, 78, 72))

    def act(time_s: float) -> list[Sprite]:
        u = time_s - event.start_s - start_s
        if not 0 <= u <= cast.length_s - start_s:
            return []

        def draw(canvas: ImageDraw.ImageDraw) -> None:
            fade = 1 - ramp(u, cast.length_s - start_s - 0.7, cast.length_s - start_s)
            smoke.draw(canvas, cast.x, y + 12, 1.3 * size * ramp(u, 0.1, 0.8) * fade, u)
            ball = size * ramp(u, -0.05, 0.3) * (1 - ramp(u, 0.55, 1.5))
            for layer, colour in enumerate(FLAMES):
                radius = ball * (1.0 - 0.24 * layer) * (0.95 + 0.05 * wave(6 * u + layer))
                if radius > 1:
                    canvas.ellipse(
                        (cast.x - radius, y - radius, cast.x + radius, y + 0.8 * radius), fill=colour
                    )
            if u > 1.0:
                flames(canvas, cast, cast.x, y + 20, 0.6 * size * fade, u)
            debris(canvas, cast, cast.x, y, u, (70, 58, 50))

        return [(y + 22, draw)]

    return act


def _glass(event: Event, scene: SceneLayout) -> Act:
    """The cracks and shards that blows leave; who strikes is drawn by `plays`."""
    cast = cast_of(event, scene)
    left, top, right, bottom = scene.pane
    middle = ((left + right) / 2, (top + bottom) / 2)

    def act(time_s: float) -> list[Sprite]:
        u = time_s - event.start_s
        blows = math.floor(u * smash_pace(cast) + (1.5 if event.mid_motion else 0.0))
        if blows < 1 or u > cast.length_s or u < 0:
            return []

        def draw(canvas: ImageDraw.ImageDraw) -> None:
            for number in range(min(12, 4 * blows)):
                angle = 2 * math.pi * (cast.dice[number] + number / 12)
                reach = 10 + 4 * cast.dice[number - 1]
                end = (middle[0] + reach * math.cos(angle), middle[1] + reach * math.sin(angle))
                canvas.line((middle, end), fill=(236, 246, 250))
            hole = min(9.0, 2.5 * blows)
            corners = [
                (middle[0] + hole * math.cos(a) * (0.6 + cast.dice[a]), middle[1] + hole * math.sin(a))
                for a in range(7)
            ]
            canvas.polygon(corners, fill=(24, 26, 32))
            since = (u * smash_pace(cast)) % 1.0 / smash_pace(cast)
            for number in range(8):
                column = middle[0] + (cast.dice[number] - 0.5) * 70 * since
                row = middle[1] - 18 * cast.dice[number + 4] * since + 120 * since * since
                canvas.rectangle((column, row, column + 2, row + 2), fill=(220, 240, 248))

        return [(scene.road, draw)]

    return act


def _flood(event: Event, scene: SceneLayout) -> Act:
    cast = cast_of(event, scene)
    deep = 18 + 12 * cast.dice[0]
    colour = lit((84, 112, 122) if cast.dice[1] < 0.5 else (122, 104, 78), scene.tint)

    def act(time_s: float) -> list[Sprite]:
        u = time_s - event.start_s
        if not 0 <= u <= cast.length_s:
            return []
        full = ramp(u, 0.0, 0.45 * cast.length_s) * (1 - ramp(u, cast.length_s - 0.8, cast.length_s))
        height = deep * (0.4 + 0.6 * ramp(u, 0, 2.5) if event.mid_motion else full)

        def draw(canvas: ImageDraw.ImageDraw) -> None:
            for layer in range(4):
                top = HEIGHT - height * (1 - 0.24 * layer)
                crest = [
                    (column, top + 2.2 * wave(column / 34 + (0.5 + 0.15 * layer) * u + 0.3 * layer))
                    for column in range(0, WIDTH + 8, 8)
                ]
                tone = paints.shade(colour, 0.85 + 0.12 * layer)
                canvas.polygon([(0, HEIGHT), *crest, (WIDTH, HEIGHT)], fill=tone)
                canvas.line(crest, fill=paints.shade(colour, 1.5))

        return [(200.0, draw)]

    return act


EFFECTS: Mapping[str, Callable[[Event, SceneLayout], Act]] = {
    "drive_by": lambda event, scene: drive(event, scene, on_walkway=False),
    "vehicle_on_walkway": lambda event, scene: drive(event, scene, on_walkway=True),
    "park": park,
    "crash": crash,
    "fire": _fire,
    "explosion": _explosion,
    "smash": _glass,
    "flood": _flood,
    "train": train,
}
"""What moves besides the figures, by kind."""
