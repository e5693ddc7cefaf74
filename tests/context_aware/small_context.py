"""The Context-Aware system of the small graph: its settings, and its steps one after the other."""

from __future__ import annotations

import polars as pl

from traces_core.project import Project
from traces_core.steps import footage as footage_step
from traces_core.steps.wiring import Artifacts
from traces_core.store import Artifact

SMALL = {
    "predictor__block_frames": 2,
    "predictor__blocks": 4,
    "predictor__steps_ahead": 1,
    "predictor__dimensions": 4,
    "predictor__hidden": 4,
    "predictor__steps": 2,
    "predictor__batch": 4,
    "joint__steps": 2,
    "joint__evaluate_every": 1,
    "joint__batch": 4,
    "joint__hidden": 8,
    "joint__learning_rate": 0.01,
    "context_gate__scene_scores": 20,
    "benchmark__pretraining_seeds": ("pocket-0",),
}


def footage_in(project: Project) -> tuple[Artifact, Artifact]:
    practice = footage_step.practice_footage(project)
    return practice, footage_step.videos(project, practice)


def joined(parts: list[Artifact]) -> pl.DataFrame:
    return pl.concat([part.read() for part in parts])


def learned_in(project: Project) -> Artifact:
    """The jointly trained model, from the store or built."""
    return Artifacts(project)["context_gate"]


def scored_in(project: Project) -> list[Artifact]:
    """The scores of each shard."""
    return Artifacts(project)["context_aware_scores"]
