"""What can be chosen about the encoders. The device is no setting but an argument of `load`."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Precision = Literal["fp32", "bf16"]


class ClipSettings(BaseModel):
    """The model that puts frames and sentences into one space."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        default="pocket-0",
        title="CLIP model",
        min_length=1,
        description=(
            "A pocket model (pocket-0, pocket-1, pocket-2: one per pre-training seed), any model name of "
            "open_clip such as ViT-B-16, or a folder with open_clip_config.json, tokenizer and weights."
        ),
    )
    pretrained: str | None = Field(
        default=None,
        title="CLIP weights",
        description=(
            "For a model name of open_clip: a tag such as laion2b_s34b_b88k, fetched from the hub once, or "
            "a local file or folder with the weights. Empty for pocket models and for folders."
        ),
    )
    precision: Precision = Field(
        default="fp32",
        title="CLIP precision",
        description="Number format of the forward pass; bf16 is 2 to 4 times as fast where the CPU has it.",
    )


class TimesformerSettings(BaseModel):
    """The model that watches windows of frames."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = Field(
        default="pocket-0",
        title="TimeSformer model",
        min_length=1,
        description=(
            "A pocket model (pocket-0, pocket-1, pocket-2), a name on the hub such as "
            "facebook/timesformer-base-finetuned-k400, or a folder written by save_pretrained."
        ),
    )
    precision: Precision = Field(
        default="fp32",
        title="TimeSformer precision",
        description="Number format of the forward pass; bf16 is 2 to 4 times as fast where the CPU has it.",
    )
    window_frames: int = Field(
        default=16,
        ge=2,
        le=96,
        title="Window length",
        description=(
            "Sampled frames in a window (unit: frames). Where it differs from the checkpoint's own number, "
            "the time embedding is stretched to it."
        ),
    )
