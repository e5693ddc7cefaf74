"""The sets of practice footage: which plans make them up, and their files.

    training     generic pool, short captioned clips of all kinds but the open set
    calibration  held-out pool, the benchmark's cameras, nothing but normal life
    benchmark    held-out pool, long untrimmed videos, every anomalous kind

Encoders are pre-trained on clips that `traces_core.practice.pretraining` plans: their seeds are below
`FIRST_SEED`, those of the sets here are not.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from fractions import Fraction
from functools import partial
from itertools import cycle, islice
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import polars as pl

from traces_core.practice.captions import captions
from traces_core.practice.drawing import frames
from traces_core.practice.kinds import CONTEXTS, KINDS, LIGHTS
from traces_core.practice.plans import Plan, anomalous_intervals, generator, plan_clip, plan_video
from traces_core.video.writing import write_video

FIRST_SEED = 1_000_000_000
"""Seeds of the plans here begin at this number: pre-training stays below it."""
CAMERAS = 2
"""Held-out cameras of each context: benchmark and calibration look through the same."""
RATES = (Fraction(12), Fraction(16), Fraction(25))
"""Frame rates of the benchmark's videos, in turn."""
_ALARMS = (2, 0, 3, 1, 0)
"""How many anomalies the benchmark's videos hold, in turn: three in five hold some."""

ANNOTATIONS = {"video": pl.String, "start_s": pl.Float64, "end_s": pl.Float64, "label": pl.String}
"""Columns of `annotations.parquet`: the anomalous intervals of every video, half-open, in seconds."""
CAPTIONS = {
    "video": pl.String, "start_s": pl.Float64, "end_s": pl.Float64, "caption": pl.String, "label": pl.String,
}  # fmt: skip
"""Columns of `captions.parquet`: a sentence about an interval, and the kind of its event."""


def training_plans(count: int, seed: int, *, duration_s: float = 3.0) -> list[Plan]:
    """Short clips of generic scenes, as many of each kind as of any other, none of the open set.

    Examples
    --------
    >>> [plan.intervals[0].label for plan in training_plans(3, seed=1)]
    ['empty', 'walk', 'stand']
    """
    kinds = [kind for kind in KINDS.values() if not kind.open_set]
    rng = generator(seed, "training")
    plans = []
    for number in range(count):
        kind, turn = kinds[number % len(kinds)], number // len(kinds)
        context = kind.contexts[turn % len(kind.contexts)]
        own = FIRST_SEED + int(rng.integers(2**30))
        plan = plan_clip(kind.name, context, pool="generic", seed=own, duration_s=duration_s)
        plans.append(replace(plan, name=f"{context}_{kind.name}_{turn:04d}"))
    return plans


def calibration_plans(minutes: float, seed: int, *, cameras: int = CAMERAS) -> list[Plan]:
    """Normal life before the benchmark's cameras: videos of a minute, `minutes` in all, no anomaly."""
    rng = generator(seed, "calibration")
    plans = []
    for number in range(math.ceil(minutes)):
        context, turn = CONTEXTS[number % len(CONTEXTS)], number // len(CONTEXTS)
        plan = plan_video(
            context,
            pool="held_out",
            seed=FIRST_SEED + int(rng.integers(2**30)),
            duration_s=60.0 * min(1.0, minutes - number),
            rate=RATES[(number + turn) % len(RATES)],
            camera=(seed * 1_000) + turn % cameras,
            light=LIGHTS[(number + 2 * turn) % len(LIGHTS)],
        )
        plans.append(replace(plan, name=f"{context}_normal_{turn:03d}"))
    return plans


