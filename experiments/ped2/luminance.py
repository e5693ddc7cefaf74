"""A grey clip as the coder and the flow see it: luminance, shrunk by whole pixels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from traces_core.types import Times
from traces_core.video import read_frames


def read_luminance(path: Path, shrink: int) -> tuple[Tensor, Times]:
    """A clip's luminance from 0 to 1, float32 (F, H, W), `shrink` pixels a side averaged; and its times."""
    frames, times = [], []
    for batch in read_frames(path):
        grey = torch.from_numpy(batch.pixels[..., 1]).float()[:, None] / 255.0  # grey footage: any channel
        frames.append(F.avg_pool2d(grey, shrink)[:, 0])
        times.append(batch.times_s)
    return torch.cat(frames), np.concatenate(times)
