"""What the frozen encoders saw of one video at the ends of its blocks, side by side.

Frames, tokens and grids come as `Evidence`; here they are only put in step.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from traces_core.context_aware.grids import PatchGrids
from traces_core.context_aware.model import BlockEvidence
from traces_core.context_aware.scene import RunningScene
from traces_core.encoders.evidence import Evidence
from traces_core.types import Array, Times

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
    def of(cls, evidence: Evidence, *, readout_frames: int) -> Views:
        """The blocks of one video: `BlockViews`, with all its evidence pushed at once."""
        return BlockViews(readout_frames).push(evidence)

    @classmethod
    def of_grids(cls, grids: PatchGrids) -> Views:
        """Patch grids alone, for a predictor that learns alone: everything else is of width 0."""
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
        """That many blocks, from block `start` on."""
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


class BlockViews:
    """Frames, tokens and patch grids put in step, while they come; without grids the windows are the blocks.

    Parameters
    ----------
    readout_frames
        Last frames of a block whose mean is taken.
    """

    def __init__(self, readout_frames: int) -> None:
        self._readout = readout_frames
        self._frames: Array | None = None  # the last ones, for blocks whose last frames reach back
        self._time: Array | None = None  # of the window that ended last
        self._scene = RunningScene()

    def push(self, evidence: Evidence) -> Views:
        """Take the next evidence; the blocks that end within it. Pieces of any size give the same bits."""
        times_s = evidence.window_times_s if evidence.block_times_s is None else evidence.block_times_s
        ends = np.searchsorted(evidence.frame_times_s, times_s + _SLACK_S, side="right") - 1
        windows = np.searchsorted(evidence.window_times_s, times_s + _SLACK_S, side="right")
        scene_frames = evidence.frames if evidence.scene_frames is None else evidence.scene_frames
        frames = self._read_out(evidence, ends)
        return Views(
            times_s,
            appearance=frames / np.linalg.norm(frames, axis=1, keepdims=True),
            time=self._tokens(evidence)[windows],
            scenes=self._scene.push(scene_frames, ends),
            grids=evidence.grids,
        )

    def _read_out(self, evidence: Evidence, ends: NDArray[np.int64]) -> Array:
        """float32 (N, D): the mean of the last frames of each block."""
        readout = min(self._readout, evidence.window_frames.shape[1])
        if self._frames is None:  # before the start, the first frame stands in
            self._frames = np.repeat(evidence.frames[:1], readout - 1, axis=0)
        joined = np.concatenate([self._frames, evidence.frames])
        self._frames = joined[len(joined) - readout + 1 :]
        mean: Array = joined[ends[:, None] + np.arange(readout)].mean(axis=1)
        return mean

    def _tokens(self, evidence: Evidence) -> Array:
        """float32 (1 + T, D_time): the mean of the last tokens, of the window before these and of each."""
        if not len(evidence.window_times_s):
            return np.zeros((0, 0), np.float32) if self._time is None else self._time
        readout = min(self._readout, evidence.window_frames.shape[1])
        means = evidence.tokens[:, -readout:].mean(axis=1)
        joined = np.concatenate([means[:1] if self._time is None else self._time, means])
        self._time = joined[-1:]
        return joined
