"""A whole pre-training: draw, train, round to float16, measure, write weights and recipe.

Each tower runs on one thread, so that its result does not depend on how many cores a machine has; the two
run side by side.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from traces_core.encoders.pixels import Preprocess
from traces_core.encoders.pocket_models import (
    FOLDER,
    PREFIX,
    SAMPLE_FPS,
    window_recipe,
    write_json,
)
from traces_core.encoders.window_input import RECIPE_FILE as WINDOW_FILE
from traces_core.encoders.window_input import WindowInput
from traces_core.practice import KINDS, Plan
from traces_core.practice.pretraining.clip import (
    FRAME_STEP,
    ClipTraining,
    build_clip,
    clip_preprocess,
    train_clip,
)
from traces_core.practice.pretraining.footage import (
    PretrainingClipSettings,
    VideoSettings,
    draw_footage,
    footage_captions,
    footage_digest,
    plan_footage,
    plan_videos,
    video_digest,
)
from traces_core.practice.pretraining.measures import measure_clip, measure_on_videos, measure_timesformer
from traces_core.practice.pretraining.recipe import round_weights, save_weights, write_recipe
from traces_core.practice.pretraining.timesformer import (
    TimesformerTraining,
    build_timesformer,
    head_labels,
    label_frames,
    train_on_clips,
    train_on_videos,
)
from traces_core.store.code import code_of

TOWERS = ("clip", "timesformer")
MEASURED_PER_KIND = 12
"""Held-back clips of each kind that the metrics of a recipe rest on."""


def pretrain_pocket(
    seed: int,
    *,
    folder: Path | None = None,
    towers: Sequence[str] = TOWERS,
    workers: int = 2,
    echo: Callable[[str], None] = print,
) -> dict[str, dict[str, float]]:
    """Pre-train the towers of `pocket-<seed>` side by side.

    Parameters
    ----------
    seed : everything follows from it.
    folder : where `clip` and `timesformer` go; the shipped place where None.
    towers : which of `TOWERS`.
    workers : processes; changes the time it takes, not the result.
    echo : called with each line of progress.

    Returns
    -------
    For each tower, its metrics on held-back clips.
    """
    if workers < 2 or len(towers) < 2:
        place = _place(folder, seed)
        return {tower: _JOBS[tower](seed, place / tower, workers=workers, echo=echo) for tower in towers}
    return pretrain_seeds([seed], folder=folder, towers=towers, workers=workers)[seed]


def pretrain_seeds(
    seeds: Sequence[int], *, folder: Path | None = None, towers: Sequence[str] = TOWERS, workers: int = 2
) -> dict[int, dict[str, dict[str, float]]]:
    """Pre-train several seeds, `workers` towers at a time, each on one thread; as `pretrain_pocket`.

    The towers that take longest begin first, so that no core waits for the last of them.
    """
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        running = {
            (seed, tower): pool.submit(_JOBS[tower], seed, _place(folder, seed) / tower)
            for tower in reversed(TOWERS)
            if tower in towers
            for seed in seeds
        }
        return {seed: {tower: running[seed, tower].result() for tower in towers} for seed in seeds}


def _place(folder: Path | None, seed: int) -> Path:
    return folder or FOLDER / f"{PREFIX}{seed}"


def pretrain_clip(
    seed: int,
    folder: Path,
    *,
    training: ClipTraining | None = None,
    footage: PretrainingClipSettings | None = None,
    measured_per_kind: int = MEASURED_PER_KIND,
    workers: int = 1,
    echo: Callable[[str], None] = print,
) -> dict[str, float]:
    """Make the CLIP tower of a seed, and write weights, tokenizer, configuration and recipe to `folder`."""
    training, footage = training or ClipTraining(), footage or PretrainingClipSettings()
    with _scene("clip", seed, folder) as scratch:
        model, tokenizer = build_clip(folder)
        drawn = _drawn(seed, footage, (clip_preprocess(), FRAME_STEP), scratch, measured_per_kind, workers)
        plans, pixels, test_plans, test_pixels = drawn
        sentences = footage_captions(plans, footage.captions_per_clip)
        report = _Progress("clip", seed, training.steps, echo)
        train_clip(model, tokenizer, pixels, plans, sentences, training, seed, report)
        weights = folder / "open_clip_model.safetensors"
        save_weights(model, weights)
        round_weights(model, weights)
        metrics = measure_clip(model, tokenizer, test_pixels, test_plans, footage_captions(test_plans, 1))
    stated = _stated("clip", seed, training, footage, sentences, metrics, measured_per_kind)
    write_recipe(folder, weights, stated)
    echo(f"clip {seed}: {metrics}")
    return metrics


def pretrain_timesformer(
    seed: int,
    folder: Path,
    *,
    training: TimesformerTraining | None = None,
    footage: PretrainingClipSettings | None = None,
    videos: VideoSettings | None = None,
    measured_per_kind: int = MEASURED_PER_KIND,
    workers: int = 1,
    echo: Callable[[str], None] = print,
) -> dict[str, float]:
    """Make the TimeSformer tower of a seed, and write weights, configuration and recipe to `folder`."""
    training = training or TimesformerTraining()
    footage = footage or PretrainingClipSettings(open_set=False)
    videos = videos or VideoSettings()
    weights = folder / "model.safetensors"
    with _scene("timesformer", seed, folder) as scratch:
        model = build_timesformer()
        size = (WindowInput.from_recipe(window_recipe()).frames, 1)
        plans, pixels, test_plans, test_pixels = _drawn(
            seed, footage, size, scratch, measured_per_kind, workers
        )
        report = _Progress("timesformer", seed, training.steps, echo)
        train_on_clips(model, pixels, _labels(plans), training, seed, report)
        model.config.save_pretrained(folder)  # type: ignore[union-attr,operator]
        write_json(folder / WINDOW_FILE, window_recipe())
        save_weights(model, weights)
        round_weights(model, weights)
        metrics = settle_timesformer(
            model, seed, weights, training, videos, size, scratch, measured_per_kind // 3 or 1, workers, echo
        )
        metrics |= measure_timesformer(model, test_pixels, test_plans, _labels(test_plans))
    stated = _stated("timesformer", seed, training, footage, None, metrics, measured_per_kind)
    stated["videos"] = video_digest(seed, videos)
    write_recipe(folder, weights, stated)
    echo(f"timesformer {seed}: {metrics}")
    return metrics


def settle_timesformer(
    model: nn.Module,
    seed: int,
    weights: Path,
    training: TimesformerTraining,
    videos: VideoSettings,
    size: tuple[Preprocess, int],
    scratch: Path,
    measured_per_kind: int,
    workers: int,
    echo: Callable[[str], None],
) -> dict[str, float]:
    """The second half: from the rounded weights on, windows of untrimmed videos. Writes the weights."""
    plans = plan_videos(seed, videos)
    held_back = plan_videos(seed, replace(videos, videos_per_kind=measured_per_kind), held_back=True)
    drawn = []
    for name, asked in (("videos", plans), ("held_back_videos", held_back)):
        path = draw_footage(asked, {name: size}, scratch, workers=workers)[name]
        drawn.append(np.load(path, mmap_mode="r"))
    torch.manual_seed(seed)
    report = _Progress("timesformer on videos", seed, training.video_steps, echo)
    train_on_videos(model, drawn[0], label_frames(plans), training, seed, report)
    save_weights(model, weights)
    round_weights(model, weights)
    return measure_on_videos(model, drawn[1], label_frames(held_back))


@contextmanager
def _scene(tower: str, seed: int, folder: Path) -> Iterator[Path]:
    """One thread, the seed set, an empty folder for the drawn clips."""
    code_of(_JOBS[tower])  # kept from here on: the recipe states what runs, even if a file changes meanwhile
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    folder.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix="traces-pretraining-"))
    try:
        # Both libraries draw first weights from torch's global generator: seeded here, restored after.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        torch.set_num_threads(threads)


def _drawn(
    seed: int,
    footage: PretrainingClipSettings,
    size: tuple[Preprocess, int],
    scratch: Path,
    measured_per_kind: int,
    workers: int,
) -> tuple[tuple[Plan, ...], NDArray[np.uint8], tuple[Plan, ...], NDArray[np.uint8]]:
    """Clips to learn from and clips to measure with: plans and pixels of each."""
    held_back = PretrainingClipSettings(measured_per_kind, 1, footage.open_set)
    drawn: list[tuple[tuple[Plan, ...], NDArray[np.uint8]]] = []
    for name, settings in (("train", footage), ("test", held_back)):
        plans = plan_footage(seed, settings, held_back=name == "test")
        path = draw_footage(plans, {name: size}, scratch, workers=workers)[name]
        drawn.append((plans, np.load(path, mmap_mode="r")))
    (plans, pixels), (held_back_plans, held_back_pixels) = drawn
    return plans, pixels, held_back_plans, held_back_pixels


def _labels(plans: Sequence[Plan]) -> NDArray[np.int64]:
    known = head_labels()
    return np.array([known.index(KINDS[plan.events[0].kind].action) for plan in plans], np.int64)


def _stated(
    tower: str,
    seed: int,
    training: ClipTraining | TimesformerTraining,
    footage: PretrainingClipSettings,
    sentences: Sequence[Sequence[str]] | None,
    metrics: dict[str, float],
    measured_per_kind: int,
) -> dict[str, Any]:
    return {
        "tower": tower,
        "seed": seed,
        "command": f"python -m traces_core.practice.pretraining --seed {seed} --tower {tower}",
        "sample_fps": SAMPLE_FPS,
        "training": asdict(training),
        "footage": footage_digest(seed, footage, sentences),
        "measured_per_kind": measured_per_kind,
        "metrics": {name: round(value, 4) for name, value in metrics.items()},
        "code": code_of(_JOBS[tower]),
    }


class _Progress:
    """Reports the loss from time to time."""

    def __init__(self, tower: str, seed: int, steps: int, echo: Callable[[str], None]) -> None:
        self._title, self._steps, self._echo = f"{tower} {seed}", steps, echo
        self._losses: list[float] = []
        self._began = time.monotonic()

    def __call__(self, step: int, loss: float) -> None:
        self._losses.append(loss)
        if (step + 1) % 50 == 0 or step + 1 == self._steps:
            mean = float(np.mean(self._losses[-50:]))
            spent = time.monotonic() - self._began
            self._echo(f"{self._title}: step {step + 1}/{self._steps}, loss {mean:.3f}, {spent:.0f} s")


_JOBS: dict[str, Callable[..., dict[str, float]]] = {
    "clip": pretrain_clip,
    "timesformer": pretrain_timesformer,
}
"""How each of `TOWERS` is made."""