def benchmark_plans(
    videos: int, seed: int, *, duration_s: float = 60.0, cameras: int = CAMERAS
) -> list[Plan]:
    """Long untrimmed videos of held-out scenes; about three in five hold one to three anomalies.

    Notes
    -----
    With 24 videos every anomalous kind, the open set too, happens at least twice. Contexts, cameras,
    lights and frame rates take turns; every fourth video has a variable rate.
    """
    rng = generator(seed, "benchmark")
    contexts = [CONTEXTS[number % len(CONTEXTS)] for number in range(videos)]
    room = int(max(0.0, (duration_s - 4.0) // 7.0))  # an anomaly takes 3 s at least, and 4 s of peace
    counts = [min(room, count) for count in islice(cycle(_ALARMS), videos)]
    alarms = _deal(contexts, counts, rng)
    plans = []
    for number, context in enumerate(contexts):
        turn = number // len(CONTEXTS)
        plan = plan_video(
            context,
            pool="held_out",
            seed=FIRST_SEED + 2**30 + int(rng.integers(2**30)),
            duration_s=duration_s,
            anomalies=alarms[number],
            rate=RATES[(number + turn) % len(RATES)],
            variable_rate=number % 4 == 3,
            camera=(seed * 1_000) + turn % cameras,
            light=LIGHTS[(number + 2 * turn) % len(LIGHTS)],
        )
        plans.append(replace(plan, name=f"{context}_{turn:03d}"))
    return plans


def _deal(contexts: Sequence[str], counts: Sequence[int], rng: np.random.Generator) -> list[tuple[str, ...]]:
    """Anomalous kinds for every video: all kinds equally often, as far as the contexts allow.

    The kinds that fit the fewest contexts choose first; each takes the video with the most room.
    """
    hands: list[list[str]] = [[] for _ in contexts]
    kinds = [kind for kind in KINDS.values() if kind.is_anomalous]
    dealt = dict.fromkeys((kind.name for kind in kinds), 0)
    while True:
        moves = []
        for kind in kinds:
            seats = [
                seat
                for seat, hand in enumerate(hands)
                if len(hand) < counts[seat] and contexts[seat] in kind.contexts and kind.name not in hand
            ]
            if seats:
                moves.append((dealt[kind.name], len(kind.contexts), rng.random(), kind.name, seats))
        if not moves:
            return [tuple(rng.permutation(hand).tolist()) if hand else () for hand in hands]
        _, _, _, name, seats = min(moves)
        seat = max(seats, key=lambda at: (counts[at] - len(hands[at]), rng.random()))
        hands[seat].append(name)
        dealt[name] += 1


def render(plan: Plan, path: Path) -> Path:
    """Draw a plan into an H.264 file with the times of its frames."""
    return write_video(path, frames(plan), rate=plan.rate)


def write_corpus(
    folder: Path, plans: Sequence[Plan], *, captions_per_event: int = 4, workers: int = 1
) -> None:
    """Write a set: `<context>/<name>.mp4`, `annotations.parquet` and `captions.parquet`.

    Parameters
    ----------
    folder : where to; made if missing.
    plans : what to draw; their names must differ within a context.
    captions_per_event : sentences for each event.
    workers : processes that draw; the files do not depend on it.

    Raises
    ------
    ValueError : where two plans would be one file.
    """
    names = [video_name(plan) for plan in plans]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ValueError(f"{folder}: two plans would be written to {twice[0]}. Give every plan its own name.")
    folder.mkdir(parents=True, exist_ok=True)
    for _ in _spread(folder, plans, workers):
        pass
    rows = [
        (video_name(plan), span.start_s, span.end_s, span.label)
        for plan in plans
        for span in anomalous_intervals(plan)
    ]
    pl.DataFrame(rows, schema=ANNOTATIONS, orient="row").write_parquet(folder / "annotations.parquet")
    caption_rows = [
        (video_name(plan), caption.start_s, caption.end_s, caption.text, caption.label)
        for plan in plans
        for caption in captions(plan, generator(plan.seed, "captions", plan.name), captions_per_event)
    ]
    pl.DataFrame(caption_rows, schema=CAPTIONS, orient="row").write_parquet(folder / "captions.parquet")


def video_name(plan: Plan) -> str:
    """The POSIX path of a plan's video within its set."""
    return f"{plan.context}/{plan.name}.mp4"


def _spread(folder: Path, plans: Sequence[Plan], workers: int) -> Iterator[Path]:
    if workers < 2 or len(plans) < 2:
        yield from (_render_into(plan, folder) for plan in plans)
        return
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        yield from pool.map(partial(_render_into, folder=folder), plans, chunksize=4)


def _render_into(plan: Plan, folder: Path) -> Path:
    return render(plan, folder / video_name(plan))
