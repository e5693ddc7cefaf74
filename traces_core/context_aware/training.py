"""Joint training: InfoNCE and CPC together, on normal footage, and the gate that lets the result ship.

    videos ── split ──> clips ──> loss ──> scheduled steps ── validation ──> best weights ── gate ──> model

The loss is in `objective`, what is learned from in `corpus`. Nothing is logged here: `progress` tells the
caller.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from torch import nn

from traces_core.context_aware.corpus import JointCorpus, NormalVideo
from traces_core.context_aware.model import ContextAware
from traces_core.context_aware.objective import JointValidation, joint_loss, validate
from traces_core.context_aware.settings import JointSettings
from traces_core.context_aware.state import JointCurvePoint, JointState
from traces_core.errors import NotFiniteError, TrainingCorpusError
from traces_core.fusion.objective import Validation
from traces_core.fusion.training import gate
from traces_core.fusion.training_loop import SPLIT, STEPS, fixed_threads

Progress = Callable[[int, Mapping[str, float]], None]


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
    curve: tuple[JointCurvePoint, ...]
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
) -> JointCurvePoint:
    losses = {f"training_{name}": float(np.mean([one[name] for one in since])) for name in (since or [{}])[0]}
    strength = getattr(state.model.gate, "strength", None)
    metrics = {
        **losses,
        **validation.metrics(),
        "learning_rate": float(state.schedule.get_last_lr()[0]),
        "temperature": float(state.log_temperature.detach().exp()),
        **({} if strength is None else {"gate_strength": float(strength.detach())}),
    }
    return JointCurvePoint(state.step, metrics, validation)


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
