"""The settings of the predictor, the section `predictor`: what changes a trained coder or its surprise."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class PredictorSettings(BaseModel):
    """How blocks are cut and embedded, what is predicted, and how that is learned.

    Examples
    --------
    >>> PredictorSettings(steps_ahead=1, steps=100).blocks
    6
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    block_frames: int = Field(4, ge=1, le=64, description="Sampled frames of a block, L (count).")
    blocks: int = Field(6, ge=2, le=256, description="Blocks of a training clip, N (count).")
    steps_ahead: int = Field(2, ge=1, le=64, description="Blocks at its end that are predicted, P (count).")
    dimensions: int = Field(64, ge=2, le=4096, description="Width of an embedded block, D (units).")
    hidden: int = Field(64, ge=2, le=4096, description="Width of the recurrent state (units).")
    layers: int = Field(1, ge=1, le=8, description="Layers of the ConvGRU (count).")
    reach: int = Field(
        1, ge=0, le=8, description="Places on each side that a place's state looks at (count)."
    )
    temperature: float = Field(0.1, ge=0.01, le=10.0, description="What cosines are divided by in the loss.")
    top_share: float = Field(0.05, gt=0.0, le=1.0, description="Places whose mean is the score (share).")
    steps: int = Field(400, ge=1, le=1_000_000, description="Most steps of the optimiser (count).")
    batch: int = Field(16, ge=1, le=65_536, description="Clips in a step (count).")
    learning_rate: float = Field(1e-3, gt=0.0, le=1.0, description="Peak learning rate of AdamW.")
    weight_decay: float = Field(0.01, ge=0.0, le=10.0, description="Weight decay of the matrices.")
    validation_share: float = Field(
        0.2, gt=0.0, lt=1.0, description="Normal videos kept for validation (share)."
    )
    evaluate_every: int = Field(25, ge=1, le=100_000, description="Steps between validations (count).")
    patience: int = Field(
        6, ge=1, le=100_000, description="Validations without a lower loss that end training (count)."
    )
    seed: int = Field(0, ge=0, description="Seed of weights, clips and batches.")
