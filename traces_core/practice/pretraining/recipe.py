"""What is written beside pocket weights: enough to make them again, and to prove that they are the ones.

A recipe states seed, steps, clips and sentences (as digests), code, machine-independent settings, the
metrics that were reached, and the sha256 of the weights.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from traces_core.encoders.pocket_models import write_json

RECIPE_FILE = "recipe.json"


def sha256(path: Path) -> str:
    """All 64 digits of a file's sha256."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def save_weights(model: nn.Module, path: Path) -> None:
    """Write a model's weights as float16 safetensors (whole numbers as they are).

    Raises
    ------
    OverflowError
        A weight does not fit into float16.
    """
    stored = {name: _half(name, tensor) for name, tensor in model.state_dict().items()}
    save_file(stored, path, metadata={"format": "pt"})
    path.chmod(0o644)  # safetensors keeps files to their owner


def _half(name: str, tensor: Tensor) -> Tensor:
    if not tensor.is_floating_point():
        return tensor.contiguous()
    half = tensor.detach().to(torch.float16).contiguous()
    if not torch.isfinite(half).all():
        raise OverflowError(f"{name}: a weight does not fit into float16")
    return half


def round_weights(model: nn.Module, path: Path) -> None:
    """Give a model the weights as they were written, so that what is measured is what is shipped."""
    model.load_state_dict(load_file(path))


def write_recipe(folder: Path, weights: Path, recipe: Mapping[str, Any]) -> None:
    """Write `recipe.json` beside weights, with their sha256 and that of every other file of the folder."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != RECIPE_FILE)
    stated = {
        **recipe,
        "weights": weights.name,
        "sha256": {path.name: sha256(path) for path in files},
    }
    write_json(folder / RECIPE_FILE, stated)


def read_recipe(folder: Path) -> dict[str, Any]:
    """The recipe beside pocket weights."""
    recipe: dict[str, Any] = json.loads((folder / RECIPE_FILE).read_text(encoding="utf-8"))
    return recipe
