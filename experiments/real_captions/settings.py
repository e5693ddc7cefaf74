"""The settings of the experiment on real captions, read from the params.yaml beside this file.

How captions are judged is not among them: measured is the product, with the settings of its section
`captions`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, Field

from experiments.settings import read_settings


class RealCaptionsSettings(BaseModel):
    """What the rows vary."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    sizes: tuple[int, ...] = Field(min_length=1, description="Sentences a side of the small banks (count).")
    seeds: tuple[int, ...] = Field(min_length=1, description="Seeds that draw the small banks.")
    gaussians_s: dict[str, float] = Field(
        min_length=1, description="Offline smoothing by name: standard deviation (seconds)."
    )
    resamples: int = Field(ge=10, description="Draws for the intervals of the headline (count).")

    @classmethod
    def load(cls) -> Self:
        """Those of the experiment's own params.yaml.

        Raises
        ------
        SettingsError
            If the file holds an unknown setting or a value out of bounds.
        """
        return read_settings(cls, Path(__file__).with_name("params.yaml"))
