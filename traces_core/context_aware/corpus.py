"""Normal footage to learn from: blocks of videos, and the captions of those that have one.

Where blocks and captions come from is the caller's business; what is learned of them is in `training`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from traces_core.context_aware.model import BlockEvidence
from traces_core.context_aware.views import Views
from traces_core.errors import NotFiniteError, TrainingCorpusError
from traces_core.types import Array

Indices = NDArray[np.intp]


@dataclass(frozen=True)
class NormalVideo:
    """What was seen at the ends of the N blocks of one normal video, and the events they show."""

    name: str
    """Which video: trained on or validated on, never both."""
    views: Views
    """N blocks."""
    events: Sequence[str | None]
    """(N,): which event each block shows, a key of the captions; None where it has no caption."""

    def __len__(self) -> int:
        return len(self.views)


@dataclass(frozen=True)
class Batch:
    """Clips of N consecutive blocks, and the captions of the blocks that have one."""

    seen: BlockEvidence
    """(B, N, ...)."""
    captioned: Tensor
    """(M,): places of the captioned blocks in the B N blocks of the batch."""
    captions: Tensor
    """(M, D), unit norm: one sentence for each."""
    groups: Tensor
    """(M,), int64: which event each shows."""

    def to(self, device: torch.device) -> Batch:
        """The same on a device."""
        seen = self.seen
        grids = None if seen.grids is None else seen.grids.to(device)
        moved = BlockEvidence(seen.appearance.to(device), seen.time.to(device), seen.scenes.to(device), grids)
        return Batch(moved, *(part.to(device) for part in (self.captioned, self.captions, self.groups)))


@dataclass(frozen=True)
class JointCorpus:
    """Normal videos and the captions of their events."""

    videos: Sequence[NormalVideo]
    """At least two; shorter ones than a clip are left out of training."""
    captions: Mapping[str, Array]
    """By event: float32 (P, D), unit norm: its captions."""
    blocks: int
    """N, blocks of a clip."""
    events: tuple[str, ...] = field(init=False)
    """Names of the events, sorted: a group is a place in it."""

    def __post_init__(self) -> None:
        """Refuse what cannot be learned from."""
        object.__setattr__(self, "events", tuple(sorted(self.captions)))
        for video in self.videos:
            if not video.views.is_finite:
                raise NotFiniteError(f"joint training: {video.name} holds NaN or infinity. Extract it again.")
        if len(self._usable) < 2:
            raise TrainingCorpusError(
                f"joint training: {len(self._usable)} normal videos of {self.blocks} blocks or more, where "
                "two are needed: one to train on, one to validate on. Give footage.training more or longer "
                "ones, or lower predictor.blocks."
            )

    @property
    def _usable(self) -> list[NormalVideo]:
        return [video for video in self.videos if len(video) >= self.blocks]

    @property
    def is_described(self) -> bool:
        """Whether any block of a usable video has a caption."""
        return any(event is not None for video in self._usable for event in video.events)

    def split(self, share: float, rng: np.random.Generator) -> tuple[list[NormalVideo], list[NormalVideo]]:
        """The videos to train on and those to validate on; both show the same events where that can be.

        Videos are ordered by their first event and every n-th is kept.
        """
        usable = self._usable
        shuffled = [usable[place] for place in rng.permutation(len(usable))]
        ordered = sorted(shuffled, key=lambda video: next((e for e in video.events if e is not None), ""))
        wanted = int(np.clip(round(share * len(ordered)), 1, len(ordered) - 1))
        places = np.floor((np.arange(wanted) + rng.random()) * len(ordered) / wanted).astype(int)
        kept = set(places.tolist())
        training = [video for place, video in enumerate(ordered) if place not in kept]
        return training, [ordered[place] for place in sorted(kept)]

    def draw(self, videos: Sequence[NormalVideo], count: int, rng: np.random.Generator) -> Batch:
        """Clips of that many videos (of all where there are fewer), each from a place drawn at random."""
        chosen = rng.permutation(len(videos))[: min(count, len(videos))]
        clips = [(videos[place], int(rng.integers(len(videos[place]) - self.blocks + 1))) for place in chosen]
        return self._batch(clips, rng)

    def clips(self, videos: Sequence[NormalVideo], count: int) -> list[Batch]:
        """All of these videos as clips side by side, in batches of that many: the same at each call."""
        clips = [
            (video, start)
            for video in videos
            for start in range(0, len(video) - self.blocks + 1, self.blocks)
        ]
        rng = np.random.default_rng(0)  # any sentence of an event will do here
        return [self._batch(clips[start : start + count], rng) for start in range(0, len(clips), count)]

    @property
    def prototypes(self) -> Tensor:
        """(E, D), unit norm: the mean caption of each event."""
        means = np.array([self.captions[event].mean(axis=0) for event in self.events], np.float32)
        return F.normalize(torch.from_numpy(means.reshape(len(self.events), self._width)), dim=-1)

    @property
    def _width(self) -> int:
        return int(self.videos[0].views.appearance.shape[1])

    def _batch(self, clips: Sequence[tuple[NormalVideo, int]], rng: np.random.Generator) -> Batch:
        labels = [event for video, start in clips for event in video.events[start : start + self.blocks]]
        captioned = [place for place, event in enumerate(labels) if event is not None]
        events = [event for event in labels if event is not None]
        sentences = [self.captions[event][rng.integers(len(self.captions[event]))] for event in events]
        vectors = np.array(sentences, np.float32).reshape(len(sentences), self._width)
        return Batch(
            seen=Views.stack([video.views.part(start, self.blocks) for video, start in clips]),
            captioned=torch.tensor(captioned, dtype=torch.int64),
            captions=torch.from_numpy(vectors),
            groups=torch.tensor([self.events.index(event) for event in events], dtype=torch.int64),
        )
