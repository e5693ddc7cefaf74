"""Where a CLIP model comes from: a pocket folder, a folder of your own, a named model with its weights.

Which files are read is decided here, and missing ones are named here. Encoding belongs in `clip`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from traces_core.encoders.pocket_models import pocket_folder
from traces_core.encoders.settings import ClipSettings
from traces_core.encoders.torch_compat import mend_torchvision, quick_hub
from traces_core.errors import MissingWeightsError

CONFIG_FILE = "open_clip_config.json"
WEIGHT_FILES = (
    "open_clip_model.safetensors",
    "open_clip_pytorch_model.safetensors",
    "model.safetensors",
    "open_clip_pytorch_model.bin",
)
"""Names of weights in a folder; the first that exists is read."""


@dataclass(frozen=True, slots=True)
class ClipSource:
    """The arguments for `open_clip`."""

    location: str
    """A model name of `open_clip`, or `local-dir:` and a folder."""
    weights: Path
    """The weights file."""
    options: dict[str, Any] = field(default_factory=dict)
    """Further arguments of `open_clip.create_model`."""


def find_clip(settings: ClipSettings) -> ClipSource:
    """The files that settings name.

    Raises
    ------
    MissingWeightsError
        They are neither here nor on a hub that answers.
    ValueError
        `open_clip` has no model of that name.
    """
    folder = pocket_folder(settings.model, "clip") or Path(settings.model)
    if pocket_folder(settings.model, "clip") or folder.is_dir():
        return _in_folder(settings.model, folder)
    mend_torchvision()
    import open_clip

    if settings.model not in open_clip.list_models():
        raise ValueError(
            f"ClipSettings.model: {settings.model!r} is no folder, no pocket model, no model of open_clip. "
            f"Names that work: pocket-0, ViT-B-16, or any of open_clip.list_models()."
        )
    return _by_name(settings.model, settings.pretrained)


def weights_in(model: str, folder: Path) -> Path:
    """The weights file of a folder.

    Raises
    ------
    MissingWeightsError
        There is none.
    """
    for name in WEIGHT_FILES:
        if (folder / name).is_file():
            return folder / name
    raise MissingWeightsError(model, str(folder / WEIGHT_FILES[0]), why="the folder holds none")


def _in_folder(model: str, folder: Path) -> ClipSource:
    if not (folder / CONFIG_FILE).is_file():
        why = "the folder is missing" if not folder.is_dir() else f"the folder holds no {CONFIG_FILE}"
        raise MissingWeightsError(model, str(folder / CONFIG_FILE), why=why)
    return ClipSource(f"local-dir:{folder}", weights_in(model, folder))


def _by_name(model: str, pretrained: str | None) -> ClipSource:
    mend_torchvision()
    import open_clip

    tags = open_clip.list_pretrained_tags_by_model(model)
    if pretrained is None:
        known = ", ".join(tags) or "none"
        raise MissingWeightsError(model, "a tag, file or folder in `pretrained`", why=f"tags: {known}")
    if pretrained not in tags:
        path = Path(pretrained)
        if path.is_dir():
            path = weights_in(model, path)
        if not path.is_file():
            raise MissingWeightsError(model, str(path), why=f"neither a file nor one of: {', '.join(tags)}")
        return ClipSource(model, path)
    published = open_clip.get_pretrained_cfg(model, pretrained)
    options = {
        "force_preprocess_cfg": {key: value for key, value in published.items() if value is not None},
        # Weights trained with QuickGELU give quietly worse vectors without it.
        "force_quick_gelu": bool(published.get("quick_gelu", False)),
    }
    return ClipSource(model, _fetch(model, pretrained, published), options)


def _fetch(model: str, tag: str, published: dict[str, Any]) -> Path:
    """The weights of a tag, from the hub's local cache or from the hub."""
    mend_torchvision()
    import open_clip
    from huggingface_hub import constants

    with quick_hub() as is_reachable:
        try:
            return Path(open_clip.download_pretrained(published))
        except (OSError, RuntimeError, ValueError) as error:
            where = published.get("hf_hub") or published.get("url")
            why = "the hub cannot be reached" if not is_reachable else str(error).splitlines()[0]
            expected = f"{where} in {constants.HF_HUB_CACHE}, or a file named as `pretrained`"
            raise MissingWeightsError(f"{model} ({tag})", expected, why=why) from error
