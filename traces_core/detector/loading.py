"""From what the graph made to what scores: bank, fusion and models, by the settings."""

from __future__ import annotations

from safetensors.numpy import load_file

from traces_core.bank.bank import Bank
from traces_core.context_aware.saved import ModelEncoders, load_model
from traces_core.context_aware.scoring import ContextScorer
from traces_core.encoders.base import ImageEncoder
from traces_core.encoders.clip import ClipEncoder
from traces_core.encoders.settings import ClipSettings
from traces_core.encoders.timesformer import TimesformerEncoder
from traces_core.fusion.saved import LABELS, load_fusion
from traces_core.fusion.window_fusion import WindowFusion
from traces_core.project import Project
from traces_core.store import Artifact
from traces_core.streams.scorer import BankScorer
from traces_core.types import Array


def bank_scorer(project: Project, index: Artifact, learned: Artifact, which: str = "fusion") -> BankScorer:
    """What the streams against the traces ask, with the fusion that ships (or the `candidate`)."""
    bank, fusion = bank_and_fusion(project, index, learned, which)
    how = project.settings.scoring
    return BankScorer(bank, fusion, _labels(project, learned), project.clip.space, how.chosen, how.k)


def _labels(project: Project, learned: Artifact) -> Array:
    """The window encoder's labels as vectors, float32 (L, D): kept beside the fusion, to load no CLIP."""
    kept = learned.path / LABELS
    if kept.is_file():
        vectors: Array = load_file(kept)["labels"]
        return vectors
    return project.clip.encode_texts(list(project.windows.labels))  # of a detector saved without them


def bank_and_fusion(
    project: Project, index: Artifact, learned: Artifact, which: str = "fusion"
) -> tuple[Bank, WindowFusion]:
    """The bank, and the fusion that ships (or the `candidate`), of these encoders."""
    fusion = load_fusion(
        learned.path / f"{which}.safetensors",
        space=project.clip.space,
        window_encoder=project.windows.fingerprint,
    )
    return Bank.load(index.path), fusion


def context_scorer(
    project: Project, learned: Artifact, index: Artifact, which: str = "model"
) -> ContextScorer:
    """What scores the Context-Aware streams, with the model that ships (or the `candidate`)."""
    model, references = load_model(learned.path / f"{which}.safetensors", origin(project))
    settings = project.settings
    return ContextScorer(
        model=model.to(project.machine.device),
        bank=Bank.load(index.path),
        references=references,
        settings=settings.context_gate,
        k=settings.scoring.k,
        top_share=settings.predictor.top_share,
        temperature=settings.predictor.temperature,
    )


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
