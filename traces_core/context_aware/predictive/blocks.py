"""A clip as blocks of frames, and back.

Which frames a clip has belongs in `traces_core.video`; this module only regroups an axis.
"""

from __future__ import annotations

from torch import Tensor


def to_blocks(clips: Tensor, frames: int) -> Tensor:
    """Clips cut into blocks of consecutive frames.

    Parameters
    ----------
    clips : tensor of shape (B, C, T, H, W).
    frames : L, frames of a block; must divide T.

    Returns
    -------
    tensor of shape (B, N, C, L, H, W), N = T / L: block n holds the frames n L to n L + L - 1.

    Raises
    ------
    ValueError
        If the clips have another number of axes, or L does not divide T.

    Notes
    -----
    T is split before the axes are exchanged. A view of (B, T, C, H, W) as (B, N, C, L, H, W), without the
    exchange, mixes channels with frames.

    Examples
    --------
    >>> import torch
    >>> to_blocks(torch.arange(6.0).view(1, 1, 6, 1, 1), 3).flatten(2).tolist()
    [[[0.0, 1.0, 2.0], [3.0, 4.0, 5.0]]]
    """
    if clips.ndim != 5 or frames < 1 or clips.shape[2] % frames:
        raise ValueError(
            f"to_blocks: clips of shape {tuple(clips.shape)} and blocks of {frames} frames; expected "
            "(B, C, T, H, W) with T a multiple of the block. Cut the clip to whole blocks first."
        )
    count, channels, _, height, width = clips.shape
    split = clips.reshape(count, channels, -1, frames, height, width)  # (B, C, N, L, H, W)
    return split.transpose(1, 2)


def from_blocks(blocks: Tensor) -> Tensor:
    """The clips that `to_blocks` cut: (B, N, C, L, H, W) back to (B, C, N L, H, W).

    Raises
    ------
    ValueError
        If the blocks have another number of axes.
    """
    if blocks.ndim != 6:
        raise ValueError(f"from_blocks: blocks of shape {tuple(blocks.shape)}; expected (B, N, C, L, H, W).")
    joined = blocks.transpose(1, 2)  # (B, C, N, L, H, W)
    return joined.reshape(*joined.shape[:2], -1, *joined.shape[4:])
