"""Optical flow between frames: how far each pixel moved, by Lucas and Kanade's least squares on a pyramid.

Flow is computed from a frame and the one before it, so it is causal. How it is carried along is in `carried`.

Notes
-----
Lucas & Kanade 1981, iterated and coarse to fine as in Bouguet 2001. The foreground's flow is OpenCV's
(`traces_core.foreground.places`).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

WINDOW = 9
"""Edge of the window whose pixels are taken to move alike, in pixels."""
LEVELS = 2
"""Pictures of the pyramid: the second halves every distance."""
ROUNDS = 2
"""Times a level is refined."""
STIFFNESS = 2e-4
"""Added to the mean squared slopes, for pictures from 0 to 1: no flow where there is no texture."""
LONGEST_STEP = 2.0
"""Most pixels that one round moves."""


def optical_flow(before: Tensor, after: Tensor) -> Tensor:
    """Where each pixel of `before` went in `after`.

    Parameters
    ----------
    before, after : float32 tensors of shape (F, H, W), luminance from 0 to 1.

    Returns
    -------
    float32 tensor of shape (F, 2, H, W): pixels to the right, and down. Near 0 where nothing has texture.

    Examples
    --------
    >>> torch.manual_seed(0) and None
    >>> picture = F.avg_pool2d(torch.rand(1, 48, 68), 5, 1)
    >>> flow = optical_flow(picture[:, :, 2:-2], picture[:, :, 1:-3])
    >>> flow[0, :, 12:-12, 12:-12].mean(dim=(1, 2)).round(decimals=1).tolist()
    [1.0, 0.0]
    """
    pyramid = [(_blurred(before[:, None]), _blurred(after[:, None]))]
    for _ in range(LEVELS - 1):
        pyramid.append(tuple(F.avg_pool2d(_blurred(one), 2) for one in pyramid[-1]))  # type: ignore[arg-type]
    flow = pyramid[-1][0].new_zeros(len(before), 2, *pyramid[-1][0].shape[-2:])
    for one, other in reversed(pyramid):
        if flow.shape[-2:] != one.shape[-2:]:
            flow = 2.0 * F.interpolate(flow, size=one.shape[-2:], mode="bilinear", align_corners=False)
        for _ in range(ROUNDS):
            flow = flow + _correction(one, other, flow)
    return flow


def _correction(before: Tensor, after: Tensor, flow: Tensor) -> Tensor:
    """One least-squares step: (F, 2, H, W) to be added to the flow."""
    came = _moved(after, flow)
    across, down = _slopes((before + came) / 2)
    change = before - came
    products = torch.cat([across * across, down * down, across * down, across * change, down * change], dim=1)
    means = F.avg_pool2d(_padded(products, WINDOW // 2), WINDOW, 1)
    xx, yy, xy, xt, yt = means.unbind(dim=1)
    xx, yy = xx + STIFFNESS, yy + STIFFNESS
    determinant = xx * yy - xy * xy
    step = torch.stack([yy * xt - xy * yt, xx * yt - xy * xt], dim=1) / determinant[:, None]
    return step.clamp(-LONGEST_STEP, LONGEST_STEP)


def _moved(picture: Tensor, flow: Tensor) -> Tensor:
    """The picture read where the flow points: (F, 1, H, W)."""
    height, width = picture.shape[-2:]
    rows = torch.arange(height, dtype=flow.dtype, device=flow.device)[:, None]
    columns = torch.arange(width, dtype=flow.dtype, device=flow.device)
    x = (columns + flow[:, 0]) * (2.0 / max(width - 1, 1)) - 1.0
    y = (rows + flow[:, 1]) * (2.0 / max(height - 1, 1)) - 1.0
    places = torch.stack([x, y], dim=-1)
    return F.grid_sample(picture, places, mode="bilinear", padding_mode="border", align_corners=True)


def _slopes(picture: Tensor) -> tuple[Tensor, Tensor]:
    around = _padded(picture, 1)
    across = (around[..., 1:-1, 2:] - around[..., 1:-1, :-2]) / 2
    down = (around[..., 2:, 1:-1] - around[..., :-2, 1:-1]) / 2
    return across, down


def _blurred(picture: Tensor) -> Tensor:
    line = torch.tensor([1.0, 4.0, 6.0, 4.0, 1.0], device=picture.device) / 16
    return F.conv2d(_padded(picture, 2), (line[:, None] * line)[None, None])


def _padded(picture: Tensor, edge: int) -> Tensor:
    return F.pad(picture, (edge,) * 4, mode="replicate")
