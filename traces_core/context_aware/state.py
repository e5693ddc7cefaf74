"""Where a joint training stands: everything that the next step depends on, as one file.

There is no state of a random generator in it: each step draws from a generator made of (seed, step). The
steps themselves are in `training`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from traces_core.context_aware.model import ContextAware
from traces_core.context_aware.objective import JointValidation
from traces_core.context_aware.settings import JointSettings
from traces_core.fusion.checkpoint import below, optimizer_tensors, restore_optimizer, with_prefix
from traces_core.fusion.saved import read_tensors, write_tensors
from traces_core.fusion.settings import FusionSettings
from traces_core.fusion.training_loop import learning_rate


@dataclass(frozen=True, slots=True)
class JointCurvePoint:
    """One validation during training."""

    step: int
    """Steps done."""
    metrics: Mapping[str, float]
    """By name: losses of the steps since the point before, learning rate, temperature, validation."""
    validation: JointValidation
    """What the normal validation videos said."""


@dataclass
class JointState:
    """Where a training stands: all that the next step depends on. Random numbers come from (seed, step)."""

    model: ContextAware
    settings: JointSettings
    log_temperature: nn.Parameter
    optimizer: torch.optim.AdamW
    schedule: LambdaLR
    step: int = 0
    curve: list[JointCurvePoint] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_step: int = 0

    @classmethod
    def begin(cls, model: ContextAware, settings: JointSettings) -> JointState:
        """The state before the first step; weight decay on matrices only, a slower rate for the coder."""
        device = next(model.parameters()).device
        log_temperature = nn.Parameter(
            torch.tensor(math.log(settings.temperature), device=device),
            requires_grad=settings.learn_temperature,
        )
        learned = [(name.startswith("coder."), p) for name, p in model.named_parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [
            {
                "params": [p for within, p in learned if within == is_coder and (p.ndim >= 2) == is_matrix],
                "weight_decay": settings.weight_decay if is_matrix else 0.0,
                "lr": settings.learning_rate * (settings.predictor_rate if is_coder else 1.0),
            }
            for is_coder in (False, True)
            for is_matrix in (False, True)
        ]
        groups[0]["params"].append(log_temperature)  # neither a matrix nor the coder's
        optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))
        return cls(model, settings, log_temperature, optimizer, _schedule(optimizer, settings))

    def record(self, point: JointCurvePoint) -> None:
        """Add a validation; keep the weights where its loss is the lowest so far."""
        if not self.curve or point.validation.loss < self.best_point.validation.loss:
            self.best = copy.deepcopy(self.model.state_dict())
            self.best_step = point.step
        self.curve.append(point)

    @property
    def best_point(self) -> JointCurvePoint:
        """The validation at the best step."""
        return next(point for point in self.curve if point.step == self.best_step)

    @property
    def is_over(self) -> bool:
        """Whether all steps are done, or the last `patience` validations brought nothing better."""
        worse = sum(point.step > self.best_step for point in self.curve)
        return worse >= self.settings.patience or self.step >= self.settings.steps

    def save(self, path: Path) -> None:
        """Write the state, entirely or not at all."""
        tensors = with_prefix(self.model.state_dict(), "model.") | with_prefix(self.best, "best.")
        tensors["log_temperature"] = self.log_temperature
        tensors |= optimizer_tensors(self.optimizer)
        curve = [asdict(point) for point in self.curve]
        write_tensors(path, tensors, {"step": self.step, "best_step": self.best_step, "curve": curve})

    def load(self, path: Path) -> None:
        """Go on from what `save` wrote for the same settings and corpus.

        Raises
        ------
        CorruptArtifactError
            If the file is cut short.
        """
        tensors, header = read_tensors(path)
        self.model.load_state_dict(below(tensors, "model."))
        self.best = below(tensors, "best.")
        with torch.no_grad():
            self.log_temperature.copy_(tensors["log_temperature"])
        restore_optimizer(self.optimizer, tensors)
        self.step, self.best_step = header["step"], header["best_step"]
        self.schedule = _schedule(self.optimizer, self.settings, self.step)
        self.curve = [
            JointCurvePoint(point["step"], point["metrics"], JointValidation(**point["validation"]))
            for point in header["curve"]
        ]


def _schedule(optimizer: torch.optim.Optimizer, settings: JointSettings, step: int = 0) -> LambdaLR:
    """The fusion's schedule (a straight rise, then half a cosine down to zero), as it stands at a step."""
    shape = FusionSettings(steps=settings.steps, warm_up_share=settings.warm_up_share, learning_rate=1.0)
    return LambdaLR(optimizer, partial(learning_rate, settings=shape), last_epoch=step - 1)
