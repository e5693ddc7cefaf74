"""Evidence: all that the frozen encoders saw in one stretch of a video, from one pass over its frames.

What passes from the encoders to the streams, live and in the graph. How it comes to be is in `seeing`; what
it means is in `traces_core.streams`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from traces_core.types import Array, Times
from traces_core.video import Gap


@dataclass(frozen=True)
class Evidence:
    """What is new since the last piece; a whole video is one piece.

    Every row rests on frames up to its time.
    """

    frame_times_s: Times
    """float64 (F,): seconds of the sampled frames."""
    frames: Array
    """float32 (F, D): unit-norm embeddings of the sampled frames."""
    window_times_s: Times
    """float64 (T,): when each window ends, in seconds."""
    window_frames: Array
    """float32 (T, W, D): the frame embeddings of each window, the oldest first."""
    tokens: Array
    """float32 (T, W, D_time): TimeSformer's token of each frame of each window."""
    labels: Array
    """float32 (T, L): probabilities of the action labels."""
    scene_frames: Array | None = None
    """float32 (F, S): the sampled frames as a scene network of its own sees them; None where that is CLIP."""
    block_times_s: Times | None = None
    """float64 (N,): when each block of the predictor ends, in seconds; None where nothing is predicted."""
    grids: Array | None = None
    """float32 (N, C, G, G): the patch tokens of each block; None where nothing is predicted."""

    def between(self, start_s: float, end_s: float) -> Evidence:
        """What ends at `start_s <= time < end_s` (seconds)."""

        def rows(times_s: Times) -> slice:
            return slice(*np.searchsorted(times_s, [start_s, end_s]))

        frames, windows = rows(self.frame_times_s), rows(self.window_times_s)
        blocks = slice(0) if self.block_times_s is None else rows(self.block_times_s)
        return Evidence(
            self.frame_times_s[frames],
            self.frames[frames],
            self.window_times_s[windows],
            self.window_frames[windows],
            self.tokens[windows],
            self.labels[windows],
            None if self.scene_frames is None else self.scene_frames[frames],
            None if self.block_times_s is None else self.block_times_s[blocks],
            None if self.grids is None else self.grids[blocks],
        )

    def parted(self, gaps_s: Times) -> Iterator[Evidence | Gap]:
        """All of it as it came: what lies between stretches (G, 2) of nothing, and these in between."""
        since_s = 0.0
        for start_s, end_s in gaps_s.tolist():
            yield self.between(since_s, end_s)
            yield Gap(start_s, end_s)
            since_s = end_s
        yield self.between(since_s, np.inf) if since_s else self


ENCODERS: Mapping[str, tuple[str, ...]] = {
    "frames": ("clip",),
    "scene_frames": ("clip",),
    "tokens": ("timesformer",),
    "labels": ("timesformer", "clip"),
    "grids": ("timesformer",),
}
"""Which encoders, by their section of the settings, each kind of evidence rests on: an action label is
compared with the traces as CLIP reads it."""
