"""Windows of frames to tokens and action probabilities, through `transformers`' TimeSformer.

How frames become channels belongs in `window_input`; how pocket weights are made, in `pretraining`.

Notes
-----
TimeSformer (Bertasius et al. 2021, divided space-time attention). Its last hidden state is one class token
followed by the patches in the order (row, column, frame), the frame running fastest: a test gives each
axis values of its own. Where W differs from the checkpoint's number of frames, `transformers` stretches
the time embedding to W (nearest neighbour), and the layers need W as well.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from traces_core.encoders.base import Pixels, WindowFeatures
from traces_core.encoders.clip import DTYPES
from traces_core.encoders.pixels import frames_tensor
from traces_core.encoders.pocket_models import pocket_folder
from traces_core.encoders.settings import TimesformerSettings
from traces_core.encoders.torch_compat import LOADING, mend_torchvision, no_loading_bars, quick_hub
from traces_core.encoders.window_input import WindowInput
from traces_core.errors import MissingWeightsError, NotFiniteError
from traces_core.store.digest import digest, file_digest
from traces_core.types import Array

CONFIG_FILE = "config.json"
WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
"""Names of weights in a folder; the first that exists is read."""

_NEEDED = {"hidden_size", "image_size", "patch_size", "id2label"}
"""What must be known of a model before it is loaded."""

_Parts = tuple[Array, Array, Array | None, Array | None]


class TimesformerEncoder:
    """Windows to one token per frame, and to the probabilities of action labels."""

    def __init__(
        self,
        folder: Path,
        window_input: WindowInput,
        config: Mapping[str, Any],
        settings: TimesformerSettings,
        device: str,
    ) -> None:
        self._folder = folder
        self._input = window_input
        self._config = config
        self._settings = settings
        self._device, self._dtype = torch.device(device), DTYPES[settings.precision]
        named = {int(index): str(label) for index, label in config["id2label"].items()}
        self._labels = tuple(named[index] for index in range(len(named)))

    @cached_property
    def _model(self) -> Any:
        """The weights in memory: read at the first encoding, not for a space or a fingerprint."""
        with LOADING:
            mend_torchvision()
            from transformers import TimesformerForVideoClassification

        with no_loading_bars():
            model = TimesformerForVideoClassification.from_pretrained(self._folder, dtype=torch.float32)
        # The layers reshape by this number, whatever the length of the time embedding.
        model.config.num_frames = self.window_frames
        return model.to(device=self._device, dtype=self._dtype).eval().requires_grad_(False)

    @classmethod
    def load(cls, settings: TimesformerSettings | None = None, device: str = "cpu") -> TimesformerEncoder:
        """The model that the settings name; its weights are read when it first encodes.

        Parameters
        ----------
        settings : which model, which precision, how many frames a window has; the first pocket model
            where None.
        device : `cpu`, `cuda`, `cuda:1` ...: where it runs, no part of the fingerprint.

        Raises
        ------
        MissingWeightsError
            The weights are neither where the settings say nor on a hub that answers.

        Examples
        --------
        >>> import numpy as np
        >>> encoder = TimesformerEncoder.load()
        >>> windows = np.zeros((2, encoder.window_frames, 96, 128, 3), np.uint8)
        >>> encoder.encode_windows(windows).tokens.shape
        (2, 16, 128)
        """
        settings = settings or TimesformerSettings()
        folder = _find_folder(settings.model)
        config = _config_in(folder)
        window_input = WindowInput.from_folder(folder, int(config["image_size"]))
        return cls(folder, window_input, config, settings, device)

    @property
    def dimensions(self) -> int:
        """D."""
        return int(self._config["hidden_size"])

    @property
    def window_frames(self) -> int:
        """W."""
        return self._settings.window_frames

    @property
    def grid_edge(self) -> int:
        """G: a frame has G x G patches."""
        return int(self._config["image_size"]) // int(self._config["patch_size"])

    @cached_property
    def fingerprint(self) -> str:
        """Digest of weights, configuration, channels, window length and precision; not of the device."""
        return digest(
            {
                "weights": file_digest(_weights_in(self._settings.model, self._folder)),
                "config": file_digest(self._folder / CONFIG_FILE),
                "input": self._input.as_dict(),
                "window_frames": self.window_frames,
                "precision": self._settings.precision,
            }
        )

    @property
    def labels(self) -> tuple[str, ...]:
        """The L action labels of the head, in the order of the probabilities."""
        return self._labels

    def resize(self, pixels: Pixels) -> Pixels:
        """Frames at the model's size, uint8 (F, h, w, 3): resize once, then cut overlapping windows."""
        return self._input.resize(pixels)

    @torch.inference_mode()
    def encode_windows(
        self, windows: Pixels, *, batch: int = 8, with_grid: bool = False, with_attention: bool = False
    ) -> WindowFeatures:
        """Features of windows.

        Parameters
        ----------
        windows : uint8 array of shape (T, W, H, W', 3), RGB; any size, `resize`d frames are quickest.
        batch : windows in a forward pass; changes memory and speed only.
        with_grid : also give the token of every patch.
        with_attention : also give where the last layer's class token looks in each frame.

        Raises
        ------
        ValueError
            The array is not uint8 RGB, or its windows have another length than `window_frames`.
        NotFiniteError
            The model gave NaN or infinity.
        """
        if windows.ndim != 5 or windows.shape[1] != self.window_frames:
            raise ValueError(
                f"windows are uint8 (T, {self.window_frames}, H, W, 3); got {windows.dtype} {windows.shape}"
            )
        parts = [
            self._encode(windows[start : start + batch], with_grid, with_attention)
            for start in range(0, len(windows), batch)
        ]
        tokens, probabilities, grid, attention = zip(*(parts or [self._nothing()]), strict=True)
        features = WindowFeatures(
            tokens=np.concatenate(tokens),
            label_probabilities=np.concatenate(probabilities),
            grid=np.concatenate(grid) if with_grid else None,
            attention=np.concatenate(attention) if with_attention else None,
        )
        if not (np.isfinite(features.tokens).all() and np.isfinite(features.label_probabilities).all()):
            raise NotFiniteError("TimeSformer gave values that are not finite. Try precision fp32.")
        return features

    def _encode(self, windows: Pixels, with_grid: bool, with_attention: bool) -> _Parts:
        count, frames = windows.shape[:2]
        resized = self._input.resize(windows.reshape(-1, *windows.shape[2:]))
        pixels = frames_tensor(resized).to(self._device).float().div_(255.0)
        inputs = self._input(pixels.reshape(count, frames, *pixels.shape[1:])).to(self._dtype)
        output = self._model.timesformer(inputs, output_attentions=with_attention)
        hidden = output.last_hidden_state.float()
        grid = split_tokens(hidden[:, 1:], self.grid_edge, frames)  # (T, W, G, G, D)
        probabilities = self._model.classifier(output.last_hidden_state[:, 0]).float().softmax(dim=-1)
        return (
            grid.mean(dim=(2, 3)).cpu().numpy(),
            probabilities.cpu().numpy(),
            grid.cpu().numpy() if with_grid else None,
            self._attention(output.attentions[-1], count) if with_attention else None,
        )

    def _attention(self, weights: Tensor, count: int) -> Array:
        """Last layer, (T * W, heads, 1 + G * G, 1 + G * G): from the class token to the patches."""
        looks = weights[:, :, 0, 1:].float().mean(dim=1)
        looks = looks / looks.sum(dim=-1, keepdim=True)
        edge = self.grid_edge
        return looks.view(count, self.window_frames, edge, edge).cpu().numpy()

    def _nothing(self) -> _Parts:
        edge, frames = self.grid_edge, self.window_frames
        return (
            np.zeros((0, frames, self.dimensions), np.float32),
            np.zeros((0, len(self._labels)), np.float32),
            np.zeros((0, frames, edge, edge, self.dimensions), np.float32),
            np.zeros((0, frames, edge, edge), np.float32),
        )


