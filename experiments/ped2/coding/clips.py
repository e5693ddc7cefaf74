"""Normal footage as training clips: which stretches of which videos a step sees.

What is learned from them is in `training`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from torch import Tensor

from traces_core.errors import TrainingCorpusError


class NormalVideos(Protocol):
    """What a coder is trained on."""

    @property
    def videos(self) -> Sequence[Tensor]:
        """One tensor a video."""

    def clip(self, video: int, blocks: int, rng: np.random.Generator) -> Tensor:
        """Blocks of one video from a random start: (N, ...), as `PredictiveCoder` takes them."""


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
        start = start_of(frames.shape[1], length, rng)
        rows, columns = self.crop or frames.shape[2:]
        top = int(rng.integers(frames.shape[2] - rows + 1))
        left = int(rng.integers(frames.shape[3] - columns + 1))
        part = frames[:, start : start + length, top : top + rows, left : left + columns].float()
        if self.is_mirrored and rng.random() < 0.5:
            part = part.flip(-1)
        return to_blocks(part[None], self.block_frames)[0]


def draw_clips(
    videos: NormalVideos, chosen: Sequence[int], count: int, blocks: int, rng: np.random.Generator
) -> Tensor:
    """A batch of clips of chosen videos, drawn with replacement.

    Returns
    -------
    tensor of shape (B, N, ...): what `PredictiveCoder` takes.

    Raises
    ------
    TrainingCorpusError
        If a drawn video is shorter than a clip.
    """
    drawn = rng.choice(np.asarray(chosen), count)
    return torch.stack([videos.clip(int(video), blocks, rng) for video in drawn])


def start_of(length: int, wanted: int, rng: np.random.Generator) -> int:
    """Where a clip of so many frames or blocks begins in a video, drawn.

    Raises
    ------
    TrainingCorpusError
        If the video is shorter than the clip.
    """
    if length < wanted:
        raise TrainingCorpusError(
            f"a video of {length} frames or blocks is shorter than a training clip of {wanted}. "
            "Leave it out, or lower predictor.blocks or predictor.block_frames."
        )
    return int(rng.integers(length - wanted + 1))


def to_blocks(clips: Tensor, frames: int) -> Tensor:
    """Clips cut into blocks of consecutive frames.

    Parameters
    ----------
    clips : tensor of shape (B, C, T, H, W).
    frames : L, frames of a block; must divide T.

    Returns
    -------
    tensor of shape (B, N, C, L, H, W), N = T / L: block n holds the frames n L to n L + L - 1.

    Raises
    ------
    ValueError
        If the clips have another number of axes, or L does not divide T.

    Notes
    -----
    T is split before the axes are exchanged. A view of (B, T, C, H, W) as (B, N, C, L, H, W), without the
    exchange, mixes channels with frames.

    Examples
    --------
    >>> import torch
    >>> to_blocks(torch.arange(6.0).view(1, 1, 6, 1, 1), 3).flatten(2).tolist()
    [[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]
    """
    if clips.ndim != 5 or frames < 1 or clips.shape[2] % frames:
        raise ValueError(
            f"to_blocks: clips of shape {tuple(clips.shape)} and blocks of {frames} frames; expected "
            "(B, C, T, H, W) with T a multiple of the block. Cut the clip to whole blocks first."
        )
    count, channels, _, height, width = clips.shape
    split = clips.reshape(count, channels, -1, frames, height, width)  # (B, C, N, L, H, W)
    return split.transpose(1, 2)
