"""From a map of how far off a prediction was, place by place, to one robust number for the block."""

from __future__ import annotations

from torch import Tensor


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
