"""From uint8 frames to the input of a window encoder: size, channels, normalisation.

The recipe stands beside the weights: `traces_window.json` of ours, else `preprocessor_config.json` of the
hub, else what the TimeSformer paper's checkpoints were trained with.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from traces_core.encoders.base import Pixels
from traces_core.encoders.motion import RGB, window_channels
from traces_core.encoders.pixels import Preprocess

RECIPE_FILE = "traces_window.json"
_HUB_FILE = "preprocessor_config.json"
_BILINEAR, _BICUBIC = 2, 3
_INTERPOLATIONS = {_BILINEAR: "bilinear", _BICUBIC: "bicubic"}


@dataclass(frozen=True, slots=True)
class WindowInput:
    """How windows of frames become a model's input."""

    frames: Preprocess
    """Size and way of resizing of each frame; its normalisation is not used."""
    channels: tuple[str, ...]
    """Names of `motion.CHANNELS`, in the order of the model's input."""
    mean: tuple[float, ...]
    """Subtracted from each channel."""
    std: tuple[float, ...]
    """What each channel is divided by."""

    @classmethod
    def from_recipe(cls, recipe: Mapping[str, Any]) -> WindowInput:
        """Read the content of `traces_window.json`."""
        frames = Preprocess.from_config({**recipe, "mean": (0.0,) * 3, "std": (1.0,) * 3})
        return cls(frames, tuple(recipe["channels"]), tuple(recipe["mean"]), tuple(recipe["std"]))

    @classmethod
    def from_folder(cls, folder: Path | None, image_size: int) -> WindowInput:
        """Read the recipe beside a model's weights, or take the published checkpoints' for `image_size`."""
        if folder is not None and (folder / RECIPE_FILE).is_file():
            return cls.from_recipe(json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8")))
        hub: dict[str, Any] = {}
        if folder is not None and (folder / _HUB_FILE).is_file():
            hub = json.loads((folder / _HUB_FILE).read_text(encoding="utf-8"))
        return cls.from_recipe(
            {
                "size": image_size,
                "resize_mode": "shortest",
                "interpolation": _INTERPOLATIONS.get(hub.get("resample", _BILINEAR), "bilinear"),
                "channels": RGB,
                "mean": hub.get("image_mean", (0.45,) * 3),
                "std": hub.get("image_std", (0.225,) * 3),
            }
        )

    def as_dict(self) -> dict[str, Any]:
        """The fields, for a fingerprint."""
        return {
            "frames": self.frames.as_dict(),
            "channels": self.channels,
            "mean": self.mean,
            "std": self.std,
        }

    def resize(self, pixels: Pixels) -> Pixels:
        """Frames at the model's size: uint8 (F, H, W, 3) in, uint8 (F, h, w, 3) out.

        Frames that have it already are handed back as they are.
        """
        if pixels.shape[1:3] == self.frames.size:
            return pixels
        return self.frames.resize(pixels).permute(0, 2, 3, 1).contiguous().numpy()

    def __call__(self, windows: Tensor) -> Tensor:
        """Normalised channels.

        Parameters
        ----------
        windows : float32 tensor of shape (T, W, 3, h, w), RGB, white is 1.

        Returns
        -------
        float32 tensor of shape (T, W, C, h, w).
        """
        shape = (1, 1, -1, 1, 1)
        mean, std = (torch.tensor(values, device=windows.device) for values in (self.mean, self.std))
        return (window_channels(windows, self.channels) - mean.view(shape)) / std.view(shape)
