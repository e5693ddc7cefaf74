"""What a window encoder sees of a window: colour, and how a frame differs from others of its window.

A small transformer cannot find motion in raw colours within a few hundred steps; differences between
frames hand it over. Every channel rests on frames of the same window only, so that a window that ends at
time t depends on nothing after t. Which channels a model was trained with is written beside
its weights.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

RGB: tuple[str, ...] = ("red", "green", "blue")
"""The channels of a full-size model."""

_LUMA = (0.299, 0.587, 0.114)


def _luminance(frames: Tensor) -> Tensor:
    red, green, blue = frames.unbind(dim=2)
    return _LUMA[0] * red + _LUMA[1] * green + _LUMA[2] * blue  # (T, W, h, w)


def _since(luminance: Tensor, steps: int) -> Tensor:
    """Change of luminance over `steps` frames; nothing before the window's first frame is known: 0."""
    change = torch.zeros_like(luminance)
    change[:, steps:] = luminance[:, steps:] - luminance[:, :-steps]
    return change


_CHANNELS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "red": lambda frames, _: frames[:, :, 0],
    "green": lambda frames, _: frames[:, :, 1],
    "blue": lambda frames, _: frames[:, :, 2],
    "luminance": lambda _, luminance: luminance - 0.5,
    "warmth": lambda frames, _: frames[:, :, 0] - frames[:, :, 2],
    "change": lambda _, luminance: 4.0 * _since(luminance, 1),
    "slow_change": lambda _, luminance: 4.0 * _since(luminance, 4),
    "change_size": lambda _, luminance: 4.0 * _since(luminance, 1).abs(),
    "novelty": lambda _, luminance: 4.0 * (luminance - luminance.mean(dim=1, keepdim=True)),
}
CHANNELS: tuple[str, ...] = tuple(_CHANNELS)
"""Names that `window_channels` knows."""


def window_channels(frames: Tensor, names: Sequence[str]) -> Tensor:
    """The named channels of windows.

    Parameters
    ----------
    frames : float32 tensor of shape (T, W, 3, h, w), RGB, white is 1.
    names : channels in the order of the model's input, each one of `CHANNELS`: `red`, `green`, `blue` as
        they are; `luminance` from -0.5 to 0.5; `warmth`, red minus blue; `change` and `slow_change`, four
        times the change of luminance over 1 and 4 frames; `change_size`, the absolute of `change`;
        `novelty`, four times luminance minus its mean over the window.

    Returns
    -------
    float32 tensor of shape (T, W, C, h, w).

    Raises
    ------
    ValueError
        A name is not a channel.
    """
    unknown = [name for name in names if name not in _CHANNELS]
    if unknown:
        raise ValueError(f"{unknown} are no channels; known: {', '.join(CHANNELS)}")
    luminance = _luminance(frames)
    return torch.stack([_CHANNELS[name](frames, luminance) for name in names], dim=2)
