"""Colours of the practice world: two pools of palettes that share no hue and no cloth.

Which colour names exist belongs in `phrases`; which surface gets which colour belongs in `backdrops`.
"""

from __future__ import annotations

import colorsys

import numpy as np

Colour = tuple[int, int, int]

SURFACE_HUES: dict[str, tuple[float, ...]] = {
    "generic": (0.02, 0.10, 0.18, 0.30, 0.45, 0.55, 0.62, 0.75, 0.90),
    "held_out": (0.06, 0.14, 0.24, 0.37, 0.50, 0.585, 0.685, 0.82, 0.955),
}
"""Centres of the hues (0 to 1) that walls and grounds are painted in, by pool."""

HUE_SPREAD = 0.012
"""A surface's hue is at most this far from its centre: the pools' hues never meet."""

_CLOTH: dict[str, tuple[float, float, float]] = {
    "red": (0.99, 0.80, 0.80),
    "blue": (0.62, 0.75, 0.78),
    "green": (0.36, 0.65, 0.60),
    "yellow": (0.145, 0.75, 0.90),
    "white": (0.12, 0.04, 0.95),
    "black": (0.65, 0.20, 0.16),
    "gray": (0.60, 0.05, 0.52),
    "orange": (0.07, 0.85, 0.92),
    "purple": (0.77, 0.55, 0.60),
    "brown": (0.07, 0.60, 0.42),
    "pink": (0.92, 0.38, 0.93),
}
_TROUSERS = (
    (0.62, 0.45, 0.34),
    (0.08, 0.35, 0.36),
    (0.60, 0.08, 0.25),
    (0.12, 0.25, 0.56),
    (0.38, 0.25, 0.30),
)
_SKINS = ((0.07, 0.32, 0.92), (0.06, 0.42, 0.78), (0.055, 0.52, 0.56), (0.05, 0.55, 0.40))
_HAIRS = ((0.07, 0.55, 0.18), (0.09, 0.60, 0.38), (0.12, 0.50, 0.66), (0.0, 0.0, 0.12), (0.0, 0.02, 0.62))
_TINTS: dict[str, tuple[float, float, float]] = {
    "day": (1.0, 1.0, 1.0),
    "dusk": (0.87, 0.77, 0.72),
    "night": (0.58, 0.63, 0.78),
}


def cloths(pool: str, name: str) -> tuple[Colour, ...]:
    """The shades of a colour name that a pool wears.

    Examples
    --------
    >>> set(cloths("generic", "red")) & set(cloths("held_out", "red"))
    set()
    """
    return _shades(pool, _CLOTH[name])


def trousers(pool: str) -> tuple[Colour, ...]:
    """The colours of trousers and skirts in a pool."""
    return tuple(shade for base in _TROUSERS for shade in _shades(pool, base))


def skins(pool: str) -> tuple[Colour, ...]:
    """The colours of skin in a pool."""
    return tuple(shade for base in _SKINS for shade in _shades(pool, base))


def hairs(pool: str) -> tuple[Colour, ...]:
    """The colours of hair in a pool."""
    return tuple(shade for base in _HAIRS for shade in _shades(pool, base))


def surface(
    pool: str, rng: np.random.Generator, value: tuple[float, float], saturation: float = 0.3
) -> Colour:
    """A colour for a wall or a ground of the pool, of brightness within `value` (0 to 1)."""
    hue = float(rng.choice(SURFACE_HUES[pool])) + float(rng.uniform(-HUE_SPREAD, HUE_SPREAD))
    return _rgb(hue, float(rng.uniform(0.4, 1.0)) * saturation, float(rng.uniform(*value)))


def shade(colour: Colour, gain: float) -> Colour:
    """A colour made darker (gain below 1) or lighter."""
    return (min(255, int(colour[0] * gain)), min(255, int(colour[1] * gain)), min(255, int(colour[2] * gain)))


def tint(light: str, rng: np.random.Generator) -> tuple[float, float, float]:
    """Gains of red, green and blue under a light, a few per cent different at every camera."""
    gains = np.asarray(_TINTS[light]) * rng.uniform(0.94, 1.06, 3)
    return (float(gains[0]), float(gains[1]), float(gains[2]))


def lit(colour: Colour, gains: tuple[float, float, float]) -> Colour:
    """A colour as it looks under a light."""
    return tuple(min(255, int(part * gain)) for part, gain in zip(colour, gains, strict=True))  # type: ignore[return-value]


def _shades(pool: str, base: tuple[float, float, float]) -> tuple[Colour, ...]:
    hue, saturation, value = base
    steps: tuple[tuple[float, float, float], ...]
    if pool == "generic":
        steps = ((0.0, 1.0, 1.0), (0.010, 0.86, 0.94), (-0.010, 1.05, 0.86))
    else:
        steps = ((0.005, 0.93, 0.965), (-0.006, 0.80, 0.90))
    return tuple(_rgb(hue + h, min(1.0, saturation * s), min(1.0, value * v)) for h, s, v in steps)


def _rgb(hue: float, saturation: float, value: float) -> Colour:
    red, green, blue = colorsys.hsv_to_rgb(hue % 1.0, saturation, value)
    return (round(red * 255), round(green * 255), round(blue * 255))
