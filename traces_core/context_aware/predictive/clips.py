"""Normal footage as training clips: which stretches of which videos a step sees.

How a video becomes grids or channels belongs to who calls; the loop is in `training`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from traces_core.context_aware.predictive.blocks import to_blocks
from traces_core.errors import PredictorError


@dataclass(frozen=True)
class TokenVideos:
    """Videos as token grids, one a block."""

    videos: Sequence[Tensor]
    """Each float32 (n, D, G, G), in the order of time; n differs."""

    def clip(self, video: int, blocks: int, rng: np.random.Generator) -> Tensor:
        """Blocks of one video from a random start: (N, D, G, G)."""
        grids = self.videos[video]
        start = _start(len(grids), blocks, rng)
        return grids[start : start + blocks]


@dataclass(frozen=True)
class PixelVideos:
    """Videos as pixels, cut into blocks when they are drawn."""

    videos: Sequence[Tensor]
    """Each (3 or 1, F, H, W), from 0 to 1, of any float type, F frames in the order of time; F differs."""
    block_frames: int
    """L, frames of a block."""
    crop: tuple[int, int] | None = None
    """Rows and columns of the part that training sees; None takes the whole picture."""
    is_mirrored: bool = True
    """Whether every second clip has left and right exchanged."""

    def clip(self, video: int, blocks: int, rng: np.random.Generator) -> Tensor:
        """Blocks of one video from a random frame, at a random place: (N, C, L, h, w)."""
        frames = self.videos[video]
        length = blocks * self.block_frames
        start = _start(frames.shape[1], length, rng)
        rows, columns = self.crop or frames.shape[2:]
        top = int(rng.integers(frames.shape[2] - rows + 1))
        left = int(rng.integers(frames.shape[3] - columns + 1))
        part = frames[:, start : start + length, top : top + rows, left : left + columns].float()
        if self.is_mirrored and rng.random() < 0.5:
            part = part.flip(-1)
        return to_blocks(part[None], self.block_frames)[0]


NormalVideos = TokenVideos | PixelVideos


def draw_clips(
    videos: NormalVideos, chosen: Sequence[int], count: int, blocks: int, rng: np.random.Generator
) -> Tensor:
    """A batch of clips of chosen videos, drawn with replacement.

    Returns
    -------
    tensor of shape (B, N, ...): what `PredictiveCoder` takes.

    Raises
    ------
    PredictorError
        If a drawn video is shorter than a clip.
    """
    drawn = rng.choice(np.asarray(chosen), count)
    return torch.stack([videos.clip(int(video), blocks, rng) for video in drawn])


def _start(length: int, wanted: int, rng: np.random.Generator) -> int:
    if length < wanted:
        raise PredictorError(
            f"a video of {length} frames or blocks is shorter than a training clip of {wanted}. "
            "Leave it out, or lower predictor.blocks or predictor.block_frames."
        )
    return int(rng.integers(length - wanted + 1))
