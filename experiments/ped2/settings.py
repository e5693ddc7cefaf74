"""The settings of the experiment on UCSD Ped2, read from the params.yaml beside this file."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from experiments.settings import read_settings
from traces_core.context_aware.predictive.settings import PredictorSettings
from traces_core.foreground.settings import ForegroundSettings


class CoderSettings(PredictorSettings):
    """A predictor whose blocks are pixels, seen by a 3D encoder."""

    encoder: Literal["small", "fine", "resnet34"] = Field(
        "small", description="3D encoder of the blocks: small, its finer grid, or DPC-RNN's ResNet-34."
    )
    channels: tuple[str, ...] = Field(
        ("luminance", "change"), description="Channels of the blocks (see traces_core.encoders.motion)."
    )
    candidates: int = Field(
        2048,
        ge=2,
        le=65_536,
        description="Most places that one training step compares; each step draws its own (count).",
    )


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

    predictor: CoderSettings
    shrink: int = Field(2, ge=1, le=8, description="Pixels a side that are averaged into one (count).")
    crop_rows: int = Field(64, ge=8, le=240, description="Rows of a training clip, after that (pixels).")
    crop_columns: int = Field(96, ge=8, le=360, description="Columns of a training clip (pixels).")
    motion: MotionSettings = MotionSettings()
    foreground: ForegroundSettings = ForegroundSettings()
    seeds: tuple[int, ...] = Field(
        (0, 1, 2), min_length=1, description="Seeds that are trained and measured."
    )

    @classmethod
    def load(cls) -> Self:
        """Those of the experiment's own params.yaml.

        Raises
        ------
        SettingsError
            If the file holds an unknown setting or a value out of bounds.
        """
        return read_settings(cls, Path(__file__).with_name("params.yaml"))

    def seeded(self, seed: int) -> Self:
        """The same with another seed of the coder and of the foreground."""
        own = {
            name: getattr(self, name).model_copy(update={"seed": seed})
            for name in ("predictor", "foreground")
        }
        return self.model_copy(update=own)
