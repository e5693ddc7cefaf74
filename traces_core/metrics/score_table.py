"""A table of scores from any source, fitted to a ground truth: refused where wrong, counted where odd.

A row is a stretch with its score: `video, score` and `first_frame, last_frame` (counted from 0, both
included) or `start_s, end_s` (with `fps` where it is not the data set's). Judging belongs in `evaluation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from traces_core.datasets import GroundTruth, VideoNames
from traces_core.datasets.lengths import LONGEST, stated_rate
from traces_core.datasets.table import plain_columns, read_text_table
from traces_core.errors import AnnotationError, EvaluationError, NotFiniteError
from traces_core.types import ScoreTrack

RULES = (
    "where a table has frames and seconds, the frames count; the times of events are on the data set's clock",
    "a score holds until the next one of its video (frames_held_in_gaps)",
    "frames before the first score of their video rank lowest (frames_before_first)",
    "stretches beyond the end of the video are cut off there (frames_beyond_end)",
    "a frame in two neighbouring stretches, as where an end is written as the next start, has the score of "
    "the later one (frames_shared); more in common is an error",
    "a frame belongs to a stretch in seconds if its time is in [start_s, end_s), give or take a twentieth of "
    "a frame; stretches without a frame are left out (stretches_without_frame)",
)
"""What is done with a table that is not perfect; each is counted under the name in brackets."""
_SLACK = Fraction(1, 20)


@dataclass(frozen=True)
class ScoreTable:
    """Scores that fit a ground truth."""

    tracks: dict[str, ScoreTrack]
    """Per video of `truth`."""
    truth: GroundTruth
    """The ground truth of the scored videos: all of them, unless missing ones were allowed."""
    counts: dict[str, int]
    """How often each of the `RULES` applied, and what the table holds."""


def read_scores(path: Path | str, truth: GroundTruth, *, allow_missing: bool = False) -> ScoreTable:
    """Scores of a `.parquet` or `.csv` table for every video of `truth`.

    Parameters
    ----------
    path : the table; further columns are ignored.
    truth : the ground truth it is to be judged by.
    allow_missing : judge the scored videos alone where some have no score.

    Raises
    ------
    EvaluationError
        If columns are missing, a row is not understood, a video is unknown or missing, or two stretches
        share more than one frame.
    NotFiniteError
        If a score is missing, NaN or infinite.
    """
    path = Path(path)
    table = _checked_columns(path, read_text_table(path, "scores", EvaluationError))
    table, spellings = _with_videos(path, table, truth)
    missing = sorted(set(truth.videos) - set(table["video"]))
    if missing and not allow_missing:
        raise EvaluationError(
            f"{path}: {len(missing)} of the {len(truth.videos)} videos of {truth.name!r} have no score, such "
            f"as {missing[0]!r}. Score them all; `--allow-missing` judges the others alone, which is another "
            "test set."
        )
    table = _with_frames(path, table, truth)
    counts = {"rows": len(table), "videos_missing": len(missing), "videos_spelled_otherwise": spellings}
    is_empty = table["after"] <= table["first"]
    counts["stretches_without_frame"] = int(is_empty.sum())
    table = table.filter(~is_empty).sort("video", "first", "after")
    judged = _without(truth, missing) if missing else truth
    tracks, fitted = _tracks(path, table, judged)
    return ScoreTable(tracks, judged, counts | fitted)


def _checked_columns(path: Path, table: pl.DataFrame) -> pl.DataFrame:
    """Columns video, score, begin, end in numbers, `fps` as text, and `row` counted from 1."""
    in_frames = {"first_frame", "last_frame"} <= set(table.columns)
    in_seconds = {"start_s", "end_s"} <= set(table.columns)
    if not {"video", "score"} <= set(table.columns) or not (in_frames or in_seconds):
        raise EvaluationError(
            f"{path}: found the columns {', '.join(table.columns) or 'none'}; expected video, score and "
            "first_frame, last_frame (both included) or start_s, end_s."
        )
    if not len(table):
        raise EvaluationError(f"{path}: no row. Write one row per scored stretch.")
    begin, end = ("first_frame", "last_frame") if in_frames else ("start_s", "end_s")
    names = ("video", "score", "fps", begin, end)
    table = plain_columns(table, names, where=str(path), error_class=EvaluationError)
    try:
        read = _in_numbers(table, begin, end, in_frames)
    except pl.exceptions.PolarsError as error:
        raise EvaluationError(f"{path}: a column holds no numbers ({error}). Write plain numbers.") from error
    _refuse(path, read, pl.col("video").is_null() | (pl.col("video") == ""), "no video is named", "Name it.")
    wrong = ~pl.col("score").is_finite().fill_null(False)
    _refuse(
        path,
        read,
        wrong,
        "the score is not a finite number",
        "Fix the scorer; leave the row out to hold the last score.",
        NotFiniteError,
    )
    for name, column in ((begin, "begin"), (end, "end")):
        whole = (pl.col(column) == pl.col(column).round()) if in_frames else pl.lit(True)
        wrong = ~(pl.col(column).is_between(0, LONGEST) & whole).fill_null(False)
        kind = "a whole number" if in_frames else "a number of seconds"
        _refuse(
            path,
            read,
            wrong,
            f"{name} is not {kind} of at least 0 (and at most {LONGEST:g})",
            "Count from the first frame.",
        )
    _refuse(path, read, pl.col("end") < pl.col("begin"), f"{end} is before {begin}", "Swap them.")
    return read


def _in_numbers(table: pl.DataFrame, begin: str, end: str, in_frames: bool) -> pl.DataFrame:
    return table.select(
        pl.int_range(1, pl.len() + 1).alias("row"),
        pl.col("video").cast(pl.String),
        pl.col("score").cast(pl.Float64, strict=False),
        pl.col(begin).cast(pl.Float64, strict=False).alias("begin"),
        pl.col(end).cast(pl.Float64, strict=False).alias("end"),
        (pl.col("fps").cast(pl.String) if "fps" in table.columns else pl.lit(None, pl.String)).alias("fps"),
        pl.lit(in_frames).alias("in_frames"),
    )


def _refuse(
    path: Path,
    table: pl.DataFrame,
    is_wrong: pl.Expr,
    problem: str,
    do: str,
    error: type[EvaluationError] | type[NotFiniteError] = EvaluationError,
) -> None:
    wrong = table.filter(is_wrong)
    if len(wrong):
        first = wrong.row(0, named=True)
        values = f"from {first['begin']} to {first['end']}, score {first['score']}"
        raise error(
            f"{path}: row {first['row']} (video {first['video']!r}, {values}): {problem}; {len(wrong)} of "
            f"{len(table)} rows are like this. {do}"
        )


def _with_videos(path: Path, table: pl.DataFrame, truth: GroundTruth) -> tuple[pl.DataFrame, int]:
    """The table with the names of the ground truth, and how many of them were spelled otherwise."""
    names = VideoNames(truth.videos)
    first_rows = table.group_by("video", maintain_order=True).agg(pl.col("row").first())
    meant: dict[str, str] = {}
    spelling: dict[str, str] = {}
    for written, row in first_rows.select("video", "row").rows():
        video = names.find(written, where=f"{path}: row {row}", error=EvaluationError)
        if video in spelling:
            raise EvaluationError(
                f"{path}: row {row}: {written!r} and {spelling[video]!r} both mean {video!r}. Spell it once."
            )
        meant[written], spelling[video] = video, written
    spelled = sum(written != video for written, video in meant.items())
    return table.with_columns(pl.col("video").replace_strict(meant, return_dtype=pl.String)), spelled


def _with_frames(path: Path, table: pl.DataFrame, truth: GroundTruth) -> pl.DataFrame:
    """The table with `first` and `after`: the frames of each stretch, half-open."""
    if table["in_frames"].all():
        return table.with_columns(
            first=pl.col("begin").cast(pl.Int64), after=pl.col("end").cast(pl.Int64) + 1
        )
    clocks = table.group_by("video", "fps", maintain_order=True).agg(pl.col("row").first())
    rates = []
    for video, fps, row in clocks.select("video", "fps", "row").rows():
        try:
            rate = stated_rate(fps, where=f"{path}: row {row}") or truth.rates[video]
        except AnnotationError as error:
            raise EvaluationError(str(error)) from None
        rates.append(float(rate))
    clocks = clocks.with_columns(rate=pl.Series(rates, dtype=pl.Float64)).drop("row")
    timed = table.join(clocks, on=["video", "fps"], nulls_equal=True, maintain_order="left")
    slack = float(_SLACK)
    return timed.with_columns(
        first=(pl.col("begin") * pl.col("rate") - slack).ceil().cast(pl.Int64),
        after=(pl.col("end") * pl.col("rate") - slack).ceil().cast(pl.Int64),
    )


def _without(truth: GroundTruth, missing: list[str]) -> GroundTruth:
    gone = set(missing)
    kept = [video for video in truth.videos if video not in gone]
    if not kept:
        raise EvaluationError(f"{truth.name}: none of its videos is scored. Score at least one.")
    return truth.only(kept, f"{truth.name}, {len(kept)} of {len(truth.videos)} videos")


def _tracks(
    path: Path, table: pl.DataFrame, truth: GroundTruth
) -> tuple[dict[str, ScoreTrack], dict[str, int]]:
    with np.errstate(over="ignore"):
        below = float(np.nextafter(np.min(table["score"].to_numpy(), initial=np.inf), -np.inf))
    lowest = max(below, float(np.finfo(np.float64).min))  # below the least number there is: tied with it
    counts = dict.fromkeys(
        ("frames_shared", "frames_held_in_gaps", "frames_before_first", "frames_beyond_end"), 0
    )
    parts = {str(key[0]): part for key, part in table.group_by("video", maintain_order=True)}
    tracks = {}
    for video in truth.videos:
        frames = len(truth.frame_times(video))
        part = parts.get(video)
        is_inside = part["first"] < frames if part is not None else None
        if part is None or is_inside is None or not is_inside.any():
            raise EvaluationError(
                f"{path} (video {video!r}): no score within its {frames} frames. Score it from its first "
                "frame on, and check that frames and seconds are not mixed up."
            )
        first, after = part["first"].to_numpy(), part["after"].to_numpy()
        counts["frames_beyond_end"] += int(np.maximum(after - np.maximum(first, frames), 0).sum())
        part = part.filter(is_inside)
        first, after = part["first"].to_numpy(), np.minimum(part["after"].to_numpy(), frames)
        gaps = np.append(first[1:], frames) - after
        _refuse_overlap(path, part, first, gaps)
        counts["frames_shared"] += int((gaps < 0).sum())
        counts["frames_held_in_gaps"] += int(np.maximum(gaps, 0).sum())
        counts["frames_before_first"] += int(first[0])
        values = part["score"].to_numpy()
        if first[0] > 0:
            first, values = np.append(0, first), np.append(lowest, values)
        rate = truth.rates[video]
        times_s = first * rate.denominator / np.float64(rate.numerator)
        tracks[video] = ScoreTrack(times_s, values, stream="scores")
    return tracks, counts


def _refuse_overlap(
    path: Path, part: pl.DataFrame, first: NDArray[np.int64], gaps: NDArray[np.int64]
) -> None:
    wrong = np.flatnonzero((gaps[:-1] < -1) | (np.diff(first) < 1))
    if len(wrong):
        one, other = part.row(int(wrong[0]), named=True), part.row(int(wrong[0]) + 1, named=True)
        raise EvaluationError(
            f"{path} (video {one['video']!r}): rows {one['row']} and {other['row']} overlap: "
            f"{one['begin']:g} to {one['end']:g} and {other['begin']:g} to {other['end']:g} "
            f"(pairs like this: {len(wrong)}). A frame has one score: keep one, or cut the stretches."
        )
