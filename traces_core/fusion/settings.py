"""The settings of adapters and fusion: every number that changes a trained fusion.

Folders do not belong here: they are arguments of `train_fusion`.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

FusionKind = Literal["cross_attention", "concatenation", "mean"]


class FusionSettings(BaseModel):
    """How frames and temporal tokens of a window become one vector, and how that is learned.

    Examples
    --------
    >>> FusionSettings(kind="concatenation", steps=100).steps
    100
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    kind: FusionKind = Field(
        "cross_attention",
        description="cross_attention (the paper), concatenation (its ablation) or mean (nothing is learned).",
    )
    heads: int = Field(
        4, ge=1, le=64, description="Attention heads (count); must divide the width of CLIP's space."
    )
    hidden: int = Field(128, ge=1, le=4096, description="Width inside the adapters (units).")
    temporal_position: bool = Field(
        True, description="Whether cross-attention learns where in the window a frame stands."
    )
    readout_frames: int = Field(
        4, ge=1, le=1024, description="last frames of a window whose mean is its vector [frames]"
    )
    dropout: float = Field(0.1, ge=0.0, le=0.9, description="Hidden units dropped in training (share).")
    steps: int = Field(300, ge=1, le=1_000_000, description="Most steps of the optimiser (count).")
    batch: int = Field(128, ge=2, le=65_536, description="Windows in a step (count).")
    learning_rate: float = Field(1e-3, gt=0.0, le=1.0, description="Peak learning rate of AdamW.")
    weight_decay: float = Field(0.05, ge=0.0, le=10.0, description="Weight decay of the matrices.")
    temperature: float = Field(
        0.07, ge=0.01, le=1.0, description="Softmax temperature: where training begins, and in validation."
    )
    learn_temperature: bool = Field(True, description="Whether training moves the temperature (0.01 to 1).")
    stay_close: float = Field(
        1.0, ge=0.0, le=100.0, description="Weight of 1 - cosine(fused, window mean): keeps CLIP's space."
    )
    same_group: Literal["positive", "ignored"] = Field(
        "positive", description="Captions of other windows with the same event: positives, or left out."
    )
    validation_share: float = Field(0.2, gt=0.0, lt=1.0, description="Clips kept for validation (share).")
    evaluate_every: int = Field(20, ge=1, le=100_000, description="Steps between validations (count).")
    patience: int = Field(
        6, ge=1, le=100_000, description="Validations without a better InfoNCE that end training (count)."
    )
    seed: int = Field(0, ge=0, lt=2**31, description="Seed of weights, batches and the validation split.")
