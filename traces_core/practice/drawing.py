"""From a plan to frames: background, everything that moves by depth, what stands in front, noise.

Frames only: times and events come from `plans`, files are written by `world`.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from traces_core.practice.acts import Act, act_of_people
from traces_core.practice.backdrops import backdrop
from traces_core.practice.effects import EFFECTS
from traces_core.practice.furniture import draw_occluder
from traces_core.practice.plans import Event, Plan, generator
from traces_core.practice.plays import PLAYS
from traces_core.practice.scenes import SceneLayout, noise_fields, scene_of


def acts_of(event: Event, scene: SceneLayout) -> list[Act]:
    """Everything that moves in an event."""
    acts = []
    if event.kind in PLAYS:
        acts.append(act_of_people(event, scene, PLAYS[event.kind]))
    if event.kind in EFFECTS:
        acts.append(EFFECTS[event.kind](event, scene))
    return acts


def frames(plan: Plan) -> Iterator[tuple[NDArray[np.uint8], float]]:
    """Draw a plan, frame by frame.

    Yields
    ------
    pixels : uint8 array of shape (96, 128, 3), RGB.
    time_s : its time, in seconds, as in `plan.frame_times_s`.

    Notes
    -----
    The same plan gives the same bytes. Noise comes from a few fields, rolled by random steps: new
    Gaussians for every frame would cost more than all the drawing.
    """
    scene = scene_of(plan)
    ground = backdrop(scene)
    rng = generator(plan.seed, "noise", plan.name)
    noise = noise_fields(scene, rng)
    acts = [act for event in (*plan.events, *plan.passers) for act in acts_of(event, scene)]
    for time_s in plan.frame_times_s.tolist():
        image = draw_scene(ground, scene, acts, time_s)
        which, down, right = rng.integers((len(noise), noise.shape[1], noise.shape[2])).tolist()
        grain = np.roll(noise[which], (down, right), axis=(0, 1))
        pixels = np.asarray(image, dtype=np.int16) + grain
        yield np.clip(pixels, 0, 255, out=pixels).astype(np.uint8), time_s


def draw_scene(ground: Image.Image, scene: SceneLayout, acts: list[Act], time_s: float) -> Image.Image:
    """One image without noise: background, sprites from far to near, occluder."""
    image = ground.copy()
    canvas = ImageDraw.Draw(image)
    sprites = [sprite for act in acts for sprite in act(time_s)]
    for _, draw in sorted(sprites, key=lambda sprite: sprite[0]):
        draw(canvas)
    draw_occluder(canvas, scene)
    return image
