"""What the frozen encoders see of a source: evidence, piece by piece, in one pass over the frames.

    frames ─ sampled by time ─┬─ image encoder, once a frame ──────────> frames (F, D)
                              ├─ windows of W, every hop ─ TimeSformer ─> tokens (T, W, D_time), labels (T, L)
                              └─ blocks of L (predictor only) ─────────> grids (N, C, G, G)

Memory does not depend on the length. What is kept of a file is in `traces_core.encoders.features`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from traces_core.encoders.base import ImageEncoder, Pixels, WindowEncoder, WindowFeatures
from traces_core.encoders.evidence import Evidence
from traces_core.encoders.parallel_calls import ParallelCalls
from traces_core.types import Array, Times
from traces_core.video import End, FrameBatch, Gap, Message, WindowBuffer

WINDOW_BATCH = 4
"""Windows a forward pass takes at once: on a CPU larger ones leave the cache and are slower."""
BLOCK_BATCH = 16
"""Blocks a forward pass takes at once."""


@dataclass(frozen=True)
class Encoders:
    """The frozen encoders that look at a video."""

    images: ImageEncoder | None = None
    """Sees each sampled frame; None where its embeddings are kept already."""
    windows: WindowEncoder | None = None
    """Sees windows of W frames; None where its tokens are kept already."""
    blocks: WindowEncoder | None = None
    """Its window is a block of the predictor; None where nothing is predicted."""
    scenes: ImageEncoder | None = None
    """Sees each sampled frame for the scene; None where `images` does."""


def see(
    source: Iterable[Message],
    encoders: Encoders,
    *,
    hop_frames: int = 1,
    window_batch: int = WINDOW_BATCH,
) -> Iterator[Evidence | Gap | End]:
    """What the encoders see, one piece for each batch of frames; gaps and the end pass through.

    Parameters
    ----------
    source
        Frames with their times, at the rate at which they are to be looked at.
    encoders
        The frozen encoders; each frame is decoded once for all of them.
    hop_frames
        Frames from one window to the next; nothing to an encoder of blocks.
    window_batch
        Windows a forward pass takes at once; changes the memory, not the result.

    Yields
    ------
    Evidence or Gap or End
        In the order of time. Values are rounded to half precision, as they are kept.
    """
    ready: deque[EncodedPart | Gap | End] = deque()
    eyes = EvidenceBuilder(encoders, hop_frames, window_batch)
    with ParallelCalls() as lanes:
        for message in source:
            item: EncodedPart | Gap | End
            item = eyes.look(message, lanes) if isinstance(message, FrameBatch) else eyes.pause(message)
            # Results come in the order of the calls: when this one does, all of the piece are there.
            lanes.put(partial(_same, item), ready.append)
            while ready:
                yield eyes.finished(ready.popleft())
    while ready:
        yield eyes.finished(ready.popleft())


def _same(item: EncodedPart | Gap | End) -> EncodedPart | Gap | End:
    return item


@dataclass
class EncodedPart:
    """Evidence in the making: what the calls have given so far of one batch of frames."""

    times_s: Times
    frames: list[Array] = field(default_factory=list)
    scenes: list[Array] = field(default_factory=list)
    windows: list[WindowFeatures] = field(default_factory=list)
    block_times_s: list[Times] = field(default_factory=list)
    grids: list[NDArray[np.float16]] = field(default_factory=list)


class Calls(Protocol):
    """Who computes, now or later, alone or with others of its kind."""

    def put(self, compute: Callable[[], Any], keep: Callable[[Any], None], /) -> None:
        """Have `compute` called, and `keep` with its result, in the order of the calls."""


class EvidenceBuilder:
    """The encoders for one source, with the frames that later windows and blocks still need.

    Parameters
    ----------
    encoders, hop_frames, window_batch : as in `see`.
    """

    def __init__(self, encoders: Encoders, hop_frames: int, window_batch: int) -> None:
        self._encoders = encoders
        self._width = 1 if encoders.windows is None else encoders.windows.window_frames
        length = 1 if encoders.blocks is None else encoders.blocks.window_frames
        self._windows = WindowBuffer(self._width, hop_frames, window_batch)
        self._vectors = WindowBuffer(self._width, hop_frames, 1 << 30)
        self._blocks = WindowBuffer(length, length, BLOCK_BATCH)

    def look(self, batch: FrameBatch, calls: Calls) -> EncodedPart:
        """Have some frames encoded, and what ends among them."""
        encoders, piece = self._encoders, EncodedPart(batch.times_s)
        if encoders.images is not None:
            calls.put(partial(encoders.images.encode_images, batch.pixels), piece.frames.append)
        if encoders.scenes is not None:
            calls.put(partial(encoders.scenes.encode_images, batch.pixels), piece.scenes.append)
        if encoders.windows is not None:
            for some in self._windows.push(encoders.windows.resize(batch.pixels), batch.times_s):
                calls.put(partial(encoders.windows.encode_windows, some.values), piece.windows.append)
        if encoders.blocks is not None:
            for some in self._blocks.push(encoders.blocks.resize(batch.pixels), batch.times_s):
                piece.block_times_s.append(some.end_times_s)
                calls.put(partial(block_grids, encoders.blocks, some.values), piece.grids.append)
        return piece

    def newest_window(self) -> Pixels | None:
        """uint8 (W, h, w, 3): the newest frames, of the window encoder's size; None where there are none."""
        return self._windows.newest()

    def pause(self, message: Gap | End) -> Gap | End:
        """No window and no block reaches across a gap."""
        self._windows.reset()
        self._blocks.reset()
        return message

    def finished(self, piece: EncodedPart | Gap | End) -> Evidence | Gap | End:
        """What the calls gave of a piece, put together; pieces come in the order of time."""
        if isinstance(piece, EncodedPart):
            return self.evidence(piece)
        self._vectors.reset()
        return piece

    def evidence(self, piece: EncodedPart) -> Evidence:
        """A piece whose calls have all given their results."""
        windows = self._encoders.windows
        frames = _kept(piece.frames, len(piece.times_s), 0)
        ends = [] if windows is None else list(self._vectors.push(frames, piece.times_s))
        none_ended = np.zeros((0, self._width, frames.shape[1]), np.float32)
        has_blocks = self._encoders.blocks is not None
        return Evidence(
            piece.times_s,
            frames,
            np.concatenate([np.zeros(0), *(some.end_times_s for some in ends)]),
            np.concatenate([none_ended, *(some.values for some in ends)]),
            _kept(
                [some.tokens for some in piece.windows], 0, self._width, windows.dimensions if windows else 0
            ),
            _kept(
                [some.label_probabilities for some in piece.windows], 0, len(windows.labels) if windows else 0
            ),
            scene_frames=np.concatenate(piece.scenes) if piece.scenes else None,
            block_times_s=np.concatenate([np.zeros(0), *piece.block_times_s]) if has_blocks else None,
            grids=_kept(piece.grids, 0, 0, 0, 0) if has_blocks else None,
        )


def _kept(parts: Sequence[NDArray[Any]], *empty: int) -> Array:
    """float32 arrays end to end, rounded as they are kept: to half precision; of this shape where none is."""
    if not parts:
        return np.zeros(empty, np.float32)
    return np.concatenate(parts).astype(np.float16).astype(np.float32)


def block_grids(encoder: WindowEncoder, blocks: Pixels) -> NDArray[np.float16]:
    """float16 (N, C, G, G) of blocks uint8 (N, L, H, W, 3): the mean token of each place over the block."""
    grid = encoder.encode_windows(blocks, with_grid=True).grid  # (N, L, G, G, C)
    if grid is None:
        raise TypeError(f"{type(encoder).__name__} gives no patch grids; the predictor needs them.")
    placed: NDArray[np.float16] = np.moveaxis(grid.mean(axis=1), -1, 1).astype(np.float16)
    return placed
