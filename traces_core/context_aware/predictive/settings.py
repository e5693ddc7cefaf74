"""The settings of the predictor: every number that changes a trained coder or its surprise.

Those of the practice benchmark are the section `predictor`; the section `ped2` holds another set of the same.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from traces_core.foreground.settings import ForegroundSettings


class PredictorSettings(BaseModel):
    """How blocks are cut and embedded, what is predicted, and how that is learned.

    Examples
    --------
    >>> PredictorSettings(steps_ahead=1, steps=100).blocks
    6
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    source: Literal["tokens", "pixels"] = Field(
        "tokens", description="What a block is: TimeSformer's patch tokens, or pixels to a 3D encoder."
    )
    encoder: Literal["small", "fine", "resnet34"] = Field(
        "small", description="3D encoder of pixel blocks: small, its finer grid, or DPC-RNN's ResNet-34."
    )
    channels: tuple[str, ...] = Field(
        ("luminance", "change"), description="Channels of pixel blocks (see encoders.motion)."
    )
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
    candidates: int = Field(
        2048, ge=2, le=65_536, description="Most places of a step that are told apart, drawn anew (count)."
    )
    steps: int = Field(400, ge=1, le=1_000_000, description="Most steps of the optimiser (count).")
    batch: int = Field(16, ge=1, le=65_536, description="Clips in a step (count).")
    learning_rate: float = Field(1e-3, gt=0.0, le=1.0, description="Peak learning rate of AdamW.")
    weight_decay: float = Field(0.01, ge=0.0, le=10.0, description="Weight decay of the matrices.")
    warm_up_share: float = Field(
        0.05, gt=0.0, lt=1.0, description="Steps in which the learning rate rises (share)."
    )
    clip_norm: float = Field(1.0, gt=0.0, le=1e6, description="Largest norm of a gradient.")
    validation_share: float = Field(
        0.2, gt=0.0, lt=1.0, description="Normal videos kept for validation (share)."
    )
    evaluate_every: int = Field(25, ge=1, le=100_000, description="Steps between validations (count).")
    patience: int = Field(
        6, ge=1, le=100_000, description="Validations without a lower loss that end training (count)."
    )
    seed: int = Field(0, ge=0, description="Seed of weights, clips and batches.")


class MotionSettings(BaseModel):
    """How carried motion becomes a map of surprise, and a map a score.

    The defaults were chosen from normal clips alone, by an agent that had seen no test clip and no label
    (docs/decisions/0022).
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    newest_share: float = Field(
        0.15, gt=0.0, le=1.0, description="Of carried motion, what the newest flow adds (share)."
    )
    least_weight: float = Field(
        0.2,
        gt=0.0,
        le=1.0,
        description="A younger path (share of a full memory) counts as this old: what just came in is not "
        "trusted at once.",
    )
    reach: int = Field(
        1, ge=0, le=8, description="Pixels of carried motion on each side whose speed counts for a place."
    )
    expected_share: float = Field(
        0.75,
        ge=0.0,
        le=1.0,
        description="Of the expected speed, what is taken off the speed that came (share).",
    )
    scale_quantile: float = Field(
        0.99, gt=0.0, lt=1.0, description="Of the normal excess around a place: its scale (quantile)."
    )
    least_of_row: float = Field(
        0.3,
        ge=0.0,
        le=1.0,
        description="A place is never scaled by less than this share of the busiest places of its row.",
    )
    least_of_all: float = Field(
        0.2,
        ge=0.0,
        le=10.0,
        description="... and this share of the busiest row is added: noise where nobody walks counts less.",
    )
    top_share: float = Field(
        0.01,
        gt=0.0,
        le=1.0,
        description="Places whose mean is the score (share); `predictor.top_share` says nothing here.",
    )


class Ped2Settings(BaseModel):
    """How UCSD Ped2 is learned from its normal training clips, and how a frame is scored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    predictor: PredictorSettings = PredictorSettings(
        source="pixels",
        encoder="fine",
        block_frames=4,
        blocks=5,
        steps_ahead=2,
        dimensions=24,
        hidden=24,
        candidates=1500,
        steps=1200,
        batch=8,
        learning_rate=3e-3,
        validation_share=0.125,
    )
    shrink: int = Field(2, ge=1, le=8, description="Pixels a side that are averaged into one (count).")
    crop_rows: int = Field(64, ge=8, le=240, description="Rows of a training clip, after that (pixels).")
    crop_columns: int = Field(96, ge=8, le=360, description="Columns of a training clip (pixels).")
    motion: MotionSettings = MotionSettings()
    foreground: ForegroundSettings = ForegroundSettings()
    seeds: tuple[int, ...] = Field(
        (0, 1, 2), min_length=1, description="Seeds that are trained and measured."
    )
