"""What the frozen encoders see in one video: frame embeddings, window tokens, action probabilities.

Written by `extract_features` while `encoders.seeing` gives it piece by piece. What it means against a bank
belongs in `streams`; which videos have features, in `steps.footage`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
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
    gaps_s: Times = field(default_factory=lambda: np.zeros((0, 2)))
    """float64 (G, 2): from where to where nothing was seen, in seconds; no window reaches across."""

    @property
    def window_times_s(self) -> Times:
        """float64 (T,): a window is known when its last frame is."""
        times: Times = self.frame_times_s[self.ends]
        return times

    @property
    def window_frames(self) -> Array:
        """float32 (T, W, D): the frame embeddings of each window, the first repeated before the start."""
        embeddings: Array = self.frames[self.positions_of(self.ends)]
        return embeddings

    def positions_of(self, ends: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64 (T, W): the frames of windows that end so, the first repeated before the start or a gap."""
        begins = np.concatenate([[0], np.searchsorted(self.frame_times_s, self.gaps_s[:, 1])])
        first = begins[np.searchsorted(begins, ends, side="right") - 1]
        positions: NDArray[np.int64] = np.maximum(
            window_frames_of(ends, self.tokens.shape[1]), first[:, None]
        )
        return positions

    def pieces(self) -> Iterator[Evidence | Gap]:
        """All of it as `see` gave it: evidence, and gaps in between."""
        return self.evidence().parted(self.gaps_s)

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
            gaps_s = arrays.get("gaps_s", np.zeros((0, 2)))
            return cls(arrays["frame_times_s"], ends=arrays["ends"], gaps_s=gaps_s, **half)
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
    stream: int | None = None,
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
    stream
        Which video stream of the file; None chooses as FFmpeg does.

    Returns
    -------
    dict
        `frames`, `windows`, `start_s`, `end_s` (times of the first and the last frame), `length_s` (where the
        last frame stops being shown), `broken`: what damage cost, or None, and `notes`: what is odd.

    Raises
    ------
    VideoError
        If not a single frame can be read. A file that breaks later keeps the features of its good part;
        `broken` says why.
    """
    encoders = Encoders(image_encoder, window_encoder, block_encoder, scene_encoder)
    facts: dict[str, Any] = {"frames": 0, "windows": 0, "start_s": None, "end_s": None}
    source = file_source(video, sample_fps=sample_fps, stream=stream)
    with ArrayWriter(path) as arrays:
        for piece in see(source, encoders, hop_frames=hop_frames, window_batch=window_batch):
            if isinstance(piece, End):
                facts |= {"length_s": piece.end_s, "broken": piece.broken, "notes": list(piece.notes)}
            elif isinstance(piece, Gap):
                arrays.append("gaps_s", np.array([[piece.start_s, piece.end_s]]))
            else:
                _write(arrays, piece, facts)
                if progress is not None:
                    progress(facts["end_s"])
            if take is not None:
                take(piece)
        arrays.finish()
    return facts


def _write(arrays: ArrayWriter, piece: Evidence, facts: dict[str, Any]) -> None:
    """Append one piece of evidence to the features of a file, and count it."""
    count = len(piece.window_times_s)
    arrays.append("frame_times_s", piece.frame_times_s)
    arrays.append("frames", piece.frames.astype(np.float16))
    if count:
        ends = facts["frames"] + np.searchsorted(piece.frame_times_s, piece.window_times_s)
        arrays.append("ends", ends.astype(np.int64))
        arrays.append("tokens", piece.tokens.astype(np.float16))
        arrays.append("labels", piece.labels.astype(np.float16))
    facts["frames"] += len(piece.frame_times_s)
    facts["windows"] += count
    facts["start_s"] = float(piece.frame_times_s[0]) if facts["start_s"] is None else facts["start_s"]
    facts["end_s"] = float(piece.frame_times_s[-1])
