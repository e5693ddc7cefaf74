"""The project's own annotation table: `video, start_s, end_s, label`, as Parquet or CSV.

Reading and writing of that one layout; the checks on its content are those of `GroundTruth.from_rows`.
"""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Iterable, Mapping
from fractions import Fraction
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from traces_core.datasets.ground_truth import AnnotationRow, GroundTruth
from traces_core.errors import AnnotationError, TracesError

COLUMNS = ("video", "start_s", "end_s", "label")
MOST_BYTES = 2**31
"""Of a Parquet table in memory: a file of some kilobytes may unpack to any number."""
UNREADABLE = (OSError, ValueError, pa.ArrowException, pl.exceptions.PolarsError)
"""What is raised where a table is damaged, too large or not there."""
_BATCH_ROWS = 65_536
_SECOND = "_duplicated_0"
"""What polars adds to the name of a second column in a CSV."""
_TICKS = {"ms": 10**3, "us": 10**6, "ns": 10**9}


def read_annotations(
    path: Path | str,
    *,
    durations_s: Mapping[str, float],
    rates: Mapping[str, Fraction] | Fraction,
    name: str | None = None,
) -> GroundTruth:
    """Ground truth from the project's own table `video, start_s, end_s, label`.

    Parameters
    ----------
    path : a `.csv` or `.parquet` file. `label` may be absent; further columns are ignored.
    durations_s : seconds of every video of the folder, by path relative to it.
    rates : frames per second of each video, or one for all.
    name : how the ground truth is called; the file's stem if None.

    Raises
    ------
    AnnotationError
        If the table cannot be read, lacks a column, or a row is wrong (see `GroundTruth.from_rows`); the
        message names the file, the row (the first below the header is row 1) and what to do.
    """
    path = Path(path)
    table = read_text_table(path)
    missing = [column for column in COLUMNS[:3] if column not in table.columns]
    if missing:
        raise AnnotationError(
            f"{path}: no column {', '.join(missing)}; found {', '.join(table.columns) or 'none'}. "
            f"Write one row per anomalous stretch with the columns {','.join(COLUMNS)}."
        )
    table = plain_columns(table, COLUMNS, where=str(path))
    if "label" not in table.columns:
        table = table.with_columns(label=pl.lit(""))
    rows = [_row(path, number, values) for number, values in enumerate(table.select(COLUMNS).rows(), 1)]
    return GroundTruth.from_rows(name or path.stem, rows, durations_s=durations_s, rates=rates)


def read_text_table(
    path: Path, what: str = "annotations", error_class: type[TracesError] = AnnotationError
) -> pl.DataFrame:
    """A `.csv` (every column as text) or `.parquet` table; `what` it holds is for the message of an error."""
    if path.suffix not in (".csv", ".parquet"):
        raise error_class(f"{path}: {what} are a .csv or a .parquet table. Save it as one of them.")
    try:
        if path.suffix == ".parquet":
            return read_parquet(path)
        # As text: a video may be called "007", and a wrong number must be reported with its row.
        # Opened here: to polars `file:a.csv` is /a.csv, and `~/` is the home folder.
        with path.open("rb") as source:
            table = pl.read_csv(source, infer_schema=False, glob=False)
    except (*UNREADABLE, pl.exceptions.PanicException) as error:
        raise error_class(
            f"{path}: cannot be read as a table ({error}). Check the path and the file."
        ) from error
    if twice := [name for name in table.columns if f"{name}{_SECOND}" in table.columns]:
        raise error_class(f"{path}: two columns are called {twice[0]}. Keep one of them.")
    return table


