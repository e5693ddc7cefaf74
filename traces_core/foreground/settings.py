"""The settings of the foreground: every number that changes what is learned of it, or its surprise.

Chosen from normal clips of UCSD Ped2 alone, by an agent that had seen no test clip and no label
(docs/decisions/0022). A height is that of a person at the place.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class ForegroundSettings(BaseModel):
    """How places are chosen, what is predicted of them, and how a frame is scored."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    contrast: float = Field(
        12.0, ge=1.0, le=128.0, description="Off the background by more is foreground (grey levels)."
    )
    step: float = Field(0.25, gt=0.0, le=2.0, description="Distance between places (heights).")
    core: float = Field(
        0.25, gt=0.0, le=2.0, description="Half a side of the square whose motion is predicted (heights)."
    )
    crop: float = Field(
        1.5,
        gt=0.1,
        le=4.0,
        description="Side of the picture it is predicted from: a body and what it rides on (heights).",
    )
    path_frames: int = Field(
        5, ge=1, le=64, description="Frames of the path whose mean is a motion: half a walking cycle (count)."
    )
    still: float = Field(
        0.05, gt=0.0, le=1.0, description="Motion that level things are measured to have (heights/s)."
    )
    folds: int = Field(
        3, ge=2, le=16, description="Networks; each learns without one fold of videos, and judges it (count)."
    )
    every: int = Field(3, ge=1, le=64, description="Learns from every so many frames: neighbours are alike.")
    epochs: int = Field(3, ge=1, le=1000, description="Passes over the places (count).")
    batch: int = Field(256, ge=2, le=65_536, description="Places in a step (count).")
    learning_rate: float = Field(4e-3, gt=0.0, le=1.0, description="Peak learning rate of AdamW.")
    weight_decay: float = Field(
        0.05, ge=0.0, le=10.0, description="Weight decay, against learning single people by heart."
    )
    tail_quantile: float = Field(
        0.99,
        gt=0.5,
        lt=1.0,
        description="Above it normal surprise is taken to fall exponentially (quantile).",
    )
    rarest: float = Field(
        1e-3, gt=0.0, lt=1.0, description="A place that is foreground so seldom is as rare as any (share)."
    )
    reach: float = Field(
        0.5, gt=0.0, le=4.0, description="Surprise is averaged over places so near: one body (heights)."
    )
    top_places: int = Field(
        5, ge=1, le=1000, description="Most surprising places whose mean scores a frame (count)."
    )
    smooth_frames: int = Field(
        5, ge=1, le=64, description="Frames up to its own whose mean a score is (count)."
    )
    seed: int = Field(0, ge=0, description="Seed of weights and batches.")
