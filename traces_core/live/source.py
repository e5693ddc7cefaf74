"""One camera's pictures, decoded in a child: opened, watched, recorded.

    RTSP, HTTP, V4L2 ── live ──┐
    a file, again and again ───┼──> Opened, then LiveFrames as they come, Recorded now and then
    a folder that fills ───────┘

A segment is what was seen without a break; each begins with `Opened`. What a network or a device sends does
not end: its end is an error, as are silence, pictures without progress and a clock that jumps. Whoever asks
opens it again. Pictures, their times and their choice are those of a file (`traces_core.video`).
"""

from __future__ import annotations

import contextlib
import gc
import math
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from traces_core.errors import VideoError
from traces_core.live.live_video import opened_live
from traces_core.live.masks import Mask, Polygons
from traces_core.live.recording import Recorded, Recorder, Trouble, recorder
from traces_core.types import Times
from traces_core.video.deadline import alive
from traces_core.video.isolation import Limits, isolated
from traces_core.video.open_video import OpenVideo
from traces_core.video.sampling import Ticks
from traces_core.video.sources import SUFFIXES
from traces_core.video.wholeness import missing_bytes

__all__ = ["LIVE", "LiveFrames", "LiveMessage", "Opened", "Recorded", "Trouble", "live_frames"]

LIVE = Limits(deadline_s=20, memory_mib=1024)
"""Of a child that decodes a camera."""
LOOK_S = 1.0
"""Between two looks into a folder (seconds)."""


@dataclass(frozen=True, slots=True)
class Opened:
    """A segment begins: its first picture is there."""

    width: int
    """Pixels across, as displayed."""
    height: int
    """Pixels down, as displayed."""
    codec: str
    """FFmpeg's name of the codec, such as "h264"."""
    rate: Fraction | None
    """Nominal frames a second; None where nothing states it."""
    at_s: float
    """When the first picture was there (seconds since 1970, by the wall clock)."""


@dataclass(frozen=True, slots=True)
class LiveFrames:
    """Sampled frames; while a folder is waited on, none at all once a second: the wait can be left."""

    pixels: NDArray[np.uint8]
    """uint8 array of shape (F, H, W, 3), RGB, hidden parts black."""
    times_s: Times
    """float64 array of shape (F,): seconds from the segment's first picture, strictly rising."""
    arrived_s: Times
    """float64 array of shape (F,): seconds since 1970."""

    def __len__(self) -> int:
        return len(self.times_s)


_NOTHING = LiveFrames(np.empty((0, 0, 0, 3), dtype=np.uint8), np.empty(0), np.empty(0))

LiveMessage = Opened | LiveFrames | Recorded | Trouble


@dataclass(frozen=True)
class _Wishes:
    """What is asked of every segment."""

    sample_fps: float
    recordings: Path | None
    recording_s: float
    mask: Mask


@isolated
def live_frames(
    source: str,
    *,
    sample_fps: float,
    recordings: Path | None = None,
    recording_s: float = 10.0,
    ignore: Polygons = (),
    watch: Polygons = (),
    transport: str = "tcp",
    opening_s: float = 10.0,
    stall_s: float = 8.0,
    newer_than_s: float | None = None,
    limits: Limits = LIVE,
) -> Iterator[LiveMessage]:
    """What a camera shows, as it comes.

    Parameters
    ----------
    source
        `rtsp://`, `rtsps://`, `http://` or `https://` address, a device below `/dev`, a video file (played at
        its own speed, again and again), or a folder (every video that arrives is a segment, played at its own
        speed).
    sample_fps
        Frames a second that are kept: the first at or after each tick, as of a file.
    recordings
        A folder for recordings; None keeps none.
    recording_s
        Length of a recording at least; it ends at the next key frame.
    ignore, watch
        See `Mask`: hidden in frames and recordings.
    transport
        How RTSP brings packets: "tcp" or "udp".
    opening_s, stall_s
        Seconds until the source answers and says what it sends, and without a picture afterwards, at most.
    newer_than_s
        Files in a folder that were changed later are taken, too, though they are there at the start (seconds
        since 1970); None takes none of them.
    limits
        What the child may take. Its deadline ends what even FFmpeg does not notice.

    Yields
    ------
    Opened, LiveFrames, Recorded or Trouble
        A segment is an `Opened` and all up to the next one.

    Raises
    ------
    VideoError
        It does not answer, breaks off, ends, sends no picture, its clock jumps, or its decoder dies. Never
        shows a password.
    """
    gc.collect()  # a connection that broke leaves its pictures in circles, half a MiB each time
    wishes = _Wishes(sample_fps, recordings, recording_s, Mask(ignore, watch))
    if re.match(r"[a-z][a-z0-9+.-]*://", source, re.IGNORECASE) or source.startswith("/dev/"):
        with opened_live(source, transport, opening_s, stall_s) as film:
            yield from _segment(film, wishes, is_paced=film.is_paced)
    elif Path(source).is_dir():
        yield from _folder(Path(source), wishes, newer_than_s)
    else:
        while True:
            yield from _file(Path(source), wishes)


