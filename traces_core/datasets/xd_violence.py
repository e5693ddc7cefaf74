"""XD-Violence: `annotations.txt` marks the violent videos, the file names say which are normal.

A line is `name start end start end ...`, frames counted from 0, 24 a second. A name ends in `label_A` where
the video is normal, else in its classes (`label_B2-G-0`); it holds `#`, `=` and dots, sometimes `.mp4`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

from traces_core.datasets.ground_truth import GroundTruth
from traces_core.datasets.lengths import Length, bare_lengths, read_lines, whole_numbers
from traces_core.datasets.marks import Ends, Mark, truth_from_marks
from traces_core.datasets.names import VideoNames
from traces_core.errors import AnnotationError

XD_RATE = Fraction(24)
CLASSES = {
    "B1": "fighting",
    "B2": "shooting",
    "B4": "riot",
    "B5": "abuse",
    "B6": "car accident",
    "G": "explosion",
}
"""What the letters in a file name mean."""
_LABEL = re.compile(r"label_(A|(?:B[12456]|G|0)(?:-(?:B[12456]|G|0))*)$")


def read_xd_violence(
    path: Path | str,
    lengths: Mapping[str, Length] | None,
    *,
    ends: Ends = "inclusive",
    rate: Fraction = XD_RATE,
) -> GroundTruth:
    """Ground truth of XD-Violence.

    Parameters
    ----------
    path : `annotations.txt`.
    lengths : frames of EVERY video, the normal ones too.
    ends : what an end mark means. Included by default: 41 of the 500 videos are marked up to the number of
        their last frame and none beyond it. Snippet-wise evaluations leave the end out.
    rate : frames per second where the lengths do not say it.

    Returns
    -------
    GroundTruth
        The class of a video with several labels is all of them, such as `shooting+explosion`: the file does
        not say which stretch is which.

    Raises
    ------
    AnnotationError
        If a line or a name is not understood, a normal video is marked or a violent one is not.
    """
    path = Path(path)
    if lengths is None:
        raise AnnotationError(f"{path}: it names no normal video. Give the lengths of all videos, too.")
    known = bare_lengths(lengths)
    names = VideoNames(known)
    labels = {video: class_in_name(video) for video in known}
    marks: list[Mark] = []
    for where, words in read_lines(path):
        video = names.find(words[0], where=where, error=AnnotationError)
        numbers = whole_numbers(words[1:])
        if not numbers or len(numbers) % 2:
            raise AnnotationError(
                f"{where} (video {video!r}): expected 'name start end ...' in whole frames."
            )
        if not labels[video]:
            raise AnnotationError(
                f"{where}: {video!r} is normal by its name (label_A), but marked. Remove it."
            )
        pairs = zip(numbers[::2], numbers[1::2], strict=True)
        marks += [Mark(video, first, end, labels[video], where) for first, end in pairs]
    unmarked = sorted({video for video, label in labels.items() if label} - {mark.video for mark in marks})
    if unmarked:
        raise AnnotationError(
            f"{path}: {len(unmarked)} videos are violent by their names but not marked, such as "
            f"{unmarked[0]!r}. Give the whole annotation, or the lengths of its videos only."
        )
    name = "XD-Violence" if ends == "inclusive" else f"XD-Violence, {ends} ends"
    return truth_from_marks(name, marks, known, rate=rate, ends=ends)


def class_in_name(video: str) -> str:
    """Class that the file name states, '' for a normal video.

    Examples
    --------
    >>> class_in_name("The.Fast.and.the.Furious.2001__#00-29-00_00-29-52_label_B2-G-0")
    'shooting+explosion'
    """
    match = _LABEL.search(video)
    if not match:
        raise AnnotationError(
            f"{video!r}: the name of a video of XD-Violence ends in label_A (normal) or its classes, such as "
            "label_B1-0-0. Name it as the data set does."
        )
    letters = match[1].split("-")
    return "+".join(name for letter, name in CLASSES.items() if letter in letters)
