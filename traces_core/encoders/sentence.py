"""Sentences to unit vectors through `sentence-transformers`: a name on the hub, or any folder it saved.

The space of captions. Frames have no place in it: what puts frames and sentences into one space is `clip`.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from traces_core.encoders.torch_compat import mend_torchvision, no_loading_bars, quick_hub
from traces_core.errors import MissingWeightsError, NotFiniteError
from traces_core.store.digest import digest, file_digest
from traces_core.types import Array

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer

VARIABLE = "TRACES_TEXT_ENCODER"
"""Environment variable that names a folder, or a name on the hub, before the settings do."""
MODULES_FILE = "modules.json"
WEIGHTS_FILE = "model.safetensors"
_READ = ("*.json", "*.txt", "*.model", "*.safetensors")
"""What is fetched and fingerprinted; weights in other formats would have to be unpickled."""
_DESCRIPTIONS = ("data_config.json", "README*")
_PARTS = ("onnx/*", "openvino/*")
BATCH, GPU_BATCH = 16, 256
"""Sentences in a forward pass. On a processor 64 are no quicker, and take 370 MiB more of long sentences."""


class SentenceEncoder:
    """Sentences to unit vectors of one space."""

    def __init__(self, model: SentenceTransformer, *, space: str, fingerprint: str) -> None:
        self._model = model.eval().requires_grad_(False)
        self._space = space
        self._fingerprint = fingerprint
        self._dimensions = len(self._encode(["a"])[0])

    @classmethod
    def load(cls, model: str, device: str = "cpu") -> SentenceEncoder:
        """Read a sentence encoder.

        Parameters
        ----------
        model
            A name on the hub such as `sentence-transformers/all-MiniLM-L6-v2`, or a folder. The environment
            variable TRACES_TEXT_ENCODER goes before it.
        device
            `cpu`, `cuda`, `cuda:1` ...: where it runs, no part of the fingerprint.

        Raises
        ------
        MissingWeightsError
            The weights are neither in the folder nor on a hub that answers.
        """
        name = chosen_model(model)
        folder = find_sentence_encoder(name)
        mend_torchvision()
        from sentence_transformers import SentenceTransformer

        safe = {"use_safetensors": True, "dtype": torch.float32}
        with no_loading_bars():
            loaded = SentenceTransformer(str(folder), device=device, local_files_only=True, model_kwargs=safe)
        weights = file_digest(folder / WEIGHTS_FILE)
        space = f"sentence-transformers:{Path(name).name}:{weights[:8]}"
        return cls(loaded, space=space, fingerprint=_fingerprint(folder))

    @property
    def space(self) -> str:
        """Model and weights, such as `sentence-transformers:all-MiniLM-L6-v2:1a2b3c4d`."""
        return self._space

    @property
    def dimensions(self) -> int:
        """D."""
        return self._dimensions

    @property
    def fingerprint(self) -> str:
        """Digest of weights, configuration and tokenizer; not of the device."""
        return self._fingerprint

    def encode_texts(self, texts: Sequence[str]) -> Array:
        """Unit vectors of sentences, in their order; equal sentences are encoded once.

        Parameters
        ----------
        texts : N sentences; what exceeds the model's longest input is cut off.

        Returns
        -------
        float32 array of shape (N, D), rows of norm 1. The same sentences in another order give the same
        vectors bit by bit; among other sentences they differ by float rounding at most.

        Raises
        ------
        NotFiniteError
            The model gave NaN or infinity.
        """
        # One order for one set of sentences: batches, and so the rounding, do not depend on the caller's.
        once = sorted(set(texts), key=lambda text: (len(text), text))
        if not once:
            return np.zeros((0, self.dimensions), np.float32)
        vectors = self._encode(once)  # (unique, D)
        if not np.isfinite(vectors).all():
            worst = once[int(np.argmin(np.isfinite(vectors).all(axis=1)))]
            raise NotFiniteError(
                f"{self._space}: the vector of {worst!r} is not finite. Are the weights complete?"
            )
        rows = {text: row for row, text in enumerate(once)}
        return vectors[[rows[text] for text in texts]]

    def unknown_words(self, text: str) -> tuple[str, ...]:
        """(): its tokenizer cuts words into pieces, knows none and forgets none."""
        return ()

    def _encode(self, texts: list[str]) -> Array:
        vectors = self._model.encode(
            texts,
            batch_size=BATCH if self._model.device.type == "cpu" else GPU_BATCH,
            normalize_embeddings=True,
            show_progress_bar=False,
        )
        return np.asarray(vectors, dtype=np.float32)


def chosen_model(model: str) -> str:
    """The sentence encoder to use: what TRACES_TEXT_ENCODER names, else what the settings do."""
    return os.environ.get(VARIABLE, "") or model


def find_sentence_encoder(model: str, *, may_fetch: bool = True) -> Path:
    """The folder of a sentence encoder: one of your own, or the hub's cache, downloaded into if allowed.

    Raises
    ------
    MissingWeightsError
        It is neither here nor on a hub that answers.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        if folder.is_absolute() or model.startswith((".", "~")) or model.count("/") > 1:
            raise _missing(model, "there is no such folder")
        folder = _from_hub(model, may_fetch)
    for file in (MODULES_FILE, WEIGHTS_FILE):
        if not (folder / file).is_file():
            raise _missing(model, f"{folder} holds no {file}")
    return folder


def _from_hub(model: str, may_fetch: bool) -> Path:
    from huggingface_hub import snapshot_download

    wanted = partial(snapshot_download, model, allow_patterns=[*_READ], ignore_patterns=[*_PARTS])
    if not may_fetch:
        try:
            return Path(wanted(local_files_only=True))
        except (OSError, ValueError) as error:
            raise _missing(model, "not in the hub's cache yet") from error
    with quick_hub() as is_reachable:
        try:
            return Path(wanted())
        except (OSError, ValueError) as error:
            why = "the hub cannot be reached" if not is_reachable else str(error).splitlines()[0]
            raise _missing(model, why) from error


def _missing(model: str, why: str) -> MissingWeightsError:
    expected = (
        f"a name on the hub, or a folder with {MODULES_FILE} and {WEIGHTS_FILE} as sentence-transformers "
        f"saves it, named by the environment variable {VARIABLE} or by captions.text_encoder"
    )
    return MissingWeightsError(model, expected, why=why)


def _fingerprint(folder: Path) -> str:
    files = {path for pattern in _READ for path in folder.rglob(pattern) if path.is_file()}
    aside = {path for pattern in (*_DESCRIPTIONS, *_PARTS) for path in folder.glob(pattern)}
    return digest({path.relative_to(folder).as_posix(): file_digest(path) for path in sorted(files - aside)})
