"""Vehicles, carts, bags and other solid things, drawn with a few shapes each.

How they move belongs in `acts`; fire, smoke and water belong in `elements`.
"""

from __future__ import annotations

import math

from PIL import ImageDraw

from traces_core.practice.paints import Colour, shade

_GLASS: Colour = (70, 86, 100)
_TYRE: Colour = (26, 26, 28)


def draw_vehicle(
    draw: ImageDraw.ImageDraw,
    x: float,
    y: float,
    length: float,
    facing: int,
    model: str,
    colour: Colour,
    *,
    turn: float = 0.0,
    tilt: float = 0.0,
) -> None:
    """Draw a car or a van from the side.

    Parameters
    ----------
    x, y : column of its middle and row of its wheels' feet, in pixels.
    length : in pixels.
    facing : 1 to the right, -1 to the left.
    turn : angle of the wheels, in radians.
    tilt : rise of the nose, as a share of the length.
    """

    def at(along: float, up: float) -> tuple[float, float]:
        return (x + facing * along * length, y - (up + tilt * (along + 0.5)) * length)

    if model == "van":
        body = [at(-0.5, 0.08), at(-0.5, 0.50), at(0.28, 0.50), at(0.44, 0.30), at(0.5, 0.26), at(0.5, 0.08)]
        glass = [at(0.12, 0.30), at(0.12, 0.45), at(0.26, 0.45), at(0.37, 0.30)]
    else:
        body = [
            at(-0.5, 0.08),
            at(-0.5, 0.22),
            at(-0.34, 0.25),
            at(-0.22, 0.39),
            at(0.12, 0.39),
            at(0.26, 0.25),
            at(0.48, 0.21),
            at(0.5, 0.08),
        ]
        glass = [at(-0.29, 0.25), at(-0.20, 0.36), at(0.10, 0.36), at(0.20, 0.25)]
    draw.polygon(body, fill=colour, outline=shade(colour, 0.6))
    draw.polygon(glass, fill=_GLASS)
    draw.line([at(-0.06, 0.10), at(-0.06, 0.36)], fill=shade(colour, 0.6))
    radius = 0.085 * length
    for along in (-0.30, 0.30):
        column, row = at(along, 0.085)
        draw.ellipse((column - radius, row - radius, column + radius, row + radius), fill=_TYRE)
        spoke = (0.6 * radius * math.cos(turn), 0.6 * radius * math.sin(turn))
        draw.line(
            (column - spoke[0], row - spoke[1], column + spoke[0], row + spoke[1]), fill=(170, 170, 174)
        )
    column, row = at(0.47, 0.18)
    draw.ellipse((column - 2, row - 2, column + 2, row + 2), fill=(250, 244, 190))


def draw_bicycle(
    draw: ImageDraw.ImageDraw, x: float, y: float, height: float, facing: int, turn: float
) -> None:
    """Draw a bicycle for a rider of this height; `x` is the column of its saddle, `turn` in radians."""
    radius = 0.17 * height
    for along in (-0.27, 0.27):
        column, row = x + facing * along * height, y - radius
        draw.ellipse((column - radius, row - radius, column + radius, row + radius), outline=_TYRE, width=2)
        spoke = (radius * math.cos(turn), radius * math.sin(turn))
        draw.line(
            (column - spoke[0], row - spoke[1], column + spoke[0], row + spoke[1]), fill=(150, 150, 154)
        )
    points = [
        (-0.27, 0.17),
        (-0.05, 0.40),
        (0.20, 0.40),
        (0.0, 0.15),
        (-0.05, 0.40),
        (0.0, 0.15),
        (0.20, 0.40),
        (0.27, 0.17),
        (0.18, 0.50),
    ]
    draw.line([(x + facing * a * height, y - b * height) for a, b in points], fill=(190, 60, 50), width=2)


def draw_cart(
    draw: ImageDraw.ImageDraw, x: float, y: float, size: float, facing: int, colour: Colour
) -> None:
    """Draw a shopping cart whose handle is at column `x`."""
    left, right = sorted((x + facing * 0.06 * size, x + facing * 0.55 * size))
    draw.rectangle(
        (left, y - 0.48 * size, right, y - 0.16 * size), fill=shade(colour, 0.8), outline=shade(colour, 1.5)
    )
    for step in (0.25, 0.5, 0.75):
        column = left + step * (right - left)
        draw.line((column, y - 0.48 * size, column, y - 0.16 * size), fill=shade(colour, 1.5))
    draw.line(
        (x, y - 0.56 * size, x + facing * 0.1 * size, y - 0.46 * size), fill=shade(colour, 1.5), width=2
    )
    for column in (left + 2, right - 2):
        draw.ellipse((column - 2, y - 4, column + 2, y), fill=_TYRE)
        draw.line((column, y - 0.16 * size, column, y - 3), fill=(120, 120, 124))


def draw_bag(draw: ImageDraw.ImageDraw, x: float, y: float, size: float, colour: Colour) -> None:
    """Draw a bag that hangs from a hand at (x, y)."""
    draw.arc(
        (x - 0.4 * size, y - 0.3 * size, x + 0.4 * size, y + 0.6 * size),
        180,
        360,
        fill=shade(colour, 0.6),
        width=2,
    )
    draw.rectangle(
        (x - 0.55 * size, y + 0.1 * size, x + 0.55 * size, y + size), fill=colour, outline=shade(colour, 0.6)
    )


def draw_train(
    draw: ImageDraw.ImageDraw, x: float, y: float, top: float, colour: Colour, gains: float
) -> None:
    """Draw a train of three wagons whose nose is at column `x`, from row `top` to row `y`."""
    for wagon in range(3):
        left = x - 110 * (wagon + 1)
        draw.rectangle((left, top, left + 108, y), fill=colour, outline=shade(colour, 0.5))
        draw.rectangle((left, y - 8, left + 108, y - 5), fill=shade(colour, 0.7))
        for column in range(6, 100, 17):
            pane = (left + column, top + 6, left + column + 11, top + 17)
            draw.rectangle(pane, fill=(int(220 * gains), int(216 * gains), int(176 * gains)))
        for column in (34, 68):
            draw.line((left + column + 2, top + 4, left + column + 2, y - 2), fill=shade(colour, 0.6))
