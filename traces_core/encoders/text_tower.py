"""Short sentences through a long text tower: the padding behind the end token is not computed.

A causal tower that reads its vector at the end token gives the same vector without what stands behind it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


def encode_tokens(model: nn.Module, tokens: Tensor) -> Tensor:
    """Text vectors, not normalised.

    Parameters
    ----------
    model : of `open_clip`, with its text tower as a module of its own (`force_custom_text`).
    tokens : int tensor of shape (N, L), padded to the tower's context.

    Returns
    -------
    tensor of shape (N, D).
    """
    if not _reads_at_end(model):
        return model.encode_text(tokens)  # type: ignore[operator,no-any-return]
    tower: Any = model.text
    length = int(_ends(tower, tokens).max()) + 1
    mask = tower.attn_mask
    tower.attn_mask = mask[:length, :length]  # open_clip does not shorten it
    try:
        return model.encode_text(tokens[:, :length])  # type: ignore[operator,no-any-return]
    finally:
        tower.attn_mask = mask


def _reads_at_end(model: nn.Module) -> bool:
    tower = getattr(model, "text", None)
    is_causal = getattr(tower, "attn_mask", None) is not None and getattr(tower, "cls_emb", None) is None
    return is_causal and getattr(tower, "pool_type", "") in ("argmax", "eos")


def _ends(tower: Any, tokens: Tensor) -> Tensor:
    if tower.pool_type == "argmax":
        return tokens.argmax(dim=1)
    return torch.as_tensor(tokens == tower.eos_id).int().argmax(dim=1)
