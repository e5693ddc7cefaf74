"""The detector as a folder of its own: what the graph made of it, without the graph.

    params.yaml                     the settings that scoring follows
    trace_index  adapters  thresholds    its parts, laid out as in the store, each with its recipe

The encoders go by reference: settings name them, and bank and fusion refuse any other. Where such a folder
is kept, and which detector is in use, is decided in `pipelines`.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

import yaml

from traces_core.disk import aside, writable_folder
from traces_core.errors import StorageError
from traces_core.project import Project
from traces_core.settings import BASE_FILE, Machine, Settings
from traces_core.store import Artifact, Store
from traces_core.store.running import lineage_of

PARTS = ("trace_index", "adapters", "thresholds")
"""Artifacts that a detector is made of."""

SECTIONS = ("sampling", "clip", "timesformer", "corpus", "bank", "scoring", "calibration")
"""Settings that it follows; where footage lies and how anything was trained is not among them."""


def save_detector(project: Project, folder: Path, parts: Sequence[Artifact] | None = None) -> Path:
    """Copy a detector to a new folder, which is whole as soon as it is there; its path.

    Parameters
    ----------
    parts
        Its bank, fusion and thresholds; those that the graph made last, by default.

    Raises
    ------
    MissingArtifactError
        If the graph has not made a part yet.
    MixedVersionsError
        If the current parts do not belong together.
    StorageError
        If the folder is not empty, or cannot be written.
    """
    parts = parts or current_parts(project.store)
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise StorageError(
            folder, "it is not empty", do="Name an empty folder, or one that is not there yet."
        )
    writable_folder(folder.parent)
    with aside(folder) as whole:
        for artifact in parts:
            place = whole / artifact.path.parent.relative_to(project.store.root)
            place.mkdir(parents=True)
            for source in (artifact.path, artifact.path.with_name(f"{artifact.recipe}.recipe.json")):
                (shutil.copytree if source.is_dir() else shutil.copyfile)(source, place / source.name)
            (place / "current").write_text(artifact.recipe, encoding="utf-8")
        followed = project.settings.model_dump(mode="json", include=set(SECTIONS))
        (whole / BASE_FILE).write_text(yaml.safe_dump(followed, sort_keys=False), encoding="utf-8")
    return folder


def current_parts(store: Store) -> list[Artifact]:
    """The bank, the fusion and the thresholds that are current.

    Raises
    ------
    MissingArtifactError
        If the graph has not made one of them yet.
    MixedVersionsError
        If they do not belong together: the graph is being rebuilt, or was left halfway.
    """
    parts = [store.current(name) for name in PARTS]
    lineage_of(parts, where="the detector")
    return parts


def open_detector(folder: Path, device: str = "cpu") -> Project:
    """The project of a saved detector: `Detector.load(open_detector(folder))` is ready to score.

    Parameters
    ----------
    folder
        What `save_detector` wrote; nothing in it is changed.
    device
        Torch device, such as cpu or cuda:0.

    Raises
    ------
    SettingsError
        If the folder holds no detector, or one whose settings this version does not know.
    """
    machine = Machine(data=folder, catalog=folder, reports=folder, device=device)
    return Project(Store(folder, publishes=False), Settings.load(folder, profile=""), machine)
