"""Windows drawn by code: what happens in them is seen in the tokens, not in the frames."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

WINDOW_FRAMES, DIMENSIONS, TOKEN_DIMENSIONS, EVENTS = 8, 16, 12, 6


def unit(x: np.ndarray) -> np.ndarray:
    return (x / np.linalg.norm(x, axis=-1, keepdims=True)).astype(np.float32)


@dataclass(frozen=True)
class Drawn:
    frames: np.ndarray
    tokens: np.ndarray
    captions: np.ndarray
    groups: np.ndarray
    clips: np.ndarray

    def arguments(self) -> dict[str, Any]:
        return {
            "frames": self.frames,
            "tokens": self.tokens,
            "captions": self.captions,
            "groups": self.groups,
            "clips": self.clips,
        }


def draw(seed: int = 0, clips: int = 120, windows_per_clip: int = 2) -> Drawn:
    """Draw windows whose frames show only the scene; 3 of their 8 tokens show the event."""
    world, rng = np.random.default_rng(99), np.random.default_rng(seed)  # one world, many samples
    event_of_clip = np.arange(clips) % EVENTS
    clip = np.repeat(np.arange(clips), windows_per_clip)
    event = event_of_clip[clip]
    sentences = unit(world.normal(size=(EVENTS, DIMENSIONS)))
    scene = rng.normal(size=(clips, DIMENSIONS))[clip]
    shape = (len(clip), WINDOW_FRAMES)
    frames = unit(scene[:, None] + 0.3 * rng.normal(size=(*shape, DIMENSIONS)))
    signs = world.normal(size=(EVENTS, TOKEN_DIMENSIONS))
    is_event = rng.random(shape).argsort(axis=1) < 3
    tokens = 0.5 * rng.normal(size=(*shape, TOKEN_DIMENSIONS)) + is_event[..., None] * signs[event][:, None]
    captions = unit(sentences[event][:, None] + 0.1 * rng.normal(size=(len(clip), 3, DIMENSIONS)))
    return Drawn(frames, tokens.astype(np.float32), captions, event, clip)
