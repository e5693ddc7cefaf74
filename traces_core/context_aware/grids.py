"""The patch tokens of one video, block by block: what the predictor predicts.

    decode ─ sample by time ─ blocks of L frames ─ TimeSformer ─ mean over the block ─> grids (N, C, G, G)

A block is a window of L frames, so the window encoder must be one whose windows are that long. Blocks do not
overlap: a block that shared frames with the one before would be predicted by copying. Each frame goes through
the encoder once, a quarter of the work of overlapping windows of 16.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from traces_core.encoders.base import WindowEncoder
from traces_core.encoders.parallel_calls import ParallelCalls
from traces_core.encoders.seeing import block_grids
from traces_core.errors import CorruptArtifactError, DamagedVideoError
from traces_core.store.array_writer import ArrayWriter
from traces_core.types import Array, Times
from traces_core.video import FrameBatch, prefetch, read_frames, windows


@dataclass(frozen=True)
class PatchGrids:
    """The blocks of one video."""

    times_s: Times
    """float64 (N,): when each block ends, in seconds."""
    grids: Array
    """float32 (N, C, G, G): the mean token of each place over the frames of the block."""

    @classmethod
    def load(cls, path: Path) -> PatchGrids:
        """Read what `extract_grids` wrote.

        Raises
        ------
        CorruptArtifactError
            If the file is cut short or lacks an array.
        """
        try:
            arrays = load_file(path)
            return cls(arrays["times_s"], arrays["grids"].astype(np.float32))
        except (OSError, KeyError, ValueError, SafetensorError) as error:
            raise CorruptArtifactError(path, f"patch grids cannot be read ({error})") from error


def extract_grids(
    video: Path, encoder: WindowEncoder, path: Path, *, sample_fps: float, batch_blocks: int = 16
) -> dict[str, Any]:
    """Write the patch grids of one video as safetensors.

    Parameters
    ----------
    video
        Any file that PyAV decodes.
    encoder
        Its window is the block: L frames.
    path
        The file to write.
    sample_fps
        Frames looked at per second of video.
    batch_blocks
        Blocks a forward pass takes at once; changes the memory, not the result.

    Returns
    -------
    dict
        `blocks`, and `broken`: why the file ends early, or None.

    Raises
    ------
    VideoError
        If not a single frame can be read. A file that breaks later keeps the blocks of its good part.
    """
    facts: dict[str, Any] = {"blocks": 0, "broken": None}
    length = encoder.window_frames
    with ArrayWriter(path) as arrays:
        frames = (
            (encoder.resize(batch.pixels), batch.times_s)
            for batch in prefetch(_good_part(read_frames(video, sample_fps=sample_fps), facts))
        )
        with ParallelCalls() as calls:
            for some in windows(frames, window_frames=length, hop=length, batch_windows=batch_blocks):
                arrays.append("times_s", some.end_times_s)
                calls.put(partial(block_grids, encoder, some.values), partial(arrays.append, "grids"))
                facts["blocks"] += len(some)
        arrays.finish()
    return facts


def _good_part(batches: Iterator[FrameBatch], facts: dict[str, Any]) -> Iterator[FrameBatch]:
    try:
        yield from batches
    except DamagedVideoError as error:
        facts["broken"] = str(error)
