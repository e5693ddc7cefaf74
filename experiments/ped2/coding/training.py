"""Training a predictive coder on the pixels of normal footage alone.

    videos ── split ──> clips ──> CPC ──> AdamW, one-cycle schedule ── validation ──> best weights

The loss is the product's (`traces_core.context_aware.predictive.contrast`), and so is the loop
(`traces_core.fusion.training_loop`); the clips are in `clips`. Nothing is logged here: the caller
passes `progress`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from experiments.ped2.coding.clips import NormalVideos, draw_clips
from experiments.ped2.settings import CoderSettings
from traces_core.context_aware.predictive.coder import PredictiveCoder
from traces_core.context_aware.predictive.contrast import CpcLoss, cpc_loss
from traces_core.errors import TrainingCorpusError
from traces_core.fusion.training_loop import WARM_UP_SHARE, Progress, train
from traces_core.fusion.training_state import FusionCurvePoint, Learner

SPLIT, STEPS, VALIDATION = 1, 2, 3
"""What a generator made of (seed, one of these) is for."""
BEGIN, END = 25.0, 1e4
"""A training begins with the highest learning rate divided by the one, and ends with that divided by both."""


@dataclass(frozen=True, slots=True)
class CpcValidation:
    """How well the blocks of normal videos that were not trained on are predicted."""

    loss: float
    """CPC, nats."""
    accuracy: float
    """Share of the predictions that found their own block."""

    def metrics(self) -> dict[str, float]:
        """The numbers by name, as a tracker wants them."""
        return {f"validation_{name}": value for name, value in asdict(self).items()}


@dataclass(frozen=True)
class TrainedCoder:
    """A training that ended."""

    coder: PredictiveCoder
    """With the weights of the lowest validation loss, in eval mode."""
    curve: tuple[FusionCurvePoint[CpcValidation], ...]
    """Every validation."""
    best_step: int
    """Steps after which the validation loss was lowest."""
    validation_videos: tuple[int, ...]
    """Places of the videos that were only validated on."""


class CoderLearner(Learner[CpcValidation]):
    """A coder that tells the block to come from all others, where it lies; bfloat16 on a GPU."""

    name, rate_setting, validation_type = "train_coder", "predictor.learning_rate", CpcValidation
    steps_stream = STEPS

    def __init__(
        self,
        coder: PredictiveCoder,
        videos: NormalVideos,
        training: Sequence[int],
        kept: Sequence[int],
        settings: CoderSettings,
    ) -> None:
        """Begin; `training` and `kept` are places of videos. Weight decay on matrices only."""
        self.network = self._coder = coder
        self._videos, self._training, self._kept, self._settings = videos, training, kept, settings
        learned = [p for p in coder.parameters() if p.requires_grad]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": [p for p in learned if p.ndim >= 2], "weight_decay": settings.weight_decay},
                {"params": [p for p in learned if p.ndim < 2], "weight_decay": 0},
            ]
        )

    def rates(self, step: int) -> Sequence[float]:
        """One for matrices and the rest."""
        return [one_cycle(step, self._settings.steps + 1, self._settings.learning_rate)] * 2

    def losses(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """CPC of a batch of clips of the training videos."""
        return {"loss": self._loss(self._training, rng).loss}

    @torch.inference_mode()
    def validate(self) -> CpcValidation:
        """The mean of one batch of each kept video, always the same clips."""
        self._coder.eval()
        seeds = [(video, [self._settings.seed, VALIDATION, video]) for video in self._kept]
        batches = [self._loss([video], np.random.default_rng(seed)) for video, seed in seeds]
        loss = float(np.mean([float(one.loss) for one in batches]))
        return CpcValidation(loss, float(np.mean([one.accuracy for one in batches])))

    def _loss(self, chosen: Sequence[int], rng: np.random.Generator) -> CpcLoss:
        settings = self._settings
        clips = draw_clips(self._videos, chosen, settings.batch, settings.blocks, rng)
        device = next(self._coder.parameters()).device
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=device.type == "cuda"):
            predictions = self._coder(clips.to(device))
        count = predictions.predicted.numel() // predictions.predicted.shape[2]
        sites = None
        if count > settings.candidates:
            sites = torch.from_numpy(rng.choice(count, settings.candidates, replace=False))
        return cpc_loss(predictions, settings.temperature, sites)


def train_coder(
    coder: PredictiveCoder,
    videos: NormalVideos,
    settings: CoderSettings,
    *,
    checkpoint: Path | None = None,
    progress: Progress | None = None,
) -> TrainedCoder:
    """Train a coder on normal videos.

    Parameters
    ----------
    coder : trained in place, where it lies.
    videos : normal ones only.
    settings : of the training; those of the coder's shape were used to build it.
    checkpoint, progress : as `traces_core.fusion.training_loop.train` takes them.

    Raises
    ------
    TrainingCorpusError
        If there are fewer than two videos, or one is shorter than a clip.
    NotFiniteError
        If the loss is NaN or infinite.
    """
    training, kept = split_videos(len(videos.videos), settings)
    learner = CoderLearner(coder, videos, training, kept, settings)
    state = train(learner, settings, checkpoint=checkpoint, progress=progress)
    return TrainedCoder(coder.eval(), tuple(state.curve), state.best_step, tuple(kept))


def one_cycle(step: int, steps: int, peak: float) -> float:
    """The learning rate of a step: half a cosine up in the warm-up, half a cosine down to nearly nothing.

    Notes
    -----
    Smith and Topin 2018; the same numbers as torch's OneCycleLR.
    """
    top = WARM_UP_SHARE * steps - 1
    if step <= top and top > 0:
        share, start, end = step / top, peak / BEGIN, peak
    else:
        share, start, end = (step - top) / (steps - 1 - top), peak, peak / BEGIN / END
    return end + (start - end) / 2.0 * (math.cos(math.pi * share) + 1)


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
