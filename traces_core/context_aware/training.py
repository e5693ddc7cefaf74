"""Joint training: InfoNCE and CPC together, on normal footage, and the gate that lets the result ship.

    videos ── split ──> clips ──> loss ──> scheduled steps ── validation ──> best weights ── gate ──> model

The loss is in `objective`, what is learned from in `corpus`, the loop in `traces_core.fusion.training_loop`.
Nothing is logged here: the caller passes `progress`.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from traces_core.context_aware.corpus import JointCorpus, NormalVideo
from traces_core.context_aware.model import ContextAware
from traces_core.context_aware.objective import JointValidation, joint_loss, validate
from traces_core.context_aware.settings import JointSettings
from traces_core.errors import TrainingCorpusError
from traces_core.fusion.objective import Validation
from traces_core.fusion.training import THREADS, gate
from traces_core.fusion.training_loop import SPLIT, Progress, fixed_threads, learning_rate, train
from traces_core.fusion.training_state import FusionCurvePoint, Learner


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
    """Step at which an interrupted training was taken up; 0 where it began from scratch."""
    curve: tuple[FusionCurvePoint[JointValidation], ...]
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
        A file that the state is kept in at every validation; a training that was killed resumes from there.
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
    learner = JointLearner(model, corpus, training, kept, settings, cpc_temperature)
    with fixed_threads(THREADS):
        state = train(learner, settings, checkpoint=checkpoint, progress=progress)
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
        resumed_from=state.resumed_from,
        curve=tuple(state.curve),
        videos={
            "training": tuple(video.name for video in training),
            "validation": tuple(video.name for video in kept),
        },
    )


class JointLearner(Learner[JointValidation]):
    """Head, gate and coder, on the device of the model."""

    name, rate_setting, validation_type = "train_jointly", "joint.learning_rate", JointValidation

    def __init__(
        self,
        model: ContextAware,
        corpus: JointCorpus,
        training: Sequence[NormalVideo],
        kept: Sequence[NormalVideo],
        settings: JointSettings,
        cpc_temperature: float,
    ) -> None:
        """Begin; the `kept` videos are for validation only. Decay on matrices only, a slower coder."""
        self._device = next(model.parameters()).device
        self.network = self._model = model
        self._corpus, self._training, self._settings = corpus, training, settings
        self._cpc_temperature = cpc_temperature
        self._clips = [batch.to(self._device) for batch in corpus.clips(kept, settings.batch)]
        self._prototypes = corpus.prototypes.to(self._device)
        self.log_temperature = self._log_temperature = nn.Parameter(
            torch.tensor(math.log(settings.temperature), device=self._device),
            requires_grad=settings.learn_temperature,
        )
        learned = [(name.startswith("coder."), p) for name, p in model.named_parameters() if p.requires_grad]
        groups: list[dict[str, Any]] = [
            {
                "params": [p for within, p in learned if within == is_coder and (p.ndim >= 2) == is_matrix],
                "weight_decay": settings.weight_decay if is_matrix else 0.0,
            }
            for is_coder in (False, True)
            for is_matrix in (False, True)
        ]
        groups[0]["params"].append(self.log_temperature)  # neither a matrix nor the coder's
        self.optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.98))

    def rates(self, step: int) -> Sequence[float]:
        """Twice that of head and gate, twice that of the coder."""
        settings, share = self._settings, learning_rate(step, self._settings.steps, 1.0)
        return [settings.learning_rate * part * share for part in (1.0, 1.0, *[settings.predictor_rate] * 2)]

    def losses(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """The joint loss of a batch of clips, and its two parts."""
        settings, device = self._settings, self._device
        batch = self._corpus.draw(self._training, settings.batch, rng).to(device)
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
            torch.manual_seed(int(rng.integers(2**31)))  # for dropout
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                loss = joint_loss(self._model, batch, settings, self._log_temperature, self._cpc_temperature)
        return {"loss": loss.total, "info_nce": loss.alignment, "prediction": loss.prediction}

    def validate(self) -> JointValidation:
        """Measured on the clips of the validation videos."""
        return validate(self._model, self._clips, self._prototypes, self._settings, self._cpc_temperature)

    def numbers(self) -> dict[str, float]:
        """How far the gate has opened."""
        strength = getattr(self._model.gate, "strength", None)
        return {} if strength is None else {"gate_strength": float(strength.detach())}


def _as_fusion(measured: JointValidation) -> Validation:
    """What the fusion's gate looks at: a joint model ships by the same rule."""
    return Validation(measured.info_nce, measured.retrieval, measured.similarity_to_mean)
