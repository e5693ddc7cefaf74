"""What an encoder is: one protocol each for images, texts and windows, and what the last one gives.

Anything about a particular library belongs in the module named after the model.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from traces_core.types import Array

Pixels = NDArray[np.uint8]


@runtime_checkable
class ImageEncoder(Protocol):
    """Frames to unit vectors."""

    @property
    def space(self) -> str:
        """Which model and which weights, short: vectors of two spaces never meet."""

    @property
    def dimensions(self) -> int:
        """D."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that changes a vector: weights, configuration, preprocessing, precision."""

    def encode_images(self, pixels: Pixels) -> Array:
        """Vectors of frames: uint8 (F, H, W, 3) RGB in, float32 (F, D) of unit norm out."""


@runtime_checkable
class TextEncoder(Protocol):
    """Sentences to unit vectors."""

    @property
    def space(self) -> str:
        """Which model and which weights, short: vectors of two spaces never meet."""

    @property
    def dimensions(self) -> int:
        """D."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that changes a vector: weights, configuration, tokenizer, precision."""

    def encode_texts(self, texts: Sequence[str]) -> Array:
        """Vectors of sentences: N sentences in, float32 (N, D) of unit norm out."""

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Words that the encoder has never seen, in their order; () where it cannot tell."""


@dataclass(frozen=True, slots=True)
class WindowFeatures:
    """What a window encoder gives for T windows of W frames."""

    tokens: Array
    """float32 (T, W, D): one token per frame, the mean of its grid."""
    label_probabilities: Array
    """float32 (T, L) in [0, 1], rows sum to 1: the classification head over `labels`."""
    grid: Array | None = None
    """float32 (T, W, G, G, D) where asked for: every token at its place (row, column)."""
    attention: Array | None = None
    """float32 (T, W, G, G) where asked for, each frame sums to 1: where the class token looks last."""

    def __len__(self) -> int:
        return len(self.tokens)


@runtime_checkable
class WindowEncoder(Protocol):
    """Windows of frames to tokens and to probabilities of action labels."""

    @property
    def dimensions(self) -> int:
        """D."""

    @property
    def window_frames(self) -> int:
        """W."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that changes a token: weights, configuration, preprocessing, precision."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The L action labels of the head, as sentences, in the order of the probabilities."""

    def resize(self, pixels: Pixels) -> Pixels:
        """Frames at the model's own size, uint8 (F, h, w, 3): resize once, then cut overlapping windows."""

    def encode_windows(
        self, windows: Pixels, *, with_grid: bool = False, with_attention: bool = False
    ) -> WindowFeatures:
        """Features of windows: uint8 (T, W, H, W', 3) RGB in."""
