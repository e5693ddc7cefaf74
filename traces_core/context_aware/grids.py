"""The patch tokens of one video, block by block: what the predictor predicts.

    decode ─ sample by time ─ blocks of L frames ─ TimeSformer ─ mean over the block ─> grids (N, C, G, G)

A block is a window of L frames, so the window encoder must be one whose windows are that long. Blocks do not
overlap: a block that shared frames with the one before would be predicted by copying. Each frame goes through
the encoder once, a quarter of the work of overlapping windows of 16.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file

from traces_core.disk import unreadable
from traces_core.encoders.base import WindowEncoder
from traces_core.encoders.evidence import Evidence
from traces_core.encoders.seeing import Encoders, see
from traces_core.store.array_writer import ArrayWriter
from traces_core.types import Array, Times
from traces_core.video import End, file_source


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
            raise unreadable(path, error, f"patch grids cannot be read ({error})") from error


def extract_grids(video: Path, encoder: WindowEncoder, path: Path, *, sample_fps: float) -> dict[str, Any]:
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
    source = file_source(video, sample_fps=sample_fps)
    with ArrayWriter(path) as arrays:
        for piece in see(source, Encoders(blocks=encoder)):
            if isinstance(piece, End):
                facts["broken"] = piece.broken
            elif isinstance(piece, Evidence):
                facts["blocks"] += _write(arrays, piece)
        arrays.finish()
    return facts


def _write(arrays: ArrayWriter, piece: Evidence) -> int:
    """Append the blocks of one piece of evidence; how many there are."""
    if piece.block_times_s is None or piece.grids is None or not len(piece.block_times_s):
        return 0
    arrays.append("times_s", piece.block_times_s)
    arrays.append("grids", piece.grids.astype(np.float16))
    return len(piece.block_times_s)
