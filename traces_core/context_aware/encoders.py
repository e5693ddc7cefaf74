"""Which encoders the Context-Aware system looks with, by the settings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from traces_core.context_aware.saved import ModelEncoders
from traces_core.encoders.base import ImageEncoder
from traces_core.encoders.clip import ClipEncoder
from traces_core.encoders.settings import ClipSettings
from traces_core.encoders.timesformer import TimesformerEncoder

if TYPE_CHECKING:
    from traces_core.project import Project


def is_predicting(project: Project) -> bool:
    """Whether the settings ask for a predictor at all."""
    return "prediction" in project.settings.joint.evidence


def block_encoder(project: Project) -> TimesformerEncoder:
    """The window encoder with windows as long as a block."""
    return project.variant(timesformer__window_frames=project.settings.predictor.block_frames).windows


def scene_encoder(project: Project) -> ImageEncoder:
    """The image encoder that sees the scene: CLIP itself, or the one that the settings name."""
    name = project.settings.context_gate.scene_network
    if name is None:
        return project.clip
    model, _, weights = name.partition(":")
    return ClipEncoder.load(ClipSettings(model=model, pretrained=weights or None), project.machine.device)


def origin(project: Project) -> ModelEncoders:
    """The encoders that a model is trained with."""
    return ModelEncoders(project.clip.space, project.windows.fingerprint, scene_encoder(project).fingerprint)
