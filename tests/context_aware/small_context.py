"""The Context-Aware system of the small graph: its settings, and its steps one after the other."""

from __future__ import annotations

import polars as pl

from traces_core.project import Project
from traces_core.steps import block_views, context_aware, context_scores, footage, knowledge
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


def listed_in(project: Project) -> tuple[Artifact, Artifact]:
    practice = footage.practice_footage(project)
    return practice, footage.videos(project, practice)


def joined(parts: list[Artifact]) -> pl.DataFrame:
    return pl.concat([part.read() for part in parts])


def learned_in(project: Project) -> Artifact:
    """The jointly trained model, found or made."""
    practice, listed = listed_in(project)
    shards = footage.shard_names(project.settings.footage.shards)
    features = [footage.video_features(project, practice, listed, shard) for shard in shards]
    grids = [block_views.patch_grids(project, practice, listed, shard) for shard in shards]
    predicted = context_aware.predictor(project, practice, listed, joined(grids))
    index, _ = knowledge.bank(project)
    manifests = (joined(features), joined(grids))
    return context_aware.context_gate(project, practice, listed, *manifests, predicted, index)


def scored_in(project: Project) -> list[Artifact]:
    """The scores of each shard."""
    practice, listed = listed_in(project)
    index, _ = knowledge.bank(project)
    found = []
    for shard in footage.shard_names(project.settings.footage.shards):
        features = footage.video_features(project, practice, listed, shard)
        grids = block_views.patch_grids(project, practice, listed, shard)
        found.append(
            context_scores.context_aware_scores(project, listed, features, grids, learned_in(project), index)
        )
    return found
