"""Articulated figures: a pose in angles, a look in colours, drawn with a dozen lines.

The skeleton and its drawing belong here; how poses follow each other belongs in `poses`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from PIL import ImageDraw

from traces_core.practice import paints
from traces_core.practice.paints import Colour, shade
from traces_core.practice.plans import Person

_THIGH, _SHIN, _TORSO, _UPPER, _FORE, _HEAD = 0.245, 0.245, 0.31, 0.165, 0.165, 0.078
Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Pose:
    """Angles of the limbs, in degrees from hanging down, positive to where the figure faces."""

    thighs: Point = (0.0, 0.0)
    """Both thighs, the far one first."""
    shins: Point = (0.0, 0.0)
    """Both shins."""
    uppers: Point = (0.0, 0.0)
    """Both upper arms."""
    fores: Point = (0.0, 0.0)
    """Both forearms."""
    lean: float = 0.0
    """Lean of the torso."""
    roll: float = 0.0
    """Turn of the whole body about its feet: 90 lies on the face, -90 on the back."""
    lift: float = 0.0
    """Height of the feet above the ground, as a share of the figure's height."""
    hips: float | None = None
    """Height of the hips, as a share of the figure's height; None: whatever the legs give."""


@dataclass(frozen=True, slots=True)
class FigureColours:
    """The colours of a figure under the light of its scene."""

    shirt: Colour
    trousers: Colour
    skin: Colour
    hair: Colour
    long_hair: bool


def look_of(
    person: Person, pool: str, gains: tuple[float, float, float], rng: np.random.Generator
) -> FigureColours:
    """Dress a person from the palettes of a pool."""

    def pick(colours: tuple[Colour, ...]) -> Colour:
        return paints.lit(colours[int(rng.integers(len(colours)))], gains)

    shirt, trousers = pick(paints.cloths(pool, person.colour)), pick(paints.trousers(pool))
    return FigureColours(shirt, trousers, pick(paints.skins(pool)), pick(paints.hairs(pool)), person.is_woman)


def blend(one: Pose, other: Pose, share: float) -> Pose:
    """The pose between two: `share` 0 gives the first, 1 the second."""

    def mix(a: float, b: float) -> float:
        return a + (b - a) * share

    def both(a: Point, b: Point) -> Point:
        return (mix(a[0], b[0]), mix(a[1], b[1]))

    hips = None if one.hips is None or other.hips is None else mix(one.hips, other.hips)
    return replace(
        one,
        thighs=both(one.thighs, other.thighs),
        shins=both(one.shins, other.shins),
        uppers=both(one.uppers, other.uppers),
        fores=both(one.fores, other.fores),
        lean=mix(one.lean, other.lean),
        roll=mix(one.roll, other.roll),
        lift=mix(one.lift, other.lift),
        hips=hips,
    )


def _down(start: Point, length: float, degrees: float) -> Point:
    angle = math.radians(degrees)
    return (start[0] + length * math.sin(angle), start[1] - length * math.cos(angle))


@dataclass(frozen=True, slots=True)
class Joints:
    """Where the joints are, in pixels."""

    hip: Point
    neck: Point
    head: Point
    legs: tuple[tuple[Point, Point], tuple[Point, Point]]
    """Knee and foot of both legs."""
    arms: tuple[tuple[Point, Point], tuple[Point, Point]]
    """Elbow and hand of both arms."""


