"""Training a predictive coder on normal footage alone.

    videos ── split ──> clips ──> CPC ──> AdamW, one-cycle schedule ── validation ──> best weights

The loss is in `contrast`, the clips in `clips`. Nothing is logged here: `progress` tells the caller. All that
is random in a step comes from (seed, step): a training taken up again gives the weights of one in a piece.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.optim.lr_scheduler import OneCycleLR

from experiments.ped2.coding.clips import NormalVideos, draw_clips
from experiments.ped2.settings import CoderSettings
from traces_core.context_aware.predictive.coder import PredictiveCoder
from traces_core.context_aware.predictive.contrast import CpcLoss, cpc_loss
from traces_core.errors import NotFiniteError, TrainingCorpusError
from traces_core.fusion.checkpoint import below, optimizer_tensors, restore_optimizer, with_prefix
from traces_core.fusion.saved import read_tensors, write_tensors

SPLIT, STEPS, VALIDATION = 1, 2, 3
"""What a generator made of (seed, one of these) is for."""


@dataclass(frozen=True)
class TrainingPoint:
    """One validation during training."""

    step: int
    """Steps done."""
    training_loss: float | None
    """Mean loss since the point before, nats; None at step 0."""
    validation_loss: float
    """CPC of the normal validation videos, nats."""
    validation_accuracy: float
    """Share of their predictions that found their own block."""
    learning_rate: float
    """What the next step takes."""


@dataclass(frozen=True)
class TrainedCoder:
    """A training that ended."""

    coder: PredictiveCoder
    """With the weights of the lowest validation loss, in eval mode."""
    curve: tuple[TrainingPoint, ...]
    """Every validation."""
    best_step: int
    """Steps after which the validation loss was lowest."""
    validation_videos: tuple[int, ...]
    """Places of the videos that were only validated on."""


@dataclass
class _State:
    coder: PredictiveCoder
    optimizer: torch.optim.AdamW
    schedule: OneCycleLR
    step: int = 0
    curve: list[TrainingPoint] = field(default_factory=list)
    best: dict[str, Tensor] = field(default_factory=dict)

    @classmethod
    def begin(cls, coder: PredictiveCoder, settings: CoderSettings) -> _State:
        matrices = [p for p in coder.parameters() if p.requires_grad and p.ndim >= 2]
        others = [p for p in coder.parameters() if p.requires_grad and p.ndim < 2]
        optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": settings.weight_decay},
                {"params": others, "weight_decay": 0},
            ],
            lr=settings.learning_rate,
        )
        schedule = OneCycleLR(
            optimizer,
            max_lr=settings.learning_rate,
            total_steps=settings.steps + 1,
            pct_start=settings.warm_up_share,
            cycle_momentum=False,
        )
        return cls(coder, optimizer, schedule)

    @property
    def best_point(self) -> TrainingPoint:
        return min(self.curve, key=lambda point: point.validation_loss)

    def is_over(self, settings: CoderSettings) -> bool:
        worse = sum(point.step > self.best_point.step for point in self.curve)
        return self.step >= settings.steps or worse >= settings.patience

    def record(self, point: TrainingPoint) -> None:
        self.curve.append(point)
        if self.best_point is point:
            self.best = copy.deepcopy(self.coder.state_dict())

    def save(self, path: Path) -> None:
        tensors = with_prefix(self.coder.state_dict(), "coder.") | with_prefix(self.best, "best.")
        tensors |= optimizer_tensors(self.optimizer)
        write_tensors(path, tensors, {"step": self.step, "curve": [asdict(point) for point in self.curve]})

    def load(self, path: Path) -> None:
        tensors, header = read_tensors(path)
        self.coder.load_state_dict(below(tensors, "coder."))
        self.best = below(tensors, "best.")
        for _ in range(header["step"]):
            self.optimizer.step()  # no gradient yet: only the schedule moves
            self.schedule.step()
        restore_optimizer(self.optimizer, tensors)
        self.step = header["step"]
        self.curve = [TrainingPoint(**point) for point in header["curve"]]


def train_coder(
    coder: PredictiveCoder,
    videos: NormalVideos,
    settings: CoderSettings,
    *,
    checkpoint: Path | None = None,
    progress: Callable[[TrainingPoint], None] | None = None,
) -> TrainedCoder:
    """Train a coder on normal videos.

    Parameters
    ----------
    coder : trained in place, where it lies (CPU or GPU; bfloat16 autocast on a GPU).
    videos : normal ones only.
    settings : of the training; those of the coder's shape were used to build it.
    checkpoint : a `.safetensors` file written after each validation; where one of the same training lies
        there, it goes on from it. The caller names it after its recipe.
    progress : told every validation.

    Raises
    ------
    TrainingCorpusError
        If there are fewer than two videos, or one is shorter than a clip.
    NotFiniteError
        If the loss is NaN or infinite.
    """
    training, validation = split_videos(len(videos.videos), settings)
    state = _State.begin(coder, settings)
    if checkpoint is not None and checkpoint.is_file():
        state.load(checkpoint)
    losses: list[float] = []
    while True:
        is_due = state.step % settings.evaluate_every == 0 or state.step == settings.steps
        if is_due and (not state.curve or state.curve[-1].step < state.step):
            state.record(_point(state, losses, validate_coder(coder, videos, validation, settings)))
            losses = []
            if checkpoint is not None:
                state.save(checkpoint)
            if progress is not None:
                progress(state.curve[-1])
        if state.is_over(settings):
            break
        losses.append(_step(state, videos, training, settings))
    coder.load_state_dict(state.best)
    return TrainedCoder(coder.eval(), tuple(state.curve), state.best_point.step, tuple(validation))


def split_videos(count: int, settings: CoderSettings) -> tuple[list[int], list[int]]:
    """Which videos are trained on and which are validated on: whole videos, at least one on each side.

    Raises
    ------
    TrainingCorpusError
        If there are fewer than two videos.
    """
    if count < 2:
        raise TrainingCorpusError(
            f"{count} normal video(s); one is learned from and another validated on. Add videos."
        )
    order = np.random.default_rng([settings.seed, SPLIT]).permutation(count).tolist()
    kept = min(max(1, round(settings.validation_share * count)), count - 1)
    return sorted(order[kept:]), sorted(order[:kept])


@torch.inference_mode()
def validate_coder(
    coder: PredictiveCoder, videos: NormalVideos, chosen: Sequence[int], settings: CoderSettings
) -> tuple[float, float]:
    """Loss (nats) and accuracy on normal videos: the mean of one batch of each, always the same clips."""
    coder.eval()
    found = []
    for video in chosen:
        rng = np.random.default_rng([settings.seed, VALIDATION, video])
        found.append(_loss(coder, videos, [video], settings, rng))
    return float(np.mean([float(one.loss) for one in found])), float(np.mean([one.accuracy for one in found]))


def _step(state: _State, videos: NormalVideos, training: Sequence[int], settings: CoderSettings) -> float:
    rng = np.random.default_rng([settings.seed, STEPS, state.step])
    state.coder.train()
    loss = _loss(state.coder, videos, training, settings, rng).loss
    if not torch.isfinite(loss):
        raise NotFiniteError(
            f"train_coder: the loss is {float(loss.detach())} at step {state.step}. "
            "Lower predictor.learning_rate."
        )
    state.optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(state.coder.parameters(), settings.clip_norm)
    state.optimizer.step()
    state.schedule.step()
    state.step += 1
    return float(loss.detach())


def _loss(
    coder: PredictiveCoder,
    videos: NormalVideos,
    chosen: Sequence[int],
    settings: CoderSettings,
    rng: np.random.Generator,
) -> CpcLoss:
    clips = draw_clips(videos, chosen, settings.batch, settings.blocks, rng)
    device = next(coder.parameters()).device
    with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
        predictions = coder(clips.to(device))
    count = predictions.predicted.numel() // predictions.predicted.shape[2]
    sites = None
    if count > settings.candidates:
        sites = torch.from_numpy(rng.choice(count, settings.candidates, replace=False))
    return cpc_loss(predictions, settings.temperature, sites)


def _point(state: _State, losses: Sequence[float], validation: tuple[float, float]) -> TrainingPoint:
    return TrainingPoint(
        step=state.step,
        training_loss=float(np.mean(losses)) if losses else None,
        validation_loss=validation[0],
        validation_accuracy=validation[1],
        learning_rate=float(state.schedule.get_last_lr()[0]),
    )
