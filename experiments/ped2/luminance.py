"""A clip as the experiment sees it: luminance, shrunk by whole pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from traces_core.types import Times
from traces_core.video import read_frames

WEIGHTS = torch.tensor([299.0, 587.0, 114.0])
"""Of red, green and blue (ITU-R BT.601), in thousandths: whole numbers leave grey exactly as it is."""


def read_luminance(path: Path, shrink: int) -> tuple[Tensor, Times]:
    """Luminance of a clip.

    Parameters
    ----------
    path : of the clip.
    shrink : pixels a side that are averaged into one.

    Returns
    -------
    float32 tensor of shape (F, H, W)
        From 0 to 1; H and W are those of the clip, divided by `shrink`.
    float64 array of shape (F,)
        Times of the frames, seconds.
    """
    frames, times = [], []
    for batch in read_frames(path):
        luminance = torch.from_numpy(batch.pixels).float() @ WEIGHTS / 1000.0  # (F, H, W), 0 to 255
        frames.append(F.avg_pool2d(luminance[:, None] / 255.0, shrink)[:, 0])
        times.append(batch.times_s)
    return torch.cat(frames), np.concatenate(times)
