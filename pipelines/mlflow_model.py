"""The detector as an MLflow model: how it is packed, logged and registered as `traces`.

Weights of the encoders go by reference; pocket ones are part of the code that travels along. What the model
does when it is asked is in `mlflow_model_code`; which version is the champion, `champion` decides.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import traces_core
from pipelines.mlflow_store import load_mlflow
from pipelines.tracked_run import RunLog
from traces_core.detector.saved import save_detector
from traces_core.disk import temporary_folder
from traces_core.encoders.pocket_models import FOLDER as POCKETS
from traces_core.project import Project
from traces_core.settings import Settings
from traces_core.store import Artifact

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

NAME = "traces"
"""The registered model."""

CODE = Path(__file__).with_name("mlflow_model_code.py")
CONSTRAINTS = Path(__file__).resolve().parents[1] / "constraints.txt"

REQUIRED = (
    "av",
    "diskcache",
    "faiss-cpu",
    "jinja2",
    "matplotlib",
    "mlflow",
    "numpy",
    "open-clip-torch",
    "pillow",
    "polars",
    "pyarrow",
    "pydantic",
    "pyyaml",
    "rich",
    "safetensors",
    "scikit-learn",
    "scipy",
    "torch",
    "torchvision",
    "transformers",
)
"""Packages that scoring a video needs; their versions are those of constraints.txt."""


def add_model(
    run: RunLog, project: Project, card: Artifact, parts: Sequence[Artifact], tags: Mapping[str, str]
) -> None:
    """Add a detector to a run as a version of `traces`, unless the registry has it.

    Parameters
    ----------
    card
        What the detector is: its parts, settings and encoders by reference. Its recipe names the version.
    parts
        Its bank, fusion and thresholds.
    tags
        Further ones of the version.
    """
    facts = card.read()
    own = {**tags, "recipe": card.recipe, "bank": facts["parts"]["trace_index"]}
    with temporary_folder() as folder:
        packed = pack(project, Path(folder) / "model", parts)
        run.model(packed, name=NAME, about=_description(), card=facts, tags=own)


def pack(project: Project, folder: Path, parts: Sequence[Artifact] | None = None) -> Path:
    """Write a detector as an MLflow model: a folder that needs no checkout.

    Parameters
    ----------
    folder
        A new one.
    parts
        Its bank, fusion and thresholds; those that the graph made last, by default.
    """
    load_mlflow()
    import mlflow.pyfunc
    import pandas as pd

    with temporary_folder() as scratch:
        code = _library(project.settings, Path(scratch) / "traces_core")
        detector = save_detector(project, Path(scratch) / "detector", parts)
        mlflow.pyfunc.save_model(
            folder,
            python_model=str(CODE),
            code_paths=[str(code)],
            artifacts={"detector": str(detector)},
            pip_requirements=requirements(),
            signature=signature(),
            input_example=pd.DataFrame(
                {"video": ["gate.mp4"], "context": [project.settings.corpus.contexts[0]]}
            ),
        )
    return folder


def signature() -> ModelSignature:
    """A column of paths, with the context where it is known; out comes a score table."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, Schema

    came = [ColSpec("string", "video"), ColSpec("string", "context", required=False)]
    gives = [
        ColSpec("string", "video"),
        ColSpec("double", "time_s", required=False),
        ColSpec("string", "stream", required=False),
        ColSpec("float", "score", required=False),
        ColSpec("string", "reason", required=False),
    ]
    return ModelSignature(inputs=Schema(came), outputs=Schema(gives))


def requirements() -> list[str]:
    """What a fresh environment installs: what scoring needs and what that needs, as constraints.txt has it.

    A `-c` line would do, but MLflow takes its every line for a package that must be there, and warns.
    """
    from packaging.requirements import Requirement
    from packaging.utils import canonicalize_name

    needed_names: set[str] = set()
    waiting = set(REQUIRED)
    while waiting:
        needed_names.add(name := waiting.pop())
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):  # of another platform
            asked = (Requirement(line) for line in importlib.metadata.requires(name) or ())
            needed = (one for one in asked if one.marker is None or one.marker.evaluate({"extra": ""}))
            waiting |= {canonicalize_name(one.name) for one in needed} - needed_names
    lines = CONSTRAINTS.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and canonicalize_name(Requirement(line).name) in needed_names]


def _library(settings: Settings, folder: Path) -> Path:
    """A copy of the library with those pocket weights that the settings name."""
    used = {settings.clip.model, settings.timesformer.model}

    def unwanted(place: str, names: list[str]) -> set[str]:
        pockets = {name for name in names if name not in used} if Path(place) == POCKETS else set()
        return pockets | {name for name in names if name == "__pycache__"}

    shutil.copytree(Path(traces_core.__file__).parent, folder, ignore=unwanted)
    return folder


def _description() -> str:
    return (
        "Zero-shot video anomaly detection: a table with a column `video` of paths (and `context`, where "
        "the place is known) in, a score table out. The alias `champion` moves through the gate alone."
    )
