"""The loop of every training here: batch, loss, optimiser, validation, early stop, best weights.

What is learned from what is a `Learner`: the fusion's is in `training`, the Context-Aware system's in
`traces_core.context_aware.training`. Where a training stands, as a file, is in `training_state`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import numpy as np
import torch
from torch import nn

from traces_core.errors import NotFiniteError
from traces_core.fusion.training_state import FusionCurvePoint, Judged, Learner, LoopSettings, TrainingState

SPLIT, STEPS = 0, 1
"""Streams of random numbers that a seed opens: one for the split of the footage, one for the steps."""
WARM_UP_SHARE = 0.05
"""Share of the steps in which the learning rate rises: a few are enough for AdamW's moments to settle."""
CLIP_NORM = 1.0
"""Largest norm of a gradient: cuts the outliers of the first steps, and hardly any later."""

Progress = Callable[[int, Mapping[str, float]], None]
"""Called with (step, metrics by name) at every validation."""


def learning_rate(step: int, steps: int, peak: float) -> float:
    """Give the learning rate of a step: a straight rise, then half a cosine down to zero.

    Examples
    --------
    >>> [round(learning_rate(step, 20, 1.0), 3) for step in (0, 1, 10, 19, 20)]
    [1.0, 1.0, 0.541, 0.007, 0.0]
    """
    rise = max(1, round(WARM_UP_SHARE * steps))
    if step < rise:
        return peak * (step + 1) / rise
    share = (step - rise) / max(1, steps - rise)
    return peak * 0.5 * (1.0 + math.cos(math.pi * share))


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Compute with so many CPU threads inside the block: the order of float sums depends on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def train(
    learner: Learner[Judged],
    settings: LoopSettings,
    *,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> TrainingState[Judged]:
    """Train until the last step, or until nothing gets better; then the network has its best weights.

    Parameters
    ----------
    learner : Learner
        What is trained; its network is changed in place.
    settings : LoopSettings
    checkpoint : Path, optional
        A file that the state is kept in at every validation; a training that was killed resumes from there.
        Removed at the end. The caller names it after everything that the training depends on.
    progress : callable, optional
        Called with (step, metrics by name) at every validation.

    Returns
    -------
    TrainingState
        With the curve, and the step at which the validation loss was lowest.

    Raises
    ------
    NotFiniteError
        If the loss is NaN or infinite.
    CorruptArtifactError
        If the state to go on from is cut short.
    """
    state = TrainingState(learner, settings)
    if checkpoint is not None:
        with suppress(FileNotFoundError):  # none, or another process has just come to the end of it
            state.load(checkpoint)
    losses: list[dict[str, float]] = []
    while True:
        is_due = state.step % settings.evaluate_every == 0 or state.step == settings.steps
        if is_due and (not state.curve or state.curve[-1].step < state.step):  # else taken up here: known
            state.record(_point(state, losses))
            losses = []
            if checkpoint is not None:
                state.save(checkpoint)
            if progress is not None:
                progress(state.step, state.curve[-1].metrics)
        if state.is_over:
            break
        losses.append(_step(state))
    if checkpoint is not None:
        checkpoint.unlink(missing_ok=True)
    learner.network.load_state_dict(state.best)
    return state


def train_mode(model: nn.Module) -> None:
    """Training mode for what learns; what is frozen stays in eval mode, or its BatchNorm would move."""
    model.train()
    for part in model.modules():
        parameters = list(part.parameters())
        if parameters and not any(parameter.requires_grad for parameter in parameters):
            part.eval()


def _step(state: TrainingState[Judged]) -> dict[str, float]:
    """Do one step and give its losses; everything random in it comes from (seed, step)."""
    learner = state.learner
    rng = np.random.default_rng([state.settings.seed, learner.steps_stream, state.step])
    for group, rate in zip(learner.optimizer.param_groups, learner.rates(state.step), strict=True):
        group["lr"] = rate
    train_mode(learner.network)
    losses = learner.losses(rng)
    total = next(iter(losses.values()))
    if not torch.isfinite(total):
        raise NotFiniteError(
            f"{learner.name}: the loss is {float(total.detach())} at step {state.step}. "
            f"Lower {learner.rate_setting}."
        )
    learner.optimizer.zero_grad(set_to_none=True)
    total.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(learner.network.parameters(), CLIP_NORM)
    learner.optimizer.step()
    if learner.log_temperature is not None:
        with torch.no_grad():
            learner.log_temperature.clamp_(math.log(0.01), 0.0)
    state.step += 1
    return {name: float(value.detach()) for name, value in losses.items()}


def _point(state: TrainingState[Judged], since: Sequence[Mapping[str, float]]) -> FusionCurvePoint[Judged]:
    learner = state.learner
    trained = {
        f"training_{name}": float(np.mean([one[name] for one in since])) for name in (since or [{}])[0]
    }
    temperature = learner.log_temperature
    validation = learner.validate()
    metrics = {
        **trained,
        **validation.metrics(),
        "learning_rate": learner.rates(state.step)[0],
        **({} if temperature is None else {"temperature": float(temperature.detach().exp())}),
        **learner.numbers(),
    }
    return FusionCurvePoint(state.step, metrics, validation)
