"""Traffic: vehicles that pass, park, crash or leave the road, and the train.

How a vehicle is drawn belongs in `vehicles`; fire, water and broken glass belong in `effects`.
"""

from __future__ import annotations

import math

from PIL import ImageDraw

from traces_core.practice import paints
from traces_core.practice.acts import Act, Cast, Sprite, cast_of
from traces_core.practice.elements import Puffs, debris
from traces_core.practice.paints import Colour, lit
from traces_core.practice.plans import Event, generator
from traces_core.practice.poses import ramp, wave
from traces_core.practice.scenes import WIDTH, SceneLayout
from traces_core.practice.vehicles import draw_train, draw_vehicle


def _paint(cast: Cast, number: int) -> Colour:
    rng = generator(cast.event.seed, "paint", number)
    shades = paints.cloths(cast.scene.pool, cast.event.vehicles[number].colour)
    return lit(shades[int(rng.integers(len(shades)))], cast.scene.tint)


def _vehicle(
    cast: Cast, number: int, x: float, y: float, length: float, facing: int, tilt: float = 0.0
) -> Sprite:
    model, colour = cast.event.vehicles[number].model, _paint(cast, number)

    def draw(canvas: ImageDraw.ImageDraw) -> None:
        draw_vehicle(canvas, x, y, length, facing, model, colour, turn=x / (0.085 * length), tilt=tilt)

    return (y, draw)


def _passing(cast: Cast, u: float, speed: float, length: float) -> float:
    """How far a vehicle that keeps passing by has come, from just outside the view."""
    span = WIDTH + length + 8
    start = (0.2 + 0.6 * cast.actors[0].phase) * span if cast.event.mid_motion else 0.0
    return (start + speed * u) % span - length / 2 - 4 if u >= 0 else -length


def drive(event: Event, scene: SceneLayout, *, on_walkway: bool) -> Act:
    """A vehicle passes, on the road or where people walk."""
    cast = cast_of(event, scene)
    length = (66 if on_walkway else 56) + 12 * cast.dice[0]
    y = scene.road + 2 if not on_walkway else min(94.0, max(cast.actors[0].y, scene.road + 18))
    speed = 42 + 42 * cast.dice[1]

    def act(time_s: float) -> list[Sprite]:
        u = time_s - event.start_s
        if u < 0 or u > cast.length_s + 6:
            return []
        late_s = max(0.0, u - cast.length_s)
        way = _passing(cast, min(u, cast.length_s), speed, length) + speed * late_s
        heading = cast.actors[0].heading
        x = way if heading > 0 else WIDTH - way
        return [_vehicle(cast, 0, x, y, length, heading, 0.01 * wave(2.5 * u))]

    return act


def park(event: Event, scene: SceneLayout) -> Act:
    """A vehicle comes in, brakes and stands still."""
    cast = cast_of(event, scene)
    length, heading = 56 + 12 * cast.dice[0], cast.actors[0].heading
    brake_s = min(cast.length_s, 3.5)

    def act(time_s: float) -> list[Sprite]:
        u = time_s - event.start_s
        left = 1 - min(1.0, max(0.0, u / brake_s))
        reach = (0.5 if event.mid_motion else 1.0) * (cast.x + length)
        late_s = max(0.0, u - cast.length_s)
        way = cast.x - reach * left * left + 22 * late_s * min(1.0, late_s)
        if u < 0 or way > WIDTH + length:
            return []
        x = way if heading > 0 else WIDTH - way
        return [_vehicle(cast, 0, x, scene.road + 2, length, heading)]

    return act


def crash(event: Event, scene: SceneLayout) -> Act:
    """Two vehicles run into each other; smoke and fragments follow."""
    cast = cast_of(event, scene)
    lengths = [54 + 10 * cast.dice[0], 54 + 10 * cast.dice[1]]
    hit_s = 0.5 + 0.6 * cast.dice[2]
    speeds = (60 + 40 * cast.dice[3], 45 + 40 * cast.dice[4])
    middle, y = 64 + 0.4 * (cast.x - 64), scene.road + 2
    smoke = Puffs(cast, 6, (92, 90, 90))

    def act(time_s: float) -> list[Sprite]:
        u = time_s - event.start_s
        after = u - hit_s
        late_s = max(0.0, u - cast.length_s)
        sprites = []
        for number, side in enumerate((-1, 1)):
            shock = 5 * math.exp(-3 * max(0.0, after)) * abs(wave(3 * after)) if after > 0 else 0.0
            away = speeds[number] * max(0.0, -after) + shock + 30 * late_s
            x = middle + side * (0.46 * lengths[number] + away)
            tilt = 0.10 * ramp(after, 0.0, 0.1) * (1 - 0.4 * ramp(after, 0.1, 0.5))
            if -60 < x < WIDTH + 60:
                sprites.append(_vehicle(cast, number, x, y + number, lengths[number], -side, -tilt))
        if after > 0 and late_s == 0:
            size = 26 * ramp(after, 0, 0.5) * (1 - ramp(u, cast.length_s - 0.7, cast.length_s))
            sprites.append((y + 2, lambda canvas: smoke.draw(canvas, middle, y - 18, size, after)))
            sprites.append((y + 3, lambda canvas: debris(canvas, cast, middle, y - 12, after, (60, 56, 54))))
        return sprites

    return act


def train(event: Event, scene: SceneLayout) -> Act:
    """A train passes behind the platform."""
    cast = cast_of(event, scene)
    rng = generator(event.seed, "train")
    colour = lit(paints.surface(scene.pool, rng, (0.5, 0.8), 0.9), scene.tint)
    speed, heading = 45 + 40 * cast.dice[0], cast.actors[0].heading
    gains = max(0.7, scene.tint[0])

    def act(time_s: float) -> list[Sprite]:
        u = time_s - event.start_s
        if not 0 <= u <= cast.length_s:
            return []
        span = WIDTH + 340.0
        start = (0.3 + 0.4 * cast.actors[0].phase) * span if event.mid_motion else 0.0
        slow = min(speed, 0.98 * span / cast.length_s) if not event.mid_motion else speed
        nose = min(span, start + max(slow, 0.9 * (span - start) / cast.length_s * (not event.mid_motion)) * u)

        def draw(canvas: ImageDraw.ImageDraw) -> None:
            x = nose if heading > 0 else WIDTH - nose + 330
            draw_train(canvas, x, scene.road - 2, scene.horizon - 22, colour, gains)

        return [(scene.road - 2, draw)]

    return act