def read_parquet(path: Path) -> pl.DataFrame:
    """A stranger's Parquet table, texts and numbers; a list or a struct is a column without its values.

    By Arrow: a damaged file aborts the process in polars ("memory allocation failed").

    Raises
    ------
    OSError, ValueError, pyarrow.ArrowException, polars.exceptions.PolarsError
        As `UNREADABLE`: also where the table takes more than `MOST_BYTES`, by its footer or as it comes out.
    """
    with path.open("rb") as source, pq.ParquetFile(source) as file:
        plain = pa.schema(
            (one.name, one.type.value_type if pa.types.is_dictionary(one.type) else one.type)
            for one in file.schema_arrow
        )
        flat = pa.schema(one for one in plain if not pa.types.is_nested(one.type))
        batches, total = [], 0
        for batch in file.iter_batches(_batch_rows(file), columns=flat.names, use_threads=False):
            batches.append(batch if batch.schema.equals(flat) else batch.cast(flat))
            _refuse_size(total := total + batches[-1].nbytes)
        table = pa.Table.from_batches(batches, flat)
        for place, one in enumerate(plain):
            if pa.types.is_nested(one.type):
                table = table.add_column(place, one, pa.nulls(len(table), one.type))
        return pl.DataFrame(table)


def _batch_rows(file: pq.ParquetFile) -> int:
    """Rows that fit into memory even if each holds the longest text that the footer leaves room for."""
    about, longest = file.metadata, 1
    total = 8 * about.num_rows * about.num_columns
    for group, column in itertools.product(range(about.num_row_groups), range(about.num_columns)):
        if file.schema.column(column).name == file.schema.column(column).path:  # it does not nest
            size = about.row_group(group).column(column).total_uncompressed_size
            total += size
            if about.row_group(group).column(column).physical_type.endswith("BYTE_ARRAY"):
                longest = max(longest, size)
    _refuse_size(total)
    return max(1, min(_BATCH_ROWS, MOST_BYTES // longest))


def _refuse_size(size: int) -> None:
    if size > MOST_BYTES:
        raise pa.ArrowInvalid(
            f"it unpacks to more than {MOST_BYTES / 2**20:,.0f} MiB, which is the most that is read; leave "
            "out the columns that nobody needs, or divide it"
        )


def plain_columns(
    table: pl.DataFrame,
    names: Iterable[str],
    *,
    where: str,
    error_class: type[TracesError] = AnnotationError,
) -> pl.DataFrame:
    """The table with some of its columns as text or numbers; others, and names it lacks, are left alone.

    Where the name ends in `_s`, durations and times of day become seconds. What has no plain value (a list,
    a date, bytes; a duration where no seconds are expected) is refused: its cast would be another number.

    Examples
    --------
    >>> import datetime
    >>> table = pl.DataFrame({"start_s": [datetime.timedelta(milliseconds=1500)]})
    >>> plain_columns(table, ["start_s"], where="here")["start_s"].to_list()
    [1.5]
    """
    for name in names:
        kind = table.schema.get(name, pl.String())
        is_time = isinstance(kind, pl.Duration | pl.Time) and name.endswith("_s")
        if is_time:
            ticks = _TICKS[kind.time_unit if isinstance(kind, pl.Duration) else "ns"]
            table = table.with_columns(pl.col(name).cast(pl.Int64) / ticks)
        elif isinstance(kind, pl.Categorical | pl.Enum):
            table = table.with_columns(pl.col(name).cast(pl.String))
        elif kind.is_nested() or kind.is_temporal() or isinstance(kind, pl.Binary | pl.Object):
            row = (table[name].is_not_null().arg_max() or 0) + 1
            values = [] if kind.is_nested() else table[name][row - 1 : row].to_list()
            value = ", ".join(map(reprlib.repr, values)) or "no single value"
            expected = "seconds" if name.endswith("_s") else "plain text or numbers"
            raise error_class(
                f"{where}: row {row}: {name} is {value} (a column of {kind}); expected {expected}. "
                "Write one plain value in each row."
            )
    return table


def _row(path: Path, number: int, values: tuple[object, ...]) -> AnnotationRow:
    where = f"{path}: row {number}"
    video, start, end, label = values
    if video is None or not str(video):
        raise AnnotationError(f"{where}: no video is named. Give its path relative to the footage folder.")
    try:
        start_s, end_s = float(str(start)), float(str(end))
    except ValueError:
        raise AnnotationError(
            f"{where} (video {video!r}): start_s={start!r}, end_s={end!r} are not both numbers. "
            "Write seconds with a decimal point, such as 12.5."
        ) from None
    return AnnotationRow(str(video), start_s, end_s, "" if label is None else str(label).strip(), where)
