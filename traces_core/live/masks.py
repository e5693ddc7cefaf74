"""Parts of the picture that nobody may see: blackened before a frame leaves the process that decoded it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

Polygons = Sequence[Sequence[tuple[float, float]]]
"""Corners of each as shares of the picture's width and height, from the upper left."""


class Mask:
    """What is hidden of every picture.

    Parameters
    ----------
    ignore
        Polygons that are blackened.
    watch
        Polygons outside of which everything is blackened; none where everything is watched.

    Examples
    --------
    >>> left = Mask(ignore=[[(0, 0), (0.5, 0), (0.5, 1), (0, 1)]])
    >>> left.applied(np.full((1, 6, 3), 9, dtype=np.uint8))[0, :, 0].tolist()
    [0, 0, 0, 0, 9, 9]
    """

    def __init__(self, ignore: Polygons = (), watch: Polygons = ()) -> None:
        self._ignore, self._watch = ignore, watch
        self._hidden: NDArray[np.bool_] | None = None

    @property
    def hides(self) -> bool:
        """Whether anything is hidden at all."""
        return bool(self._ignore or self._watch)

    def applied(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """A picture of shape (H, W, 3) with its hidden parts black; itself where nothing is hidden."""
        if not self.hides:
            return pixels
        height, width = pixels.shape[:2]
        if self._hidden is None or self._hidden.shape != (height, width):
            self._hidden = self.hidden(height, width)
        return np.where(self._hidden[:, :, None], np.uint8(0), pixels)

    def hidden(self, height: int, width: int) -> NDArray[np.bool_]:
        """Which pixels of a picture of that size are hidden: a bool array of shape (H, W)."""
        hidden = Image.new("1", (width, height), 1 if self._watch else 0)
        draw = ImageDraw.Draw(hidden)
        for polygons, value in ((self._watch, 0), (self._ignore, 1)):
            for corners in polygons:
                draw.polygon([(x * width, y * height) for x, y in corners], fill=value)
        return np.asarray(hidden, dtype=np.bool_)
