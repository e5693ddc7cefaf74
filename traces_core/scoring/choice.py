"""Which scorer the settings name, with its parameters: shared by every section that has one to choose."""

from __future__ import annotations

from typing import Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from traces_core.scoring.base import ScorerSettings
from traces_core.scoring.class_gap import ClassGap
from traces_core.scoring.kernel_machine import KernelMachine
from traces_core.scoring.linear_probe import LinearProbe
from traces_core.scoring.neighbours import Difference, SoftVote
from traces_core.scoring.whitened_axes import WhitenedAxes


class ScorerChoice(BaseModel):
    """The name of a scorer, and a section for each that has more to set.

    Examples
    --------
    >>> ScorerChoice(k=3).chosen
    Difference(k=3)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    scorer: Literal[
        "difference", "class_gap", "soft_vote", "whitened_axes", "linear_probe", "kernel_machine"
    ] = Field("difference", description="Which formula makes the scores; its units are its own.")
    k: int = Field(
        5, ge=1, le=1000, description="Nearest traces of a side that `difference` averages (count)."
    )
    class_gap: ClassGap = ClassGap()
    soft_vote: SoftVote = SoftVote()
    whitened_axes: WhitenedAxes = WhitenedAxes()
    linear_probe: LinearProbe = LinearProbe()
    kernel_machine: KernelMachine = KernelMachine()

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Every scorer that can be named, the default first."""
        return get_args(cls.model_fields["scorer"].annotation)

    @property
    def chosen(self) -> ScorerSettings:
        """The scorer that is named, with its parameters."""
        if self.scorer == "difference":
            return Difference(k=self.k)
        chosen: ScorerSettings = getattr(self, self.scorer)
        return chosen
