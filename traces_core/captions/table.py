"""A table of captions: one for each stretch of each video. Checked; what is odd is counted.

A row is a stretch with its caption: `video, caption` and `first_frame, last_frame` (counted from 0, both
included) or `start_s, end_s` (half-open); `fps` where it is not 30. Any rate will do: one a second, one a
frame, one every ten seconds. Cutting captions is in `sentences`, scoring in `stream`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import polars as pl

from traces_core.datasets.lengths import LONGEST, stated_rate
from traces_core.datasets.table import plain_columns, read_text_table
from traces_core.errors import AnnotationError, CaptionError
from traces_core.store.digest import digest
from traces_core.text.answers import answer

RULES = (
    "where a table has frames and seconds, the frames count",
    "rows may be in any order; they are sorted by video and time (out_of_order)",
    "a row that says the same as another about the same stretch is left out (rows_repeated)",
    "neighbours may have one frame in common, as where an end is the next start; it belongs to the "
    "later one (frames_shared); more in common is an error",
    "what a model thought, and the marks of its template, are no caption (thoughts_removed); a row that says "
    "nothing else is left out (thoughts_only)",
    "between two stretches nothing is said, and the score before holds (gaps)",
)
"""What is done with a table that is not perfect; each is counted under the name in brackets."""
DEFAULT_FPS = Fraction(30)
_SLACK_FRAMES = 0.05
"""Seconds that were rounded do not overlap for that: a twentieth of a frame, as in `metrics.score_table`."""
_NOTHING = ("", "nan", "null", "none")


@dataclass(frozen=True)
class CaptionTable:
    """Captions that can be scored."""

    rows: pl.DataFrame
    """Sorted by video and time: `video, start_s, end_s, caption`, seconds half-open and without overlap;
    and, where the table had them, `first_frame, last_frame` as written, and `fps` as text."""
    counts: dict[str, int] = field(default_factory=dict)
    """How often each of the `RULES` applied, and what the table holds."""

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def stretches(self) -> pl.DataFrame:
        """The columns that say where a row is, as `traces evaluate` reads them."""
        frames = ["first_frame", "last_frame"]
        place = frames if "first_frame" in self.rows.columns else ["start_s", "end_s"]
        return self.rows.select("video", *place, *(["fps"] if "fps" in self.rows.columns else []))

    @property
    def fingerprint(self) -> str:
        """Digest of the content: stretches and captions."""
        return digest(self.rows.write_ndjson())


def read_captions(path: Path | str, *, fps: Fraction = DEFAULT_FPS) -> CaptionTable:
    """Captions of a `.parquet` or `.csv` table.

    Parameters
    ----------
    path
        The table; further columns are ignored.
    fps
        Frames per second of the rows that state no `fps`; a column takes precedence.

    Raises
    ------
    CaptionError
        If the file cannot be read or holds no row; a column is missing; a video, a caption or a stretch is;
        a rate is not understood or differs within a video; two stretches share more than one frame. The
        message names the file, the video and the rows (the first below the header is row 1).

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "captions.csv"
    ...     _ = path.write_text("video,first_frame,last_frame,caption\\na.mp4,0,29,A man walks.\\n")
    ...     read_captions(path).rows.rows()
    [('a.mp4', 0.0, 1.0, 'A man walks.', 0, 29)]
    """
    path = Path(path)
    return check_captions(read_text_table(path, "captions", CaptionError), path, fps=fps)


def check_captions(
    table: pl.DataFrame, source: Path | str = "captions", *, fps: Fraction = DEFAULT_FPS
) -> CaptionTable:
    """As `read_captions`, of a table in memory; `source` is what messages call it."""
    source = str(source)
    counts = {"rows": len(table)}
    read = _timed(source, _answered(source, _checked(source, table), counts), fps)
    in_order = read.sort("video", "start_s", "end_s", "row", maintain_order=True)
    counts["out_of_order"] = _backward_steps(read)
    once = in_order.unique(["video", "start_s", "end_s", "caption"], keep="first", maintain_order=True)
    counts["rows_repeated"] = len(read) - len(once)
    next_start = pl.col("start_s").shift(-1).over("video")
    excess = (pl.col("end_s") - next_start) * pl.col("rate")  # frames in common with the next stretch
    once = once.with_columns(excess=excess.fill_null(0.0))
    _refuse_overlap(source, once)
    shared, gap = once["excess"] > _SLACK_FRAMES, once["excess"] < -_SLACK_FRAMES
    counts |= {"frames_shared": int(shared.sum()), "gaps": int(gap.sum())}
    counts |= {"videos": once["video"].n_unique()}
    cut = once.with_columns(end_s=pl.min_horizontal("end_s", next_start))
    optional = [name for name in ("first_frame", "last_frame", "fps") if name in cut.columns]
    return CaptionTable(cut.select("video", "start_s", "end_s", "caption", *optional), counts)


def _checked(source: str, table: pl.DataFrame) -> pl.DataFrame:
    """Columns row (from 1), video, caption, begin, end, fps (text or null), and whether begin is a frame."""
    in_frames = {"first_frame", "last_frame"} <= set(table.columns)
    in_seconds = {"start_s", "end_s"} <= set(table.columns)
    if not {"video", "caption"} <= set(table.columns) or not (in_frames or in_seconds):
        raise CaptionError(
            f"{source}: found the columns {', '.join(table.columns) or 'none'}; expected video, caption and "
            "first_frame, last_frame (both included) or start_s, end_s; perhaps fps."
        )
    if not len(table):
        raise CaptionError(f"{source}: no row. Write one row per described stretch.")
    begin, end = ("first_frame", "last_frame") if in_frames else ("start_s", "end_s")
    names = ("video", "caption", "fps", begin, end)
    table = plain_columns(table, names, where=source, error_class=CaptionError)
    read = table.select(
        pl.int_range(1, pl.len() + 1).alias("row"),
        pl.col("video").cast(pl.String),
        pl.col("caption").cast(pl.String, strict=False).str.strip_chars(),
        pl.col(begin).cast(pl.Float64, strict=False).alias("begin"),
        pl.col(end).cast(pl.Float64, strict=False).alias("end"),
        (pl.col("fps").cast(pl.String) if "fps" in table.columns else pl.lit(None, pl.String)).alias("fps"),
        pl.lit(in_frames).alias("in_frames"),
        pl.lit("fps" in table.columns).alias("says_fps"),
    )
    is_nothing = pl.col("caption").is_null() | pl.col("caption").str.to_lowercase().is_in(_NOTHING)
    _refuse(
        source, read, pl.col("video").is_null() | (pl.col("video") == ""), "no video is named", "Name it."
    )
    leave = "Leave the row out: the score before it holds."
    _refuse(source, read, is_nothing, "there is no caption", leave)
    kind = "a whole number" if in_frames else "a number of seconds"
    for name, column in ((begin, "begin"), (end, "end")):
        whole = (pl.col(column) == pl.col(column).round()) if in_frames else pl.lit(True)
        is_wrong = ~(pl.col(column).is_between(0, LONGEST) & whole).fill_null(False)
        _refuse(
            source,
            read,
            is_wrong,
            f"{name} is not {kind} of at least 0 (and at most {LONGEST:g})",
            "Count from the first frame.",
        )
    is_backward = (pl.col("end") < pl.col("begin")) if in_frames else (pl.col("end") <= pl.col("begin"))
    _refuse(source, read, is_backward, f"{end} is not after {begin}", "Swap or correct them.")
    return read


def _answered(source: str, read: pl.DataFrame, counts: dict[str, int]) -> pl.DataFrame:
    """The rows that say something, without what a model thought; both changes are counted."""
    answers = {caption: answer(caption) for caption in read["caption"].unique()}
    said = read["caption"].replace_strict(answers, return_dtype=pl.String)
    counts["thoughts_removed"] = int(((said != read["caption"]) & (said != "")).sum())
    counts["thoughts_only"] = int((said == "").sum())
    if counts["thoughts_only"] == len(read):
        raise CaptionError(
            f"{source}: every one of the {len(read)} captions is what a model thought, without an answer. "
            "Let it answer at greater length (max_tokens), or without thinking."
        )
    return read.with_columns(said).filter(pl.col("caption") != "")


def _timed(source: str, read: pl.DataFrame, fps: Fraction) -> pl.DataFrame:
    """The table with `start_s` and `end_s`, half-open, and `rate`, frames per second."""
    clocks = read.group_by("video", "fps", maintain_order=True).agg(pl.col("row").first())
    rates: dict[str, tuple[Fraction, int]] = {}
    for video, stated, row in clocks.rows():
        try:
            rate = stated_rate(stated, where=f"{source}: row {row}") or fps
        except AnnotationError as error:
            raise CaptionError(str(error)) from None
        known, first = rates.setdefault(video, (rate, row))
        if known != rate:
            raise CaptionError(
                f"{source} (video {video!r}): {known} frames per second in row {first}, {rate} in row {row}. "
                "A video has one rate: correct fps."
            )
    # As `frame_times`: the float nearest to the exact second, so that a frame written elsewhere is the same.
    up, down = (
        pl.col("video").replace_strict(
            {video: getattr(rate, part) for video, (rate, _) in rates.items()}, return_dtype=pl.Float64
        )
        for part in ("numerator", "denominator")
    )
    timed = read.with_columns(rate=up / down)
    if not read["says_fps"].all():
        timed = timed.drop("fps")
    if not timed["in_frames"].all():
        return timed.with_columns(start_s="begin", end_s="end")
    return timed.with_columns(
        start_s=pl.col("begin") * down / up,
        end_s=(pl.col("end") + 1) * down / up,
        first_frame=pl.col("begin").cast(pl.Int64),
        last_frame=pl.col("end").cast(pl.Int64),
    )


def _backward_steps(read: pl.DataFrame) -> int:
    """Rows that begin before the row above them, of the same video."""
    earlier = pl.col("start_s") < pl.col("start_s").shift(1).over("video")
    return int(read.select(earlier.fill_null(False).sum()).item())


def _refuse(source: str, read: pl.DataFrame, is_wrong: pl.Expr, problem: str, do: str) -> None:
    wrong = read.filter(is_wrong)
    if len(wrong):
        first = wrong.row(0, named=True)
        stretch = f"from {first['begin']} to {first['end']}"
        raise CaptionError(
            f"{source}: row {first['row']} (video {first['video']!r}, {stretch}): {problem}; {len(wrong)} of "
            f"{len(read)} rows are affected. {do}"
        )


def _refuse_overlap(source: str, once: pl.DataFrame) -> None:
    """More than one frame in common, or nothing left of the earlier stretch."""
    same = pl.col("start_s").shift(-1).over("video") <= pl.col("start_s")
    is_wrong = (pl.col("excess") > 1 + _SLACK_FRAMES) | same.fill_null(False)
    wrong = once.with_row_index("place").filter(is_wrong)
    if len(wrong):
        place = int(wrong["place"][0])
        one, other = once.row(place, named=True), once.row(place + 1, named=True)
        raise CaptionError(
            f"{source} (video {one['video']!r}): rows {one['row']} and {other['row']} overlap: "
            f"{one['start_s']:g} to {one['end_s']:g} s and {other['start_s']:g} to {other['end_s']:g} s "
            f"(pairs like this: {len(wrong)}). Neighbours may share one frame: keep one row, or cut them."
        )
