"""Which practice footage the graph draws: how many plans of each set, by the settings.

What a plan is, and how it is drawn, belongs in `traces_core.practice`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from traces_core.practice import KINDS, Plan, plan_video
from traces_core.practice.plans import generator
from traces_core.practice.world import (
    FIRST_SEED,
    benchmark_plans,
    calibration_plans,
    training_plans,
)

if TYPE_CHECKING:
    from traces_core.settings import PracticeSettings


def practice_plans(settings: PracticeSettings) -> dict[str, list[Plan]]:
    """The plans of the three sets: training (generic scenes), calibration and benchmark (held-out ones)."""
    clips = training_plans(settings.training_clips, settings.seed, duration_s=settings.training_clip_s)
    return {
        "training": [*clips, *untrimmed_plans(settings)],
        "calibration": calibration_plans(settings.calibration_minutes, settings.seed),
        "benchmark": benchmark_plans(
            settings.benchmark_videos, settings.seed, duration_s=settings.benchmark_video_s
        ),
    }


def untrimmed_plans(settings: PracticeSettings) -> list[Plan]:
    """Generic videos in which one anomaly interrupts normal life; each kind in turn, none of the open set.

    Clips of a single event never show the moment at which one begins. A fusion trained on them alone
    learns to answer for the whole window, and calls an event a second late.
    """
    kinds = [kind for kind in KINDS.values() if kind.is_anomalous and not kind.open_set]
    rng = generator(settings.seed, "untrimmed")
    plans = []
    for number in range(settings.training_videos):
        kind, turn = kinds[number % len(kinds)], number // len(kinds)
        context = kind.contexts[turn % len(kind.contexts)]
        plan = plan_video(
            context,
            pool="generic",
            seed=FIRST_SEED + int(rng.integers(2**30)),
            duration_s=settings.training_video_s,
            anomalies=(kind.name,),
        )
        plans.append(replace(plan, name=f"{context}_untrimmed_{kind.name}_{turn:04d}"))
    return plans
