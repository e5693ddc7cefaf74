"""Steps of the footage side: practice footage, the list of videos, the ground truth, the features."""

from __future__ import annotations

import os
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from traces_core.datasets import GroundTruth, read_annotations
from traces_core.encoders.features import Features, extract_features
from traces_core.errors import AnnotationError, VideoError
from traces_core.practice import world
from traces_core.project import Project
from traces_core.steps.practice_sets import practice_plans
from traces_core.store import Artifact
from traces_core.store.digest import code_digest, file_digest
from traces_core.video import content_id, probe
from traces_core.video.file_cache import FileCache
from traces_core.video.sources import SUFFIXES

SETS = ("training", "calibration", "benchmark")
"""What footage is for: the fusion learns, the thresholds are set, the numbers are measured."""

DRAWING = code_digest(
    ["traces_core.practice", "traces_core.video.writing", "traces_core.steps.practice_sets"]
)
_READING = [
    "traces_core.video.clock",
    "traces_core.video.decode",
    "traces_core.video.open_video",
    "traces_core.video.sampling",
    "traces_core.video.sources",
    "traces_core.video.streams",
    "traces_core.video.wholeness",
]
LISTING = code_digest(
    ["traces_core.steps.footage", "traces_core.datasets", "traces_core.video.identity", *_READING]
)
IDENTIFYING = code_digest(["traces_core.store.digest", "traces_core.video.identity", *_READING])
SEEING = code_digest(
    [
        "traces_core.encoders.features",
        *_READING,
        *(
            f"traces_core.encoders.{module}"
            for module in ("clip", "evidence", "motion", "pixels", "seeing", "timesformer", "window_input")
        ),
    ]
)

DRAWERS = min(4, os.cpu_count() or 1)
"""Processes that draw practice footage; they change the time it takes, not a byte of it."""

VIDEOS = pl.Schema(
    {
        "set": pl.String(),
        "video": pl.String(),
        "context": pl.String(),
        "video_id": pl.String(),
        "shard": pl.String(),
        "duration_s": pl.Float64(),
        "rate": pl.String(),
        "reason": pl.String(),
    }
)
"""One row a file: its set, its path in the set's folder, the context the path names, its `content_id`, its
shard, what the container states, and why it cannot be used (null where it can)."""

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

Progress = Callable[[str], None]


def shard_names(shards: int) -> list[str]:
    """Names of the shards, in order: `shard-00`, `shard-01` ..."""
    return [f"shard-{number:02d}" for number in range(shards)]


def shard_of(video_id: str, shards: int) -> str:
    """The shard a video belongs to, from its id alone."""
    return shard_names(shards)[int(video_id, 16) % shards]


def practice_footage(project: Project) -> Artifact:
    """A folder with the practice world's three sets: videos, annotations, captions."""
    settings = project.settings.practice

    def draw(folder: Path) -> tuple[Path, dict[str, Any]]:
        plans = practice_plans(settings)
        for name in SETS:
            world.write_corpus(folder / name, plans[name], workers=DRAWERS)
        return folder, {name: len(plans[name]) for name in SETS}

    return project.store.remember_path(
        "practice_footage", code=DRAWING, made_from=settings.model_dump(), write=draw
    )


def set_folder(project: Project, practice: Artifact, name: str) -> Path:
    """Where the videos of a set lie: the folder of the settings, else the practice world's."""
    chosen: str | None = getattr(project.settings.footage, name)
    return practice.path / name if chosen is None else Path(chosen)


def videos(project: Project, practice: Artifact) -> Artifact:
    """The list of every video there is, with its id; columns as in `VIDEOS`."""
    shards = project.settings.footage.shards
    contexts = {file.stem for file in project.machine.catalog.glob("*.yaml")}
    found = [
        (path, name, path.relative_to(folder).as_posix(), _context_of(path.relative_to(folder), contexts))
        for name in SETS
        if (folder := set_folder(project, practice, name)).is_dir()
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file()
    ]
    with FileCache(project.machine.data / ".seen", IDENTIFYING) as seen:
        ids = [seen.ask(content_id, path) for path, *_ in found]
        # The bytes, too: what a container states of rate and length is in the list, though not in the id.
        read = [seen.ask(file_digest, path) for path, *_ in found]

    def describe() -> pl.DataFrame:
        rows = [_describe(*entry, identity, shards) for entry, identity in zip(found, ids, strict=True)]
        return pl.DataFrame(rows, schema=VIDEOS, orient="row").sort("set", "video")

    listing = [[*entry, one, content] for (_, *entry), one, content in zip(found, ids, read, strict=True)]
    made_from = {"videos": listing, "shards": shards}
    listed = project.store.remember("videos", code=LISTING, made_from=made_from, make=describe)
    _forget_others(project, set(ids))
    return listed


def _context_of(path: Path, contexts: set[str]) -> str | None:
    """The context that a folder on the way to a video is named like."""
    return next((part for part in path.parts[:-1] if part in contexts), None)


def _forget_others(project: Project, ids: set[str]) -> None:
    """Nothing of a video or a shard that is gone stays current."""
    for name in ("video_features", "video_scores"):
        project.store.keep_only(name, ids)
    for name in ("feature_manifest", "anomaly_scores", "alarms"):
        project.store.keep_only(name, shard_names(project.settings.footage.shards))


def _describe(
    path: Path, name: str, video: str, context: str | None, identity: str, shards: int
) -> tuple[Any, ...]:
    row = (name, video, context, identity, shard_of(identity, shards))
    try:
        about = probe(path)
    except VideoError as error:
        return (*row, None, None, error.found)
    return (*row, about.duration_s, None if about.rate is None else str(about.rate), None)


