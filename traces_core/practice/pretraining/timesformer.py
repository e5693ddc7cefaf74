"""Pre-training of the pocket TimeSformer: which action does a window of a generic practice clip show?

Besides the class token, the tokens of the frames are asked as well, through a head that is thrown away:
the last layer would otherwise leave them untrained, and they are what the adapters work with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from traces_core.encoders.pocket_models import WINDOW_FRAMES, timesformer_config, window_recipe
from traces_core.encoders.torch_compat import mend_torchvision
from traces_core.encoders.window_input import WindowInput
from traces_core.practice import KINDS, Plan
from traces_core.practice.pretraining.augmentation import augment
from traces_core.practice.pretraining.optimisation import Optimisation

SETTLED_S = 0.4
"""How long an event must have been on before a window that ends in it is labelled with it, in seconds."""

_Batch = tuple[NDArray[np.uint8], NDArray[np.int64]]


@dataclass(frozen=True, slots=True)
class TimesformerTraining:
    """How long and how fast."""

    steps: int = 600
    """Steps of the optimiser."""
    batch: int = 32
    """Windows in a step."""
    rate: float = 2e-3
    """Highest learning rate."""
    smoothing: float = 0.05
    """Share of the target that goes to all labels alike."""
    token_share: float = 0.5
    """Share of the loss that is asked of the frames' tokens."""
    video_steps: int = 600
    """Further steps on windows of untrimmed videos, in which an event has only just begun."""
    video_rate: float = 5e-4
    """Highest learning rate of these."""


def head_labels() -> tuple[str, ...]:
    """The action sentences that the head tells apart: all kinds of events but the open set."""
    return tuple(kind.action for kind in KINDS.values() if not kind.open_set)


def build_timesformer() -> nn.Module:
    """The pocket TimeSformer with random weights."""
    mend_torchvision()
    from transformers import TimesformerConfig, TimesformerForVideoClassification

    model: nn.Module = TimesformerForVideoClassification(
        TimesformerConfig(**timesformer_config(head_labels()))
    )
    return model


def train_on_clips(
    model: nn.Module,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    training: TimesformerTraining,
    seed: int,
    report: Callable[[int, float], None],
) -> None:
    """Train in place on clips that show one kind of event from end to end.

    Parameters
    ----------
    model : from `build_timesformer`.
    pixels : uint8 array of shape (N, F, 3, h, w).
    labels : int array of shape (N,), positions in `head_labels`.
    training, seed : how long, and what the draws follow from.
    report : called with the step and the loss.
    """
    rng = np.random.default_rng([seed, 2])

    def batches() -> Iterator[_Batch]:
        order: list[int] = []
        while True:
            if len(order) < training.batch:
                order += rng.permutation(len(pixels)).tolist()
            clips, order = np.array(order[: training.batch]), order[training.batch :]
            yield cut_windows(pixels, clips, rng), labels[clips]

    _train(model, batches(), rng, training, training.steps, training.rate, report)


def train_on_videos(
    model: nn.Module,
    pixels: NDArray[np.uint8],
    labels: NDArray[np.int64],
    training: TimesformerTraining,
    seed: int,
    report: Callable[[int, float], None],
) -> None:
    """Train in place on windows of untrimmed videos, all labels alike often.

    Parameters
    ----------
    model : trained on clips.
    pixels : uint8 array of shape (N, F, 3, h, w).
    labels : int array of shape (N, F) from `label_frames`: of the window that ends with each frame.
    training, seed, report : as for `train_on_clips`.
    """
    rng = np.random.default_rng([seed, 3])
    ends = [np.argwhere(labels == label) for label in np.unique(labels[labels >= 0])]

    def batches() -> Iterator[_Batch]:
        while True:
            kinds = rng.integers(len(ends), size=training.batch)
            chosen = np.stack([ends[kind][rng.integers(len(ends[kind]))] for kind in kinds])
            windows = [pixels[video, end + 1 - WINDOW_FRAMES : end + 1] for video, end in chosen]
            yield np.stack(windows), labels[chosen[:, 0], chosen[:, 1]]

    _train(model, batches(), rng, training, training.video_steps, training.video_rate, report)


def _train(
    model: nn.Module,
    batches: Iterator[_Batch],
    rng: np.random.Generator,
    training: TimesformerTraining,
    steps: int,
    rate: float,
    report: Callable[[int, float], None],
) -> None:
    window_input = WindowInput.from_recipe(window_recipe())
    config: Any = model.config
    token_head = nn.Linear(config.hidden_size, config.num_labels)
    optimisation = Optimisation(nn.ModuleList([model, token_head]), steps=steps, rate=rate)
    model.train()
    for step in range(steps):
        windows, labels = next(batches)
        frames, _ = augment(torch.from_numpy(windows), rng)
        loss = ask(model, token_head, window_input(frames), torch.from_numpy(labels), training)
        optimisation.step(loss)
        report(step, loss.item())
    model.eval()


def label_frames(plans: Sequence[Plan]) -> NDArray[np.int64]:
    """What a window that ends with a frame shows: the event that has been on for `SETTLED_S` or more.

    Returns
    -------
    int array of shape (N, F), positions in `head_labels`; -1 where nothing is on, an event has only just
    begun, or the window would begin before the video.
    """
    known = {kind.name: index for index, kind in enumerate(k for k in KINDS.values() if not k.open_set)}
    labels = np.full((len(plans), len(plans[0].frame_times_s)), -1, np.int64)
    for row, plan in zip(labels, plans, strict=True):
        for interval in plan.intervals:
            times_s = plan.frame_times_s
            row[(times_s >= interval.start_s + SETTLED_S) & (times_s < interval.end_s)] = known[
                interval.label
            ]
    labels[:, : WINDOW_FRAMES - 1] = -1
    return labels


def cut_windows(
    pixels: NDArray[np.uint8], clips: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.uint8]:
    """A window of each clip, from a random start: shape (B, W, 3, h, w)."""
    starts = rng.integers(pixels.shape[1] - WINDOW_FRAMES + 1, size=len(clips))
    return np.stack(
        [pixels[clip, start : start + WINDOW_FRAMES] for clip, start in zip(clips, starts, strict=True)]
    )


def ask(
    model: nn.Module, token_head: nn.Module, windows: Tensor, labels: Tensor, training: TimesformerTraining
) -> Tensor:
    """Cross-entropy of the class token's answer and of the mean answer of the tokens."""
    with torch.autocast("cpu", torch.bfloat16):
        hidden = model.timesformer(windows).last_hidden_state  # type: ignore[operator]
        by_class = model.classifier(hidden[:, 0])  # type: ignore[operator]
        by_tokens = token_head(hidden[:, 1:].mean(dim=1))
    losses = [
        functional.cross_entropy(answer.float(), labels, label_smoothing=training.smoothing)
        for answer in (by_class, by_tokens)
    ]
    return (1 - training.token_share) * losses[0] + training.token_share * losses[1]
