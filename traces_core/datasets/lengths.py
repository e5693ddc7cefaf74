"""How long each video of a data set is: the list of ALL videos, which annotations alone do not give.

Two layouts: a text with a line `name first_frame last_frame ...` (last frame included) or `name frames`, and
a table `video, frames` with an optional `fps`, as .csv or .parquet.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

from traces_core.datasets.names import bare_name
from traces_core.datasets.table import plain_columns, read_text_table
from traces_core.errors import AnnotationError

LONGEST = 10**11
"""Largest frame number, and largest time in seconds, that a table may state: 3,000 years."""
_MOST_FRAMES = 10**8
"""Of one video, 38 days at 30 a second: each has a label and a score in memory."""
_RATES = (1e-6, 1e6)
"""Slowest and fastest clock of a video; beyond, times and frames are no longer exact."""


@dataclass(frozen=True, slots=True)
class Length:
    """Length of one video."""

    frames: int
    """Frames in all."""
    rate: Fraction | None = None
    """Frames per second; None where the list does not say it."""


def read_lengths(path: Path | str) -> dict[str, Length]:
    """Lengths of all videos, by name as the file writes it.

    Raises
    ------
    AnnotationError
        If the file cannot be read, a line is not understood, a length is not above 0, or a video is named
        twice.
    """
    path = Path(path)
    rows = _table_rows(path) if path.suffix in (".csv", ".parquet") else _text_rows(path)
    lengths: dict[str, Length] = {}
    for where, video, length in rows:
        if not 1 <= length.frames <= _MOST_FRAMES:
            raise AnnotationError(f"{where}: {video!r} has {length.frames} frames. Give the frames it has.")
        if video in lengths:
            raise AnnotationError(f"{where}: {video!r} is named a second time. Remove one of the two.")
        lengths[video] = length
    if not lengths:
        raise AnnotationError(f"{path}: no video is named. Write one line per video: name first last.")
    return lengths


def bare_lengths(lengths: Mapping[str, Length]) -> dict[str, Length]:
    """The same by file name alone, without folder and extension."""
    bare: dict[str, Length] = {}
    for video, length in lengths.items():
        if bare.setdefault(bare_name(video), length) is not length:
            raise AnnotationError(f"lengths: two videos are called {bare_name(video)!r}. Keep one of them.")
    return bare


def parse_rate(text: object, *, where: str) -> Fraction:
    """Frames per second as a fraction, from `30`, `29.97` or `30000/1001`.

    Every other rate is exact. A decimal that is an NTSC rate to its last digit (23.976, 29.97, 59.94) means
    that rate: those are multiples of 12 or 15, slowed by 1000/1001.

    Examples
    --------
    >>> parse_rate("29.97", where="here"), parse_rate(12.5, where="here"), parse_rate("1/300", where="here")
    (Fraction(30000, 1001), Fraction(25, 2), Fraction(1, 300))
    """
    written = str(text).strip()
    try:
        above, _, below = written.partition("/")
        # Floats first: the fraction of 1e999999999 has as many digits.
        is_rate = _RATES[0] <= float(above) / float(below or 1) <= _RATES[1]
        rate = Fraction(written) if is_rate else Fraction(0)
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise AnnotationError(f"{where}: fps is {text!r}. Give frames per second, as 25 or 30000/1001.")
    nominal = round(rate)
    if rate.denominator == 1 or below or (nominal % 12 and nominal % 15) or not nominal:
        return rate
    ntsc = Fraction(nominal * 1000, 1001)
    last_digit = Fraction(10) ** int(Decimal(written).normalize().as_tuple().exponent)
    return ntsc if abs(rate - ntsc) <= last_digit / 2 else rate


def stated_rate(value: object, *, where: str) -> Fraction | None:
    """As `parse_rate`; None where a table leaves the cell empty, which some write as NaN."""
    is_blank = value is None or str(value).strip().lower() in ("", "nan")
    return None if is_blank else parse_rate(value, where=where)


def read_lines(path: Path) -> list[tuple[str, list[str]]]:
    """Lines of a text file, split at white space, each with where it is; empty lines are left out."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{path}: cannot be read as text ({error}). Check the path.") from error
    split = [(f"{path}: line {number}", line.split()) for number, line in enumerate(text.splitlines(), 1)]
    return [(where, words) for where, words in split if words]


def whole_numbers(words: Sequence[str]) -> list[int]:
    """The words as whole numbers; none where one of them is not one.

    Examples
    --------
    >>> whole_numbers(["165", "-1"]), whole_numbers(["165", "x"])
    ([165, -1], [])
    """
    try:
        return [int(word) for word in words]
    except ValueError:
        return []


def _text_rows(path: Path) -> list[tuple[str, str, Length]]:
    rows = []
    for where, words in read_lines(path):
        try:
            if len(words) == 2:
                frames = int(words[1])
            else:
                first, last = int(words[1]), int(words[2])
                frames = last + 1 if first == 0 else 0
        except (ValueError, IndexError):
            frames = 0
        if frames < 1:
            raise AnnotationError(
                f"{where}: {' '.join(words)!r} is not 'name 0 last_frame' (last frame included) nor "
                "'name frames'. Frames are counted from 0; a name holds no spaces (else use a .csv table)."
            )
        rows.append((where, words[0], Length(frames)))
    return rows


def _table_rows(path: Path) -> list[tuple[str, str, Length]]:
    table = plain_columns(read_text_table(path), ("video", "frames", "fps"), where=str(path))
    if not {"video", "frames"} <= set(table.columns):
        raise AnnotationError(
            f"{path}: found the columns {', '.join(table.columns)}; expected video, frames and perhaps fps."
        )
    rows = []
    for number, row in enumerate(table.iter_rows(named=True), 1):
        where = f"{path}: row {number}"
        if row["video"] is None or not str(row["video"]):
            raise AnnotationError(f"{where}: no video is named. Name it, or remove the row.")
        try:
            frames = float(str(row["frames"]))  # 300.0 where a column has gaps elsewhere
        except ValueError:
            frames = math.nan
        if not frames.is_integer() or abs(frames) > LONGEST:
            raise AnnotationError(f"{where}: frames is {row['frames']!r}; expected a whole number.")
        length = Length(int(frames), stated_rate(row.get("fps"), where=where))
        rows.append((where, str(row["video"]), length))
    return rows
