"""What is trained, and where its training stands: everything that the next step depends on, as one file.

There is no state of a random generator in it: each step draws from a generator made of (seed, step), so a
training that was killed and resumed gives the same weights, bit for bit, as one that was not.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import ClassVar, Generic, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from traces_core.fusion.checkpoint import below, optimizer_tensors, restore_optimizer, with_prefix
from traces_core.fusion.saved import read_tensors, write_tensors


class JudgedNetwork(Protocol):
    """What a validation found: a dataclass of numbers."""

    @property
    def loss(self) -> float:
        """What early stopping looks at; lower is better."""

    def metrics(self) -> dict[str, float]:
        """The numbers by name, as a tracker wants them."""


Judged = TypeVar("Judged", bound=JudgedNetwork)


class LoopSettings(Protocol):
    """What the loop reads of the settings of a training."""

    @property
    def steps(self) -> int:
        """Most steps of the optimiser."""

    @property
    def evaluate_every(self) -> int:
        """Steps between validations."""

    @property
    def patience(self) -> int:
        """Validations without a lower loss that end training."""

    @property
    def seed(self) -> int:
        """With the number of a step, all that its random numbers come from."""


class Learner(ABC, Generic[Judged]):
    """What is trained: a network, how fast, by which loss, and how it is judged."""

    name: ClassVar[str]
    """Of the training, for errors."""
    rate_setting: ClassVar[str]
    """The setting to lower where the loss is no number."""
    validation_type: type[Judged]
    """Dataclass of what `validate` gives."""
    steps_stream: ClassVar[int] = 1
    """Which random numbers of the seed the steps draw."""
    network: nn.Module
    optimizer: torch.optim.Optimizer
    log_temperature: nn.Parameter | None = None
    """Learned beside the network, kept between log 0.01 and 0."""

    @abstractmethod
    def rates(self, step: int) -> Sequence[float]:
        """Learning rates of the optimiser's groups in a step."""

    @abstractmethod
    def losses(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """The losses of one batch by name; the first is what is minimised."""

    @abstractmethod
    def validate(self) -> Judged:
        """What the network reaches on what it is not trained on."""

    def numbers(self) -> dict[str, float]:
        """Further numbers for the curve."""
        return {}


@dataclass(frozen=True, slots=True)
class FusionCurvePoint(Generic[Judged]):
    """One validation during training."""

    step: int
    """Steps done."""
    metrics: Mapping[str, float]
    """By name: mean losses of the steps since the point before, learning rate, validation."""
    validation: Judged
    """What the validation found."""


@dataclass
class TrainingState(Generic[Judged]):
    """A learner in training, its history and the best weights so far."""

    learner: Learner[Judged]
    settings: LoopSettings
    step: int = 0
    curve: list[FusionCurvePoint[Judged]] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_step: int = 0
    resumed_from: int = 0
    """Step at which an interrupted training was taken up; 0 where it began from scratch."""

    def record(self, point: FusionCurvePoint[Judged]) -> None:
        """Add a validation; keep the weights where its loss is the lowest so far."""
        if not self.curve or point.validation.loss < self.best_point.validation.loss:
            self.best = copy.deepcopy(self.learner.network.state_dict())
            self.best_step = point.step
        self.curve.append(point)

    @property
    def best_point(self) -> FusionCurvePoint[Judged]:
        """The validation at the best step."""
        return next(point for point in self.curve if point.step == self.best_step)

    @property
    def is_over(self) -> bool:
        """Whether all steps are done, or the last `patience` validations brought nothing better."""
        worse = sum(point.step > self.best_step for point in self.curve)
        return worse >= self.settings.patience or self.step >= self.settings.steps

    def save(self, path: Path) -> None:
        """Write the state, entirely or not at all."""
        learner = self.learner
        tensors = with_prefix(learner.network.state_dict(), "network.") | with_prefix(self.best, "best.")
        if learner.log_temperature is not None:
            tensors["log_temperature"] = learner.log_temperature
        tensors |= optimizer_tensors(learner.optimizer)
        # in pairs: the header sorts names, and a training that was taken up must end as any other
        curve = [{**asdict(point), "metrics": [*point.metrics.items()]} for point in self.curve]
        write_tensors(path, tensors, {"step": self.step, "best_step": self.best_step, "curve": curve})

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote for the same learner, settings and footage.

        Raises
        ------
        CorruptArtifactError
            If the file is cut short.
        """
        learner = self.learner
        tensors, header = read_tensors(path)
        learner.network.load_state_dict(below(tensors, "network."))
        self.best = below(tensors, "best.")
        if learner.log_temperature is not None:
            with torch.no_grad():
                learner.log_temperature.copy_(tensors["log_temperature"])
        restore_optimizer(learner.optimizer, tensors)
        self.step, self.best_step = header["step"], header["best_step"]
        self.resumed_from = self.step
        self.curve = [
            FusionCurvePoint(
                point["step"], dict(point["metrics"]), learner.validation_type(**point["validation"])
            )
            for point in header["curve"]
        ]
