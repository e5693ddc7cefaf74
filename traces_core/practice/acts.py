"""Who is where, when: every event as sprites that know their depth.

An act turns an event and a scene into sprites at a time. Those of people are here; those of vehicles,
fire and water are in `effects`. How a body moves belongs in `poses`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

from PIL import ImageDraw

from traces_core.practice import poses
from traces_core.practice.figures import FigureColours, Pose, blend, draw_figure, joints, look_of
from traces_core.practice.paints import Colour, lit
from traces_core.practice.plans import Event, generator
from traces_core.practice.scenes import HEIGHT, WIDTH, SceneLayout
from traces_core.practice.vehicles import draw_bag, draw_bicycle, draw_cart

Sprite = tuple[float, Callable[[ImageDraw.ImageDraw], None]]
"""A depth (row of the feet: the lower, the nearer) and what to draw there."""
Act = Callable[[float], list[Sprite]]
"""Sprites at a second of the video."""

_EDGE_PX = 20.0
_SIDES = {"left": (26.0, 46.0), "middle": (52.0, 76.0), "right": (82.0, 102.0)}


class State(NamedTuple):
    """One figure at one moment."""

    x: float
    """Column of the feet."""
    facing: int
    """1 to the right, -1 to the left."""
    pose: Pose
    """Its limbs."""
    prop: str = ""
    """What it holds: `bag`, `cart`, `bicycle`, `bar` or nothing."""
    drop: float = 0.0
    """How many pixels nearer to the camera than its place."""


@dataclass(frozen=True)
class Actor:
    """A figure with its own place, size, colours and rhythm."""

    look: FigureColours
    height: float
    """In pixels."""
    y: float
    """Row of the feet."""
    phase: float
    """0 to 1: where in its rhythm it starts."""
    pace: float
    """0 to 1: slow to fast within its kind."""
    heading: int
    """1 or -1: which way it likes to go."""
    bag: Colour


@dataclass(frozen=True)
class Cast:
    """The figures of an event and what they share."""

    event: Event
    scene: SceneLayout
    actors: tuple[Actor, ...]
    x: float
    """Column of the middle of the event."""
    dice: tuple[float, ...] = field(default=())
    """Random numbers from 0 to 1, the event's own."""

    @property
    def length_s(self) -> float:
        """How long the event lasts."""
        return self.event.end_s - self.event.start_s


def cast_of(event: Event, scene: SceneLayout) -> Cast:
    """Dress and place everybody of an event."""
    rng = generator(event.seed, "cast", event.kind)
    on_road = event.kind == "cycle"  # bicycles keep to the road: only there are they normal
    near = event.distance == "near" and not on_road
    height = float(rng.uniform(63, 78) if near else rng.uniform(50, 62))
    y = float(rng.uniform(88, 95) if near else rng.uniform(78, 85)) if not on_road else scene.road + 3
    actors: list[Actor] = []
    bag = lit(
        (int(rng.integers(60, 200)), int(rng.integers(40, 150)), int(rng.integers(30, 140))), scene.tint
    )
    for _ in range(max(1, len(event.people))):
        person = event.people[len(actors)] if event.people else None
        actors.append(
            Actor(
                look=look_of(person, scene.pool, scene.tint, rng) if person else _NOBODY,
                height=height * float(rng.uniform(0.94, 1.06)),
                y=min(HEIGHT - 0.5, y + float(rng.uniform(-2, 2))),
                phase=float(rng.random()),
                pace=float(rng.random()),
                heading=1 if rng.random() < 0.5 else -1,
                bag=bag,
            )
        )
    return Cast(
        event, scene, tuple(actors), float(rng.uniform(*_SIDES[event.side])), tuple(rng.random(16).tolist())
    )


_NOBODY = FigureColours((0, 0, 0), (0, 0, 0), (0, 0, 0), (0, 0, 0), False)
Play = Callable[[Cast, float], list[State]]
"""States of all actors, `u` seconds after the beginning, 0 <= u <= length."""


