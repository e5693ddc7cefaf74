"""Motion carried along: how fast what is at a place has been moving, averaged over where it came from.

The flow between two frames swings with every leg and breaks where people pass each other. Its mean along the
path of what moves does neither, so a rider stands out among walkers. Flow itself is the foreground's
(`traces_core.foreground.flow`); what a place's motion should be, in `expectation`.

Notes
-----
Ours; dense trajectories (Wang et al. 2011) follow points forwards, this carries a sum and its weight with the
flow: constant time and memory a frame, and nothing from the future.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from traces_core.foreground.flow import BackwardFlow

SHRINK = 2
"""Flow is averaged over so many pixels a side before it is carried."""
FASTEST = 4.0
"""Longest flow that is believed, in pixels a frame."""


class AdvectedMotion:
    """Carried motion of one stream, batch after batch.

    Examples
    --------
    >>> stream = AdvectedMotion(share=0.15, least_weight=0.2)
    >>> stream(torch.rand(5, 24, 36)).shape, stream(torch.rand(1, 24, 36)).shape
    (torch.Size([5, 2, 12, 18]), torch.Size([1, 2, 12, 18]))
    """

    def __init__(self, share: float, least_weight: float) -> None:
        """Begin a stream.

        Parameters
        ----------
        share : of a carried mean, what comes from the newest flow; above 0 to 1.
        least_weight : a path younger than this share of a full memory counts as this old; above 0 to 1.
        """
        self._share, self._least_weight = share, least_weight
        self._flow = BackwardFlow()
        self._carried: Tensor | None = None  # (1, 3, h, w): sums right and down, and their weight

    @torch.inference_mode()
    def __call__(self, luminance: Tensor) -> Tensor:
        """Carried motion of the next frames.

        Parameters
        ----------
        luminance : float32 tensor of shape (F, H, W), from 0 to 1, H and W even.

        Returns
        -------
        float32 tensor of shape (F, 2, H / 2, W / 2): pixels of `luminance` a frame, to the right and
            down; 0 at the first frame of a stream.
        """
        grey = (luminance * 255).round().byte().numpy()
        still = np.zeros((*grey.shape[1:], 2), np.float32)  # at the first frame of a stream
        backward = [still if back is None else back for back in map(self._flow, grey)]
        flow = -torch.from_numpy(np.stack(backward)).movedim(-1, 1)  # at the places of the later frame
        flow = F.avg_pool2d(flow.clamp(-FASTEST, FASTEST), SHRINK)
        carried = flow.new_zeros(1, 3, *flow.shape[-2:]) if self._carried is None else self._carried
        motions = []
        for one in flow:
            carried = self._carry(one[None], carried)
            motions.append(carried[:, :2] / carried[:, 2:].clamp_min(self._least_weight))
        self._carried = carried
        return torch.cat(motions)

    def _carry(self, flow: Tensor, carried: Tensor) -> Tensor:
        """Fetch what was carried from where each place came from, and add the newest flow: (1, 3, h, w)."""
        rows, columns = flow.shape[-2:]
        x = torch.arange(columns, dtype=flow.dtype) - flow[:, 0] / SHRINK
        y = torch.arange(rows, dtype=flow.dtype)[:, None] - flow[:, 1] / SHRINK
        places = torch.stack([x * 2 / (columns - 1) - 1, y * 2 / (rows - 1) - 1], dim=-1)
        fetched = F.grid_sample(carried, places, padding_mode="zeros", align_corners=True)
        new = torch.cat([flow, torch.ones_like(flow[:, :1])], dim=1)
        return (1 - self._share) * fetched + self._share * new


def speed_of(motion: Tensor, grid: tuple[int, int], reach: int) -> Tensor:
    """How fast things move at each place.

    Parameters
    ----------
    motion : float32 tensor of shape (F, 2, h, w), as `AdvectedMotion` gives it.
    grid : rows and columns of the coder's places.
    reach : pixels of `motion` on each side whose mean speed counts for a place.

    Returns
    -------
    float32 tensor of shape (F, G, G), pixels a frame: the mean length of the motion around each place.
    """
    around = F.pad(motion.norm(dim=1, keepdim=True), (reach,) * 4, mode="replicate")
    return F.adaptive_avg_pool2d(F.avg_pool2d(around, 2 * reach + 1, 1), grid)[:, 0]
