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

from traces_core.errors import DamagedVideoError, VideoError
from traces_core.video.decode import FrameBatch, Gap, frames_of
from traces_core.video.isolation import isolated
from traces_core.video.open_video import OpenVideo

SUFFIXES = {".mp4", ".avi", ".mkv", ".mov", ".webm", ".gif", ".ts", ".m4v", ".mpg", ".mpeg", ".h264"}
"""Endings of file names that are taken for videos."""


@dataclass(frozen=True, slots=True)
class End:
    """Nothing follows."""

    end_s: float | None
    """Where the last frame stops being shown (seconds), by the frames; None where the source cannot say."""
    broken: str | None = None
    """What damage cost; None where it is whole."""
    notes: tuple[str, ...] = ()
    """What is odd about it and cost no picture, a phrase each."""


Message = FrameBatch | Gap | End


def file_source(
    path: Path | str,
    *,
    sample_fps: Fraction | float | None = None,
    batch_size: int = 64,
    stream: int | None = None,
) -> Iterator[Message]:
    """The frames of a file, as `read_frames` gives them, its gaps, then its end; the file is opened once.

    Raises
    ------
    VideoError
        If not a single frame can be read. For a file that is damaged, `End.broken` says what that cost.
    """
    some = False
    try:
        for message in _messages(path, sample_fps, batch_size, stream):
            some = True
            yield message
    except VideoError as error:
        if not some:
            raise
        yield End(None, str(error))


@isolated
def _messages(
    path: Path | str, sample_fps: Fraction | float | None, batch_size: int, stream: int | None
) -> Iterator[Message]:
    """The frames of a file and its end, also where it is damaged; VideoError where that kills the decoder."""
    with OpenVideo.opened(path, stream) as film:
        broken = None
        try:
            yield from frames_of(film, sample_fps, batch_size)
        except DamagedVideoError as error:
            broken = str(error)
        yield End(film.end_s, broken, tuple(film.damage.notes))
