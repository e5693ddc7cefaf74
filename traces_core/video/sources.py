"""Sources: where frames come from, as messages. A file is a source that ends.

A source is anything that can be iterated and gives `FrameBatch`, `Gap` and at last `End`. Messages are plain
values (arrays, numbers, text), so that a source may live in another process: what reads its queue is one.
Nothing downstream knows whether the source is a file; times are seconds from its start and rise strictly.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from traces_core.errors import VideoError
from traces_core.video.decode import FrameBatch, frames_of, stated_length_s
from traces_core.video.isolation import isolated
from traces_core.video.open_video import OpenVideo

SUFFIXES = {".mp4", ".avi", ".mkv", ".mov", ".webm", ".gif", ".ts", ".m4v", ".mpg", ".mpeg", ".h264"}
"""Endings of file names that are taken for videos."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The source saw nothing for a while: no window reaches across, and scores there are unknown."""

    start_s: float
    """First second that was not seen."""
    end_s: float
    """First second that is seen again; no frame lies before it."""


@dataclass(frozen=True, slots=True)
class End:
    """Nothing follows."""

    end_s: float | None
    """Where the last frame stops being shown (seconds): the length that a file states, if it states one."""
    broken: str | None = None
    """Why it ends early; None where it is whole."""


Message = FrameBatch | Gap | End


def file_source(
    path: Path | str, *, sample_fps: Fraction | float | None = None, batch_size: int = 64
) -> Iterator[Message]:
    """The frames of a file, as `read_frames` gives them, then its end; the file is opened once.

    Raises
    ------
    VideoError
        If not a single frame can be read. For a file that breaks later, `End.broken` says why.
    """
    some = False
    try:
        for message in _messages(path, sample_fps, batch_size):
            some = True
            yield message
    except VideoError as error:
        if not some:
            raise
        yield End(None, str(error))


@isolated
def _messages(
    path: Path | str, sample_fps: Fraction | float | None, batch_size: int
) -> Iterator[FrameBatch | End]:
    """The frames of a file and its end, also where it is damaged; VideoError where that kills the decoder."""
    with OpenVideo.opened(path) as film:
        some, broken = False, None
        try:
            for batch in frames_of(film, sample_fps, batch_size):
                some = True
                yield batch
        except VideoError as error:
            if not some:
                raise
            broken = str(error)
        yield End(stated_length_s(film), broken)
