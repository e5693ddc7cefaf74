"""Video in: what a file is, its frames with their times, a frame at a moment.

Opening, decoding, clock and damage belong in `open_video` and what it joins, the choice of frames in
`sampling`; this module turns chosen pictures into batches of pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from traces_core.types import Times
from traces_core.video.isolation import isolated
from traces_core.video.open_video import OpenVideo
from traces_core.video.orientation import Pixels
from traces_core.video.sampling import Ticks

MAX_BATCH_BYTES = 2**27
"""A batch of large pictures holds fewer frames: 128 MiB at most, 21 frames of 1920x1080."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """The statements of a file about its video, and what its first picture shows."""

    path: Path
    """The file."""
    width: int
    """Pixels across, as displayed (after rotation)."""
    height: int
    """Pixels down, as displayed."""
    rate: Fraction | None
    """Nominal frames a second; None where nothing states it."""
    duration_s: float | None
    """Stated length in seconds; None where nothing states it. The frames decide, not this."""
    codec: str
    """FFmpeg's name of the codec, such as "h264"."""


@dataclass(frozen=True, slots=True)
class Gap:
    """The source saw nothing for a while: no window reaches across, and scores there are unknown."""

    start_s: float
    """First second that was not seen."""
    end_s: float
    """First second that is seen again; no frame lies before it."""


@dataclass(frozen=True, slots=True)
class FrameBatch:
    """Some frames with their times."""

    pixels: Pixels
    """uint8 array of shape (F, H, W, 3), RGB."""
    times_s: Times
    """float64 array of shape (F,): seconds from the first frame of the file, strictly rising."""

    def __len__(self) -> int:
        return len(self.times_s)

    def __repr__(self) -> str:
        span = f"{self.times_s[0]:.3f}..{self.times_s[-1]:.3f} s" if len(self) else "no frame"
        return f"FrameBatch(pixels={self.pixels.shape}, {span})"


@isolated
def probe(path: Path | str, *, stream: int | None = None) -> VideoInfo:
    """What a video is; its first picture is decoded, so a file without one is refused here.

    Raises
    ------
    VideoError
        No such file, a folder, empty, no video in it (audio only, text, a playlist, rubbish), a still
        picture, no such stream, or no picture that can be decoded.
    """
    with OpenVideo.opened(path, stream) as source:
        first, _ = next(source.pictures())
        height, width = source.rgb(first).shape[:2]
        codec = source.stream.codec_context.name
        return VideoInfo(source.path, width, height, source.rate, source.stated_s, codec)


@isolated
def read_frames(
    path: Path | str,
    *,
    sample_fps: Fraction | float | None = None,
    batch_size: int = 64,
    stream: int | None = None,
) -> Iterator[FrameBatch]:
    """Frames with their times, in batches, at native size; memory does not grow with the video.

    Parameters
    ----------
    path : path
        Any container and codec that FFmpeg reads.
    sample_fps : Fraction or float or None
        Keep the first frame at or after each tick `i / sample_fps`, by time and not by index (see
        `Ticks`). None keeps every frame. All frames are decoded, only those kept become pixels.
    batch_size : int
        Frames in a batch at most; fewer where they are so large that the batch would exceed 128 MiB.
    stream : int or None
        Which of its video streams, from 0; None chooses as FFmpeg does: default, not attached, largest.

    Yields
    ------
    FrameBatch
        As displayed: turned, mirrored, with square pixels. A picture of another size than the first is
        scaled to the first's size. Times count from the first frame and rise strictly; the rules for
        missing, repeated and backward time stamps are those of `traces_core.video.clock.timed`.

    Raises
    ------
    VideoError
        When the first batch is asked for: see `probe`.
    DamagedVideoError
        After the last batch, where damage cost pictures: every frame that the decoder gives is given first.
        `at_s` is the second of the first loss; the words say how many pictures are lost, and how many are
        shown with parts made up. So a broken file never looks whole.

    Notes
    -----
    Counted: a packet that the codec refuses, a picture that the decoder patched or that lacks its parts
    (overwritten with zeros), pictures missing in a hole of the container, or behind the end of a file that
    is shorter than its structure says (MP4, MOV, AVI, Matroska, WebM, GIF) or than its stated length (FLV,
    ASF). Forgiven, see `traces_core.video.examination`: whatever costs no picture. Not seen: changed bytes
    that are still a valid stream, and a transport or raw stream cut between two pictures.

    Examples
    --------
    >>> import tempfile
    >>> from traces_core.video.writing import write_video
    >>> grey = np.full((32, 48, 3), 128, dtype=np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clip = write_video(Path(folder) / "a.mp4", ((grey, i / 25) for i in range(25)), rate=Fraction(25))
    ...     list(read_frames(clip, sample_fps=10, batch_size=4))
    [FrameBatch(pixels=(4, 32, 48, 3), 0.000..0.320 s), FrameBatch(pixels=(4, 32, 48, 3), 0.400..0.720 s), \
FrameBatch(pixels=(2, 32, 48, 3), 0.800..0.920 s)]
    """
    if batch_size < 1:
        raise ValueError(f"batch_size is {batch_size}; a batch holds one frame or more.")
    with OpenVideo.opened(path, stream) as source:
        for message in frames_of(source, sample_fps, batch_size):
            if isinstance(message, FrameBatch):
                yield message