def split_tokens(patches: Tensor, edge: int, frames: int) -> Tensor:
    """Patches of shape (T, G * G * W, D), frame running fastest, as (T, W, G, G, D)."""
    count, _, dimensions = patches.shape
    return patches.reshape(count, edge, edge, frames, dimensions).permute(0, 3, 1, 2, 4)


def _find_folder(model: str) -> Path:
    """The local folder of a model: a pocket one, one of your own, or the hub's cache."""
    pocket = pocket_folder(model, "timesformer")
    folder = pocket or Path(model)
    if pocket is None and not folder.is_dir():
        return _fetch(model)
    if not (folder / CONFIG_FILE).is_file():
        why = "the folder is missing" if not folder.is_dir() else f"the folder holds no {CONFIG_FILE}"
        raise MissingWeightsError(model, str(folder / CONFIG_FILE), why=why)
    _weights_in(model, folder)
    return folder


def _config_in(folder: Path) -> dict[str, Any]:
    """What a model's folder says of it; `transformers`, which takes a second to import, fills in the rest."""
    with contextlib.suppress(OSError, ValueError):
        stated = json.loads((folder / CONFIG_FILE).read_text(encoding="utf-8"))
        if isinstance(stated, dict) and stated.keys() >= _NEEDED:
            return stated
    with LOADING:
        from transformers import TimesformerConfig
    return dict(TimesformerConfig.from_pretrained(folder).to_dict())


def _weights_in(model: str, folder: Path) -> Path:
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return folder / name
    raise MissingWeightsError(model, str(folder / WEIGHT_FILES[0]), why="the folder holds none")


def _fetch(model: str) -> Path:
    from huggingface_hub import constants, snapshot_download

    with quick_hub() as is_reachable:
        try:
            folder = Path(snapshot_download(model, allow_patterns=["*.json", *WEIGHT_FILES]))
        except (OSError, ValueError) as error:
            why = "the hub cannot be reached" if not is_reachable else str(error).splitlines()[0]
            expected = f"{model} in {constants.HF_HUB_CACHE}, or a folder named as `model`"
            raise MissingWeightsError(model, expected, why=why) from error
    _weights_in(model, folder)
    return folder
