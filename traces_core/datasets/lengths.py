"""How long each video of a data set is: the list of ALL videos, which annotations alone do not give.

Two layouts: a text with a line `name first_frame last_frame ...` (last frame included) or `name frames`, and
a table `video, frames` with an optional `fps`, as .csv or .parquet.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from traces_core.datasets.names import bare_name
from traces_core.datasets.table import read_text_table
from traces_core.errors import AnnotationError


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
        if length.frames < 1:
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

    The usual roundings of the NTSC rates (23.976, 29.97, 59.94) mean the exact ones.

    Examples
    --------
    >>> parse_rate("29.97", where="here"), parse_rate(12.5, where="here")
    (Fraction(30000, 1001), Fraction(25, 2))
    """
    try:
        rate = Fraction(str(text).strip())
    except (ValueError, ZeroDivisionError):
        rate = Fraction(0)
    if rate <= 0:
        raise AnnotationError(f"{where}: fps is {text!r}. Give frames per second, as 25 or 30000/1001.")
    ntsc = Fraction(round(rate) * 1000, 1001)
    return ntsc if rate.denominator != 1 and abs(rate - ntsc) < Fraction(1, 200) else rate


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
    table = read_text_table(path)
    if not {"video", "frames"} <= set(table.columns):
        raise AnnotationError(
            f"{path}: found the columns {', '.join(table.columns)}; expected video, frames and perhaps fps."
        )
    rows = []
    for number, row in enumerate(table.iter_rows(named=True), 1):
        where = f"{path}: row {number}"
        try:
            frames = int(str(row["frames"]))
        except ValueError:
            raise AnnotationError(f"{where}: frames is {row['frames']!r}; expected a whole number.") from None
        fps = row.get("fps")
        rate = None if fps is None or fps == "" else parse_rate(fps, where=where)
        rows.append((where, str(row["video"]), Length(frames, rate)))
    return rows