def frames_of(
    source: OpenVideo, sample_fps: Fraction | float | None, batch_size: int
) -> Iterator[FrameBatch | Gap]:
    """`read_frames` of a file that is open already, with what it did not see."""
    batch: _BatchBuffer | None = None
    ticks = Ticks(sample_fps, source.unit)
    for picture, time in source.pictures():
        if source.gap is not None:
            if batch and len(batch.times_s):
                yield batch.given()
            yield Gap(*source.gap)
        if not ticks.keeps(time):
            continue
        pixels = source.rgb(picture)
        batch = batch or _BatchBuffer(pixels.shape, batch_size)
        batch.add(pixels, source.seconds(time))
        if batch.is_full:
            yield batch.given()
    if batch and len(batch.times_s):
        yield batch.given()
    source.refuse_damage()


_NONE = np.empty((0, 0, 0, 3), dtype=np.uint8)


class _BatchBuffer:
    """A batch being filled in place: one copy of its pixels, none of them kept once it is given."""

    def __init__(self, shape: tuple[int, ...], batch_size: int) -> None:
        self.shape = shape
        self.times_s: list[float] = []
        self._capacity = min(batch_size, max(1, MAX_BATCH_BYTES // math.prod(shape)))
        self._pixels: Pixels = _NONE

    @property
    def is_full(self) -> bool:
        return len(self.times_s) == self._capacity

    def add(self, pixels: Pixels, time_s: float) -> None:
        if not self.times_s:
            self._pixels = np.empty((self._capacity, *self.shape), dtype=np.uint8)
        self._pixels[len(self.times_s)] = pixels
        self.times_s.append(time_s)

    def given(self) -> FrameBatch:
        batch = FrameBatch(self._pixels[: len(self.times_s)], np.array(self.times_s, dtype=np.float64))
        self._pixels, self.times_s = _NONE, []
        return batch


@isolated
def frames_at(
    path: Path | str,
    times_s: Sequence[float],
    *,
    stream: int | None = None,
    most_pixels: int | None = None,
) -> FrameBatch:
    """For each moment the last frame at or before it (the first frame where it lies before), in one pass.

    Parameters
    ----------
    path : path
        The video. Where it is damaged, what can be shown is given; `read_frames` says what is wrong.
    times_s : sequence of F floats
        Seconds from the first frame, in any order, repeated or not.
    stream : int or None
        Which of its video streams; see `read_frames`.
    most_pixels : int or None
        Larger frames are scaled down to about so many pixels each; None keeps their size.

    Returns
    -------
    FrameBatch
        F frames in the order asked for, with the times at which they are shown (so these need not rise).

    Raises
    ------
    VideoError
        See `probe`.
    """
    wanted = np.asarray(times_s, dtype=np.float64)
    order = np.argsort(wanted, kind="stable").tolist()
    chosen: dict[int, tuple[Pixels, float]] = {}  # filled in the order of time
    with OpenVideo.opened(path, stream) as source:
        source.most_pixels = most_pixels
        pictures = source.pictures()
        before = next(pictures)
        for now in pictures:
            while len(chosen) < len(order) and wanted[order[len(chosen)]] < source.seconds(now[1]):
                chosen[order[len(chosen)]] = (source.rgb(before[0]), source.seconds(before[1]))
            if len(chosen) == len(order):
                break
            before = now
        for which in order[len(chosen) :]:
            chosen[which] = (source.rgb(before[0]), source.seconds(before[1]))
    if not chosen:
        return FrameBatch(_NONE, wanted)
    gathered = [chosen[which] for which in range(len(order))]
    return FrameBatch(np.stack([pixels for pixels, _ in gathered]), np.array([at for _, at in gathered]))


def frame_at(path: Path | str, time_s: float) -> tuple[Pixels, float]:
    """The last frame at or before a moment, uint8 array of shape (H, W, 3), and the second it is shown at."""
    batch = frames_at(path, [time_s])
    return batch.pixels[0], float(batch.times_s[0])
