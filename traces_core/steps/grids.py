"""Steps in which the Context-Aware system sees: patch grids, the scene, and both in step with the features.

    videos ──> patch_grids

What is learned from it is in `context_aware`, what it says about a video in `context_scores`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from safetensors.numpy import load_file, save_file

from traces_core.context_aware.grids import PatchGrids, extract_grids
from traces_core.context_aware.views import Views
from traces_core.detector.loading import block_encoder, is_predicting, scene_encoder
from traces_core.encoders.evidence import Evidence
from traces_core.encoders.features import Features
from traces_core.encoders.seeing import Encoders, see
from traces_core.errors import VideoError
from traces_core.project import Project
from traces_core.steps import features as features_step
from traces_core.steps import footage as footage_step
from traces_core.store import Artifact
from traces_core.store.code import code_of, made_with
from traces_core.store.running import step
from traces_core.types import Array
from traces_core.video import Gap, file_source
from traces_core.video.identity import check_identity

GRIDS = pl.Schema(
    {"video_id": pl.String(), "fingerprint": pl.String(), "blocks": pl.Int64(), "reason": pl.String()}
)
"""One row a video of a shard: its patch grids, or why it has none."""


@step
def patch_grids(
    project: Project,
    practice_footage: Artifact,
    videos: Artifact,
    shard: str,
    *,
    progress: Callable[[str], None] | None = None,
) -> Artifact:
    """The patch grids of one shard's videos, each under its own recipe; a table as in `GRIDS`.

    Training videos that are not normal are left out: nothing here may learn from them.
    """
    mine = videos.read().filter((pl.col("shard") == shard) & pl.col("reason").is_null())
    normal = footage_step.normal_of_training(project, practice_footage, videos)["video"]
    mine = mine.filter((pl.col("set") != "training") | pl.col("video").is_in(normal.implode()))
    rows: list[tuple[Any, ...]] = []
    for entry in mine.unique("video_id", keep="first", maintain_order=True).iter_rows(named=True):
        path = footage_step.set_folder(project, practice_footage, entry["set"]) / entry["video"]
        try:
            _scene_frames_of(project, entry["video_id"], path)
            grids = _grids_of(project, entry["video_id"], path)
        except VideoError as error:
            rows.append((entry["video_id"], None, 0, error.problem))
            continue
        rows.append((entry["video_id"], grids.fingerprint, grids.facts["blocks"], grids.facts["broken"]))
        if progress is not None and grids.computed:
            progress(f"{entry['video']}: {grids.facts['blocks']} blocks in {grids.seconds:.1f} s")
    return project.store.remember(
        "patch_grids",
        shard,
        made_from={"rows": [list(row) for row in rows], "shard": shard},
        make=lambda: pl.DataFrame(rows, schema=GRIDS, orient="row"),
    )


def _grid_recipe(project: Project, video_id: str) -> dict[str, Any]:
    return {
        "video": video_id,
        "sample_fps": project.settings.sampling.sample_fps,
        "block_encoder": made_with(block_encoder(project)),
    }


@step
def _grids_of(project: Project, video_id: str, path: Path) -> Artifact:
    def extract(target: Path) -> tuple[Path, dict[str, Any]]:
        target = target.with_suffix(".safetensors")
        fps = project.settings.sampling.sample_fps
        facts = extract_grids(path, block_encoder(project), target, sample_fps=fps)
        check_identity(path, video_id)
        return target, facts

    return project.store.remember_path(
        "grids", video_id, made_from=_grid_recipe(project, video_id), write=extract
    )


def load_grids(project: Project, video_id: str) -> PatchGrids:
    """The patch grids of a video that `patch_grids` has seen."""
    grids = project.store.recall(
        "grids", video_id, code=code_of(_grids_of), made_from=_grid_recipe(project, video_id)
    )
    return PatchGrids.load(grids.path)


def _scene_recipe(project: Project, video_id: str) -> dict[str, Any]:
    return {
        "video": video_id,
        "sample_fps": project.settings.sampling.sample_fps,
        "scene_encoder": made_with(scene_encoder(project)),
    }


@step
def _scene_frames_of(project: Project, video_id: str, path: Path) -> None:
    """Have the scene network see a video; where CLIP is the network, the features have it already."""
    if project.settings.context_gate.scene_network is None:
        return

    def write(target: Path) -> Path:
        target = target.with_suffix(".safetensors")
        save_file({"frames": _see_scene(project, path)}, target)
        check_identity(path, video_id)
        return target

    project.store.remember_path(
        "scene_frames", video_id, made_from=_scene_recipe(project, video_id), write=write
    )


def _see_scene(project: Project, path: Path) -> Array:
    """float32 (F, S): every frame that can be decoded; those of CLIP are as many."""
    source = file_source(path, sample_fps=project.settings.sampling.sample_fps)
    pieces = see(source, Encoders(scenes=scene_encoder(project)))
    return np.concatenate([one.scene_frames for one in pieces if isinstance(one, Evidence)])


def _scene_frames(project: Project, video_id: str) -> Array | None:
    """float32 (F, S): the frames of a video as the scene network sees them; None where that is CLIP."""
    if project.settings.context_gate.scene_network is None:
        return None
    seen = project.store.recall(
        "scene_frames", video_id, code=code_of(_scene_frames_of), made_from=_scene_recipe(project, video_id)
    )
    frames: Array = load_file(seen.path)["frames"]
    return frames


def evidence_of(project: Project, video_id: str) -> Evidence:
    """All that was seen of a video, patch grids and scene among it where the settings ask for them."""
    return _with_grids(project, video_id, features_step.load_features(project, video_id))


def seen_of(project: Project, video_id: str) -> Iterator[Evidence | Gap]:
    """`evidence_of` as it came, piece by piece, with the gaps in between."""
    features = features_step.load_features(project, video_id)
    return _with_grids(project, video_id, features).parted(features.gaps_s)


def _with_grids(project: Project, video_id: str, features: Features) -> Evidence:
    grids = load_grids(project, video_id) if is_predicting(project) else None
    return features.evidence(
        scene_frames=_scene_frames(project, video_id),
        block_times_s=None if grids is None else grids.times_s,
        grids=None if grids is None else grids.grids,
    )


def views_of(project: Project, video_id: str) -> Views:
    """What was seen at the end of each block of a video; without a predictor the blocks are the windows."""
    readout = project.settings.training.fusion.readout_frames
    return Views.of(evidence_of(project, video_id), readout_frames=readout)
