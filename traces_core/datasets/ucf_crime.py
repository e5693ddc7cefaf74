"""UCF-Crime and what is written like it: the official text, VERA's re-annotation, MSAD.

A line is `name class start end start end ...` in frames counted from 0, -1 where there is none; the class of
normal videos is Normal. Frames, because the end marks are frame numbers: with the last frame INCLUDED the
official 290 videos have 84,331 anomalous frames of 1,111,808.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path

from traces_core.datasets.ground_truth import GroundTruth
from traces_core.datasets.lengths import Length, bare_lengths, read_lines, whole_numbers
from traces_core.datasets.marks import Ends, Mark, truth_from_marks
from traces_core.datasets.names import VideoNames, bare_name
from traces_core.errors import AnnotationError

KNOWN_MARKS = {
    "1874696950f08297": "UCF-Crime, official annotation",
    "6763d548f06eed46": "UCF-Crime, re-annotation of VERA",
}
"""Digest of the marks: two ground truths of the same videos are in use, and 14 videos differ."""
UCF_RATE = Fraction(30)
MSAD_RATE = Fraction(30)
"""MSAD's own rates differ from video to video: give them with the lengths where seconds matter."""


def read_ucf_crime(
    path: Path | str,
    lengths: Mapping[str, Length] | None,
    *,
    ends: Ends = "inclusive",
    rate: Fraction = UCF_RATE,
) -> GroundTruth:
    """Ground truth from a text in UCF-Crime's format, or from VERA's .json.

    Parameters
    ----------
    path : the annotation. It must name exactly the videos of `lengths`.
    lengths : frames of every video; None for VERA's .json, which has its own.
    ends : what an end mark means.
    rate : frames per second where the lengths do not say it.

    Returns
    -------
    GroundTruth
        Named by its marks: the official annotation and VERA's re-annotation have different names,
        whatever their files are called.

    Raises
    ------
    AnnotationError
        If a line is not understood or wrong, or a video is missing, unknown or named twice.
    """
    return _read(Path(path), lengths, ends, rate, "UCF-Crime")


def read_msad(
    path: Path | str,
    lengths: Mapping[str, Length] | None,
    *,
    ends: Ends = "inclusive",
    rate: Fraction = MSAD_RATE,
) -> GroundTruth:
    """Ground truth of MSAD, which is written like UCF-Crime. Two test sets are in use: 240 and 360 videos.

    In the official one the class is the first word of the name: normal videos, `MSAD_normal_testing_1`, are
    of class `MSAD`.
    """
    return _read(Path(path), lengths, ends, rate, "MSAD", normal=("normal", "msad"))


def marks_digest(marks: Iterable[Mark]) -> str:
    """Digest of the marks as they are written (16 hex digits), whatever the order, classes and lengths."""
    lines = sorted(f"{mark.video.removesuffix('_x264')} {mark.first} {mark.end}" for mark in marks)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:16]


def _read(
    path: Path,
    lengths: Mapping[str, Length] | None,
    ends: Ends,
    rate: Fraction,
    data_set: str,
    normal: tuple[str, ...] = ("normal",),
) -> GroundTruth:
    if path.suffix == ".json":
        annotated, own_lengths = _vera_rows(path)
        lengths = own_lengths if lengths is None else lengths
    else:
        annotated = [_text_row(where, words) for where, words in read_lines(path)]
    if lengths is None:
        raise AnnotationError(f"{path}: it does not say how long the videos are. Give their lengths, too.")
    known = bare_lengths(lengths)
    names = VideoNames(known)
    marks: list[Mark] = []
    seen: dict[str, str] = {}
    for where, written, label, numbers in annotated:
        video = names.find(written, where=where, error=AnnotationError)
        if video in seen:
            raise AnnotationError(f"{where}: {video!r} was annotated before ({seen[video]}). Keep one.")
        seen[video] = where
        is_normal = label.lower().startswith(normal)
        marks += _marks_of(video, label, is_normal, numbers, where)
    if missing := sorted(set(known) - set(seen)):
        raise AnnotationError(
            f"{path}: {len(missing)} of the {len(known)} videos of the lengths are not annotated, such as "
            f"{missing[0]!r}. A normal video has a line with the class Normal and -1 for each mark."
        )
    name = KNOWN_MARKS.get(marks_digest(marks)) or f"{data_set}, {path.name}"
    if ends != "inclusive":
        name += f", {ends} ends"
    return truth_from_marks(name, marks, known, rate=rate, ends=ends)


def _text_row(where: str, words: Sequence[str]) -> tuple[str, str, str, list[int]]:
    numbers = whole_numbers(words[2:])
    if len(words) < 4 or len(numbers) % 2 or not numbers:
        raise AnnotationError(
            f"{where}: {' '.join(words)!r} is not 'name class start end [start end ...]' in whole frames."
        )
    return where, words[0], words[1], numbers


def _vera_rows(path: Path) -> tuple[list[tuple[str, str, str, list[int]]], dict[str, Length]]:
    """Rows of VERA's .json: the class is the folder of the video."""
    rows, lengths = [], {}
    try:
        for number, entry in enumerate(json.loads(path.read_text(encoding="utf-8")), 1):
            video, numbers = str(entry["video"]), [int(mark) for mark in entry["temporal_label"]]
            label = "Normal" if set(numbers) <= {-1} else video.split("/")[-2]
            rows.append((f"{path}: entry {number}", video, label, numbers))
            lengths[bare_name(video)] = Length(int(entry["length"]))
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise AnnotationError(
            f"{path}: not the re-annotation of VERA ({type(error).__name__}: {error}). Expected a list of "
            "entries with 'video' (class/name), 'temporal_label' and 'length'."
        ) from error
    return rows, lengths


def _marks_of(video: str, label: str, is_normal: bool, numbers: Sequence[int], where: str) -> list[Mark]:
    if len(numbers) % 2:
        raise AnnotationError(f"{where} (video {video!r}): {len(numbers)} marks; each start needs an end.")
    pairs = [pair for pair in zip(numbers[::2], numbers[1::2], strict=True) if pair != (-1, -1)]
    if is_normal == bool(pairs):
        stretches = f"{len(pairs)} stretches" if pairs else "no stretch"
        raise AnnotationError(
            f"{where} (video {video!r}): class {label!r} with {stretches}. "
            "A normal video has -1 for every mark, an anomalous one at least one stretch."
        )
    return [Mark(video, first, end, label, where) for first, end in pairs]
