"""What is seen at each place that foreground covers: its picture, and how it moved in the last half second.

A frame costs the same whatever came before, and nothing comes from after it. The background is in `scene`.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from traces_core.foreground.flow import BackwardFlow
from traces_core.foreground.scene import CameraBackground, Grey, Values
from traces_core.foreground.settings import ForegroundSettings

SIDE = 32
"""Pixels of a picture, each side."""
LEAST_COVER = 0.2
"""Share of a core that foreground must cover for it to be a place."""


@dataclass(frozen=True)
class Places:
    """The places of one frame, or of several."""

    where: Values
    """float64 (N, 3): column, row and a person's height there, pixels."""
    pictures: NDArray[np.uint8]
    """uint8 (N, 2, SIDE, SIDE): difference from the background (128 is none), and foreground."""
    motion: Values
    """float32 (N, 3): heights/s to the right and down, and the log of how much the path sways, heights/s."""

    def __len__(self) -> int:
        return len(self.where)


class StreamingPlaces:
    """Watches one stream, frame by frame."""

    def __init__(self, scene: CameraBackground, settings: ForegroundSettings, rate: float) -> None:
        """Begin a stream.

        Parameters
        ----------
        rate : frames per second.
        """
        self._scene, self._settings, self._rate = scene, settings, rate
        self._grid = scene.places(settings.step)
        self._flow = BackwardFlow()
        self._back: deque[Values] = deque(maxlen=settings.path_frames)  # newest first
        rows, columns = scene.usual.shape
        self._rows, self._columns = np.mgrid[:rows, :columns].astype(np.float32)

    def __call__(self, frame: Grey, *, looks: bool = True) -> Places | None:
        """The places of the next frame, uint8 (H, W).

        Parameters
        ----------
        looks : without it the frame is only followed.

        Returns
        -------
        None where it does not look, and while the stream is younger than a path.
        """
        back = self._flow(frame)
        if back is not None:
            self._back.appendleft(back)
        if not looks or len(self._back) < self._settings.path_frames:
            return None
        contrast = self._scene.contrast(frame)
        mask = (contrast > self._settings.contrast).astype(np.float32)
        core = self._settings.core
        covered = _sums(mask, self._grid, core)[:, 0]
        is_place = covered > LEAST_COVER * (2 * core * self._grid[:, 2]) ** 2
        where = self._grid[is_place]
        motion = self._motion(mask, where, covered[is_place])
        return Places(where, self._pictures(frame, contrast, where), motion)

    def _path(self) -> tuple[Values, Values]:
        """Mean step (H, W, 2) along where each pixel came from, and its mean distance from that (H, W)."""
        gone, steps = np.zeros_like(self._back[0]), list[Values]()
        for back in self._back:
            at = (self._columns + gone[..., 0], self._rows + gone[..., 1])
            is_newest = not steps
            step = (
                back if is_newest else cv2.remap(back, *at, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
            )
            steps.append(step)
            gone = gone + step
        mean = gone / len(steps)
        sway: Values = np.mean([np.hypot(*np.moveaxis(step - mean, 2, 0)) for step in steps], axis=0)
        return -mean, sway

    def _motion(self, mask: Values, where: Values, covered: Values) -> Values:
        mean, sway = self._path()
        both = np.dstack([mean * mask[..., None], sway * mask])
        moved = _sums(both, where, self._settings.core) / covered[:, None] / where[:, 2:] * self._rate
        moved[:, 2] = np.log(moved[:, 2] + self._settings.still)
        motion: Values = moved.astype(np.float32)
        return motion

    def _pictures(self, frame: Grey, contrast: Values, where: Values) -> NDArray[np.uint8]:
        off = np.clip(frame - self._scene.usual, -127, 127) + 128
        both = np.dstack([off, np.clip(contrast * 3, 0, 255)]).astype(np.uint8)
        halves = self._settings.crop / 2 * where[:, 2]
        edge = int(np.ceil(halves.max(initial=0.0))) + 1
        around = cv2.copyMakeBorder(both, edge, edge, edge, edge, cv2.BORDER_CONSTANT, value=(128, 0))
        pictures = np.empty((len(where), SIDE, SIDE, 2), np.uint8)
        for place, ((x, y, _), half) in enumerate(zip(where, halves, strict=True)):
            rows = slice(round(y - half) + edge, round(y + half) + edge)
            columns = slice(round(x - half) + edge, round(x + half) + edge)
            pictures[place] = cv2.resize(around[rows, columns], (SIDE, SIDE), interpolation=cv2.INTER_LINEAR)
        return np.moveaxis(pictures, 3, 1)


def joined(parts: list[Places]) -> Places:
    """The places of several frames, one after the other."""
    return Places(
        np.concatenate([part.where for part in parts]),
        np.concatenate([part.pictures for part in parts]),
        np.concatenate([part.motion for part in parts]),
    )


def _sums(image: Values, where: Values, half: float) -> Values:
    """Sums of an image (H, W[, C]) over the squares around places: float64 (N, C).

    Parameters
    ----------
    half : half a side, in heights.
    """
    sums = cv2.integral(image)
    sums = sums[..., None] if sums.ndim == 2 else sums
    rows, columns = image.shape[:2]
    reach = half * where[:, 2]
    left, right = (np.clip(np.round(where[:, 0] + sign * reach), 0, columns).astype(int) for sign in (-1, 1))
    top, foot = (np.clip(np.round(where[:, 1] + sign * reach), 0, rows).astype(int) for sign in (-1, 1))
    totals: Values = sums[foot, right] - sums[top, right] - sums[foot, left] + sums[top, left]
    return totals
