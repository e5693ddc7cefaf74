"""What training minimises, and what validation measures.

The loop that does either belongs in `training.py`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from traces_core.fusion.window_fusion import WindowFusion, window_mean

Indices = NDArray[np.intp]


def info_nce(
    windows: Tensor,
    captions: Tensor,
    groups: Tensor,
    log_temperature: Tensor,
    *,
    same_group: Literal["positive", "ignored"] = "positive",
) -> Tensor:
    """Give the symmetric InfoNCE of a batch; windows of one event are never each other's negatives.

    Parameters
    ----------
    windows, captions : float32 tensors of shape (B, D), unit norm
        Row i of one belongs to row i of the other.
    groups : int64 tensor of shape (B,)
        Which event each window shows.
    log_temperature : float32 scalar tensor
    same_group : str
        "positive": all captions of the event are targets, in equal parts. "ignored": only the own one
        is, the others of the event are left out of the sum.

    Returns
    -------
    float32 scalar tensor
        Nats, from 0. A batch of one event gives what nothing can lower.

    Notes
    -----
    Source: InfoNCE, arXiv 1807.03748; both directions as in CLIP, arXiv 2103.00020. Several positives
    as in supervised contrastive learning (arXiv 2004.11362, L_out).

    Examples
    --------
    >>> same = torch.eye(2)
    >>> float(info_nce(same, same, torch.tensor([0, 1]), torch.tensor(0.1).log())) < 1e-4
    True
    """
    logits = windows @ captions.T / log_temperature.exp()
    same = groups[:, None] == groups[None, :]
    if same_group == "ignored":
        own = torch.eye(len(groups), dtype=torch.bool, device=groups.device)
        logits = logits.masked_fill(same & ~own, -torch.inf)
        rows = torch.arange(len(groups), device=groups.device)
        return (F.cross_entropy(logits, rows) + F.cross_entropy(logits.T, rows)) / 2
    targets = same / same.sum(dim=1, keepdim=True)  # symmetric pattern: good for both directions
    return (F.cross_entropy(logits, targets) + F.cross_entropy(logits.T, targets)) / 2


def distance_from_mean(fused: Tensor, frames: Tensor, readout_frames: int | None = None) -> Tensor:
    """Give the mean of 1 - cosine(fused, mean of the frames read out): 0 for the identity, at most 2.

    Examples
    --------
    >>> frames = torch.tensor([[[1.0, 0.0]]])
    >>> float(distance_from_mean(torch.tensor([[0.0, 1.0]]), frames))
    1.0
    """
    return (1.0 - (fused * window_mean(frames, readout_frames)).sum(dim=-1)).mean()


@dataclass(frozen=True, slots=True)
class Validation:
    """How well a fusion finds the event of windows from clips it has not been trained on."""

    info_nce: float
    """Cross-entropy of the event among all events, nats, at the fixed temperature; lower is better."""
    retrieval: float
    """Share of the windows whose nearest event is the right one; 0 to 1."""
    similarity_to_mean: float
    """Mean cosine between the fused vector and the window mean; 1 for the identity."""

    @property
    def loss(self) -> float:
        """What early stopping looks at: the InfoNCE."""
        return self.info_nce

    def metrics(self) -> dict[str, float]:
        """Give the numbers by name, as a tracker wants them.

        Examples
        --------
        >>> Validation(1.5, 0.25, 1.0).metrics()["validation_retrieval"]
        0.25
        """
        return {
            "validation_info_nce": self.info_nce,
            "validation_retrieval": self.retrieval,
            "validation_similarity_to_mean": self.similarity_to_mean,
        }


@dataclass(frozen=True, slots=True)
class ValidationSet:
    """The windows of the clips kept aside, and one vector per event they show."""

    frames: Tensor
    """(V, W, D)."""
    tokens: Tensor
    """(V, K, D_time)."""
    events: Tensor
    """(V,), which row of `prototypes` each window shows."""
    prototypes: Tensor
    """(E, D), the unit mean of the captions of each event."""
    temperature: float
    """The fixed temperature of the cross-entropy."""

    @torch.no_grad()
    def validate(self, fusion: WindowFusion) -> Validation:
        """Measure a fusion; dropout is off while it runs."""
        training = fusion.training
        fusion.eval()
        starts = range(0, len(self.frames), 512)
        fused = torch.cat([fusion(self.frames[i : i + 512], self.tokens[i : i + 512]) for i in starts])
        fusion.train(training)
        similarities = fused @ self.prototypes.T  # (V, E)
        right = similarities.argmax(dim=1) == self.events
        return Validation(
            info_nce=float(F.cross_entropy(similarities / self.temperature, self.events)),
            retrieval=float(right.float().mean()),
            similarity_to_mean=1.0 - float(distance_from_mean(fused, self.frames, fusion.readout_frames)),
        )
