"""How far off a prediction was: a map of places, and one robust number for the block.

A map is causal by construction: block n is predicted from blocks before it, and its surprise is known when
block n is. What is normal for a place belongs in `normality`.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from traces_core.context_aware.predictive.coder import Predictions


def surprise_maps(predictions: Predictions) -> Tensor:
    """How little each place looks as it was predicted.

    Parameters
    ----------
    predictions : as `PredictiveCoder.next_blocks` or `.observe` gives them.

    Returns
    -------
    float32 tensor of shape (B, P, G, G): 1 - cosine(predicted, what came); 0 is as predicted, 1 unrelated,
        2 the opposite.
    """
    likeness = F.cosine_similarity(predictions.predicted.float(), predictions.target.float(), dim=2)
    return 1.0 - likeness


def window_scores(maps: Tensor, top_share: float) -> Tensor:
    """One number for each map: the mean of its most surprising places.

    Parameters
    ----------
    maps : tensor of shape (..., G, G).
    top_share : share of the places that count, above 0 to 1; at least one place does.

    Returns
    -------
    tensor of shape (...): between the mean of the map (share 1) and its maximum.

    Raises
    ------
    ValueError
        If the share is not in (0, 1].

    Examples
    --------
    >>> import torch
    >>> window_scores(torch.tensor([[[0.0, 1.0], [3.0, 4.0]]]), 0.5).tolist()
    [3.5]
    """
    if not 0.0 < top_share <= 1.0:
        raise ValueError(f"window_scores: a share of {top_share}; expected more than 0 and at most 1.")
    places = maps.flatten(-2)
    count = max(1, round(top_share * places.shape[-1]))
    return places.topk(count, dim=-1).values.mean(dim=-1)