def _segment(film: OpenVideo, wishes: _Wishes, *, is_paced: bool) -> Iterator[LiveMessage]:
    """Everything of one open video, until it ends or fails."""
    keeps = recorder(film, wishes.recordings, wishes.recording_s, hides=wishes.mask.hides)
    film.listeners.append(keeps.packet)
    failure = None
    try:
        yield from _shown(film, wishes, keeps, is_paced=is_paced)
    except VideoError as error:
        failure = error
    keeps.end()
    yield from keeps.finished()
    if failure is not None:
        raise failure


def _shown(film: OpenVideo, wishes: _Wishes, keeps: Recorder, *, is_paced: bool) -> Iterator[LiveMessage]:
    ticks, begun = Ticks(wishes.sample_fps, film.unit), 0.0
    for picture, at in film.pictures():
        is_due, is_recorded = ticks.keeps(at), keeps.is_due(at)
        if is_due or is_recorded:
            pixels = wishes.mask.applied(film.rgb(picture))
        if not begun:  # the first picture is always due
            begun, now_s = time.monotonic(), time.time()
            keeps.begin(now_s)
            height, width = pixels.shape[:2]
            yield Opened(width, height, film.stream.codec_context.name, film.rate, now_s)
        if is_paced:
            _wait(begun + film.seconds(at))
        if is_recorded:
            keeps.picture(pixels, at)
        if is_due:
            yield LiveFrames(pixels[None], np.array([film.seconds(at)]), np.array([time.time()]))
        yield from keeps.finished()
        film.damage.forget()
    if is_paced:
        _wait(begun + film.end_s)


def _wait(until: float) -> None:
    """Until a moment of the monotonic clock."""
    while (left_s := until - time.monotonic()) > 0:
        alive()
        time.sleep(min(left_s, LOOK_S))


def _file(path: Path, wishes: _Wishes) -> Iterator[LiveMessage]:
    with OpenVideo.opened(path) as film:
        yield from _segment(film, wishes, is_paced=True)


def _folder(folder: Path, wishes: _Wishes, newer_than_s: float | None) -> Iterator[LiveMessage]:
    """Each video that arrives in a folder, once it is whole."""
    newer_than_s = math.inf if newer_than_s is None else newer_than_s
    done = {path for path, (changed_s, _) in _videos(folder).items() if changed_s <= newer_than_s}
    before: dict[Path, tuple[float, int]] = {}
    while True:
        now = {path: about for path, about in _videos(folder).items() if path not in done}
        whole = [path for path, about in now.items() if before.get(path) == about and not missing_bytes(path)]
        for path in sorted(whole, key=lambda one: now[one]):
            done.add(path)
            try:
                yield from _file(path, wishes)
            except VideoError as error:
                yield Trouble(str(error))
        done &= set(_videos(folder))  # a name that is used again is another file
        before = now
        yield _NOTHING
        _wait(time.monotonic() + LOOK_S)


def _videos(folder: Path) -> dict[Path, tuple[float, int]]:
    """The videos in a folder, each with when it was changed (seconds since 1970) and its bytes."""
    found = {}
    for path in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # gone between two looks
            if path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and path.is_file():
                about = path.stat()
                found[path] = (about.st_mtime, about.st_size)
    return found
