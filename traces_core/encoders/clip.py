"""Frames and sentences in one space, through `open_clip`: pocket models, any named model, any folder.

Which files a model is made of belongs in `clip_source`, how frames are resized in `pixels`.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from traces_core.encoders.base import Pixels
from traces_core.encoders.clip_source import CONFIG_FILE, ClipSource, find_clip
from traces_core.encoders.pixels import Preprocess
from traces_core.encoders.settings import ClipSettings
from traces_core.encoders.text_tower import encode_tokens
from traces_core.encoders.torch_compat import LOADING, mend_torchvision, quick_hub
from traces_core.errors import NotFiniteError
from traces_core.store.digest import digest, file_digest
from traces_core.types import Array

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16}
"""Number formats of the forward pass by their name in the settings."""
TOGETHER_ON_CPU = 8
"""Frames in a forward pass on a CPU at most. oneDNN computes a convolution of one picture, of 2 to 15 and of
16 in three ways that differ in the seventh digit, which half precision may make the fourth; a frame of a
camera must have the vector that it has in a file, whatever comes with it."""


class ClipEncoder:
    """Images and texts to unit vectors of one space."""

    def __init__(
        self, source: ClipSource, precision: str, device: str, *, space: str, fingerprint: str
    ) -> None:
        self._source = source
        self._precision = precision
        self._device = torch.device(device)
        self._space = space
        self._fingerprint = fingerprint

    @cached_property
    def _model(self) -> Any:
        """The weights in memory: read at the first encoding, not for a space or a fingerprint."""
        with LOADING:
            mend_torchvision()
            import open_clip

        location, options = self._source.location, self._source.options
        named = {} if location.startswith("local-dir:") else {"pretrained": str(self._source.weights)}
        with quick_hub():
            # The text tower as a module of its own can be fed short sentences without their padding.
            model = open_clip.create_model(location, force_custom_text=True, **named, **options)
        return model.to(device=self._device, dtype=DTYPES[self._precision]).eval().requires_grad_(False)

    @cached_property
    def _tokenizer(self) -> Any:
        with LOADING:
            mend_torchvision()
            import open_clip

        with quick_hub():
            return open_clip.get_tokenizer(self._source.location)

    @cached_property
    def _dimensions(self) -> int:
        return int(self._text(["a"]).shape[1])

    @classmethod
    def load(cls, settings: ClipSettings | None = None, device: str = "cpu") -> ClipEncoder:
        """The model that the settings name; its weights are read when it first encodes.

        Parameters
        ----------
        settings : which model, which weights, which precision; the first pocket model where None.
        device : `cpu`, `cuda`, `cuda:1` ...: where it runs, no part of the fingerprint.

        Raises
        ------
        MissingWeightsError
            The weights are neither where the settings say nor on a hub that answers.
        ValueError
            `open_clip` has no model of that name.

        Examples
        --------
        >>> clip = ClipEncoder.load()
        >>> clip.encode_texts(["people are fighting", "a fire is burning"]).shape
        (2, 128)
        >>> clip.unknown_words("a zebra is walking")
        ('zebra',)
        """
        settings = settings or ClipSettings()
        source = find_clip(settings)
        weights = file_digest(source.weights)
        made_from = {
            "weights": weights,
            "architecture": _architecture(source.location),
            "options": source.options,
            "tokenizer": _digest_in(source.location, "tokenizer.json"),
            "preprocess": _digest_in(source.location, CONFIG_FILE),
            "precision": settings.precision,
        }
        return cls(
            source,
            settings.precision,
            device,
            space=f"open_clip:{Path(settings.model).name}:{weights[:8]}",
            fingerprint=digest(made_from),
        )

    @property
    def space(self) -> str:
        """Model and weights, such as `open_clip:pocket-0:1a2b3c4d`."""
        return self._space

    @property
    def dimensions(self) -> int:
        """D."""
        return self._dimensions

    @property
    def fingerprint(self) -> str:
        """Digest of weights, architecture, tokenizer, preprocessing and precision; not of the device."""
        return self._fingerprint

    @cached_property
    def preprocess(self) -> Preprocess:
        """How frames are resized and normalised."""
        return Preprocess.from_config(self._model.visual.preprocess_cfg)

    @torch.inference_mode()
    def encode_images(self, pixels: Pixels, *, batch: int = 64) -> Array:
        """Unit vectors of frames.

        Parameters
        ----------
        pixels : uint8 array of shape (F, H, W, 3), RGB; any size.
        batch : frames in a forward pass at most, `TOGETHER_ON_CPU` there; changes memory and speed only.

        Returns
        -------
        float32 array of shape (F, D), rows of norm 1.

        Raises
        ------
        ValueError
            The array is not uint8 RGB.
        NotFiniteError
            The model gave NaN or infinity.
        """
        if self._device.type == "cpu":
            batch = min(batch, TOGETHER_ON_CPU)
        count = math.ceil(len(pixels) / batch)  # of nearly equal size: none is of one frame beside others
        vectors = [self._unit(self._image(some)) for some in np.array_split(pixels, count or 1)[:count]]
        return _finite(vectors, self._dimensions, self._space)

    @torch.inference_mode()
    def encode_texts(self, texts: Sequence[str], *, batch: int = 256) -> Array:
        """Unit vectors of sentences, in their order.

        Parameters
        ----------
        texts : N sentences; what exceeds the model's context is cut off.
        batch : sentences in a forward pass; changes memory and speed only.

        Returns
        -------
        float32 array of shape (N, D), rows of norm 1.

        Raises
        ------
        NotFiniteError
            The model gave NaN or infinity.
        """
        # Like lengths together: a batch is as long as its longest sentence.
        order = sorted(range(len(texts)), key=lambda index: len(texts[index].split()))
        vectors = [
            self._unit(self._text([texts[index] for index in order[start : start + batch]]))
            for start in range(0, len(texts), batch)
        ]
        embeddings = _finite(vectors, self._dimensions, self._space)
        placed = np.empty_like(embeddings)
        placed[order] = embeddings
        return placed

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """Words of a sentence that the model has never seen, in their order.

        A tokenizer that cuts words into pieces knows none and forgets none: then the answer is ().
        """
        from tokenizers.models import WordLevel  # comes with the tokenizer, and only then

        inner = getattr(self._tokenizer, "tokenizer", None)
        backend = getattr(inner, "backend_tokenizer", None)
        if inner is None or backend is None or not isinstance(backend.model, WordLevel):
            return ()
        plain = backend.normalizer.normalize_str(text)
        words = [word for word, _ in backend.pre_tokenizer.pre_tokenize_str(plain)]
        return tuple(word for word in words if backend.token_to_id(word) is None)

    @cached_property
    def _must_have_company(self) -> bool:
        """Whether a frame alone is computed in another way than among others: by convolutions on a CPU."""
        convolutions = sum(isinstance(one, torch.nn.Conv2d) for one in self._model.visual.modules())
        return self._device.type == "cpu" and convolutions > 1

    def _image(self, pixels: Pixels) -> Tensor:
        if len(pixels) == 1 and self._must_have_company:
            return self._image(np.repeat(pixels, 2, axis=0))[:1]
        frames = self.preprocess.resize(pixels).to(self._device)
        images = self.preprocess.normalise(frames).to(DTYPES[self._precision])
        return self._model.encode_image(images)  # type: ignore[no-any-return]

    @torch.inference_mode()
    def _text(self, texts: Sequence[str]) -> Tensor:
        tokens = self._tokenizer(list(texts)).to(self._device)
        return encode_tokens(self._model, tokens)

    @staticmethod
    def _unit(vectors: Tensor) -> Array:
        return functional.normalize(vectors.float(), dim=-1).cpu().numpy()


def _architecture(location: str) -> Any:
    """The configuration of the model; read from its folder if it has one, as `open_clip` would."""
    file = Path(location.removeprefix("local-dir:")) / CONFIG_FILE
    if file.is_file():
        return json.loads(file.read_text(encoding="utf-8"))["model_cfg"]
    mend_torchvision()
    import open_clip

    return open_clip.get_model_config(location)


def _digest_in(location: str, name: str) -> str:
    """Digest of a file of a model's folder; `open_clip` where the library provides it."""
    path = Path(location.removeprefix("local-dir:")) / name
    return file_digest(path) if path.is_file() else "open_clip"


def _finite(vectors: list[Array], dimensions: int, space: str) -> Array:
    stacked = np.concatenate([np.zeros((0, dimensions), np.float32), *vectors])
    if not np.isfinite(stacked).all():
        row = int(np.argmin(np.isfinite(stacked).all(axis=1)))
        raise NotFiniteError(f"{space}: the vector of item {row} is not finite. Try precision fp32.")
    return stacked
