"""What the frozen encoders see in one video: frame embeddings, window tokens, action probabilities.

    decode ─ sample by time ─┬─ image encoder, once a frame ──────────> frames (F, D)
                             └─ windows of W, every hop ─ TimeSformer ─> tokens (T, W, D_time), labels (T, L)

One pass over the file, memory independent of its length. What the features mean against a bank belongs
in `streams`; which videos have features, in `steps.footage`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from traces_core.encoders.base import ImageEncoder, Pixels, WindowEncoder, WindowFeatures
from traces_core.encoders.parallel_calls import ParallelCalls
from traces_core.errors import CorruptArtifactError, VideoError
from traces_core.store.array_writer import ArrayWriter
from traces_core.types import Array, Times
from traces_core.video import FrameBatch, prefetch, read_frames, window_frames_of, windows

WINDOW_BATCH = 4
"""Windows a forward pass takes at once: on a CPU larger ones leave the cache and are slower."""


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
            raise CorruptArtifactError(path, f"features cannot be read ({error})") from error


def extract_features(
    video: Path,
    image_encoder: ImageEncoder,
    window_encoder: WindowEncoder,
    path: Path,
    *,
    sample_fps: float,
    hop_frames: int,
    window_batch: int = WINDOW_BATCH,
    progress: Callable[[float], None] | None = None,
) -> dict[str, Any]:
    """Write the features of one video as safetensors.

    Parameters
    ----------
    video
        Any file that PyAV decodes.
    image_encoder, window_encoder
        The frozen encoders.
    path
        The file to write.
    sample_fps
        Frames looked at per second of video.
    hop_frames
        Sampled frames from one window to the next.
    window_batch
        Windows a forward pass takes at once; changes the memory, not the result.
    progress
        Told the time in seconds of the last frame seen.

    Returns
    -------
    dict
        `frames`, `windows`, `start_s`, `end_s`, and `broken`: why the file ends early, or None.

    Raises
    ------
    VideoError
        If not a single frame can be read. A file that breaks later keeps the features of its good part
        and says so in `broken`.
    """
    facts: dict[str, Any] = {"frames": 0, "windows": 0, "start_s": None, "end_s": None, "broken": None}
    with ArrayWriter(path) as arrays:

        def keep_frames(vectors: Array) -> None:
            arrays.append("frames", vectors.astype(np.float16))

        def keep_windows(found: WindowFeatures) -> None:
            count = len(found.tokens)
            arrays.append("ends", hop_frames * np.arange(facts["windows"], facts["windows"] + count))
            arrays.append("tokens", found.tokens.astype(np.float16))
            arrays.append("labels", found.label_probabilities.astype(np.float16))
            facts["windows"] += count

        def seen() -> Iterator[tuple[Pixels, Times]]:
            for batch in prefetch(_until_broken(read_frames(video, sample_fps=sample_fps), facts)):
                arrays.append("frame_times_s", batch.times_s)
                calls.put(partial(image_encoder.encode_images, batch.pixels), keep_frames)
                facts["frames"] += len(batch)
                facts["start_s"] = float(batch.times_s[0]) if facts["start_s"] is None else facts["start_s"]
                facts["end_s"] = float(batch.times_s[-1])
                if progress is not None:
                    progress(facts["end_s"])
                yield window_encoder.resize(batch.pixels), batch.times_s

        width = window_encoder.window_frames
        with ParallelCalls() as calls:
            for some in windows(seen(), window_frames=width, hop=hop_frames, batch_windows=window_batch):
                calls.put(partial(window_encoder.encode_windows, some.values), keep_windows)
        arrays.finish()
    return facts


def _until_broken(batches: Iterator[FrameBatch], facts: dict[str, Any]) -> Iterator[FrameBatch]:
    """Batches up to the place where a file breaks; a file that gives none at all stays an error."""
    some = False
    try:
        for batch in batches:
            some = True
            yield batch
    except VideoError as error:
        if not some:
            raise
        facts["broken"] = str(error)