def act_of_people(event: Event, scene: SceneLayout, play: Play) -> Act:
    """An act whose figures walk in before the event, play it, and walk off after it."""
    cast = cast_of(event, scene)

    def act(time_s: float) -> list[Sprite]:
        u = time_s - event.start_s
        if u < -6.0 or u > cast.length_s + 6.0:
            return []
        states = play(cast, min(max(u, 0.0), cast.length_s))
        if u < 0:
            states = [_walk_on(s, a, u) for s, a in zip(states, cast.actors, strict=True)]
        elif u > cast.length_s:
            states = [_walk_off(s, a, u - cast.length_s) for s, a in zip(states, cast.actors, strict=True)]
        return [
            sprite(state, actor)
            for state, actor in zip(states, cast.actors, strict=True)
            if -_EDGE_PX < state.x < WIDTH + _EDGE_PX or abs(state.pose.roll) > 1
        ]

    return act


def _stroll(actor: Actor) -> float:
    """Walking speed in pixels a second."""
    return (0.42 + 0.2 * actor.pace) * actor.height


def _walk_on(state: State, actor: Actor, u: float) -> State:
    """Where a figure is before it starts: on its way in, or waiting out of sight."""
    side = -1 if (state.x < WIDTH / 2) else 1
    walked = _stroll(actor) * -u
    phase = actor.phase + walked / (0.55 * actor.height)
    prop = state.prop if state.prop != "bar" else ""
    return State(
        state.x + side * walked, -side, poses.gait(phase, 0.0, arms=prop != "cart"), prop, state.drop
    )


def _walk_off(state: State, actor: Actor, late_s: float) -> State:
    """Where a figure is after its event: rising if it was down, then on its way out."""
    down = abs(state.pose.roll) > 20 or state.pose.hips is not None or state.pose.lean > 40
    rising_s = 0.7 if down and state.prop != "bicycle" else 0.0
    if late_s < rising_s:
        return state._replace(pose=blend(poses.KNEELING, poses.STANDING, late_s / rising_s))
    side = state.facing
    walked = _stroll(actor) * (late_s - rising_s)
    phase = actor.phase + walked / (0.55 * actor.height)
    prop = state.prop if state.prop != "bar" else ""
    pose = poses.cycling(phase) if prop == "bicycle" else poses.gait(phase, 0.0, arms=prop != "cart")
    return State(state.x + side * walked, side, pose, prop, state.drop)


def sprite(state: State, actor: Actor) -> Sprite:
    """A figure with what it holds, ready to be drawn."""
    y = actor.y + state.drop
    at = joints(state.pose, state.x, y, actor.height, state.facing)

    def draw(canvas: ImageDraw.ImageDraw) -> None:
        if state.prop == "bicycle":
            draw_bicycle(canvas, state.x, y, actor.height, state.facing, state.x / (0.17 * actor.height))
        draw_figure(canvas, at, actor.height, actor.look)
        hand = at.arms[1][1]
        if state.prop == "bag":
            draw_bag(canvas, hand[0], hand[1], 0.17 * actor.height, actor.bag)
        elif state.prop == "cart":
            draw_cart(canvas, hand[0], y, actor.height, state.facing, (150, 154, 160))
        elif state.prop == "bar":
            elbow = at.arms[1][0]
            tip = (hand[0] * 2.1 - elbow[0] * 1.1, hand[1] * 2.1 - elbow[1] * 1.1)
            canvas.line((hand, tip), fill=(54, 50, 52), width=3)

    return (y, draw)


def shuttle(start: float, distance: float, heading: int, margin: float = 14.0) -> tuple[float, int]:
    """Column and direction after a distance to and fro across the view, from a share `start` (0 to 1) of
    the way."""
    span = WIDTH + 2 * margin
    along = (start * span + distance) % (2 * span)
    forth = along < span
    share = along if forth else 2 * span - along
    column = share - margin
    return (column, 1 if forth else -1) if heading > 0 else (WIDTH - column, -1 if forth else 1)
