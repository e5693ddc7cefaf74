"""Where a training stands: everything that the next step depends on, as one file.

There is no state of a random generator in it: each step draws from a generator made of (seed, step), so a
training that was killed and resumed gives the same weights, bit for bit, as one that was not.
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from traces_core.fusion.checkpoint import below, optimizer_tensors, restore_optimizer, with_prefix
from traces_core.fusion.objective import Validation
from traces_core.fusion.saved import read_tensors, write_tensors
from traces_core.fusion.settings import FusionSettings
from traces_core.fusion.training_corpus import TrainingCorpus
from traces_core.fusion.window_fusion import WindowFusion
from traces_core.store.digest import digest


@dataclass(frozen=True, slots=True)
class FusionCurvePoint:
    """One validation during training."""

    step: int
    """Steps done."""
    training_loss: float | None
    """Mean loss since the point before, nats; None at step 0, where nothing was trained."""
    temperature: float
    """The temperature training had reached."""
    validation: Validation
    """What the validation windows said."""

    def metrics(self) -> dict[str, float]:
        """Give the numbers by name, as a tracker wants them; what is not known is left out."""
        known = {} if self.training_loss is None else {"training_loss": self.training_loss}
        return {**known, "temperature": self.temperature, **self.validation.metrics()}


@dataclass
class TrainingState:
    """A fusion in training, its optimiser, its history and the best weights so far."""

    fusion: WindowFusion
    log_temperature: nn.Parameter
    optimizer: torch.optim.AdamW
    step: int = 0
    curve: list[FusionCurvePoint] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)
    best_step: int = 0

    @classmethod
    def begin(cls, fusion: WindowFusion, settings: FusionSettings) -> TrainingState:
        """Give the state before the first step; weight decay on matrices only."""
        log_temperature = nn.Parameter(
            torch.tensor(math.log(settings.temperature)), requires_grad=settings.learn_temperature
        )
        matrices = [
            p for p in fusion.parameters() if p.ndim >= 2 and p is not getattr(fusion, "position", None)
        ]
        known = {id(p) for p in matrices}
        others = [p for p in fusion.parameters() if id(p) not in known]
        optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": settings.weight_decay},
                {"params": [*others, log_temperature], "weight_decay": 0.0},
            ],
            lr=settings.learning_rate,
            betas=(0.9, 0.98),
        )
        return cls(fusion, log_temperature, optimizer)

    def record(self, point: FusionCurvePoint) -> None:
        """Add a validation; keep the weights where its InfoNCE is the lowest so far."""
        if not self.curve or point.validation.info_nce < self.best_point.validation.info_nce:
            self.best = {name: value.detach().clone() for name, value in self.fusion.state_dict().items()}
            self.best_step = point.step
        self.curve.append(point)

    @property
    def best_point(self) -> FusionCurvePoint:
        """The validation at the best step."""
        return next(point for point in self.curve if point.step == self.best_step)

    def is_stale(self, settings: FusionSettings) -> bool:
        """Tell whether the last `patience` validations brought nothing better."""
        return sum(point.step > self.best_step for point in self.curve) >= settings.patience

    def save(self, path: Path) -> None:
        """Write the state, entirely or not at all."""
        tensors = with_prefix(self.fusion.state_dict(), "fusion.") | with_prefix(self.best, "best.")
        tensors["log_temperature"] = self.log_temperature
        tensors |= optimizer_tensors(self.optimizer)
        curve = [asdict(point) for point in self.curve]
        write_tensors(path, tensors, {"step": self.step, "best_step": self.best_step, "curve": curve})

    def load(self, path: Path) -> None:
        """Go on from a state that `save` wrote for the same settings and corpus.

        Raises
        ------
        CorruptArtifactError
            If the file is cut short.
        """
        tensors, header = read_tensors(path)
        self.fusion.load_state_dict(below(tensors, "fusion."))
        self.best = below(tensors, "best.")
        with torch.no_grad():
            self.log_temperature.copy_(tensors["log_temperature"])
        restore_optimizer(self.optimizer, tensors)
        self.step, self.best_step = header["step"], header["best_step"]
        self.curve = [
            FusionCurvePoint(**{**point, "validation": Validation(**point["validation"])})
            for point in header["curve"]
        ]


def training_recipe(settings: FusionSettings, corpus: TrainingCorpus) -> str:
    """Fingerprint of a training: its settings and its corpus. Another training finds no state of this one."""
    sha = hashlib.sha256()
    tensors: list[Any] = [corpus.frames, corpus.tokens, corpus.captions, corpus.groups]
    for values in [*(tensor.numpy() for tensor in tensors), corpus.caption_counts, corpus.clips]:
        sha.update(str(values.shape).encode())
        sha.update(values.tobytes())
    return digest({"settings": settings.model_dump(mode="json"), "corpus": sha.hexdigest()})
