"""Step of the features: what the frozen encoders see in each video."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from traces_core.encoders.features import Features, extract_features
from traces_core.errors import VideoError
from traces_core.project import Project
from traces_core.steps.footage import set_folder
from traces_core.store import Artifact
from traces_core.store.code import code_of, made_with
from traces_core.store.running import step
from traces_core.video.identity import check_identity

FEATURES = pl.Schema(
    {
        "video_id": pl.String(),
        "fingerprint": pl.String(),
        "frames": pl.Int64(),
        "windows": pl.Int64(),
        "start_s": pl.Float64(),
        "end_s": pl.Float64(),
        "reason": pl.String(),
    }
)
"""One row a video of a shard: its features, or why it has none or only those of a part."""

ITEM = "features"
"""Name of the artifact that holds the features of one video."""

Progress = Callable[[str], None]


def feature_recipe(project: Project) -> dict[str, Any]:
    """What features depend on besides the video itself."""
    return {
        "sampling": project.settings.sampling.model_dump(),
        "image_encoder": made_with(project.clip),
        "window_encoder": made_with(project.windows),
        "window_frames": project.settings.timesformer.window_frames,
    }


@step
def video_features(
    project: Project,
    practice_footage: Artifact,
    videos: Artifact,
    shard: str,
    *,
    progress: Progress | None = None,
) -> Artifact:
    """The features of one shard's videos, each kept under its own recipe; a table as in `FEATURES`.

    A video that cannot be read costs its own row, with the reason, and nothing else.
    """
    mine = (
        videos.read().filter(pl.col("shard") == shard).unique("video_id", keep="first", maintain_order=True)
    )
    rows: list[tuple[Any, ...]] = []
    for entry in mine.iter_rows(named=True):
        if entry["reason"] is not None:
            rows.append((entry["video_id"], None, 0, 0, None, None, entry["reason"]))
            continue
        path = set_folder(project, practice_footage, entry["set"]) / entry["video"]
        try:
            features = features_of(project, entry["video_id"], path)
        except VideoError as error:
            rows.append((entry["video_id"], None, 0, 0, None, None, error.problem))
            continue
        about = features.facts
        numbers = (about["frames"], about["windows"], about["start_s"], about["end_s"], about["broken"])
        rows.append((entry["video_id"], features.fingerprint, *numbers))
        if progress is not None and features.computed:
            progress(f"{entry['video']}: {about['windows']} windows in {features.seconds:.1f} s")
    made_from = {"rows": [list(row) for row in rows], "shard": shard}
    return project.store.remember(
        "video_features",
        shard,
        made_from=made_from,
        make=lambda: pl.DataFrame(rows, schema=FEATURES, orient="row"),
    )


@step
def features_of(project: Project, video_id: str, path: Path) -> Artifact:
    """The features of one video file, found or extracted.

    Raises
    ------
    VideoError
        If no frame can be read.
    """
    sampling = project.settings.sampling

    def extract(target: Path) -> tuple[Path, dict[str, Any]]:
        target = target.with_suffix(".safetensors")
        facts = extract_features(
            path,
            project.clip,
            project.windows,
            target,
            sample_fps=sampling.sample_fps,
            hop_frames=sampling.hop_frames,
        )
        check_identity(path, video_id)
        return target, facts

    return project.store.remember_path(
        ITEM,
        video_id,
        made_from={"video": video_id, **feature_recipe(project)},
        write=extract,
    )


def load_features(project: Project, video_id: str) -> Features:
    """The features of a video that `video_features` has seen."""
    features = project.store.recall(
        ITEM,
        video_id,
        code=code_of(features_of),
        made_from={"video": video_id, **feature_recipe(project)},
    )
    return Features.load(features.path)


def feature_faults(project: Project, row: dict[str, Any]) -> list[str]:
    """What is wrong with the features of one video, in words; empty where nothing is.

    Parameters
    ----------
    row
        Its row of `FEATURES` joined with that of `VIDEOS`.
    """
    features = load_features(project, row["video_id"])
    faults = []
    if not np.all(np.diff(features.frame_times_s) > 0):
        faults.append(f"{row['video']}: the times of its frames do not rise strictly")
    if not all(np.isfinite(part).all() for part in (features.frames, features.tokens, features.labels)):
        faults.append(f"{row['video']}: its features hold NaN or infinity")
    slack_s = 2 / project.settings.sampling.sample_fps + 0.5
    stated_s, seen_s = row["duration_s"], float(features.frame_times_s[-1])
    if stated_s is not None and seen_s + slack_s < stated_s:
        faults.append(f"{row['video']}: seen to {seen_s:.2f} s of {stated_s:.2f} s")
    return faults
