"""What stays the same before a still camera: the background, how tall a person is at each row, where to look.

What moves before it is in `places`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from traces_core.errors import TooLittleFootageError
from traces_core.foreground.settings import ForegroundSettings

Grey = NDArray[np.uint8]
"""A frame (H, W), or a video (F, H, W), grey levels."""
Values = NDArray[Any]
"""Numbers of any precision."""

LOOKED_AT = 5
"""Of so many frames of a video, one is looked at for background and heights."""
SLIMMEST, WIDEST = 3.5, 1.8
"""Height by width of a blob that may be one person."""
LEAST_AREA, LEAST_BLOBS = 100, 5
"""Pixels of such a blob; blobs of a band of rows that say how tall people are there."""
BAND = 10
"""Rows of a band."""
SHORTEST = 12.0
"""Pixels; a person is never taken to be shorter."""


@dataclass(frozen=True)
class CameraBackground:
    """The background of a camera, and its ground plane."""

    low: Values
    """float32 (H, W): the darkest that the background is, grey levels."""
    usual: Values
    """float32 (H, W): its median."""
    high: Values
    """float32 (H, W): the brightest."""
    line: tuple[float, float]
    """Height of a person at row 0, and what each row adds, in pixels."""

    @classmethod
    def learn(cls, videos: Sequence[Grey], settings: ForegroundSettings) -> CameraBackground:
        """Learn it from normal videos of one camera.

        Parameters
        ----------
        videos : uint8 arrays of shape (F, H, W); F differs.

        Raises
        ------
        TooLittleFootageError
            If too few people walk alone for their heights to be known.
        """
        medians = np.stack([np.median(video[::LOOKED_AT], axis=0) for video in videos]).astype(np.float32)
        low, usual, high = np.percentile(medians, [10, 50, 90], axis=0).astype(np.float32)
        square = np.ones((3, 3), np.uint8)
        scene = cls(cv2.erode(low, square), usual, cv2.dilate(high, square), (SHORTEST, 0.0))
        people = [
            one for video in videos for frame in video[::LOOKED_AT] for one in scene._people(frame, settings)
        ]
        return cls(scene.low, usual, scene.high, _line(np.array(people).reshape(-1, 2)))

    def contrast(self, frame: Grey) -> Values:
        """How far each pixel is from the background: float32 (H, W), grey levels, 0 within its range."""
        seen = frame.astype(np.float32)
        off: Values = np.maximum(np.maximum(self.low - seen, seen - self.high), 0.0)
        return off

    def height(self, row: float) -> float:
        """Pixels from head to foot of a person at a row."""
        return max(self.line[0] + self.line[1] * row, SHORTEST)

    def places(self, step: float) -> Values:
        """Where to look, row by row: float64 (P, 3), column, row and a person's height there, in pixels.

        Parameters
        ----------
        step : their distance in heights.
        """
        rows, columns = self.usual.shape
        grid, row = [], 0.0
        while row < rows:
            height = self.height(row)
            across = np.arange(0, columns, step * height)
            grid.append(np.stack([across, np.full_like(across, row), np.full_like(across, height)], axis=1))
            row += step * height
        return np.concatenate(grid)

    def _people(self, frame: Grey, settings: ForegroundSettings) -> list[tuple[float, float]]:
        """Middle row and height of each blob that may be one person, whole within the frame."""
        mask = (self.contrast(frame) > settings.contrast).astype(np.uint8)
        closed = cv2.morphologyEx(mask, cv2.MORPH_CLOSE, np.ones((7, 3), np.uint8))
        rows, columns = closed.shape
        return [
            (y + height / 2, height)
            for x, y, width, height, area in cv2.connectedComponentsWithStats(closed)[2][1:].tolist()
            if WIDEST < height / width < SLIMMEST
            and area > LEAST_AREA
            and min(x, y) > 0
            and x + width < columns
            and y + height < rows
        ]


def _line(people: Values) -> tuple[float, float]:
    """A robust line through the heights of people (N, 2) in bands of rows; of each band its lower third,
    for blobs that merge are taller."""
    bands = people[:, 0] // BAND
    some = [people[bands == band] for band in np.unique(bands)]
    points = [(np.quantile(one[:, 1], 1 / 3), one[:, 0].mean()) for one in some if len(one) >= LEAST_BLOBS]
    if len(points) < 2:
        raise TooLittleFootageError(
            f"a scene: {len(people)} blobs that may be a person alone; {len(points)} bands of {BAND} rows "
            f"hold at least {LEAST_BLOBS}, two are needed. Add normal footage in which people walk."
        )
    from scipy.stats import theilslopes  # a second: only for those who learn a scene

    slope, start = theilslopes(*np.array(points).T)[:2]
    return float(start), float(slope)
