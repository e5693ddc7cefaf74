"""From frame numbers to ground truth: marks as a data set writes them, or a label for each frame.

Here belong the conversions that every reader shares: which frames a mark covers, which are cut off at the
end. What one data set's files look like belongs in its own module; the checks in seconds in `ground_truth`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from traces_core.datasets.ground_truth import AnnotationRow, GroundTruth
from traces_core.datasets.lengths import Length
from traces_core.errors import AnnotationError

Ends = Literal["inclusive", "exclusive"]
"""Whether the end mark is the last anomalous frame or the first normal one after it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """One anomalous stretch in frame numbers, as the annotation writes them: nothing is checked yet."""

    video: str
    """Name as the lengths spell it."""
    first: int
    """First anomalous frame, counted from 0."""
    end: int
    """End mark; `Ends` states what it means."""
    label: str = ""
    """Class of the anomaly."""
    where: str = ""
    """File and line, for the error message."""


def truth_from_marks(
    name: str, marks: Iterable[Mark], lengths: Mapping[str, Length], *, rate: Fraction, ends: Ends
) -> GroundTruth:
    """Ground truth of the videos in `lengths` from marks in frames.

    Parameters
    ----------
    name : how the ground truth is called.
    marks : anomalous stretches, in any order; a video without one is normal.
    lengths : frames of EVERY video.
    rate : frames per second of the videos whose length does not say it.
    ends : what an end mark means.

    Returns
    -------
    GroundTruth
        End marks beyond the last frame are clamped to it and counted.

    Raises
    ------
    AnnotationError
        For a mark that begins before the first or after the last frame, or ends before it begins.

    Examples
    --------
    >>> marks = [Mark("a", 2, 4), Mark("a", 8, 12)]
    >>> truth = truth_from_marks("t", marks, {"a": Length(10)}, rate=Fraction(30), ends="inclusive")
    >>> truth.frame_labels("a").astype(int).tolist(), truth.clamped
    ([0, 0, 1, 1, 1, 0, 0, 0, 1, 1], 1)
    """
    rates = {video: length.rate or rate for video, length in lengths.items()}
    rows = []
    for mark in marks:
        after = mark.end + (ends == "inclusive")
        frames, clock = lengths[mark.video].frames, rates[mark.video]
        if not 0 <= mark.first < min(after, frames):
            raise AnnotationError(
                f"{mark.where or name} (video {mark.video!r}): marked from frame {mark.first} to "
                f"{mark.end} ({ends} end) of {frames} frames. A mark begins at 0 or later, before its own "
                "end and before the end of the video. Correct it, or the length of the video."
            )
        start_s, end_s = float(mark.first / clock), float(after / clock)
        rows.append(AnnotationRow(mark.video, start_s, end_s, mark.label, mark.where))
    durations_s = {video: float(length.frames / rates[video]) for video, length in lengths.items()}
    return GroundTruth.from_rows(name, rows, durations_s=durations_s, rates=rates)


def truth_from_labels(
    name: str, labels: Mapping[str, NDArray[np.bool_]], *, rates: Mapping[str, Fraction] | Fraction
) -> GroundTruth:
    """Ground truth from a label for each frame: per video a bool array of shape (F,).

    Each run of anomalous frames is one event, of no named class.
    """
    marks, lengths = [], {}
    for video, is_anomalous in labels.items():
        clock = rates if isinstance(rates, Fraction) else rates[video]
        lengths[video] = Length(len(is_anomalous), clock)
        steps = np.diff(np.concatenate([[False], is_anomalous, [False]]).astype(np.int8))
        runs = zip(np.flatnonzero(steps == 1).tolist(), np.flatnonzero(steps == -1).tolist(), strict=True)
        marks += [Mark(video, first, after) for first, after in runs]
    return truth_from_marks(name, marks, lengths, rate=Fraction(1), ends="exclusive")
