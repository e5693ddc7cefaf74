"""Steps of the footage: practice footage, the list of videos, the ground truth."""

import os
from collections.abc import Iterable
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from traces_core.datasets import GroundTruth, read_annotations
from traces_core.datasets.table import plain_columns, read_text_table
from traces_core.errors import AnnotationError, CaptionError, VideoError
from traces_core.practice import world
from traces_core.practice.sets import practice_plans
from traces_core.project import Project
from traces_core.store import Artifact
from traces_core.store.code import code_of
from traces_core.store.digest import digest, file_digest
from traces_core.store.running import step
from traces_core.video import probe
from traces_core.video.clock import DEFAULT_RATE
from traces_core.video.file_cache import FileCache
from traces_core.video.identity import content_id, length_of
from traces_core.video.sources import SUFFIXES

SETS = ("training", "calibration", "benchmark")
"""What footage is for: the fusion learns, the thresholds are set, the numbers are measured."""

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
shard, its length by its pictures, its nominal rate, and why it cannot be used (null where it can)."""


def shard_names(shards: int) -> list[str]:
    """Names of the shards, in order: `shard-00`, `shard-01` ..."""
    return [f"shard-{number:02d}" for number in range(shards)]


def shard_of(video_id: str, shards: int) -> str:
    """The shard a video belongs to, from its id alone."""
    return shard_names(shards)[int(video_id, 16) % shards]


@step
def practice_footage(project: Project) -> Artifact:
    """A folder with the practice world's three sets: videos, annotations, captions."""
    settings = project.settings.practice

    def draw(folder: Path) -> tuple[Path, dict[str, Any]]:
        plans = practice_plans(settings)
        for name in SETS:
            world.write_corpus(folder / name, plans[name], workers=DRAWERS)
        return folder, {name: len(plans[name]) for name in SETS}

    return project.store.remember_path("practice_footage", made_from=settings.model_dump(), write=draw)


def set_folder(project: Project, practice: Artifact, name: str) -> Path:
    """Where the videos of a set lie: the folder of the settings, else the practice world's."""
    chosen: str | None = getattr(project.settings.footage, name)
    return practice.path / name if chosen is None else Path(chosen)


@step
def videos(project: Project, practice_footage: Artifact) -> Artifact:
    """The list of every video there is, with its id; columns as in `VIDEOS`."""
    shards = project.settings.footage.shards
    contexts = {file.stem for file in project.machine.catalog.glob("*.yaml")}
    files = [
        (path, name, path.relative_to(folder).as_posix(), _context_of(path.relative_to(folder), contexts))
        for name in SETS
        if (folder := set_folder(project, practice_footage, name)).is_dir()
        for path in sorted(folder.rglob("*"))
        if path.suffix.lower() in SUFFIXES and path.is_file()
    ]
    read_by = digest([code_of(content_id), code_of(length_of), code_of(file_digest)])
    with FileCache(project.machine.data / ".seen", read_by) as seen:
        ids = [seen.ask(content_id, path) for path, *_ in files]
        # The bytes, too: what a container states of the rate is in the list, though not in the id.
        read = [seen.ask(file_digest, path) for path, *_ in files]
        listing = [[*entry, one, content] for (_, *entry), one, content in zip(files, ids, read, strict=True)]

        def describe() -> pl.DataFrame:
            rows = [_describe(seen, *entry, one, shards) for entry, one in zip(files, ids, strict=True)]
            return pl.DataFrame(rows, schema=VIDEOS, orient="row").sort("set", "video")

        made_from = {"videos": listing, "shards": shards}
        manifest = project.store.remember("videos", made_from=made_from, make=describe)
    _forget_others(project, set(ids))
    return manifest


def _context_of(path: Path, contexts: set[str]) -> str | None:
    """The context that a folder on the way to a video is named like."""
    return next((part for part in path.parts[:-1] if part in contexts), None)


def _forget_others(project: Project, ids: set[str]) -> None:
    """Nothing of a video or a shard that is gone stays current."""
    for name in ("features", "video_scores"):
        project.store.keep_only(name, ids)
    for name in ("video_features", "anomaly_scores", "alarms"):
        project.store.keep_only(name, shard_names(project.settings.footage.shards))


def _describe(
    seen: FileCache, path: Path, name: str, video: str, context: str | None, identity: str, shards: int
) -> tuple[Any, ...]:
    row = (name, video, context, identity, shard_of(identity, shards))
    try:
        rate = probe(path).rate or DEFAULT_RATE
        return (*row, seen.ask(length_of, path), str(rate), None)
    except VideoError as error:
        return (*row, None, None, error.problem)


@step
def annotations(project: Project, practice_footage: Artifact, videos: Artifact) -> Artifact:
    """The ground truth of the benchmark, as a checked table of anomalous stretches."""
    source = _annotations_of(project, practice_footage, "benchmark")
    made_from = {
        "table": None if source is None else file_digest(source),
        "videos": [[video, *clock] for video, _, *clock in clocks_of(videos, "benchmark")],
        "set": "benchmark",
    }
    make = partial(_stretches, videos, source, "benchmark")
    return project.store.remember("annotations", made_from=made_from, make=make)


def normal_of_training(project: Project, practice_footage: Artifact, videos: Artifact) -> pl.DataFrame:
    """The readable training videos in which nothing anomalous is annotated; columns as in `VIDEOS`."""
    marked = _stretches(videos, _annotations_of(project, practice_footage, "training"), "training")
    training = videos.read().filter((pl.col("set") == "training") & pl.col("reason").is_null())
    normal: pl.DataFrame = training.join(marked.select("video").unique(), on="video", how="anti")
    return normal.sort("video")


def _annotations_of(project: Project, practice: Artifact, name: str) -> Path | None:
    return next(iter(_tables(set_folder(project, practice, name), "annotations")), None)


def _stretches(videos: Artifact, source: Path | None, name: str) -> pl.DataFrame:
    truth = ground_truth(videos, source, name)
    rows = [(v, i.start_s, i.end_s, i.label) for v in truth.videos for i in truth.intervals[v]]
    schema = {"video": pl.String, "start_s": pl.Float64, "end_s": pl.Float64, "label": pl.String}
    return pl.DataFrame(rows, schema=schema, orient="row")


def clocks_of(videos: Artifact, name: str) -> list[list[Any]]:
    """Path, id, length in seconds and rate of each readable video of a set."""
    rows = videos.read().filter((pl.col("set") == name) & pl.col("reason").is_null())
    return [list(row) for row in rows.select("video", "video_id", "duration_s", "rate").rows()]


def ground_truth(videos: Artifact, table: Path | None, name: str) -> GroundTruth:
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
    clocks = clocks_of(videos, name)
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
    table = read_text_table(tables[0], "captions", CaptionError)
    if missing := [name for name in schema if name not in table.columns]:
        raise CaptionError(
            f"{tables[0]}: no column {', '.join(missing)}; found {', '.join(table.columns) or 'none'}. "
            f"Write one row per described stretch with the columns {','.join(schema)}."
        )
    table = plain_columns(table.select(list(schema)), schema, where=str(tables[0]), error_class=CaptionError)
    try:
        return table.cast(pl.Schema(schema))
    except pl.exceptions.PolarsError as error:
        raise CaptionError(f"{tables[0]}: not seconds or text ({error}). Write plain numbers.") from error


def joined(manifests: Iterable[Artifact]) -> pl.DataFrame:
    """The tables of all shards as one."""
    table: pl.DataFrame = pl.concat([manifest.read() for manifest in manifests])
    return table
