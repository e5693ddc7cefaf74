"""A context-aware model as one file: weights, what it was built as, and which encoders it was trained with.

Safetensors with a JSON header, as for the fusion (`traces_core.fusion.saved`). The scenes of the training
footage are in it, for a gate means nothing without them.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from traces_core.context_aware.model import ContextAware
from traces_core.context_aware.predictive.coder import PredictiveCoder, coder_of
from traces_core.context_aware.predictive.settings import PredictorSettings
from traces_core.context_aware.scene import SceneReferences
from traces_core.context_aware.settings import GateKind, JointSettings
from traces_core.errors import ContextAwareError, CorruptArtifactError, MixedSpacesError
from traces_core.fusion.saved import read_saved, write_tensors

FORMAT, CODER = "traces-context-aware-1", "traces-predictor-1"
_SCENES = "scenes"


@dataclass(frozen=True)
class ModelEncoders:
    """Which encoders a model was trained with; it is of no use with others."""

    space: str
    """CLIP's space."""
    window_encoder: str
    """Fingerprint of the TimeSformer that gave the tokens."""
    scene_encoder: str
    """Fingerprint of the encoder that saw the scene."""


@dataclass(frozen=True)
class Blueprint:
    """What a model is built from."""

    joint: JointSettings
    gate: GateKind
    predictor: PredictorSettings
    grid_channels: int
    """C, channels of the grids."""
    dimensions: int
    """D."""
    token_dimensions: int
    """D_time."""
    scene_dimensions: int
    """S."""

    def build(self) -> ContextAware:
        """An untrained model; its weights come from the seed of joint training."""
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.joint.seed)
            wanted = "prediction" in self.joint.evidence
            return ContextAware(
                coder_of(self.predictor, self.grid_channels) if wanted else None,
                self.joint,
                self.gate,
                dimensions=self.dimensions,
                token_dimensions=self.token_dimensions,
                scene_dimensions=self.scene_dimensions,
            )


def save_model(
    path: Path, model: ContextAware, blueprint: Blueprint, origin: ModelEncoders, references: SceneReferences
) -> None:
    """Write a model to a `.safetensors` file; an older file is replaced."""
    metadata = {
        "format": FORMAT,
        "origin": vars(origin),
        "blueprint": {
            name: value.model_dump(mode="json") if hasattr(value, "model_dump") else value
            for name, value in vars(blueprint).items()
        },
        "scenes": references.names,
    }
    scenes = torch.from_numpy(references.vectors)
    write_tensors(path, {**model.state_dict(), _SCENES: scenes}, metadata)


def load_model(path: Path, origin: ModelEncoders) -> tuple[ContextAware, SceneReferences]:
    """Read a model that `save_model` wrote, in eval mode, with the scenes of its training footage.

    Raises
    ------
    MissingArtifactError
        If there is no such file.
    CorruptArtifactError
        If the file is not one of `save_model`'s.
    MixedSpacesError
        If it was trained with other encoders.
    """
    tensors, metadata = read_saved(path, FORMAT)
    for name, here in vars(origin).items():
        if metadata["origin"][name] != here:
            raise MixedSpacesError(
                here=here,
                there=metadata["origin"][name],
                where=f"{path}, {name}",
                what="the context gate was trained with",
                do="Train it with these encoders: .venv/bin/traces make 'context_gate+'",
            )
    try:
        plan = metadata["blueprint"]
        blueprint = Blueprint(
            **{
                **plan,
                "joint": JointSettings(**plan["joint"]),
                "predictor": PredictorSettings(**plan["predictor"]),
            }
        )
        references = SceneReferences(tuple(metadata["scenes"]), tensors.pop(_SCENES).numpy())
        model = blueprint.build()
        model.load_state_dict(tensors)
    except (KeyError, RuntimeError, TypeError, ValueError) as error:
        raise CorruptArtifactError(path, f"weights and configuration do not fit ({error})") from error
    return model.eval(), references


def save_coder(path: Path, model: ContextAware, settings: PredictorSettings, channels: int) -> None:
    """Write the coder of a model to a `.safetensors` file: a predictor that was trained alone."""
    coder = _coder_in(model)
    metadata = {"format": CODER, "settings": settings.model_dump(mode="json"), "channels": channels}
    write_tensors(path, dict(coder.state_dict()), metadata)


def load_coder(path: Path, model: ContextAware) -> None:
    """Give a model the weights of a coder that `save_coder` wrote.

    Raises
    ------
    MissingArtifactError
        If there is no such file.
    CorruptArtifactError
        If the file is not one of `save_coder`'s, or its coder is of another shape.
    """
    tensors, _ = read_saved(path, CODER)
    try:
        _coder_in(model).load_state_dict(tensors)
    except RuntimeError as error:
        raise CorruptArtifactError(path, f"weights and configuration do not fit ({error})") from error


def _coder_in(model: ContextAware) -> PredictiveCoder:
    if model.coder is None:
        raise ContextAwareError("this model has no predictor: joint.evidence leaves `prediction` out.")
    return model.coder
