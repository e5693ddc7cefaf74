"""Frames as an encoder wants them: resized, cropped, normalised, in batches of tensors.

The resize is the one of the model's own configuration, on uint8 tensors with antialiasing, which equals
Pillow's within a rounding step (a test compares them). What a model does with its input belongs in the
model's module.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from traces_core.encoders.base import Pixels


@dataclass(frozen=True, slots=True)
class Preprocess:
    """How uint8 frames become a model's input; the fields are those of `open_clip`'s configuration."""

    size: tuple[int, int]
    """Height and width of the input, in pixels."""
    mean: tuple[float, ...]
    """Subtracted from each channel, on a scale where white is 1."""
    std: tuple[float, ...]
    """What each channel is divided by, on the same scale."""
    interpolation: str = "bicubic"
    """bicubic or bilinear."""
    resize_mode: str = "shortest"
    """squash (both edges to `size`), shortest (then cut the middle out) or longest (then pad)."""
    fill_color: int = 0
    """Value of the padding, 0 to 255."""

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Preprocess:
        """Read `open_clip`'s `preprocess_cfg`, whose size may be one number."""
        size = config["size"]
        pair = (int(size), int(size)) if isinstance(size, int) else (int(size[0]), int(size[1]))
        interpolation = "bilinear" if config.get("interpolation") == "bilinear" else "bicubic"
        mean, std = (tuple(float(value) for value in config[key]) for key in ("mean", "std"))
        mode = str(config.get("resize_mode") or "shortest")
        return cls(pair, mean, std, interpolation, mode, int(config.get("fill_color") or 0))

    def as_dict(self) -> dict[str, Any]:
        """The fields, for a fingerprint."""
        return asdict(self)

    def __call__(self, pixels: Pixels) -> Tensor:
        """Normalised input.

        Parameters
        ----------
        pixels : uint8 array of shape (F, H, W, 3), RGB.

        Returns
        -------
        float32 tensor of shape (F, 3, height, width), on the CPU.
        """
        return self.normalise(self.resize(pixels))

    def resize(self, pixels: Pixels) -> Tensor:
        """Frames at the size of the input, still uint8: tensor of shape (F, 3, height, width)."""
        frames = frames_tensor(pixels)
        height, width = resized_edges(frames.shape[-2:], self.size, self.resize_mode)
        if (height, width) != tuple(frames.shape[-2:]):
            # uint8 in, uint8 out: rounds between the two passes as Pillow does.
            frames = functional.interpolate(
                frames, (height, width), mode=self.interpolation, antialias=True, align_corners=False
            )
        return _centre(frames, self.size, self.fill_color)

    def normalise(self, frames: Tensor) -> Tensor:
        """From uint8 (F, 3, h, w) to float32 with the mean taken off and the spread divided out."""
        scale = 1.0 / (255.0 * torch.tensor(self.std, device=frames.device))
        shift = torch.tensor(self.mean, device=frames.device) / torch.tensor(self.std, device=frames.device)
        return frames.float().mul_(scale[:, None, None]).sub_(shift[:, None, None])


def frames_tensor(pixels: Pixels) -> Tensor:
    """A view of uint8 (F, H, W, 3) as a tensor of shape (F, 3, H, W).

    Raises
    ------
    ValueError
        The array is not uint8, or its last axis is not RGB.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[-1] != 3:
        raise ValueError(f"frames are uint8 (F, H, W, 3) RGB; got {pixels.dtype} {pixels.shape}")
    # torch refuses views that run backwards, and warns about memory that is not ours to write.
    is_shared = pixels.flags.writeable and min(pixels.strides) >= 0
    return torch.from_numpy(pixels if is_shared else pixels.copy()).permute(0, 3, 1, 2)


def resized_edges(source: Sequence[int], target: tuple[int, int], mode: str) -> tuple[int, int]:
    """Height and width after the resize and before the crop, as `open_clip` rounds them.

    Examples
    --------
    >>> resized_edges((96, 128), (64, 64), "squash")
    (64, 64)
    >>> resized_edges((96, 128), (64, 64), "shortest")
    (64, 85)
    >>> resized_edges((96, 128), (64, 64), "longest")
    (48, 64)
    """
    (height, width), (to_height, to_width) = source, target
    if mode == "squash":
        return target
    if mode == "shortest" and to_height == to_width:
        # torchvision's Resize(int) cuts the longer edge down, it does not round.
        if height <= width:
            return to_height, int(to_height * width / height)
        return int(to_height * height / width), to_height
    choose: Callable[[float, float], float] = max if mode == "longest" else min
    ratio = choose(height / to_height, width / to_width)
    return round(height / ratio), round(width / ratio)


def _centre(frames: Tensor, size: tuple[int, int], fill: int) -> Tensor:
    """Pad what is too small and cut what is too large, around the middle."""
    missing = [max(0, to - have) for to, have in zip(size, frames.shape[-2:], strict=True)]
    if any(missing):
        top, left = missing[0] // 2, missing[1] // 2
        frames = functional.pad(frames, (left, missing[1] - left, top, missing[0] - top), value=fill)
    top, left = (round((have - to) / 2.0) for to, have in zip(size, frames.shape[-2:], strict=True))
    return frames[..., top : top + size[0], left : left + size[1]]
