"""What the frozen encoders saw of one video at the ends of its blocks, side by side.

Frames and tokens come from `traces_core.encoders.features`, grids from `grids`; here they are put in
step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from traces_core.context_aware.grids import PatchGrids
from traces_core.context_aware.model import BlockEvidence
from traces_core.context_aware.scene import running_scenes
from traces_core.encoders.features import Features
from traces_core.types import Array, Times
from traces_core.video import window_frames_of

_SLACK_S = 1e-6


@dataclass(frozen=True)
class Views:
    """One video, block by block; row n rests on frames up to `times_s[n]`."""

    times_s: Times
    """float64 (N,): when each block ends, in seconds."""
    appearance: Array
    """float32 (N, D), unit norm: the mean of the last frames, in CLIP's space."""
    time: Array
    """float32 (N, D_time): the mean token of the same frames in the window that ended last."""
    scenes: Array
    """float32 (N, S), unit norm: the place, seen so far."""
    grids: Array | None
    """float32 (N, C, G, G): the patch tokens of each block; None where nothing is to be predicted."""

    @classmethod
    def of(
        cls, features: Features, grids: PatchGrids | None, *, readout_frames: int, scene_frames: Array | None
    ) -> Views:
        """Put features and patch grids of one video in step.

        Parameters
        ----------
        features, grids
            Of the same file at the same `sample_fps`; without grids, the windows are the blocks.
        readout_frames
            Last frames whose mean is taken.
        scene_frames : float32 array of shape (F, S), or None
            Vectors of the sampled frames by another scene network; None takes CLIP's.
        """
        times_s = features.window_times_s if grids is None else grids.times_s
        ends = np.searchsorted(features.frame_times_s, times_s + _SLACK_S, side="right") - 1
        windows = np.searchsorted(features.window_times_s, times_s + _SLACK_S, side="right") - 1
        readout = min(readout_frames, features.tokens.shape[1])
        frames = features.frames[window_frames_of(ends, readout)].mean(axis=1)  # (N, D)
        return cls(
            times_s,
            appearance=frames / np.linalg.norm(frames, axis=1, keepdims=True),
            time=features.tokens[windows, -readout:].mean(axis=1),
            scenes=running_scenes(features.frames if scene_frames is None else scene_frames, ends),
            grids=None if grids is None else grids.grids,
        )

    @classmethod
    def of_grids(cls, grids: PatchGrids) -> Views:
        """Patch grids alone, for a predictor that learns by itself: everything else is of width 0."""
        nothing = np.zeros((len(grids.times_s), 0), np.float32)
        return cls(grids.times_s, nothing, nothing, nothing, grids.grids)

    def __len__(self) -> int:
        return len(self.times_s)

    @property
    def channels(self) -> int:
        """C; 0 without grids."""
        return 0 if self.grids is None else int(self.grids.shape[1])

    @property
    def is_finite(self) -> bool:
        """Whether no value is NaN or infinite."""
        arrays = (self.appearance, self.time, self.scenes, self.grids)
        return all(array is None or bool(np.isfinite(array).all()) for array in arrays)

    def part(self, start: int, blocks: int) -> Views:
        """So many blocks from one on."""
        rows = slice(start, start + blocks)
        grids = None if self.grids is None else self.grids[rows]
        return Views(self.times_s[rows], self.appearance[rows], self.time[rows], self.scenes[rows], grids)

    @staticmethod
    def stack(views: list[Views], device: str | torch.device = "cpu") -> BlockEvidence:
        """Clips of equal length as one batch of tensors (B, N, ...)."""

        def stacked(arrays: list[Array]) -> torch.Tensor:
            return torch.from_numpy(np.stack(arrays).astype(np.float32)).to(device)

        grids = [view.grids for view in views if view.grids is not None]
        return BlockEvidence(
            appearance=stacked([view.appearance for view in views]),
            time=stacked([view.time for view in views]),
            scenes=stacked([view.scenes for view in views]),
            grids=stacked(grids) if grids else None,
        )
