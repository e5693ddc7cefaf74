"""Training a fusion on captioned windows, and the gate that lets it ship.

    windows, captions ── split by clip ──> steps ── validation ──> best weights ── gate ──> fusion | identity

The corpus belongs in `training_corpus.py`, the losses in `objective.py`, the steps in `training_loop.py`,
what a resumed training needs in `training_state.py`. Nothing is logged here: `progress` tells the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from traces_core.fusion.objective import Indices, Measure, Validation
from traces_core.fusion.settings import FusionSettings
from traces_core.fusion.training_corpus import Labels, TrainingCorpus
from traces_core.fusion.training_loop import SPLIT, fixed_threads, run_training
from traces_core.fusion.training_state import FusionCurvePoint, TrainingState, training_recipe
from traces_core.fusion.window_fusion import MeanFusion, WindowFusion, build_fusion
from traces_core.types import Array

Progress = Callable[[int, Mapping[str, float]], None]


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
    """Step at which an interrupted training was taken up; 0 where it began anew."""
    curve: tuple[FusionCurvePoint, ...]
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
    measure: Measure | None = None,
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
    measure : callable, optional
        One more validation measure, higher is better: gets the fused vectors (V, D) of the validation
        windows and their places in the corpus. The gate then asks for it too.
    progress : callable, optional
        Called with (step, metrics by name) at every validation.
    checkpoints : Path, optional
        A folder where the state is kept at every validation; a training that was killed goes on from
        there. Removed at the end.

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
    validation = corpus.validation_set(kept, temperature=settings.temperature, measure=measure)
    shape = {
        "dimensions": frames.shape[2],
        "token_dimensions": tokens.shape[2],
        "window_frames": frames.shape[1],
    }
    fusion = build_fusion(settings, **shape)
    mean = MeanFusion(**shape, readout_frames=fusion.readout_frames).eval()
    with fixed_threads(settings.threads):
        identity = validation.validate(mean)
        if isinstance(fusion, MeanFusion):
            reason = "the identity ships: it was asked for, and has nothing to train"
            return Trained(mean, mean, False, reason, identity, identity, 0, 0, 0, (), training, kept)
        state = TrainingState.begin(fusion, settings)
        file = (
            checkpoints / f"training-{training_recipe(settings, corpus)}.safetensors" if checkpoints else None
        )
        resumed_from = _take_up(state, file)
        run_training(state, corpus, training, validation, settings, _keep_and_tell(file, progress))
    if file is not None:
        file.unlink(missing_ok=True)
    fusion.load_state_dict(state.best)
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
        resumed_from=resumed_from,
        curve=tuple(state.curve),
        training_windows=training,
        validation_windows=kept,
    )


def _take_up(state: TrainingState, file: Path | None) -> int:
    """Go on from the file if there is one, and give the step it was at."""
    if file is not None and file.is_file():
        state.load(file)
    return state.step


def _keep_and_tell(file: Path | None, progress: Progress | None) -> Callable[[TrainingState], None]:
    def keep_and_tell(state: TrainingState) -> None:
        if file is not None:
            state.save(file)
        if progress is not None:
            progress(state.step, state.curve[-1].metrics())

    return keep_and_tell


def gate(candidate: Validation, identity: Validation, best_step: int) -> tuple[bool, str]:
    """Tell whether a candidate may ship: not worse than the identity in anything that was measured.

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
    pairs = [("retrieval", candidate.retrieval, identity.retrieval)]
    if candidate.measure is not None and identity.measure is not None:
        pairs.append(("measure", candidate.measure, identity.measure))
    said = [f"{name} {here:.4f} against {there:.4f}" for name, here, there in pairs]
    # Negated, so that a measure that is NaN does not ship.
    worse = [text for text, (_, here, there) in zip(said, pairs, strict=True) if not here >= there]
    if worse:
        return False, f"the identity ships: the candidate is worse on validation ({'; '.join(worse)})"
    return True, f"the candidate ships: not worse than the identity on validation ({'; '.join(said)})"
