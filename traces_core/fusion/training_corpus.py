"""The captioned windows a fusion is trained on: checked, packed into tensors, split by clip.

Where the captions come from (practice grammar, data set, writer) is the caller's business.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from traces_core.errors import NotFiniteError, TrainingCorpusError, WindowShapeError
from traces_core.fusion.objective import Indices, ValidationSet
from traces_core.fusion.settings import FusionSettings
from traces_core.fusion.windows import check_windows
from traces_core.types import Array

Labels = Sequence[Any] | NDArray[Any]


@dataclass(frozen=True, slots=True)
class TrainingCorpus:
    """Windows with the captions of each, the event they show and the clip they are from."""

    frames: Tensor
    """(T, W, D), float32."""
    tokens: Tensor
    """(T, K, D_time), float32."""
    captions: Tensor
    """(sum of P, D), unit norm: the paraphrases of window 0, of window 1, ..."""
    first_caption: Indices
    """(T,), where the paraphrases of each window begin."""
    caption_counts: Indices
    """(T,), how many each has; at least 1."""
    groups: Tensor
    """(T,), int64: which event each window shows."""
    clips: Indices
    """(T,), which clip each window is from."""

    @classmethod
    def from_arrays(
        cls,
        frames: Array,
        tokens: Array,
        captions: Array | Sequence[Array],
        *,
        groups: Labels,
        clips: Labels,
    ) -> TrainingCorpus:
        """Check the arrays and pack them; parameters and errors as in `train_fusion`."""
        check_windows(frames, tokens, where="training corpus")
        lengths = {"captions": len(captions), "groups": len(groups), "clips": len(clips)}
        for name, length in lengths.items():
            if length != len(frames):
                raise TrainingCorpusError(
                    f"training corpus: {length} {name} for {len(frames)} windows. Give one entry a window."
                )
        packed, counts = _pack(captions, frames.shape[2])
        return cls(
            frames=torch.from_numpy(np.asarray(frames, np.float32)),
            tokens=torch.from_numpy(np.asarray(tokens, np.float32)),
            captions=packed,
            first_caption=np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.intp),
            caption_counts=counts,
            groups=torch.from_numpy(_codes(groups).astype(np.int64)),
            clips=_codes(clips),
        )

    def draw(self, indices: Indices, rng: np.random.Generator) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Give frames, tokens, one paraphrase each, and events of the windows named."""
        paraphrase = rng.integers(0, self.caption_counts[indices])
        chosen = torch.from_numpy(self.first_caption[indices] + paraphrase)
        rows = torch.from_numpy(indices)
        return self.frames[rows], self.tokens[rows], self.captions[chosen], self.groups[rows]

    def split(self, settings: FusionSettings, rng: np.random.Generator) -> tuple[Indices, Indices]:
        """Give the windows to train on and the windows to validate on; no clip is in both.

        Clips are ordered by the event of their first window and every n-th is taken, so that both parts
        show the same events where the corpus allows it.

        Raises
        ------
        TrainingCorpusError
            If there are fewer than two clips, or the validation clips show one event only.
        """
        clips, first = np.unique(self.clips, return_index=True)
        if len(clips) < 2:
            raise TrainingCorpusError(
                f"training corpus: {len(clips)} clip, but training and validation need clips of their own. "
                "Give at least two; a few hundred are better."
            )
        shuffled = rng.permutation(len(clips))
        event = self.groups.numpy()[first[shuffled]]
        ordered = clips[shuffled][np.argsort(event, kind="stable")]
        wanted = int(np.clip(round(settings.validation_share * len(clips)), 1, len(clips) - 1))
        places = np.floor((np.arange(wanted) + rng.random()) * len(clips) / wanted).astype(np.intp)
        kept = np.isin(self.clips, ordered[places])
        if len(np.unique(self.groups.numpy()[kept])) < 2:
            raise TrainingCorpusError(
                f"training corpus: the {wanted} validation clips show one event only, so that nothing can be "
                "told apart. Give clips of more events, or raise validation_share."
            )
        return np.flatnonzero(~kept), np.flatnonzero(kept)

    def validation_set(self, indices: Indices, *, temperature: float) -> ValidationSet:
        """Give the windows named, with one vector per event they show."""
        rows = torch.from_numpy(indices)
        groups, events = torch.unique(self.groups[rows], return_inverse=True)
        owner = torch.repeat_interleave(self.groups, torch.from_numpy(self.caption_counts))
        prototypes = torch.stack([self.captions[owner == group].mean(dim=0) for group in groups])
        return ValidationSet(
            frames=self.frames[rows],
            tokens=self.tokens[rows],
            events=events,
            prototypes=F.normalize(prototypes, dim=-1),
            temperature=temperature,
        )


def _codes(labels: Labels) -> Indices:
    return np.asarray(np.unique(np.asarray(labels), return_inverse=True)[1], np.intp)


def _pack(captions: Array | Sequence[Array], dimensions: int) -> tuple[Tensor, Indices]:
    rows = [np.atleast_2d(np.asarray(item, np.float32)) for item in captions]
    for place, row in enumerate(rows):
        if not row.size:
            raise TrainingCorpusError(
                f"training corpus: window {place} has no caption. Leave it out, or caption it."
            )
        if row.shape[1] != dimensions:
            raise WindowShapeError(
                f"training corpus, captions of window {place}",
                actual=f"{row.shape[1]} dimensions",
                expected=f"{dimensions}, those of the frames: captions and frames share CLIP's space",
            )
    packed = np.concatenate(rows)
    if not np.isfinite(packed).all():
        raise NotFiniteError(
            "training corpus: a caption vector holds NaN or infinity. Embed the captions again."
        )
    counts = np.array([len(row) for row in rows], np.intp)
    return F.normalize(torch.from_numpy(packed), dim=-1), counts
