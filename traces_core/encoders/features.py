"""What the frozen encoders see in one video: frame embeddings, window tokens, action probabilities.

Written by `extract_features` while `encoders.seeing` gives it piece by piece. What it means against a bank
belongs in `streams`; which videos have features, in `steps.footage`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from traces_core.disk import unreadable
from traces_core.encoders.base import ImageEncoder, WindowEncoder
from traces_core.encoders.evidence import Evidence
from traces_core.encoders.seeing import WINDOW_BATCH, Encoders, see
from traces_core.store.array_writer import ArrayWriter
from traces_core.types import Array, Times
from traces_core.video import (
    End,
    Gap,
    file_source,
    window_frames_of,
)


@dataclass(frozen=True)
class Features:
    """What the encoders saw in one video."""

    frame_times_s: Times
    """float64 (F,): seconds of the sampled frames."""
    frames: Array
    """float32 (F, D): unit-norm embeddings of the sampled frames."""
    ends: NDArray[np.int64]
    """int64 (T,): index of the last frame of each window."""
    tokens: Array
    """float32 (T, W, D_time): TimeSformer's token of each frame of each window."""
    labels: Array
    """float32 (T, L): probabilities of the action labels."""

    @property
    def window_times_s(self) -> Times:
        """float64 (T,): a window is known when its last frame is."""
        times: Times = self.frame_times_s[self.ends]
        return times

    @property
    def window_frames(self) -> Array:
        """float32 (T, W, D): the frame embeddings of each window, the first repeated before the start."""
        embeddings: Array = self.frames[window_frames_of(self.ends, self.tokens.shape[1])]
        return embeddings

    def evidence(
        self,
        *,
        scene_frames: Array | None = None,
        block_times_s: Times | None = None,
        grids: Array | None = None,
    ) -> Evidence:
        """All of it as one piece of evidence, with what further encoders saw."""
        return Evidence(
            self.frame_times_s,
            self.frames,
            self.window_times_s,
            self.window_frames,
            self.tokens,
            self.labels,
            scene_frames,
            block_times_s,
            grids,
        )

    @classmethod
    def load(cls, path: Path) -> Features:
        """Read what `extract_features` wrote.

        Raises
        ------
        CorruptArtifactError
            If the file is cut short or lacks an array.
        """
        try:
            arrays = load_file(path)
            half = {name: arrays[name].astype(np.float32) for name in ("frames", "tokens", "labels")}
            return cls(arrays["frame_times_s"], ends=arrays["ends"], **half)
        except (OSError, KeyError, ValueError, SafetensorError) as error:
            raise unreadable(path, error, f"features cannot be read ({error})") from error


def extract_features(
    video: Path,
    image_encoder: ImageEncoder,
    window_encoder: WindowEncoder,
    path: Path,
    *,
    sample_fps: float,
    hop_frames: int,
    block_encoder: WindowEncoder | None = None,
    scene_encoder: ImageEncoder | None = None,
    window_batch: int = WINDOW_BATCH,
    take: Callable[[Evidence | Gap | End], object] | None = None,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Write the features of one video as safetensors.

    Parameters
    ----------
    video
        Any file that PyAV decodes; it is opened once.
    image_encoder, window_encoder
        The frozen encoders.
    path
        The file to write.
    sample_fps
        Frames looked at per second of video.
    hop_frames
        Sampled frames from one window to the next.
    block_encoder, scene_encoder
        Further encoders of `Encoders`: what they see is passed on, not written.
    window_batch
        Windows a forward pass takes at once; changes the memory, not the result.
    take
        Given each piece of evidence as it comes, gaps, and at last the end.
    progress
        Called with the time in seconds of the last frame seen.

    Returns
    -------
    dict
        `frames`, `windows`, `start_s`, `end_s` (times of the first and the last frame), `length_s` (what the
        file states; None where it states nothing), and `broken`: why the file ends early, or None.

    Raises
    ------
    VideoError
        If not a single frame can be read. A file that breaks later keeps the features of its good part;
        `broken` says why.
    """
    encoders = Encoders(image_encoder, window_encoder, block_encoder, scene_encoder)
    facts: dict[str, Any] = {"frames": 0, "windows": 0, "start_s": None, "end_s": None}
    source = file_source(video, sample_fps=sample_fps)
    with ArrayWriter(path) as arrays:
        for piece in see(source, encoders, hop_frames=hop_frames, window_batch=window_batch):
            if isinstance(piece, End):
                facts |= {"length_s": piece.end_s, "broken": piece.broken}
            elif isinstance(piece, Evidence):
                _write(arrays, piece, hop_frames, facts)
                if progress is not None:
                    progress(facts["end_s"])
            if take is not None:
                take(piece)
        arrays.finish()
    return facts


def _write(arrays: ArrayWriter, piece: Evidence, hop_frames: int, facts: dict[str, Any]) -> None:
    """Append one piece of evidence to the features of a file, and count it."""
    count = len(piece.window_times_s)
    arrays.append("frame_times_s", piece.frame_times_s)
    arrays.append("frames", piece.frames.astype(np.float16))
    if count:
        arrays.append("ends", hop_frames * np.arange(facts["windows"], facts["windows"] + count))
        arrays.append("tokens", piece.tokens.astype(np.float16))
        arrays.append("labels", piece.labels.astype(np.float16))
    facts["frames"] += len(piece.frame_times_s)
    facts["windows"] += count
    facts["start_s"] = float(piece.frame_times_s[0]) if facts["start_s"] is None else facts["start_s"]
    facts["end_s"] = float(piece.frame_times_s[-1])