def joints(pose: Pose, x: float, y: float, height: float, facing: int) -> Joints:
    """Place a pose on the ground at column `x`, row `y`, both in pixels."""
    legs = []
    for thigh, shin in zip(pose.thighs, pose.shins, strict=True):
        knee = _down((0.0, 0.0), _THIGH, thigh)
        legs.append((knee, _down(knee, _SHIN, shin)))
    hips = pose.hips if pose.hips is not None else -min(min(knee[1], foot[1]) for knee, foot in legs)
    neck = _down((0.0, 0.0), -_TORSO, -pose.lean)
    head = _down(neck, -(_HEAD + 0.025), -0.8 * pose.lean)
    shoulder = _down((0.0, 0.0), -(_TORSO - 0.03), -pose.lean)
    arms = []
    for upper, fore in zip(pose.uppers, pose.fores, strict=True):
        elbow = _down(shoulder, _UPPER, upper)
        arms.append((elbow, _down(elbow, _FORE, fore)))
    turn = math.radians(pose.roll)
    cosine, sine = math.cos(turn), math.sin(turn)
    raised = pose.lift + 0.06 * abs(sine)

    def put(point: Point) -> Point:
        a, b = point[0], point[1] + hips
        return (x + facing * height * (a * cosine + b * sine), y - height * (b * cosine - a * sine + raised))

    return Joints(
        put((0.0, 0.0)),
        put(neck),
        put(head),
        ((put(legs[0][0]), put(legs[0][1])), (put(legs[1][0]), put(legs[1][1]))),
        ((put(arms[0][0]), put(arms[0][1])), (put(arms[1][0]), put(arms[1][1]))),
    )


def draw_figure(draw: ImageDraw.ImageDraw, at: Joints, height: float, look: FigureColours) -> None:
    """Draw a figure with its joints `at` their places."""
    limb, arm = max(2, round(0.088 * height)), max(2, round(0.066 * height))
    dark_shirt, dark_trousers = shade(look.shirt, 0.72), shade(look.trousers, 0.72)
    shoulder = _between(at.neck, at.hip, 0.1)
    _limb(draw, (shoulder, *at.arms[0]), arm, dark_shirt, look.skin)
    _limb(draw, (at.hip, *at.legs[0]), limb, dark_trousers, (40, 36, 36))
    _limb(draw, (at.hip, *at.legs[1]), limb, look.trousers, (46, 40, 40))
    _torso(draw, at, height, look)
    radius = _HEAD * height
    x, y = at.head
    if look.long_hair:
        back = _between(at.head, at.neck, 1.35)
        draw.line((at.head, back), fill=look.hair, width=round(1.9 * radius))
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=look.hair)
    lower = _between(at.head, at.neck, 0.28)
    small = 0.82 * radius
    draw.ellipse((lower[0] - small, lower[1] - small, lower[0] + small, lower[1] + small), fill=look.skin)
    _limb(draw, (shoulder, *at.arms[1]), arm, shade(look.shirt, 0.88), look.skin)


def _between(one: Point, other: Point, share: float) -> Point:
    return (one[0] + (other[0] - one[0]) * share, one[1] + (other[1] - one[1]) * share)


def _limb(
    draw: ImageDraw.ImageDraw, points: tuple[Point, ...], width: int, colour: Colour, tip: Colour
) -> None:
    draw.line(points, fill=colour, width=width, joint="curve")
    x, y = points[-1]
    radius = 0.55 * width
    draw.ellipse((x - radius, y - radius, x + radius, y + radius), fill=tip)


def _torso(draw: ImageDraw.ImageDraw, at: Joints, height: float, look: FigureColours) -> None:
    across = (at.neck[1] - at.hip[1], at.hip[0] - at.neck[0])
    norm = max(1e-6, math.hypot(*across))
    unit = (across[0] / norm * height, across[1] / norm * height)
    wide, narrow = 0.085, 0.068
    corners = [
        (at.neck[0] + wide * unit[0], at.neck[1] + wide * unit[1]),
        (at.neck[0] - wide * unit[0], at.neck[1] - wide * unit[1]),
        (at.hip[0] - narrow * unit[0], at.hip[1] - narrow * unit[1]),
        (at.hip[0] + narrow * unit[0], at.hip[1] + narrow * unit[1]),
    ]
    draw.polygon(corners, fill=look.shirt)
    if look.long_hair:
        knees = [leg[0] for leg in at.legs]
        draw.polygon([corners[3], corners[2], *sorted(knees)], fill=look.trousers)
