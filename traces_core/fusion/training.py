"""Training a fusion on captioned windows, and the gate that lets it ship.

    windows, captions ── split by clip ──> steps ── validation ──> best weights ── gate ──> fusion | identity

The corpus belongs in `training_corpus.py`, the losses in `objective.py`, the loop in `training_loop.py`.
Nothing is logged here: the caller passes `progress`.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from traces_core.fusion.objective import (
    Indices,
    Validation,
    ValidationSet,
    distance_from_mean,
    info_nce,
)
from traces_core.fusion.settings import FusionSettings
from traces_core.fusion.training_corpus import Labels, TrainingCorpus
from traces_core.fusion.training_loop import SPLIT, Progress, fixed_threads, learning_rate, train
from traces_core.fusion.training_state import FusionCurvePoint, Learner
from traces_core.fusion.window_fusion import MeanFusion, WindowFusion, build_fusion
from traces_core.store.digest import digest
from traces_core.types import Array

THREADS = 1
"""CPU threads of a training: the order of float sums depends on it. Two are 1.5 times as fast on idle cores,
and ten times as slow where another step uses one of them."""


@dataclass(frozen=True)
class Trained:
    """A training that ended, and whether what it learned may be used."""

    fusion: WindowFusion
    """What ships: the candidate, or the identity where the gate did not open. Dropout is off."""
    candidate: WindowFusion
    """The best weights of the training, shipped or not: what an ablation reports."""
    shipped: bool
    """Whether the candidate ships."""
    reason: str
    """Why, in a sentence with the numbers."""
    identity: Validation
    """What the window mean reaches on the validation windows."""
    validation: Validation
    """What the candidate reaches on the same windows."""
    best_step: int
    """Step of the candidate; 0 where no step was better than none."""
    steps: int
    """Steps done before the end or the early stop."""
    resumed_from: int
    """Step at which an interrupted training was taken up; 0 where it began from scratch."""
    curve: tuple[FusionCurvePoint[Validation], ...]
    """Every validation, rising by step."""
    training_windows: Indices
    """Places in the corpus of the windows trained on."""
    validation_windows: Indices
    """Places in the corpus of the windows validated on; of other clips."""


def train_fusion(
    frames: Array,
    tokens: Array,
    captions: Array | Sequence[Array],
    *,
    groups: Labels,
    clips: Labels,
    settings: FusionSettings,
    progress: Progress | None = None,
    checkpoints: Path | None = None,
) -> Trained:
    """Give a fusion that has learned to bring windows near their captions, or the identity.

    Parameters
    ----------
    frames : float array of shape (T, W, D)
        Unit-norm CLIP embeddings of the frames of each window.
    tokens : float array of shape (T, K, D_time)
        Temporal tokens of each window, K = W or W x G x G.
    captions : float array of shape (T, P, D), or T arrays of shape (P, D)
        Text embeddings of the paraphrases of each window's caption, in the same space as the frames.
    groups : sequence of T labels
        Which event a window shows; windows of one event are never each other's negatives.
    clips : sequence of T labels
        Which clip a window is from; a clip is trained on or validated on, never both.
    settings : FusionSettings
        Everything that changes the result. The same settings, corpus and machine give the same weights.
    progress : callable, optional
        Called with (step, metrics by name) at every validation.
    checkpoints : Path, optional
        A folder where the state is kept at every validation; a training that was killed resumes
        from there. Removed at the end.

    Returns
    -------
    Trained
        `fusion` is what ships.

    Raises
    ------
    TrainingCorpusError
        If a window has no caption, or the clips cannot be split.
    WindowShapeError
        If frames, tokens and captions do not fit together.
    NotFiniteError
        If an input, or the loss, is not finite.
    CorruptArtifactError
        If the state to resume from is cut short.

    Notes
    -----
    Symmetric InfoNCE against one paraphrase per window and step, plus `stay_close` times
    1 - cosine(fused, window mean); AdamW, warm-up, cosine. Source: ours, after CLIP (arXiv 2103.00020),
    for TRACES states neither loss nor optimiser. On the CPU: at 128 to 512 dimensions it is short.
    """
    corpus = TrainingCorpus.from_arrays(frames, tokens, captions, groups=groups, clips=clips)
    training, kept = corpus.split(settings, np.random.default_rng([settings.seed, SPLIT]))
    validation = corpus.validation_set(kept, temperature=settings.temperature)
    shape = {
        "dimensions": frames.shape[2],
        "token_dimensions": tokens.shape[2],
        "window_frames": frames.shape[1],
    }
    fusion = build_fusion(settings, **shape)
    mean = MeanFusion(**shape, readout_frames=fusion.readout_frames).eval()
    with fixed_threads(THREADS):
        identity = validation.validate(mean)
        if isinstance(fusion, MeanFusion):
            reason = "the identity ships: it was asked for, and has nothing to train"
            return Trained(mean, mean, False, reason, identity, identity, 0, 0, 0, (), training, kept)
        learner = FusionLearner(fusion, corpus, training, validation, settings)
        name = f"training-{training_recipe(settings, corpus)}.safetensors"
        checkpoint = checkpoints / name if checkpoints else None
        state = train(learner, settings, checkpoint=checkpoint, progress=progress)
    candidate = fusion.eval()
    shipped, reason = gate(state.best_point.validation, identity, state.best_step)
    return Trained(
        fusion=candidate if shipped else mean,
        candidate=candidate,
        shipped=shipped,
        reason=reason,
        identity=identity,
        validation=state.best_point.validation,
        best_step=state.best_step,
        steps=state.step,
        resumed_from=state.resumed_from,
        curve=tuple(state.curve),
        training_windows=training,
        validation_windows=kept,
    )


class FusionLearner(Learner[Validation]):
    """A fusion that brings windows near their captions."""

    name, rate_setting, validation_type = "train_fusion", "training.fusion.learning_rate", Validation

    def __init__(
        self,
        fusion: WindowFusion,
        corpus: TrainingCorpus,
        training: Indices,
        validation: ValidationSet,
        settings: FusionSettings,
    ) -> None:
        """Begin; `training` holds the places of the windows to train on. Weight decay on matrices only."""
        self.network = self._fusion = fusion
        self._corpus, self._training, self._validation = corpus, training, validation
        self._settings = settings
        self.log_temperature = self._log_temperature = nn.Parameter(
            torch.tensor(math.log(settings.temperature)), requires_grad=settings.learn_temperature
        )
        matrices = [
            p for p in fusion.parameters() if p.ndim >= 2 and p is not getattr(fusion, "position", None)
        ]
        known = {id(p) for p in matrices}
        others = [p for p in fusion.parameters() if id(p) not in known]
        self.optimizer = torch.optim.AdamW(
            [
                {"params": matrices, "weight_decay": settings.weight_decay},
                {"params": [*others, self.log_temperature], "weight_decay": 0.0},
            ],
            betas=(0.9, 0.98),
        )

    def rates(self, step: int) -> Sequence[float]:
        """One for matrices and the rest."""
        return [learning_rate(step, self._settings.steps, self._settings.learning_rate)] * 2

    def losses(self, rng: np.random.Generator) -> dict[str, Tensor]:
        """InfoNCE of a batch of windows, and how far they have moved from their means."""
        settings, fusion = self._settings, self._fusion
        size = min(settings.batch, len(self._training))
        batch = rng.choice(self._training, size, replace=False)
        frames, tokens, captions, groups = self._corpus.draw(batch, rng)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(rng.integers(2**31)))  # for dropout
            fused = fusion(frames, tokens)
        loss = info_nce(fused, captions, groups, self._log_temperature, same_group=settings.same_group)
        moved = distance_from_mean(fused, frames, fusion.readout_frames)
        return {"loss": loss + settings.stay_close * moved}

    def validate(self) -> Validation:
        """How well the events of the validation windows are recognised."""
        return self._validation.validate(self._fusion)


def training_recipe(settings: FusionSettings, corpus: TrainingCorpus) -> str:
    """Fingerprint of a training, of its settings and its corpus: a state is resumed only where it agrees."""
    sha = hashlib.sha256()
    tensors: list[Any] = [corpus.frames, corpus.tokens, corpus.captions, corpus.groups]
    for values in [*(tensor.numpy() for tensor in tensors), corpus.caption_counts, corpus.clips]:
        sha.update(str(values.shape).encode())
        sha.update(values.tobytes())
    return digest({"settings": settings.model_dump(mode="json"), "corpus": sha.hexdigest()})


def gate(candidate: Validation, identity: Validation, best_step: int) -> tuple[bool, str]:
    """Decide whether a candidate ships: its retrieval is not worse than the identity's.

    Parameters
    ----------
    candidate, identity : Validation
        Both on the same windows.
    best_step : int
        Step of the candidate; at 0 it is the identity.

    Returns
    -------
    (bool, str)
        Whether it ships, and why, with the numbers.

    Examples
    --------
    >>> gate(Validation(1.0, 0.4, 0.9), Validation(2.0, 0.5, 1.0), 20)[0]
    False
    """
    if best_step == 0:
        return False, f"the identity ships: no step lowered the InfoNCE of {identity.info_nce:.4f} nats"
    numbers = f"retrieval {candidate.retrieval:.4f} against {identity.retrieval:.4f}"
    if not candidate.retrieval >= identity.retrieval:  # negated: NaN does not ship
        return False, f"the identity ships: the candidate is worse on validation ({numbers})"
    return True, f"the candidate ships: not worse than the identity on validation ({numbers})"
