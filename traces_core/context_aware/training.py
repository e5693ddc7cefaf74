"""Joint training: InfoNCE and CPC together, on normal footage, and the gate that lets the result ship.

    videos ── split ──> clips ──> loss ──> scheduled steps ── validation ──> best weights ── gate ──> model

The loss is in `objective`, what is learned from in `corpus`. Nothing is logged here: `progress` tells the
caller.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from traces_core.context_aware.corpus import JointCorpus, NormalVideo
from traces_core.context_aware.model import ContextAware
from traces_core.context_aware.objective import JointValidation, joint_loss, validate
from traces_core.context_aware.settings import JointSettings
from traces_core.errors import NotFiniteError, TrainingCorpusError
from traces_core.model.objective import Validation
from traces_core.model.saved import read_tensors, write_tensors
from traces_core.model.settings import FusionSettings
from traces_core.model.training import gate
from traces_core.model.training_loop import SPLIT, STEPS, fixed_threads, learning_rate

Progress = Callable[[int, Mapping[str, float]], None]


@dataclass(frozen=True, slots=True)
class CurvePoint:
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
    curve: list[CurvePoint] = field(default_factory=list)
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

    def record(self, point: CurvePoint) -> None:
        """Add a validation; keep the weights where its loss is the lowest so far."""
        if not self.curve or point.validation.loss < self.best_point.validation.loss:
            self.best = copy.deepcopy(self.model.state_dict())
            self.best_step = point.step
        self.curve.append(point)

    @property
    def best_point(self) -> CurvePoint:
        """The validation at the best step."""
        return next(point for point in self.curve if point.step == self.best_step)

    @property
    def is_over(self) -> bool:
        """Whether all steps are done, or the last `patience` validations brought nothing better."""
        worse = sum(point.step > self.best_step for point in self.curve)
        return worse >= self.settings.patience or self.step >= self.settings.steps

    def save(self, path: Path) -> None:
        """Write the state, entirely or not at all."""
        tensors = {f"model.{name}": value for name, value in self.model.state_dict().items()}
        tensors |= {f"best.{name}": value for name, value in self.best.items()}
        tensors["log_temperature"] = self.log_temperature
        for place, values in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{place}.{name}": value for name, value in values.items()}
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
        self.model.load_state_dict(_below(tensors, "model."))
        self.best = _below(tensors, "best.")
        with torch.no_grad():
            self.log_temperature.copy_(tensors["log_temperature"])
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in _below(tensors, "optimizer.").items():
            place, field_name = name.split(".", 1)
            state.setdefault(int(place), {})[field_name] = value
        self.optimizer.load_state_dict({**self.optimizer.state_dict(), "state": state})
        self.step, self.best_step = header["step"], header["best_step"]
        self.schedule = _schedule(self.optimizer, self.settings, self.step)
        self.curve = [
            CurvePoint(point["step"], point["metrics"], JointValidation(**point["validation"]))
            for point in header["curve"]
        ]


@dataclass(frozen=True)
class JointlyTrained:
    """A training that ended, and whether what it learned may be used."""

    model: ContextAware
    """What ships: the candidate, or what training began with where the gate did not open. In eval mode."""
    candidate: ContextAware
    """The best weights of the training, shipped or not: what the ladder reports."""
    shipped: bool
    """Whether the candidate ships."""
    reason: str
    """Why, in a sentence with the numbers."""
    begin: JointValidation
    """What the untrained model reaches on the validation videos."""
    validation: JointValidation
    """What the candidate reaches on the same videos."""
    best_step: int
    """Step of the candidate; 0 where no step was better than none."""
    steps: int
    """Steps done before the end or the early stop."""
    resumed_from: int
    """Step at which an interrupted training was taken up; 0 where it began anew."""
    curve: tuple[CurvePoint, ...]
    """Every validation, rising by step."""
    videos: Mapping[str, tuple[str, ...]]
    """Names of the videos under `training` and `validation`."""


def train_jointly(
    model: ContextAware,
    corpus: JointCorpus,
    settings: JointSettings,
    *,
    cpc_temperature: float,
    progress: Progress | None = None,
    checkpoint: Path | None = None,
) -> JointlyTrained:
    """Train head, gate and coder together on normal footage.

    Parameters
    ----------
    model : ContextAware
        What training begins with, on the device it runs on; changed in place. Parameters that do not require
        a gradient stay as they are.
    corpus : JointCorpus
    settings : JointSettings
    cpc_temperature : float
        The predictor's.
    progress : callable, optional
        Called with (step, metrics by name) at every validation.
    checkpoint : Path, optional
        A file that the state is kept in at every validation; a training that was killed goes on from there.
        Removed at the end. The caller names it after everything that the training depends on.

    Raises
    ------
    NotFiniteError
        If the loss is NaN or infinite.
    TrainingCorpusError
        If no block has a caption, unless alpha is 0: then the predictor alone learns.
    CorruptArtifactError
        If the state to resume from is cut short.

    Notes
    -----
    On a GPU the forward pass runs in bfloat16; on the CPU in float32. With one number of threads and one
    machine, the same input gives the same weights, bit for bit, resumed or not.
    """
    if settings.alpha > 0 and not corpus.is_described:
        raise TrainingCorpusError(
            "joint training: no block of a normal video has a caption. Put captions.csv beside the videos of "
            "footage.training, or set joint.captions to nearest."
        )
    begin = copy.deepcopy(model.state_dict())
    training, kept = corpus.split(settings.validation_share, np.random.default_rng([settings.seed, SPLIT]))
    device = next(model.parameters()).device
    clips = [batch.to(device) for batch in corpus.clips(kept, settings.batch)]
    judge = partial(
        validate,
        model,
        clips,
        corpus.prototypes.to(device),
        settings,
        cpc_temperature,
    )
    state = JointState.begin(model, settings)
    if checkpoint is not None and checkpoint.is_file():
        state.load(checkpoint)
    resumed_from = state.step
    with fixed_threads(settings.threads):
        _run(state, corpus, training, judge, cpc_temperature, _keep_and_tell(checkpoint, progress))
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    model.load_state_dict(state.best)
    candidate = copy.deepcopy(model).eval()
    first, best = state.curve[0].validation, state.best_point.validation
    shipped, reason = gate(_as_fusion(best), _as_fusion(first), state.best_step)
    if not shipped:
        model.load_state_dict(begin)
    return JointlyTrained(
        model=model.eval(),
        candidate=candidate,
        shipped=shipped,
        reason=reason,
        begin=first,
        validation=best,
        best_step=state.best_step,
        steps=state.step,
        resumed_from=resumed_from,
        curve=tuple(state.curve),
        videos={
            "training": tuple(video.name for video in training),
            "validation": tuple(video.name for video in kept),
        },
    )


def _run(
    state: JointState,
    corpus: JointCorpus,
    training: Sequence[NormalVideo],
    judge: Callable[[], JointValidation],
    cpc_temperature: float,
    keep_and_tell: Callable[[JointState], None],
) -> None:
    """Step until it is over; a validation before the first step, at every n-th, and after the last."""
    since: list[dict[str, float]] = []
    while True:
        is_due = state.step % state.settings.evaluate_every == 0 or state.step == state.settings.steps
        if is_due and (not state.curve or state.curve[-1].step < state.step):  # else taken up here: known
            state.record(_point(state, since, judge()))
            keep_and_tell(state)
            since = []
        if state.is_over:
            return
        since.append(_step(state, corpus, training, cpc_temperature))


def _step(
    state: JointState, corpus: JointCorpus, training: Sequence[NormalVideo], cpc_temperature: float
) -> dict[str, float]:
    """Do one step and give its losses; everything random in it comes from (seed, step)."""
    settings, model = state.settings, state.model
    rng = np.random.default_rng([settings.seed, STEPS, state.step])
    device = state.log_temperature.device
    batch = corpus.draw(training, settings.batch, rng).to(device)
    train_mode(model)
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(int(rng.integers(2**31)))  # for dropout
        with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
            loss = joint_loss(model, batch, settings, state.log_temperature, cpc_temperature)
    if not torch.isfinite(loss.total):
        raise NotFiniteError(
            f"train_jointly: the loss is {float(loss.total.detach())} at step {state.step}. Lower "
            "joint.learning_rate."
        )
    state.optimizer.zero_grad(set_to_none=True)
    loss.total.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_([p for p in model.parameters() if p.requires_grad], settings.clip_norm)
    state.optimizer.step()
    state.schedule.step()
    with torch.no_grad():
        state.log_temperature.clamp_(math.log(0.01), 0.0)
    state.step += 1
    named = {"loss": loss.total, "info_nce": loss.alignment, "prediction": loss.prediction}
    return {name: float(value.detach()) for name, value in named.items()}


def train_mode(model: nn.Module) -> None:
    """Training mode for what learns; what is frozen stays in eval mode, or its BatchNorm would move."""
    model.train()
    for part in model.modules():
        parameters = list(part.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            part.eval()


def _point(
    state: JointState, since: Sequence[Mapping[str, float]], validation: JointValidation
) -> CurvePoint:
    losses = {f"training_{name}": float(np.mean([one[name] for one in since])) for name in (since or [{}])[0]}
    strength = getattr(state.model.gate, "strength", None)
    metrics = {
        **losses,
        **validation.metrics(),
        "learning_rate": float(state.schedule.get_last_lr()[0]),
        "temperature": float(state.log_temperature.detach().exp()),
        **({} if strength is None else {"gate_strength": float(strength.detach())}),
    }
    return CurvePoint(state.step, metrics, validation)


def _keep_and_tell(checkpoint: Path | None, progress: Progress | None) -> Callable[[JointState], None]:
    def keep_and_tell(state: JointState) -> None:
        if checkpoint is not None:
            state.save(checkpoint)
        if progress is not None:
            progress(state.step, state.curve[-1].metrics)

    return keep_and_tell


def _as_fusion(found: JointValidation) -> Validation:
    """What the fusion's gate looks at: a joint model ships by the same rule."""
    return Validation(found.info_nce, found.retrieval, found.similarity_to_mean)


def _schedule(optimizer: torch.optim.Optimizer, settings: JointSettings, step: int = 0) -> LambdaLR:
    """The fusion's schedule (a straight rise, then half a cosine down to zero), as it stands at a step."""
    shape = FusionSettings(steps=settings.steps, warm_up_share=settings.warm_up_share, learning_rate=1.0)
    return LambdaLR(optimizer, partial(learning_rate, settings=shape), last_epoch=step - 1)


def _below(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {name.removeprefix(prefix): value for name, value in tensors.items() if name.startswith(prefix)}
