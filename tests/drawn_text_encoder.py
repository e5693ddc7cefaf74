"""A text encoder whose vectors are drawn by the sentence: equal for equal sentences, far apart for others."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from traces_core.types import Array


class DrawnTextEncoder:
    """Remembers what it was asked."""

    fingerprint, space = "drawn", "drawn:1"

    def __init__(self) -> None:
        self.asked: list[str] = []

    def encode_texts(self, texts: Sequence[str]) -> Array:
        self.asked += texts
        seeds = [int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") for text in texts]
        drawn = np.stack([np.random.default_rng(seed).standard_normal(16) for seed in seeds])
        return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).astype(np.float32)

    def unknown_words(self, text: str) -> list[str]:
        return []
