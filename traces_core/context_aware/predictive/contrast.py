"""The CPC loss over space, time and batch: each prediction must find its own block among all others.

The coder that predicts is in `coder`; what a prediction error means at inference is in `surprise`.

Notes
-----
Dense predictive coding (Han et al. 2019, eq. 3 and its released mask): the positive is the same clip, the
same block, the same place. Negatives: *easy*, from another clip; *spatial*, from the same clip at another
place (at any time); *temporal*, from the same clip and place at another time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from traces_core.context_aware.predictive.coder import Predictions

NegativeKind = Literal["easy", "spatial", "temporal"]
POSITIVE, EASY, SPATIAL, TEMPORAL = 1, 0, -3, -1
"""How a pair is marked, as in the released mask of DPC."""
KINDS: Mapping[NegativeKind, int] = {"easy": EASY, "spatial": SPATIAL, "temporal": TEMPORAL}


@dataclass(frozen=True)
class CpcLoss:
    """The loss of a batch, and how often predictions found their block."""

    loss: Tensor
    """Scalar, nats: mean cross-entropy; log of the number of candidates where nothing is known."""
    accuracy: float
    """Share of predictions whose own block was the nearest candidate."""
    candidates: int
    """How many blocks and places each prediction was compared with, its own among them."""
    mistaken_for: Mapping[NegativeKind, float]
    """Share of predictions that took a negative of this kind; with `accuracy` they add up to 1."""


def pair_kinds(rows: Tensor, columns: Tensor, *, steps: int, places: int) -> Tensor:
    """How predictions and candidates are related.

    Parameters
    ----------
    rows, columns : integer tensors that broadcast: indices of predictions and of candidates, counted in the
        order (clip, block, place).
    steps, places : P blocks of a clip, S = G x G places of a block.

    Returns
    -------
    int8 tensor of the broadcast shape: `POSITIVE`, `EASY`, `SPATIAL` or `TEMPORAL`.

    Examples
    --------
    >>> own = torch.arange(4)
    >>> pair_kinds(own[:, None], own, steps=2, places=2).tolist()
    [[1, -3, -1, -3], [-3, 1, -3, -1], [-1, -3, 1, -3], [-3, -1, -3, 1]]
    """
    same_clip = rows // (steps * places) == columns // (steps * places)
    same_place = rows % places == columns % places
    negative = torch.where(same_clip, torch.where(same_place, TEMPORAL, SPATIAL), EASY)
    return torch.where(rows == columns, POSITIVE, negative).to(torch.int8)


def cpc_loss(predictions: Predictions, temperature: float = 0.1, sites: Tensor | None = None) -> CpcLoss:
    """InfoNCE of predictions over space, time and batch.

    Parameters
    ----------
    predictions : of a batch of clips.
    temperature : what cosines are divided by.
    sites : int64 tensor of shape (M,), distinct indices in the order (clip, block, place): only these
        predictions, with only these candidates; None takes all B P G G. The cost grows with M squared.

    Raises
    ------
    ValueError
        If predicted and target differ in shape, or the temperature is not positive.

    Notes
    -----
    DPC takes bare products; cosines over a temperature keep their scale in half precision, as in paper 2.
    """
    predicted, target = predictions.predicted, predictions.target
    if predicted.shape != target.shape or temperature <= 0:
        raise ValueError(
            f"cpc_loss: predicted {tuple(predicted.shape)}, target {tuple(target.shape)}, temperature "
            f"{temperature}; expected equal shapes (B, P, D, G, G) and a positive temperature."
        )
    _, steps, _, rows, columns = predicted.shape
    own = torch.arange(predicted.numel() // predicted.shape[2], device=predicted.device)
    own = own if sites is None else sites.to(own.device)
    logits = _vectors(predicted)[own] @ _vectors(target)[own].T / temperature  # (M, M)
    loss = F.cross_entropy(logits.float(), torch.arange(len(own), device=own.device))
    taken = pair_kinds(own, own[logits.argmax(dim=1)], steps=steps, places=rows * columns)
    shares: dict[NegativeKind, float] = {
        kind: float((taken == mark).float().mean()) for kind, mark in KINDS.items()
    }
    return CpcLoss(loss, float((taken == POSITIVE).float().mean()), len(logits), shares)


def _vectors(grids: Tensor) -> Tensor:
    """Unit vectors of all places, (B, P, D, G, G) as (B P G G, D)."""
    return F.normalize(grids.permute(0, 1, 3, 4, 2).flatten(0, 3), dim=-1)
