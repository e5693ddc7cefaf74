"""Which detector judges the cameras, and whether there is another one by now."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from traces_core.detector.detector import Detector
from traces_core.detector.saved import current_parts, open_detector
from traces_core.project import Project
from traces_core.store import Artifact

CURRENT = "current"
"""What the graph of this checkout made last."""


def current_detector(which: str) -> Detector:
    """The detector that cameras.yaml names: `current`, or a folder that `save_detector` wrote.

    Raises
    ------
    MissingArtifactError, MixedVersionsError, SettingsError
        As `Detector.load` and `open_detector`.
    """
    if which == CURRENT:
        return Detector.load()
    return Detector.load(open_detector(Path(which), os.environ.get("TRACES_DEVICE", "cpu")))


def stamp_of(parts: Sequence[Artifact]) -> list[tuple[str, str]]:
    """What changes when the graph has made another of a detector's parts."""
    return [(part.name, part.recipe) for part in parts]


def is_current(detector: Detector) -> bool:
    """Whether the store still holds the parts of this detector.

    Raises
    ------
    MissingArtifactError, MixedVersionsError
        If they are being rebuilt.
    """
    return stamp_of(current_parts(detector.project.store)) == stamp_of(detector.parts)


def sees_alike(one: Detector, other: Detector) -> bool:
    """Whether two detectors have the same encoders and look at the same frames."""

    def sight(project: Project) -> tuple[object, ...]:
        return project.clip.fingerprint, project.windows.fingerprint, project.settings.sampling

    return sight(one.project) == sight(other.project)
