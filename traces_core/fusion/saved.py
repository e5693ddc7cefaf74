"""A fusion as one file: weights, what it was built as, and which encoders it was trained with.

Safetensors whose header holds the configuration as JSON: one file, written to a temporary name and renamed,
so that weights and configuration cannot come apart. Nothing is unpickled.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from traces_core.disk import aside, unreadable
from traces_core.errors import CorruptArtifactError, MissingArtifactError, MixedSpacesError
from traces_core.fusion.settings import FusionSettings
from traces_core.fusion.window_fusion import WindowFusion, build_fusion

FORMAT = "traces-fusion-1"
LABELS = "labels.safetensors"
"""File beside a fusion: what the window encoder's labels are in CLIP's text space, float32 (L, D)."""
_SHAPE = ("dimensions", "token_dimensions", "window_frames")  # the readout is among the settings


def write_tensors(path: Path, tensors: dict[str, Tensor], header: dict[str, Any]) -> None:
    """Write tensors and a JSON header into one file that is there entirely or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    with aside(path) as half:
        save_file(plain, half, metadata={"header": json.dumps(header, sort_keys=True)})


def read_saved(path: Path, expected: str) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote with a header of this format.

    Raises
    ------
    MissingArtifactError
        If there is no such file.
    CorruptArtifactError
        If the file is cut short, or is something else.
    """
    if not path.is_file():
        raise MissingArtifactError(path.name, path.parent)
    tensors, header = read_tensors(path)
    if header.get("format") != expected:
        raise CorruptArtifactError(path, f"format {header.get('format')!r}, expected {expected!r}")
    return tensors, header


def read_tensors(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `write_tensors` wrote.

    Raises
    ------
    CorruptArtifactError
        If the file is cut short or is something else.
    """
    try:
        with safe_open(path, framework="pt") as file:
            header = json.loads(file.metadata()["header"])
            return {name: file.get_tensor(name) for name in file.keys()}, header  # noqa: SIM118
    except FileNotFoundError:
        raise
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        raise unreadable(path, error, f"not a safetensors file of TRACES ({error})") from error


def save_fusion(
    path: Path | str, fusion: WindowFusion, settings: FusionSettings, *, space: str, window_encoder: str
) -> None:
    """Write a fusion to a file.

    Parameters
    ----------
    path : Path
        A `.safetensors` file; its folder is made, an older file replaced.
    fusion : WindowFusion
        The module that ships: its own kind is written, which is `mean` where the gate failed.
    settings : FusionSettings
        What it was trained with.
    space : str
        The space of the CLIP embeddings it was trained on.
    window_encoder : str
        Fingerprint of the encoder that made the tokens.
    """
    header = {
        "format": FORMAT,
        "space": space,
        "window_encoder": window_encoder,
        "settings": settings.model_copy(update={"kind": fusion.kind}).model_dump(mode="json"),
        "shape": {name: getattr(fusion, name) for name in _SHAPE},
    }
    # safetensors wants at least one tensor; the identity has none.
    weights = dict(fusion.state_dict()) or {"identity": torch.ones(1)}
    write_tensors(Path(path), weights, header)


def load_fusion(path: Path | str, *, space: str, window_encoder: str) -> WindowFusion:
    """Read a fusion, ready to fuse (dropout off).

    Parameters
    ----------
    path : Path
        What `save_fusion` wrote.
    space, window_encoder : str
        The encoders whose vectors will be fused.

    Returns
    -------
    WindowFusion
        The same vectors, bit for bit, as the one that was saved.

    Raises
    ------
    MixedSpacesError
        If it was trained with another CLIP or another window encoder.
    MissingArtifactError
        If there is no such file.
    CorruptArtifactError
        If the file is not one of `save_fusion`'s.
    """
    path = Path(path)
    weights, header = read_saved(path, FORMAT)
    for name, here in (("space", space), ("window_encoder", window_encoder)):
        if header[name] != here:
            raise MixedSpacesError(
                here=here,
                there=header[name],
                where=str(path),
                what="the fusion was trained with",
                do="Train the fusion with these encoders: .venv/bin/traces make 'adapters+'",
            )
    try:
        fusion = build_fusion(FusionSettings(**header["settings"]), **header["shape"])
        if fusion.kind != "mean":
            fusion.load_state_dict(weights)
    except (RuntimeError, TypeError, ValueError) as error:
        raise CorruptArtifactError(path, f"weights and configuration do not fit ({error})") from error
    return fusion.eval()
