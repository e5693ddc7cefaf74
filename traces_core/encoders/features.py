"""What the frozen encoders see in one video: frame embeddings, window tokens, action probabilities.

    frames ─ sampled by time ─┬─ image encoder, once a frame ──────────> frames (F, D)
                              ├─ windows of W, every hop ─ TimeSformer ─> tokens (T, W, D_time), labels (T, L)
                              └─ blocks of L (predictor only) ─────────> grids (N, C, G, G)

One pass over the frames, memory independent of their number: `see` gives the evidence piece by piece, and
`extract_features` keeps that of a file. What it means against a bank belongs in `streams`; which videos have
features, in `steps.footage`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file

from traces_core.encoders.base import ImageEncoder, Pixels, WindowEncoder, WindowFeatures
from traces_core.encoders.evidence import Evidence
from traces_core.encoders.parallel_calls import ParallelCalls
from traces_core.errors import CorruptArtifactError
from traces_core.store.array_writer import ArrayWriter
from traces_core.types import Array, Times
from traces_core.video import (
    End,
    FrameBatch,
    Gap,
    Message,
    WindowBuffer,
    file_source,
    prefetch,
    window_frames_of,
)

WINDOW_BATCH = 4
"""Windows a forward pass takes at once: on a CPU larger ones leave the cache and are slower."""
BLOCK_BATCH = 16
"""Blocks a forward pass takes at once."""


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
        """All of it as one piece of evidence; what further encoders saw goes with it."""
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
            raise CorruptArtifactError(path, f"features cannot be read ({error})") from error


@dataclass(frozen=True)
class Encoders:
    """The frozen encoders that look at a video."""

    images: ImageEncoder
    """Sees each sampled frame."""
    windows: WindowEncoder
    """Sees windows of W frames."""
    blocks: WindowEncoder | None = None
    """Its window is a block of the predictor; None where nothing is predicted."""
    scenes: ImageEncoder | None = None
    """Sees each sampled frame for the scene; None where `images` does."""


def see(
    source: Iterable[Message],
    encoders: Encoders,
    *,
    hop_frames: int,
    window_batch: int = WINDOW_BATCH,
    block_batch: int = BLOCK_BATCH,
) -> Iterator[Evidence | Gap | End]:
    """What the encoders see, one piece for each batch of frames; gaps and the end pass through.

    Parameters
    ----------
    source
        Frames with their times, at the rate at which they are to be looked at.
    encoders
        The frozen encoders; each frame is decoded once for all of them.
    hop_frames
        Frames from one window to the next.
    window_batch, block_batch
        Windows and blocks a forward pass takes at once; change the memory, not the result.

    Yields
    ------
    Evidence or Gap or End
        In the order of time. Values are rounded to half precision, as they are kept.
    """
    ready: deque[_Piece | Gap | End] = deque()
    eyes = _Eyes(encoders, hop_frames, window_batch, block_batch)
    with ParallelCalls() as calls:
        for message in source:
            item: _Piece | Gap | End
            item = eyes.look(message, calls) if isinstance(message, FrameBatch) else eyes.pause(message)
            # Results come in the order of the calls: when this one does, all of the piece are there.
            calls.put(partial(_same, item), ready.append)
            while ready:
                yield eyes.finished(ready.popleft())
    while ready:
        yield eyes.finished(ready.popleft())


def _same(item: _Piece | Gap | End) -> _Piece | Gap | End:
    return item


@dataclass
class _Piece:
    """Evidence in the making: what the lanes have given so far of one batch of frames."""

    times_s: Times
    frames: list[Array] = field(default_factory=list)
    scenes: list[Array] = field(default_factory=list)
    windows: list[WindowFeatures] = field(default_factory=list)
    block_times_s: list[Times] = field(default_factory=list)
    grids: list[NDArray[np.float16]] = field(default_factory=list)


class _Eyes:
    """The encoders, with the frames that later windows and blocks still need."""

    def __init__(self, encoders: Encoders, hop_frames: int, window_batch: int, block_batch: int) -> None:
        self._encoders = encoders
        width = encoders.windows.window_frames
        self._windows = WindowBuffer(width, hop_frames, window_batch)
        self._vectors = WindowBuffer(width, hop_frames, 1 << 30)
        self._blocks = None
        if encoders.blocks is not None:
            length = encoders.blocks.window_frames
            self._blocks = WindowBuffer(length, length, block_batch)

    def look(self, batch: FrameBatch, calls: ParallelCalls) -> _Piece:
        """Have the lanes encode some frames, and what ends among them."""
        encoders, piece = self._encoders, _Piece(batch.times_s)
        calls.put(partial(encoders.images.encode_images, batch.pixels), piece.frames.append)
        if encoders.scenes is not None:
            calls.put(partial(encoders.scenes.encode_images, batch.pixels), piece.scenes.append)
        for some in self._windows.push(encoders.windows.resize(batch.pixels), batch.times_s):
            calls.put(partial(encoders.windows.encode_windows, some.values), piece.windows.append)
        if encoders.blocks is not None and self._blocks is not None:
            for some in self._blocks.push(encoders.blocks.resize(batch.pixels), batch.times_s):
                piece.block_times_s.append(some.end_times_s)
                calls.put(partial(block_grids, encoders.blocks, some.values), piece.grids.append)
        return piece

    def pause(self, message: Gap | End) -> Gap | End:
        """No window and no block reaches across a gap."""
        self._windows.reset()
        if self._blocks is not None:
            self._blocks.reset()
        return message

    def finished(self, piece: _Piece | Gap | End) -> Evidence | Gap | End:
        """What the lanes gave of a piece, put together; pieces come in the order of time."""
        if not isinstance(piece, _Piece):
            self._vectors.reset()
            return piece
        frames = _kept(piece.frames)
        ends = list(self._vectors.push(frames, piece.times_s))
        width = self._encoders.windows.window_frames
        has_blocks = self._blocks is not None
        return Evidence(
            piece.times_s,
            frames,
            np.concatenate([np.zeros(0), *(some.end_times_s for some in ends)]),
            np.concatenate([np.zeros((0, width, frames.shape[1]), np.float32), *(e.values for e in ends)]),
            _kept([some.tokens for some in piece.windows]),
            _kept([some.label_probabilities for some in piece.windows]),
            scene_frames=np.concatenate(piece.scenes) if piece.scenes else None,
            block_times_s=np.concatenate([np.zeros(0), *piece.block_times_s]) if has_blocks else None,
            grids=_kept(piece.grids) if has_blocks else None,
        )


def _kept(parts: Sequence[NDArray[Any]]) -> Array:
    """float32 arrays end to end, rounded as they are kept: to half precision."""
    if not parts:
        return np.zeros((0, 0, 0), np.float32)
    return np.concatenate(parts).astype(np.float16).astype(np.float32)


def block_grids(encoder: WindowEncoder, blocks: Pixels) -> NDArray[np.float16]:
    """float16 (N, C, G, G) of blocks uint8 (N, L, H, W, 3): the mean token of each place over the block."""
    grid = encoder.encode_windows(blocks, with_grid=True).grid  # (N, L, G, G, C)
    if grid is None:
        raise TypeError(f"{type(encoder).__name__} gives no patch grids; the predictor needs them.")
    placed: NDArray[np.float16] = np.moveaxis(grid.mean(axis=1), -1, 1).astype(np.float16)
    return placed


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
    push: Callable[[Evidence], object] | None = None,
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
        Further encoders of `Encoders`: what they see is pushed on, and not written.
    window_batch
        Windows a forward pass takes at once; changes the memory, not the result.
    push
        Given each piece of evidence as it comes.
    progress
        Told the time in seconds of the last frame seen.

    Returns
    -------
    dict
        `frames`, `windows`, `start_s`, `end_s` (times of the first and the last frame), `length_s` (what the
        file states; None where it states nothing), and `broken`: why the file ends early, or None.

    Raises
    ------
    VideoError
        If not a single frame can be read. A file that breaks later keeps the features of its good part
        and says so in `broken`.
    """
    encoders = Encoders(image_encoder, window_encoder, block_encoder, scene_encoder)
    facts: dict[str, Any] = {"frames": 0, "windows": 0, "start_s": None, "end_s": None}
    source = prefetch(file_source(video, sample_fps=sample_fps))
    with ArrayWriter(path) as arrays:
        for piece in see(source, encoders, hop_frames=hop_frames, window_batch=window_batch):
            if isinstance(piece, End):
                facts |= {"length_s": piece.end_s, "broken": piece.broken}
            elif isinstance(piece, Evidence):
                _write(arrays, piece, hop_frames, facts)
                if push is not None:
                    push(piece)
                if progress is not None:
                    progress(facts["end_s"])
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
