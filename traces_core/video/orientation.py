"""Which way up a picture is shown: pixels as displayed, from the display matrix and the shape of a pixel.

Containers and H.264 or HEVC messages state it alike; FFmpeg hands it over with each picture.
"""

from __future__ import annotations

from fractions import Fraction

import av
import numpy as np
from av.sidedata.sidedata import SideDataContainer, Type
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]

UPRIGHT = ((1, 0), (0, 1))
SQUARE = Fraction(1)
_MATRICES = frozenset({0, 1, 2, 3, 4, 5, 6, 7, 9})
"""Colour matrices (ITU-T H.273) that FFmpeg 7.1 and later convert; pictures with another are refused."""
_NEAREST = {10: 9}
"""BT.2020 of constant luminance is converted as BT.2020; others, such as YCgCo, as if nothing were stated:
what FFmpeg did before 7.1."""
_UNSPECIFIED = 2
WIDEST = 4
"""A pixel stated to be more than so many times as wide as high, or as high as wide, is taken for square."""

_NAMES = {
    UPRIGHT: "upright",
    ((-1, 0), (0, 1)): "mirrored left to right",
    ((1, 0), (0, -1)): "mirrored top to bottom",
    ((-1, 0), (0, -1)): "turned by 180 degrees",
    ((0, -1), (1, 0)): "turned by 90 degrees clockwise",
    ((0, 1), (-1, 0)): "turned by 90 degrees counter-clockwise",
    ((0, 1), (1, 0)): "mirrored left to right and turned by 90 degrees counter-clockwise",
    ((0, -1), (-1, 0)): "mirrored left to right and turned by 90 degrees clockwise",
}


@classmethod  # type: ignore[misc]
def _unnamed(cls: type[Type], number: int) -> Type:
    """A member without a name: FFmpeg 8.1 knows more kinds of side data (EXIF, views) than PyAV 18 names."""
    kind = object.__new__(cls)
    vars(kind).update(_name_=f"UNNAMED_{number}", _value_=number)
    return kind


Type._missing_ = _unnamed  # type: ignore[assignment]  # else no side data of such a picture can be read

Orientation = tuple[tuple[int, int], tuple[int, int]]
"""The matrix that takes (x, y) of the coded picture to (x', y') of the displayed one, without offset."""


def orientation_of(picture: av.VideoFrame) -> Orientation:
    """The nearest of the eight ways a rectangle can lie: four turns, each mirrored or not."""
    # `picture.side_data` keeps the container, a circle: the picture would live until garbage is collected.
    stated = SideDataContainer(picture).get(Type.DISPLAYMATRIX)  # type: ignore[call-arg]
    if stated is None:
        return UPRIGHT
    a, b, _, c, d, *_ = np.frombuffer(bytes(stated), dtype=np.int32).tolist()
    if abs(a) + abs(d) >= abs(b) + abs(c):
        return ((-1 if a < 0 else 1, 0), (0, -1 if d < 0 else 1))
    return ((0, -1 if c < 0 else 1), (-1 if b < 0 else 1, 0))


def words_of(orientation: Orientation) -> str:
    """An orientation in words.

    Examples
    --------
    >>> words_of(((-1, 0), (0, 1)))
    'mirrored left to right'
    """
    return _NAMES[orientation]


def rgb(picture: av.VideoFrame, shape: tuple[int, ...] | None = None, aspect: Fraction = SQUARE) -> Pixels:
    """Pixels as displayed: square, upright, uint8 of shape (H, W, 3).

    Parameters
    ----------
    shape : (H, W, ...) or None
        The size to scale to; None keeps the picture's own.
    aspect : Fraction
        Width of a coded pixel by its height. The shorter side is stretched, nothing is lost.
    """
    (a, c), (b, d) = orientation_of(picture)
    height, width = _square_size(picture, aspect)
    if shape is not None:
        height, width = shape[:2] if a else (shape[1], shape[0])
    if picture.colorspace not in _MATRICES:
        picture.colorspace = _NEAREST.get(picture.colorspace, _UNSPECIFIED)
    pixels: Pixels = picture.to_ndarray(format="rgb24", width=width, height=height, threads=1)
    if not a:
        pixels = pixels.swapaxes(0, 1)
    return pixels[:: b + d, :: a + c]


def scaled_shape(picture: av.VideoFrame, aspect: Fraction, most_pixels: int) -> tuple[int, int] | None:
    """(H, W) as displayed with so many pixels at most; None where the picture has no more."""
    height, width = _square_size(picture, aspect)
    factor = (most_pixels / (height * width)) ** 0.5
    if factor >= 1:
        return None
    shape = max(1, int(height * factor)), max(1, int(width * factor))
    return shape if orientation_of(picture)[0][0] else shape[::-1]


def _square_size(picture: av.VideoFrame, aspect: Fraction) -> tuple[int, int]:
    if aspect >= 1:
        return picture.height, round(picture.width * aspect)
    return round(picture.height / aspect), picture.width
