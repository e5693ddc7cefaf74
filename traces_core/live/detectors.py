"""Which detector judges the cameras, and whether there is another one by now.

What the graph of this checkout made last, a folder that `traces save` wrote, or a version of a model that
an MLflow server keeps, such as `models:/traces@champion`: to roll back, its alias is moved.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx

from traces_core.detector.detector import Detector
from traces_core.detector.saved import current_parts, open_detector
from traces_core.disk import aside
from traces_core.errors import TracesError
from traces_core.project import Project
from traces_core.redaction import redacted

CURRENT = "current"
"""What the graph of this checkout made last."""
MODEL = re.compile(r"models:/(?P<name>[^@/]+)(?:@(?P<alias>[^@/]+)|/(?P<version>[0-9]+))")
_TIMEOUT_S = 10.0
_DOWNLOAD_S = 600.0


class ModelError(TracesError, RuntimeError):
    """The model registry does not answer, or has no such version."""


@dataclass(frozen=True)
class ChosenDetector:
    """The detector that cameras.yaml names, and where a model is kept that is fetched."""

    which: str
    """`current`, a folder, or `models:/NAME@ALIAS` or `models:/NAME/VERSION`."""
    models: Path
    """Folder for fetched models; a version is fetched once."""

    def stamp(self) -> Any:
        """Changes when another detector is to be used.

        Raises
        ------
        MissingArtifactError, MixedVersionsError
            If the graph is being rebuilt.
        ModelError
            If the registry does not answer.
        """
        if found := MODEL.fullmatch(self.which):
            return found["version"] or _version_of(found["name"], found["alias"])
        folder = None if self.which == CURRENT else Path(self.which)
        store = Project.here().store if folder is None else open_detector(folder).store
        return [(part.name, part.recipe) for part in current_parts(store)]

    def load(self) -> tuple[Detector, Any]:
        """The detector, and its `stamp`.

        Raises
        ------
        MissingArtifactError, MixedVersionsError, SettingsError
            As `Detector.load` and `open_detector`.
        ModelError
            If the registry does not answer, or the model cannot be fetched.
        """
        stamp = self.stamp()
        if self.which == CURRENT:
            return Detector.load(), stamp
        found = MODEL.fullmatch(self.which)
        folder = self._fetched(found["name"], stamp) if found else Path(self.which)
        return Detector.load(open_detector(folder, os.environ.get("TRACES_DEVICE", "cpu"))), stamp

    def _fetched(self, name: str, version: str) -> Path:
        """The folder of a version's detector, downloaded by MLflow's own command where it is not here yet."""
        place = self.models / f"{name}-{version}"
        if not place.is_dir():
            place.parent.mkdir(parents=True, exist_ok=True)
            with aside(place) as half:
                half.mkdir()
                address = f"models:/{name}/{version}"
                command = [
                    sys.executable,
                    "-m",
                    "mlflow",
                    "artifacts",
                    "download",
                    "-u",
                    address,
                    "-d",
                    str(half),
                ]
                done = subprocess.run(
                    command, capture_output=True, text=True, timeout=_DOWNLOAD_S, check=False
                )
                if done.returncode:
                    raise ModelError(redacted(f"{address} cannot be fetched: {done.stderr.strip()[-500:]}"))
        # A model holds its detector as an artifact of that name; see `pipelines.mlflow_model`.
        found = [
            path.parent for path in place.rglob("trace_index") if (path.parent / "params.yaml").is_file()
        ]
        if not found:
            raise ModelError(f"models:/{name}/{version} holds no detector of TRACES. Name another model.")
        return found[0]


def _version_of(name: str, alias: str) -> str:
    """The version that an alias of a registered model names."""
    server = os.environ.get("MLFLOW_TRACKING_URI", "")
    if not server.startswith(("http://", "https://")):
        raise ModelError(
            f"models:/{name}@{alias} needs a server: "
            "set MLFLOW_TRACKING_URI, to http://127.0.0.1:5000 while `make ui` runs"
        )
    user = os.environ.get("MLFLOW_TRACKING_USERNAME")
    login = (user, os.environ.get("MLFLOW_TRACKING_PASSWORD", "")) if user else None
    token = os.environ.get("MLFLOW_TRACKING_TOKEN")
    address = f"{server.rstrip('/')}/api/2.0/mlflow/registered-models/alias"
    try:
        answer = httpx.get(
            f"{address}?name={quote(name)}&alias={quote(alias)}",
            auth=login,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=_TIMEOUT_S,
        )
        answer.raise_for_status()
        return str(answer.json()["model_version"]["version"])
    except (httpx.HTTPError, KeyError, ValueError) as error:
        raise ModelError(
            redacted(f"models:/{name}@{alias} is not known to {server} ({error}). Is the alias set?")
        ) from None


def sees_alike(one: Detector, other: Detector) -> bool:
    """Whether two detectors have the same encoders and look at the same frames."""

    def sight(project: Project) -> tuple[object, ...]:
        return project.clip.fingerprint, project.windows.fingerprint, project.settings.sampling

    return sight(one.project) == sight(other.project)