def checked_annotations(project: Project, practice: Artifact, listed: Artifact) -> Artifact:
    """The ground truth of the benchmark, as a checked table of anomalous stretches."""
    source = _annotations_of(project, practice, "benchmark")
    made_from = {
        "table": None if source is None else file_digest(source),
        "videos": [[video, *clock] for video, _, *clock in clocks_of(listed, "benchmark")],
        "set": "benchmark",
    }
    make = partial(_stretches, listed, source, "benchmark")
    return project.store.remember("annotations", "benchmark", code=LISTING, made_from=made_from, make=make)


def normal_of_training(project: Project, practice: Artifact, listed: Artifact) -> pl.DataFrame:
    """The readable training videos in which nothing anomalous is annotated; columns as in `VIDEOS`."""
    marked = _stretches(listed, _annotations_of(project, practice, "training"), "training")
    training = listed.read().filter((pl.col("set") == "training") & pl.col("reason").is_null())
    normal: pl.DataFrame = training.join(marked.select("video").unique(), on="video", how="anti")
    return normal.sort("video")


def _annotations_of(project: Project, practice: Artifact, name: str) -> Path | None:
    return next(iter(_tables(set_folder(project, practice, name), "annotations")), None)


def _stretches(listed: Artifact, source: Path | None, name: str) -> pl.DataFrame:
    truth = ground_truth(listed, source, name)
    rows = [(v, i.start_s, i.end_s, i.label) for v in truth.videos for i in truth.intervals[v]]
    schema = {"video": pl.String, "start_s": pl.Float64, "end_s": pl.Float64, "label": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def clocks_of(listed: Artifact, name: str) -> list[list[Any]]:
    """Path, id, length in seconds and rate of each readable video of a set."""
    rows = listed.read().filter((pl.col("set") == name) & pl.col("reason").is_null())
    return [list(row) for row in rows.select("video", "video_id", "duration_s", "rate").rows()]


def ground_truth(listed: Artifact, table: Path | None, name: str) -> GroundTruth:
    """The ground truth of a set: its readable videos, and the stretches its table names.

    Raises
    ------
    AnnotationError
        If there is no table, or it does not fit the videos.
    """
    if table is None:
        raise AnnotationError(
            f"{name}: no annotations beside the videos. Write annotations.csv there with the columns "
            "video,start_s,end_s,label; a video without a row is normal."
        )
    clocks = clocks_of(listed, name)
    return read_annotations(
        table,
        durations_s={video: duration_s for video, _, duration_s, _ in clocks},
        rates={video: Fraction(rate) for video, _, _, rate in clocks},
        name=name,
    )


def _tables(folder: Path, stem: str) -> list[Path]:
    return [file for suffix in (".parquet", ".csv") if (file := folder / f"{stem}{suffix}").is_file()]


def captions(project: Project, practice: Artifact, name: str = "training") -> pl.DataFrame:
    """The captions of a set: `video, start_s, end_s, caption, label`; empty where there are none."""
    tables = _tables(set_folder(project, practice, name), "captions")
    schema = {
        "video": pl.String,
        "start_s": pl.Float64,
        "end_s": pl.Float64,
        "caption": pl.String,
        "label": pl.String,
    }
    if not tables:
        return pl.DataFrame(schema=schema)
    table = (
        pl.read_parquet(tables[0])
        if tables[0].suffix == ".parquet"
        else pl.read_csv(tables[0], infer_schema=False)
    )
    return table.select(list(schema)).cast(pl.Schema(schema))


def feature_recipe(project: Project) -> dict[str, Any]:
    """What features depend on besides the video itself."""
    return {
        "sampling": project.settings.sampling.model_dump(),
        "image_encoder": project.clip.fingerprint,
        "window_encoder": project.windows.fingerprint,
        "window_frames": project.settings.timesformer.window_frames,
    }


def video_features(
    project: Project, practice: Artifact, listed: Artifact, shard: str, *, progress: Progress | None = None
) -> Artifact:
    """The features of one shard's videos, each kept under its own recipe; a table as in `FEATURES`.

    A video that cannot be read costs its own row, with the reason, and nothing else.
    """
    mine = (
        listed.read().filter(pl.col("shard") == shard).unique("video_id", keep="first", maintain_order=True)
    )
    rows: list[tuple[Any, ...]] = []
    for entry in mine.iter_rows(named=True):
        if entry["reason"] is not None:
            rows.append((entry["video_id"], None, 0, 0, None, None, entry["reason"]))
            continue
        path = set_folder(project, practice, entry["set"]) / entry["video"]
        try:
            found = features_of(project, entry["video_id"], path)
        except VideoError as error:
            rows.append((entry["video_id"], None, 0, 0, None, None, error.found))
            continue
        about = found.facts
        numbers = (about["frames"], about["windows"], about["start_s"], about["end_s"], about["broken"])
        rows.append((entry["video_id"], found.fingerprint, *numbers))
        if progress is not None and found.computed:
            progress(f"{entry['video']}: {about['windows']} windows in {found.seconds:.1f} s")
    made_from = {"rows": [list(row) for row in rows], "shard": shard}
    return project.store.remember(
        "feature_manifest",
        shard,
        code=LISTING,
        made_from=made_from,
        make=lambda: pl.DataFrame(rows, schema=FEATURES, orient="row"),
    )


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
        return target, facts

    return project.store.remember_path(
        "video_features",
        video_id,
        code=SEEING,
        made_from={"video": video_id, **feature_recipe(project)},
        write=extract,
    )


def load_features(project: Project, video_id: str) -> Features:
    """The features of a video that `video_features` has seen."""
    found = project.store.recall(
        "video_features", video_id, code=SEEING, made_from={"video": video_id, **feature_recipe(project)}
    )
    return Features.load(found.path)


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
