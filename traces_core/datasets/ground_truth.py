"""What is true of a data set: which stretches of which videos are anomalous, in seconds.

Here belong the checks that every annotation passes, whatever its layout: a reader turns its rows into
`AnnotationRow`s and hands them to `GroundTruth.from_rows`. The readers themselves belong in modules beside
this one; what is computed FROM a ground truth belongs in `traces_core.metrics`.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from pathlib import PurePosixPath

import numpy as np
from numpy.typing import NDArray

from traces_core.errors import AnnotationError
from traces_core.types import Interval, Times


@dataclass(frozen=True, slots=True)
class AnnotationRow:
    """One row of an annotation as written in the file, unchecked."""

    video: str
    """Path of the video relative to the folder of the footage, with forward slashes."""
    start_s: float
    """First anomalous second."""
    end_s: float
    """First second after it."""
    label: str = ""
    """The class of the anomaly; empty where unknown."""
    where: str = ""
    """Where the row was written, for the error message: file and row."""


@dataclass(frozen=True)
class GroundTruth:
    """What is true of a data set. A video without an interval is normal.

    Build it with `from_rows` or `read_annotations`, which check and tidy the intervals.

    Examples
    --------
    >>> truth = GroundTruth.from_rows(
    ...     "two clips",
    ...     [AnnotationRow("a.mp4", 2.0, 4.0, "fight"), AnnotationRow("a.mp4", 3.0, 5.0, "fight")],
    ...     durations_s={"a.mp4": 10.0, "b.mp4": 20.0},
    ...     rates=Fraction(10),
    ... )
    >>> truth.intervals["a.mp4"], truth.merged
    ((Interval(start_s=2.0, end_s=5.0, label='fight'),), 1)
    >>> truth.anomalous_share  # 30 of 300 frames
    0.1
    """

    name: str
    """Which ground truth this is, as a reader of a table must know it."""
    intervals: Mapping[str, tuple[Interval, ...]]
    """Anomalous stretches per video, in order; every video has an entry, normal ones an empty one."""
    durations_s: Mapping[str, float]
    """Length of each video in seconds."""
    rates: Mapping[str, Fraction]
    """Frames per second at which each video is judged: its own rate unless the data set says otherwise."""
    clamped: int = 0
    """Stretches that were cut off at the end of their video."""
    merged: int = 0
    """Stretches that were joined with one of the same class that they overlap."""

    @classmethod
    def from_rows(
        cls,
        name: str,
        rows: Iterable[AnnotationRow],
        *,
        durations_s: Mapping[str, float],
        rates: Mapping[str, Fraction] | Fraction,
    ) -> GroundTruth:
        """Checked ground truth of the videos in `durations_s`.

        Parameters
        ----------
        name : name of the ground truth in tables.
        rows : the anomalous stretches, in any order.
        durations_s : seconds of EVERY video, the normal ones too.
        rates : frames per second per video, or one for all.

        Returns
        -------
        GroundTruth
            Ends beyond the end of the video are clamped; stretches of one class that overlap are joined;
            both are counted. Stretches of different classes may overlap: each remains an event.

        Raises
        ------
        AnnotationError
            For an unknown video, a negative, reversed, empty or non-finite stretch, one that begins
            after the end of its video, a duration or a rate that is not positive.
        """
        clock = {video: rates if isinstance(rates, Fraction) else rates.get(video) for video in durations_s}
        checked_rates = {video: _checked_clock(video, durations_s[video], clock[video]) for video in clock}
        stretches: dict[str, list[Interval]] = {video: [] for video in sorted(durations_s)}
        clamped = 0
        for row in rows:
            interval = _checked_interval(row, durations_s)
            clamped += interval.end_s < row.end_s
            stretches[row.video].append(interval)
        joined = {video: _join_overlapping(intervals) for video, intervals in stretches.items()}
        merged = sum(len(stretches[video]) - len(joined[video]) for video in stretches)
        durations = {video: float(durations_s[video]) for video in stretches}
        return cls(name, joined, durations, {v: checked_rates[v] for v in stretches}, clamped, merged)

    @property
    def videos(self) -> tuple[str, ...]:
        """Every video, in alphabetical order."""
        return tuple(self.intervals)

    @property
    def classes(self) -> tuple[str, ...]:
        """Every named class of anomaly, in alphabetical order."""
        return tuple(sorted({i.label for many in self.intervals.values() for i in many if i.label}))

    @property
    def most_eventful(self) -> str:
        """The video with most events, the first by name of several: the one to show where one is shown."""
        return max(self.videos, key=lambda video: len(self.intervals[video]))

    @property
    def events(self) -> int:
        """Number of anomalous stretches."""
        return sum(map(len, self.intervals.values()))

    @property
    def hours(self) -> float:
        """Footage in all, in hours of one camera."""
        return sum(self.durations_s.values()) / 3600.0

    @cached_property
    def anomalous_share(self) -> float:
        """Share of the frames that are anomalous, 0 to 1: the average precision of a coin."""
        labels = [self.frame_labels(video) for video in self.videos]
        frames = sum(map(len, labels))
        return sum(int(label.sum()) for label in labels) / frames if frames else 0.0

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the content (16 hex digits): videos, lengths, frame rates, stretches, classes."""
        content = [
            [
                video,
                self.durations_s[video],
                str(self.rates[video]),
                [[i.start_s, i.end_s, i.label] for i in self.intervals[video]],
            ]
            for video in self.videos
        ]
        return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:16]

    def only(self, videos: Iterable[str], name: str) -> GroundTruth:
        """The ground truth of some of the videos, under another name."""
        kept = [*videos]
        return replace(
            self,
            name=name,
            intervals={video: self.intervals[video] for video in kept},
            durations_s={video: self.durations_s[video] for video in kept},
            rates={video: self.rates[video] for video in kept},
        )

    def frame_times(self, video: str) -> Times:
        """Times of the frames at which `video` is judged: float64 array of shape (F,), seconds from 0."""
        return frame_times(self.durations_s[video], self.rates[video])

    def frame_labels(self, video: str, label: str | None = None) -> NDArray[np.bool_]:
        """Which frames of `video` are anomalous (with `label`: of that class): array of shape (F,)."""
        times = self.frame_times(video)
        marked = np.zeros(len(times), dtype=np.bool_)
        for interval in self.intervals[video]:
            if label is None or interval.label == label:
                first, after = np.searchsorted(times, [interval.start_s, interval.end_s])
                marked[first:after] = True
        return marked


