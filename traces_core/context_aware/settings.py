"""The settings of the context gate and of joint training: every number that changes their result.

How blocks are predicted is in `traces_core.context_aware.predictive.settings`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from traces_core.context_aware.predictive.settings import PredictorSettings

GateKind = Literal["sigmoid", "film", "none"]
HeadKind = Literal["residual_mlp", "linear", "none"]
Evidence = Literal["time", "prediction"]
Sides = Literal["normal", "both"]
SceneControl = Literal["matched", "generic", "mismatched"]


class ContextGateSettings(BaseModel):
    """How the scene changes the traces, and which normal footage a score is compared with.

    Examples
    --------
    >>> ContextGateSettings(kind="film").sides
    'normal'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: GateKind = Field(
        "sigmoid", description="sigmoid: a gated residual; film: scale and shift; none: traces as they are."
    )
    sides: Sides = Field("normal", description="Sides of the bank that the scene changes: normal, or both.")
    scene: SceneControl = Field(
        "matched",
        description="Scene a video is given: its own, the mean of all, or the least like it (controls).",
    )
    scene_network: str | None = Field(
        None,
        description=(
            "Image encoder that sees the scene, named as clip.model is, with its weights after a colon "
            "(RN50:openai); null takes CLIP's own frames."
        ),
    )
    scene_scores: int = Field(
        100, ge=20, description="Normal scores from which a scene has a scale of its own (count)."
    )


class JointSettings(BaseModel):
    """What becomes the video's vector, and how it is learned together with the predictor.

    Examples
    --------
    >>> JointSettings(alpha=1.0, evidence=("time",)).head
    'residual_mlp'
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    head: HeadKind = Field(
        "residual_mlp", description="How evidence joins CLIP's window mean: residual MLP, linear, or not."
    )
    evidence: tuple[Evidence, ...] = Field(
        ("time", "prediction"),
        min_length=1,
        description="What the head is given: TimeSformer's tokens, and the predictor's state.",
    )
    hidden: int = Field(256, ge=2, le=8192, description="Width of the residual MLP (units).")
    dropout: float = Field(0.1, ge=0.0, le=0.9, description="Hidden units dropped in training (share).")
    captions: Literal["given", "nearest"] = Field(
        "given", description="Captions: those of the footage, or the nearest normal trace of the bank."
    )
    alpha: float = Field(
        0.5, ge=0.0, le=1.0, description="Weight of InfoNCE; 1 - alpha is that of the prediction loss."
    )
    temperature: float = Field(
        0.07, ge=0.01, le=1.0, description="Softmax temperature: where training begins, and in validation."
    )
    learn_temperature: bool = Field(True, description="Whether training moves the temperature (0.01 to 1).")
    stay_close: float = Field(
        1.0, ge=0.0, le=100.0, description="Weight of 1 - cosine(video, window mean): keeps CLIP's space."
    )
    steps: int = Field(100, ge=1, le=1_000_000, description="Most steps of the optimiser (count).")
    batch: int = Field(16, ge=2, le=65_536, description="Clips of consecutive blocks in a step (count).")
    learning_rate: float = Field(5e-4, gt=0.0, le=1.0, description="Peak learning rate of AdamW.")
    predictor_rate: float = Field(
        0.1, ge=0.0, le=1.0, description="Learning rate of the predictor, which has learned (share of it)."
    )
    weight_decay: float = Field(0.05, ge=0.0, le=10.0, description="Weight decay of the matrices.")
    validation_share: float = Field(
        0.2, gt=0.0, lt=1.0, description="Normal videos kept for validation (share)."
    )
    evaluate_every: int = Field(10, ge=1, le=100_000, description="Steps between validations (count).")
    patience: int = Field(
        10, ge=1, le=100_000, description="Validations without a lower loss that end training (count)."
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of weights, batches and the validation split.")


def predictor_alone(settings: PredictorSettings) -> JointSettings:
    """Joint training with nothing to align: how the predictor learns alone, by its own settings."""
    shared = set(JointSettings.model_fields) & set(PredictorSettings.model_fields) - {"hidden", "temperature"}
    return JointSettings(
        head="none",
        evidence=("prediction",),
        alpha=0.0,
        stay_close=0.0,
        predictor_rate=1.0,
        learn_temperature=False,
        **settings.model_dump(include=shared),
    )
