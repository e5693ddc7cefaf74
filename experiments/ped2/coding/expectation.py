"""How much motion a coder expects at each place, and by how much what came exceeds it.

    context of normal frames ─┐                       ┌─ expected speed
    their carried speed ──────┴─ fitted once ─────────┴─ scale of the excess, place by place ─> surprise map

The context is what `watching` gives, the speed comes from `carried`. Fitted on normal footage only; a map
holds nothing of its video's future.

Notes
-----
Ours. CPC leaves the scale of a prediction open (its cosines have none), so a distance between what was
predicted and what came has no unit. A linear readout gives the prediction one: pixels a frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from experiments.ped2.settings import MotionSettings

RIDGE = 1e-3
"""Penalty of the readout, as a share of the mean variance of the context."""


@dataclass(frozen=True)
class MotionExpectation:
    """What a coder expects of normal footage."""

    weights: Tensor
    """float32 (K,): of the context."""
    bias: float
    """Pixels a frame."""
    share: float
    """How much of the expected speed is taken off what came: 0 compares speeds alone, 1 the whole excess."""
    scale: Tensor
    """float32 (G, G): the normal excess of each place, pixels a frame."""

    @classmethod
    def fit(
        cls, contexts: Sequence[Tensor], speeds: Sequence[Tensor], settings: MotionSettings
    ) -> MotionExpectation:
        """Learn it from normal videos.

        Parameters
        ----------
        contexts : a video each, (F, K, G, G); F differs.
        speeds : the same videos, (F, G, G).
        settings : the share, and how the scale is made of normal excess.
        """
        share = settings.expected_share
        weights, bias = _readout(contexts, speeds)
        unscaled = cls(weights, bias, share, torch.ones_like(speeds[0][0]))
        excess = torch.cat([unscaled.maps(c, s) for c, s in zip(contexts, speeds, strict=True)])
        return cls(weights, bias, share, _scale(excess, settings))

    def expected(self, context: Tensor) -> Tensor:
        """Speed expected at each place, from the context (F, K, G, G): (F, G, G), pixels a frame."""
        return torch.einsum("fkyx,k->fyx", context.float(), self.weights) + self.bias

    def maps(self, context: Tensor, speed: Tensor) -> Tensor:
        """Surprise of each place, (F, G, G): 0 where nothing moves faster than expected, 1 as the fastest
        normal things do."""
        excess = (speed - self.share * self.expected(context)).clamp_min(0.0)
        return excess / self.scale


def _readout(contexts: Iterable[Tensor], speeds: Iterable[Tensor]) -> tuple[Tensor, float]:
    """Ridge regression from sums, video by video: memory does not grow with the footage."""
    total = torch.zeros((), dtype=torch.float64)
    moments, products = total, total
    for context, speed in zip(contexts, speeds, strict=True):
        places = context.movedim(1, -1).flatten(0, -2).double()  # (F G G, K)
        places = torch.cat([places, torch.ones_like(places[:, :1])], dim=1)
        moments = moments + places.T @ places
        products = products + places.T @ speed.flatten().double()
        total = total + len(places)
    variances = moments.diagonal()[:-1].sum() / (len(moments) - 1)
    penalty = torch.eye(len(moments), dtype=torch.float64) * (RIDGE * variances + 1e-6)
    penalty[-1, -1] = 0.0  # the bias is free
    solved = torch.linalg.solve(moments + penalty, products)
    return solved[:-1].float(), float(solved[-1])


def _scale(excess: Tensor, settings: MotionSettings) -> Tensor:
    around = F.max_pool2d(excess[:, None], 3, 1, 1)[:, 0]
    scale = torch.quantile(around.flatten(1), settings.scale_quantile, dim=0).view(excess.shape[1:])
    rows = torch.quantile(scale, 0.9, dim=1, keepdim=True)
    scale = torch.maximum(scale, settings.least_of_row * rows)
    scale = F.avg_pool1d(F.pad(scale.T[None], (1, 1), mode="replicate"), 3, 1)[0].T  # rows blend
    return scale + settings.least_of_all * torch.quantile(rows, 0.95) + 1e-6
