"""One video as the coder watches it: for each frame, what it knew before the block that ends there.

    luminance ─ block ending at each frame ─ coder ─> state before the block, and the block predicted from it

Blocks end at every frame, not only at every L-th: L streams of blocks, each L frames apart, take turns. A new
frame costs one block, whatever came before. What of a frame surprises is in `expectation`.
"""

from __future__ import annotations

import torch
from torch import Tensor

from traces_core.context_aware.predictive.coder import PredictiveCoder


class StreamingCoder:
    """Watches one stream; give it frames as they come."""

    def __init__(self, coder: PredictiveCoder, *, block_frames: int) -> None:
        """Begin a stream.

        Parameters
        ----------
        coder : trained on pixel blocks, in eval mode.
        block_frames : L.
        """
        self._coder = coder
        self._length = block_frames
        self._seen: Tensor | None = None
        self._states: list[Tensor] = []
        self._turn = 0

    @torch.inference_mode()
    def __call__(self, luminance: Tensor) -> Tensor:
        """What was known before the block that ends at each of the next frames.

        Parameters
        ----------
        luminance : float32 tensor of shape (F, H, W), from 0 to 1. Before the first frame of a stream it
            stood still.

        Returns
        -------
        float32 tensor of shape (F, K, G, G): the state of each place, and the block predicted from it.
            Nothing of the frame itself, nor of the L - 1 before it.
        """
        known = self._seen
        if known is None:
            known = luminance[:1].expand(self._length - 1, -1, -1)
            start = self._embedded(luminance[:1].expand(self._length, -1, -1))
            self._states = [self._coder.advance(start, self._coder.aggregate.start(start))] * self._length
        reach = torch.cat([known, luminance])
        self._seen = reach[len(reach) - self._length + 1 :]
        return torch.cat([self._step(embedded[None]) for embedded in self._embedded(reach)])

    def _embedded(self, frames: Tensor) -> Tensor:
        """The block that ends at each frame from the L-th on: (F, D, G, G)."""
        blocks = frames.unfold(0, self._length, 1).movedim(-1, 1)  # (F, L, H, W)
        return self._coder.embed(blocks[None, :, None])[0]

    def _step(self, embedded: Tensor) -> Tensor:
        """What was known before a block (1, K, G, G); then the stream whose turn it is sees the block."""
        state = self._states[self._turn]
        context = torch.cat([state[:, -1], self._coder.head(state[:, -1])], dim=1)
        self._states[self._turn] = self._coder.advance(embedded, state)
        self._turn = (self._turn + 1) % self._length
        return context
