"""Disturbances of clips in training: the same for all frames of a clip, as a camera's are.

Everything is drawn from the generator that is handed in, so that a seed repeats a training.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

SHIFT = 0.06
"""Largest shift, as a part of the picture's edge."""
ZOOM = 0.15
"""Largest change of size."""


def augment(clips: Tensor, rng: np.random.Generator) -> tuple[Tensor, NDArray[np.bool_]]:
    """Disturb clips in place, size, light and colour.

    Parameters
    ----------
    clips : uint8 tensor of shape (B, W, 3, h, w).
    rng : draws the disturbances.

    Returns
    -------
    float32 tensor of shape (B, W, 3, h, w) in [0, 1], and for each clip whether left and right changed
    places (bool array of shape (B,)).
    """
    flipped = rng.random(len(clips)) < 0.5
    moved = _move(clips.float().div_(255.0), flipped, rng)
    return _recolour(moved, rng).clamp_(0.0, 1.0), flipped


def _move(clips: Tensor, flipped: NDArray[np.bool_], rng: np.random.Generator) -> Tensor:
    """Flip, shift and zoom; what comes in from outside repeats the edge."""
    batch, window, channels, height, width = clips.shape
    zoom = 1.0 + rng.uniform(-ZOOM, ZOOM, batch)
    shift = rng.uniform(-2 * SHIFT, 2 * SHIFT, (batch, 2))
    theta = np.zeros((batch, 2, 3), np.float32)
    theta[:, 0, 0] = zoom * np.where(flipped, -1.0, 1.0)
    theta[:, 1, 1] = zoom
    theta[:, :, 2] = shift
    flat = clips.reshape(batch, window * channels, height, width)
    grid = functional.affine_grid(torch.from_numpy(theta), list(flat.shape), align_corners=False)
    sampled = functional.grid_sample(flat, grid, padding_mode="border", align_corners=False)
    return sampled.view_as(clips)


def _recolour(clips: Tensor, rng: np.random.Generator) -> Tensor:
    """Gain of each channel, brightness, offset, less colour, and channels that change places."""
    batch = len(clips)
    gain = rng.uniform(0.75, 1.3, (batch, 1, 3, 1, 1)) * rng.uniform(0.8, 1.2, (batch, 1, 1, 1, 1))
    offset = rng.uniform(-20 / 255, 20 / 255, (batch, 1, 1, 1, 1))
    mix = np.tile(np.eye(3), (batch, 1, 1))
    for index in np.flatnonzero(rng.random(batch) < 0.25):
        mix[index] = mix[index][rng.permutation(3)]
    gray = np.where(rng.random(batch) < 0.3, rng.uniform(0.3, 1.0, batch), 0.0)[:, None, None]
    mix = (1 - gray) * mix + gray / 3
    matrix = torch.from_numpy((mix * gain[:, 0, :, 0, 0][:, None, :]).astype(np.float32))
    mixed = torch.einsum("bcd,bwdhk->bwchk", matrix, clips)
    return mixed.add_(torch.from_numpy(offset.astype(np.float32)))
