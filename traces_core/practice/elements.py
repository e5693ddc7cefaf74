"""Fire, smoke, fragments: what flickers, rises and falls, as shapes at a time.

When and where they appear belongs in `effects` and `traffic`.
"""

from __future__ import annotations

from PIL import ImageDraw

from traces_core.practice import paints
from traces_core.practice.acts import Cast
from traces_core.practice.paints import Colour
from traces_core.practice.plans import generator
from traces_core.practice.poses import wave
from traces_core.practice.scenes import HEIGHT

FLAMES: tuple[Colour, ...] = ((214, 58, 16), (248, 128, 26), (255, 206, 70), (255, 244, 176))


class Puffs:
    """Smoke: round puffs that rise, grow and start over."""

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


def flames(canvas: ImageDraw.ImageDraw, cast: Cast, x: float, y: float, size: float, u: float) -> None:
    """Tongues of fire that flicker, layer in layer."""
    for layer, colour in enumerate(FLAMES[:3]):
        shrink = 1.0 - 0.27 * layer
        for number in range(5):
            roll = cast.dice[number]
            column = x + size * shrink * 0.17 * (number - 2)
            flicker = 0.72 + 0.28 * wave((2.1 + roll) * u + roll + 0.15 * layer)
            tall = size * shrink * flicker * (1.0 - 0.16 * abs(number - 2))
            lean = 0.10 * size * wave(1.3 * u + 2 * roll)
            wide = 0.15 * size * shrink
            tongue = [
                (column - wide, y),
                (column + wide, y),
                (column + 0.4 * wide + 0.5 * lean, y - 0.55 * tall),
                (column + lean, y - tall),
                (column - 0.5 * wide + 0.3 * lean, y - 0.5 * tall),
            ]
            canvas.polygon(tongue, fill=colour)


def debris(canvas: ImageDraw.ImageDraw, cast: Cast, x: float, y: float, u: float, colour: Colour) -> None:
    """Fragments that fly apart and fall."""
    for number in range(12):
        roll, other = cast.dice[number], cast.dice[(5 * number + 3) % 16]
        column = x + (roll - 0.5) * 190 * u
        row = y - (40 + 70 * other) * u + 95 * u * u
        if row < HEIGHT:
            canvas.rectangle((column, row, column + 2 + 2 * other, row + 2 + 2 * roll), fill=colour)