def frame_times(duration_s: float, rate: Fraction) -> Times:
    """Times in seconds of the frames of a constant clock that lie in `[0, duration_s)`.

    Each time is the float nearest to the exact fraction, so a mark that was written as a frame number and
    turned into seconds with the same fraction falls on its frame exactly.

    Examples
    --------
    >>> frame_times(0.5, Fraction(30000, 1001)).shape
    (15,)
    """
    most = int(Fraction(duration_s) * rate) + 2
    times = np.arange(most, dtype=np.int64) * rate.denominator / np.float64(rate.numerator)
    return times[times < duration_s]


def _checked_clock(video: str, duration_s: float, rate: Fraction | None) -> Fraction:
    path = PurePosixPath(video)
    if path.is_absolute() or ".." in path.parts or "\\" in video:
        raise AnnotationError(
            f"{video!r} is not a path relative to the footage folder. "
            "Write it with forward slashes and without '..'."
        )
    if not (np.isfinite(duration_s) and duration_s > 0):
        raise AnnotationError(f"{video}: a duration of {duration_s} s. Take it from the decoded frames.")
    if rate is None or rate <= 0:
        raise AnnotationError(
            f"{video}: the frame rate is {rate}. Give frames per second as a Fraction above 0."
        )
    return rate


def _checked_interval(row: AnnotationRow, durations_s: Mapping[str, float]) -> Interval:
    where = f"{row.where or 'annotations'} (video {row.video!r})"
    if row.video not in durations_s:
        close = _closest(row.video, durations_s)
        hint = f"did you mean {close!r}? " if close else ""
        raise AnnotationError(
            f"{where}: no such video among {len(durations_s)}; {hint}"
            "Name it by its path relative to the footage folder, with forward slashes, or remove the row."
        )
    duration_s = float(durations_s[row.video])
    stretch = f"{where}: from {row.start_s} s to {row.end_s} s"
    if not (np.isfinite(row.start_s) and np.isfinite(row.end_s)):
        raise AnnotationError(f"{stretch} is not a stretch of time. Give both ends in seconds.")
    if row.start_s < 0:
        raise AnnotationError(f"{stretch} begins before the video. Use 0 for its first frame.")
    if row.end_s <= row.start_s:
        raise AnnotationError(
            f"{stretch} is empty or runs backwards. end_s is the first second AFTER the anomaly."
        )
    if row.start_s >= duration_s:
        raise AnnotationError(
            f"{stretch} begins after the end of the video at {duration_s} s. "
            "Are these frame numbers? Divide them by the frame rate."
        )
    return Interval(float(row.start_s), min(float(row.end_s), duration_s), row.label)


def _closest(video: str, known: Iterable[str]) -> str | None:
    """The video that was probably meant: another case, its file name alone, or a slip of the pen."""
    lower = {name.lower(): name for name in known}
    names = {PurePosixPath(name).name: name for name in lower}
    wanted = video.lower().replace("\\", "/")
    if wanted in lower:
        return lower[wanted]
    if PurePosixPath(wanted).name in names:
        return lower[names[PurePosixPath(wanted).name]]
    close = difflib.get_close_matches(wanted, lower, n=1)
    return lower[close[0]] if close else None


def _join_overlapping(intervals: list[Interval]) -> tuple[Interval, ...]:
    """Stretches of one class that share time become one; those that only touch stay two events."""
    joined: list[Interval] = []
    for interval in sorted(intervals, key=lambda i: (i.label, i.start_s, i.end_s)):
        last = joined[-1] if joined else None
        if last is not None and last.label == interval.label and interval.start_s < last.end_s:
            joined[-1] = Interval(last.start_s, max(last.end_s, interval.end_s), last.label)
        else:
            joined.append(interval)
    return tuple(sorted(joined, key=lambda i: (i.start_s, i.end_s, i.label)))
