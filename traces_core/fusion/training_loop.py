"""The steps of a training: batch, loss, optimiser, validation, early stop.

What is trained on what, and whether it ships, belongs in `training.py`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import torch

from traces_core.errors import NotFiniteError
from traces_core.fusion.objective import Indices, ValidationSet, distance_from_mean, info_nce
from traces_core.fusion.settings import FusionSettings
from traces_core.fusion.training_corpus import TrainingCorpus
from traces_core.fusion.training_state import FusionCurvePoint, TrainingState

SPLIT, STEPS = 0, 1
"""Streams of random numbers that a seed opens: one for the split by clip, one for the steps."""


def learning_rate(step: int, settings: FusionSettings) -> float:
    """Give the learning rate of a step: a straight rise, then half a cosine down to zero.

    Examples
    --------
    >>> s = FusionSettings(steps=100, warm_up_share=0.1, learning_rate=1.0)
    >>> [round(learning_rate(step, s), 3) for step in (0, 9, 10, 55, 99)]
    [0.1, 1.0, 1.0, 0.5, 0.0]
    """
    rise = max(1, round(settings.warm_up_share * settings.steps))
    if step < rise:
        return settings.learning_rate * (step + 1) / rise
    share = (step - rise) / max(1, settings.steps - rise)
    return settings.learning_rate * 0.5 * (1.0 + math.cos(math.pi * share))


@contextmanager
def fixed_threads(threads: int) -> Iterator[None]:
    """Compute with so many CPU threads inside the block: the order of float sums depends on it."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def run_training(
    state: TrainingState,
    corpus: TrainingCorpus,
    training: Indices,
    validation: ValidationSet,
    settings: FusionSettings,
    keep_and_tell: Callable[[TrainingState], None],
) -> None:
    """Train until the last step or until nothing gets better.

    Parameters
    ----------
    state : TrainingState
        Changed in place; may come from an interrupted training.
    corpus : TrainingCorpus
    training : intp array
        Places of the windows to train on.
    validation : ValidationSet
    settings : FusionSettings
    keep_and_tell : callable
        Called after every validation.

    Raises
    ------
    NotFiniteError
        If the loss is NaN or infinite.
    """
    losses: list[float] = []
    while True:
        if state.step % settings.evaluate_every == 0 or state.step == settings.steps:
            if not state.curve or state.curve[-1].step < state.step:  # else taken up here: already known
                state.record(
                    FusionCurvePoint(
                        step=state.step,
                        training_loss=float(np.mean(losses)) if losses else None,
                        temperature=float(state.log_temperature.detach().exp()),
                        validation=validation.validate(state.fusion),
                    )
                )
                keep_and_tell(state)
                losses = []
            if state.step == settings.steps or state.is_stale(settings):
                return
        losses.append(_step(state, corpus, training, settings))


def _step(state: TrainingState, corpus: TrainingCorpus, training: Indices, settings: FusionSettings) -> float:
    """Do one step and give its loss; everything random in it comes from (seed, step)."""
    rng = np.random.default_rng([settings.seed, STEPS, state.step])
    batch = rng.choice(training, min(settings.batch, len(training)), replace=False)
    frames, tokens, captions, groups = corpus.draw(batch, rng)
    for group in state.optimizer.param_groups:
        group["lr"] = learning_rate(state.step, settings)
    state.fusion.train()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(rng.integers(2**31)))  # for dropout
        fused = state.fusion(frames, tokens)
    loss = info_nce(fused, captions, groups, state.log_temperature, same_group=settings.same_group)
    loss = loss + settings.stay_close * distance_from_mean(fused, frames, state.fusion.readout_frames)
    if not torch.isfinite(loss):
        raise NotFiniteError(
            f"train_fusion: the loss is {float(loss.detach())} at step {state.step}. Lower the learning_rate."
        )
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.fusion.parameters(), settings.clip_norm)
    state.optimizer.step()
    with torch.no_grad():
        state.log_temperature.clamp_(math.log(0.01), 0.0)
    state.step += 1
    return float(loss.detach())
