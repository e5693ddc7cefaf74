"""Acts without figures: vehicles, a train, fire, explosions, broken glass, water.

How a vehicle is drawn belongs in `vehicles`; the acts of people are in `acts` and `plays`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from PIL import ImageDraw

from traces_core.video.practice import paints
from traces_core.video.practice.acts import Act, Cast, Sprite, cast_of
from traces_core.video.practice.paints import Colour, lit
from traces_core.video.practice.plans import Event, generator
from traces_core.video.practice.plays import smash_pace
from traces_core.video.practice.poses import ramp, wave
from traces_core.video.practice.scenes import HEIGHT, WIDTH, Scene
from traces_core.video.practice.vehicles import draw_train, draw_vehicle

_FLAMES: tuple[Colour, ...] = ((214, 58, 16), (248, 128, 26), (255, 206, 70), (255, 244, 176))


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


def _drive(event: Event, scene: Scene, *, on_walkway: bool) -> Act:
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


def _park(event: Event, scene: Scene) -> Act:
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


def _crash(event: Event, scene: Scene) -> Act:
    cast = cast_of(event, scene)
    lengths = [54 + 10 * cast.dice[0], 54 + 10 * cast.dice[1]]
    hit_s = 0.5 + 0.6 * cast.dice[2]
    speeds = (60 + 40 * cast.dice[3], 45 + 40 * cast.dice[4])
    middle, y = 64 + 0.4 * (cast.x - 64), scene.road + 2
    smoke = _Puffs(cast, 6, (92, 90, 90))

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
            sprites.append((y + 3, lambda canvas: _debris(canvas, cast, middle, y - 12, after, (60, 56, 54))))
        return sprites

    return act


class _Puffs:
    """Smoke: round puffs that rise, grow and begin anew."""

    def __init__(self, cast: Cast, count: int, colour: Colour) -> None:
        rng = generator(cast.event.seed, "puffs")
        self.places = rng.random((count, 3)).tolist()
        self.colour = colour
        self.gains = 0.55 + 0.45 * min(cast.scene.tint)

    def draw(self, canvas: ImageDraw.ImageDraw, x: float, y: float, size: float, u: float) -> None:
        """Draw the puffs above (x, y); `size` is about how high they rise, in pixels."""
        for aside, phase, pace in self.places:
            age = (phase + (0.4 + 0.3 * pace) * u) % 1.0
            radius = size * (0.10 + 0.22 * age)
            column = x + size * (0.5 * (aside - 0.5) + 0.22 * wave(0.3 * u + aside) * age)
            row = y - 1.15 * size * age
            grey = paints.shade(self.colour, self.gains * (0.8 + 0.5 * age))
            canvas.ellipse((column - radius, row - radius, column + radius, row + radius), fill=grey)


def _flames(canvas: ImageDraw.ImageDraw, cast: Cast, x: float, y: float, size: float, u: float) -> None:
    """Tongues of fire that flicker, layer in layer."""
    for layer, colour in enumerate(_FLAMES[:3]):
        shrink = 1.0 - 0.27 * layer
        for number in range(5):
            roll = cast.dice[number]
            column = x + size * shrink * 0.17 * (number - 2)
            flicker = 0.72 + 0.28 * wave((2.1 + roll) * u + roll + 0.15 * layer)
            tall = size * shrink * flicker * (1.0 - 0.16 * abs(number - 2))
            lean = 0.10 * size * wave(1.3 * u + 2 * roll)
            wide = 0.15 * size * shrink
            tongue = [(column - wide, y), (column + wide, y), (column + 0.4 * wide + 0.5 * lean, y - 0.55 * tall),
                      (column + lean, y - tall), (column - 0.5 * wide + 0.3 * lean, y - 0.5 * tall)]  # fmt: skip
            canvas.polygon(tongue, fill=colour)


def _debris(canvas: ImageDraw.ImageDraw, cast: Cast, x: float, y: float, u: float, colour: Colour) -> None:
    """Fragments that fly apart and fall."""
    for number in range(12):
        roll, other = cast.dice[number], cast.dice[(5 * number + 3) % 16]
        column = x + (roll - 0.5) * 190 * u
        row = y - (40 + 70 * other) * u + 95 * u * u
        if row < HEIGHT:
            canvas.rectangle((column, row, column + 2 + 2 * other, row + 2 + 2 * roll), fill=colour)


def _fire(event: Event, scene: Scene) -> Act:
    cast = cast_of(event, scene)
    y = cast.actors[0].y - 6
    size = (30 if event.distance == "far" else 40) + 14 * cast.dice[6]
    smoke = _Puffs(cast, 8, (74, 70, 70))

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
            _flames(canvas, cast, cast.x, y, now, u)

        return [(y, draw)]

    return act


def _explosion(event: Event, scene: Scene) -> Act:
    cast = cast_of(event, scene)
    y = cast.actors[0].y - 22
    start_s = 0.1 + (0.5 * cast.dice[6] if event.mid_motion else 0.0)
    size = 44 + 16 * cast.dice[7]
    smoke = _Puffs(cast, 10, (86, 78, 72))

    def act(time_s: float) -> list[Sprite]:
        u = time_s - event.start_s - start_s
        if not 0 <= u <= cast.length_s - start_s:
            return []

        def draw(canvas: ImageDraw.ImageDraw) -> None:
            fade = 1 - ramp(u, cast.length_s - start_s - 0.7, cast.length_s - start_s)
            smoke.draw(canvas, cast.x, y + 12, 1.3 * size * ramp(u, 0.1, 0.8) * fade, u)
            ball = size * ramp(u, -0.05, 0.3) * (1 - ramp(u, 0.55, 1.5))
            for layer, colour in enumerate(_FLAMES):
                radius = ball * (1.0 - 0.24 * layer) * (0.95 + 0.05 * wave(6 * u + layer))
                if radius > 1:
                    canvas.ellipse(
                        (cast.x - radius, y - radius, cast.x + radius, y + 0.8 * radius), fill=colour
                    )
            if u > 1.0:
                _flames(canvas, cast, cast.x, y + 20, 0.6 * size * fade, u)
            _debris(canvas, cast, cast.x, y, u, (70, 58, 50))

        return [(y + 22, draw)]

    return act


def _glass(event: Event, scene: Scene) -> Act:
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
            corners = [(middle[0] + hole * math.cos(a) * (0.6 + cast.dice[a]), middle[1] + hole * math.sin(a))
                       for a in range(7)]  # fmt: skip
            canvas.polygon(corners, fill=(24, 26, 32))
            since = (u * smash_pace(cast)) % 1.0 / smash_pace(cast)
            for number in range(8):
                column = middle[0] + (cast.dice[number] - 0.5) * 70 * since
                row = middle[1] - 18 * cast.dice[number + 4] * since + 120 * since * since
                canvas.rectangle((column, row, column + 2, row + 2), fill=(220, 240, 248))

        return [(scene.road, draw)]

    return act


def _flood(event: Event, scene: Scene) -> Act:
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
                crest = [(column, top + 2.2 * wave(column / 34 + (0.5 + 0.15 * layer) * u + 0.3 * layer))
                         for column in range(0, WIDTH + 8, 8)]  # fmt: skip
                tone = paints.shade(colour, 0.85 + 0.12 * layer)
                canvas.polygon([(0, HEIGHT), *crest, (WIDTH, HEIGHT)], fill=tone)
                canvas.line(crest, fill=paints.shade(colour, 1.5))

        return [(200.0, draw)]

    return act


def _train(event: Event, scene: Scene) -> Act:
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


EFFECTS: Mapping[str, Callable[[Event, Scene], Act]] = {
    "drive_by": lambda event, scene: _drive(event, scene, on_walkway=False),
    "vehicle_on_walkway": lambda event, scene: _drive(event, scene, on_walkway=True),
    "park": _park,
    "crash": _crash,
    "fire": _fire,
    "explosion": _explosion,
    "smash": _glass,
    "flood": _flood,
    "train": _train,
}
"""What moves besides the figures, by kind."""
