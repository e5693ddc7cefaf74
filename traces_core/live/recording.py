"""Recordings: the last minutes of a camera in files of a few seconds each, from which clips are cut.

A recording begins at a key frame and lies in memory until a later one ends it; then it is written aside and
takes its name, which says when it was. Packets are kept as they came; only where something is hidden are
pictures encoded again. Runs in the decoding child. Joining recordings is `clips`.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, Protocol

import av
import numpy as np
from numpy.typing import NDArray

from traces_core.disk import litter_name, remove, sweep
from traces_core.video.open_video import OpenVideo
from traces_core.video.sampling import Ticks

IN_MP4 = frozenset({"h264", "hevc", "av1", "vp9", "mpeg4", "mjpeg"})
"""Codecs that MP4 holds; others go to Matroska."""
NOT_KEPT = frozenset({"rawvideo"})
"""Codecs that are encoded for a recording: no compression at all."""
MOST_BYTES = 2**26
"""A recording that has no key frame for so long is dropped."""
ENCODED_FPS = 15
"""Pictures a second at most where they are encoded again."""
TICK_S = Fraction(1, 90_000)
_NAME = re.compile(r"(\d{8}T\d{6}\.\d{3})Z_(\d+\.\d{3})\.(?:mp4|mkv)")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A finished recording."""

    path: Path
    """The file."""
    start_s: float
    """Its first picture (seconds from the segment's first picture)."""
    end_s: float
    """Where its last picture stops being shown (seconds from the segment's first picture)."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something went wrong that the frames outlive: a recording was not kept, a file was passed over."""

    problem: str
    """What, in words."""


def recording_name(start_s: float, length_s: float, suffix: str) -> str:
    """The name of a recording.

    Examples
    --------
    >>> recording_name(1764371245.25, 10, ".mp4")
    '20251128T230725.250Z_10.000.mp4'
    """
    start = datetime.fromtimestamp(round(start_s, 3), UTC)
    return f"{start:%Y%m%dT%H%M%S}.{start.microsecond // 1000:03}Z_{length_s:.3f}{suffix}"


def recorded_span(path: Path) -> tuple[float, float] | None:
    """From when to when a recording was (seconds since 1970), by its name; None where it is none.

    Examples
    --------
    >>> recorded_span(Path("20251128T230725.250Z_10.000.mp4"))
    (1764371245.25, 1764371255.25)
    """
    if (named := _NAME.fullmatch(path.name)) is None:
        return None
    try:
        start_s = datetime.strptime(f"{named[1]}+0000", "%Y%m%dT%H%M%S.%f%z").timestamp()
    except ValueError:
        return None
    return start_s, start_s + float(named[2])


class Recorder(Protocol):
    """What keeps recordings of one segment."""

    wants_pictures: bool
    """Whether it is handed pictures, not packets."""

    def begin(self, at_s: float) -> None:
        """The segment's first picture was there at `at_s` (seconds since 1970)."""

    def packet(self, packet: av.Packet) -> None:
        """Take a packet of the video."""

    def picture(self, pixels: NDArray[np.uint8], time: int) -> None:
        """Take a picture with its time in units of the video."""

    def is_due(self, time: int) -> bool:
        """Whether the picture of this time is wanted."""

    def finished(self) -> Iterator[Recorded | Trouble]:
        """What is finished since this was asked last."""

    def end(self) -> None:
        """The segment ended."""


def recorder(film: OpenVideo, folder: Path | None, seconds: float, *, hides: bool) -> Recorder:
    """What keeps recordings of a video; nothing is kept where there is no folder."""
    if folder is None:
        return _Nothing()
    sweep(folder)
    if hides or film.stream.codec_context.name in NOT_KEPT:
        return _Encoded(film, folder, seconds)
    return _Remuxed(film, folder, seconds)


class _Nothing:
    """Keeps nothing."""

    wants_pictures = False

    def begin(self, at_s: float) -> None: ...
    def packet(self, packet: av.Packet) -> None: ...
    def picture(self, pixels: NDArray[np.uint8], time: int) -> None: ...
    def is_due(self, time: int) -> bool:
        return False

    def finished(self) -> Iterator[Recorded | Trouble]:
        yield from ()

    def end(self) -> None: ...


class _Writer(_Nothing):
    """Where recordings go, and what is said of them."""

    def __init__(self, film: OpenVideo, folder: Path, seconds: float) -> None:
        self.film, self.folder, self.length = film, folder, round(seconds / film.unit)
        self.at_s = 0.0
        self._said: list[Recorded | Trouble] = []

    def begin(self, at_s: float) -> None:
        self.at_s = at_s

    def finished(self) -> Iterator[Recorded | Trouble]:
        said, self._said = self._said, []
        yield from said

    def write(self, content: bytes, start: int, end: int, suffix: str) -> None:
        """A recording from `start` to `end`, in units from the segment's first picture."""
        start_s, end_s = self.film.seconds(start), self.film.seconds(end)
        path = self.folder / recording_name(self.at_s + start_s, end_s - start_s, suffix)
        half = path.with_name(litter_name(path.name))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            half.write_bytes(content)
            half.replace(path)
        except OSError as error:
            remove(half)
            self.drop(f"{path.name} cannot be written ({error.strerror})")
        else:
            self._said.append(Recorded(path, start_s, end_s))

    def drop(self, why: str) -> None:
        """Say that something was not kept."""
        self._said.append(Trouble(f"a recording is not kept: {why}"))


class _Remuxed(_Writer):
    """Packets as they came."""

    def __init__(self, film: OpenVideo, folder: Path, seconds: float) -> None:
        super().__init__(film, folder, seconds)
        self._packets: list[tuple[int | None, bool, bytes]] = []
        self._bytes = 0

    def packet(self, packet: av.Packet) -> None:
        if packet.stream_index != self.film.stream.index:
            return
        label = packet.pts
        # FFmpeg takes its label from the first packet of RTSP; the first picture gets it back.
        if label is None and (self._packets or self.film.origin is not None):
            return
        if packet.is_keyframe and self._packets and label is not None:
            begin = self.film.origin if self._packets[0][0] is None else self._packets[0][0]
            if begin is not None and label - begin >= self.length:
                self._finish(label)
        if not self._packets and not packet.is_keyframe:
            return
        content = bytes(packet)
        self._packets.append((label, packet.is_keyframe, content))
        self._bytes += len(content)
        if self._bytes > MOST_BYTES:
            self.drop(f"no key frame within {MOST_BYTES >> 20} MiB")
            self._packets, self._bytes = [], 0

    def end(self) -> None:
        if self._packets:
            self._finish(None)

    def _finish(self, following: int | None) -> None:
        kept, self._packets, self._bytes = self._packets, [], 0
        origin = self.film.origin
        if origin is None:  # no picture of it was ever shown
            return
        packets = [(origin if label is None else label, is_key, content) for label, is_key, content in kept]
        first = min(label for label, _, _ in packets)
        end = max(label for label, _, _ in packets) + self.film.shown_for(None)
        start, end = max(0, first - origin), max(following or 0, end) - origin
        suffix = ".mp4" if self.film.stream.codec_context.name in IN_MP4 else ".mkv"
        try:
            content = remuxed(self.film.stream, packets, suffix)
        except (av.error.FFmpegError, ValueError) as error:
            self.drop(f"its packets cannot be joined ({type(error).__name__})")
        else:
            self.write(content, start, end, suffix)


def remuxed(stream: av.VideoStream, packets: list[tuple[int, bool, bytes]], suffix: str) -> bytes:
    """A file of packets in the order of decoding: of each its label, whether it is a key frame, its bytes."""
    file = io.BytesIO()
    first = min(label for label, _, _ in packets)
    labels = [label - first for label, _, _ in packets]
    with av.open(file, "w", format="mp4" if suffix == ".mp4" else "matroska") as out:
        copy = out.add_stream_from_template(stream)
        for (_, is_key, content), label, order in zip(packets, labels, decoding_order(labels), strict=True):
            packet = av.Packet(content)
            packet.stream, packet.time_base = copy, stream.time_base
            packet.pts, packet.dts, packet.is_keyframe = label, order, is_key
            out.mux(packet)
    return file.getvalue()


def decoding_order(labels: list[int]) -> list[int]:
    """When each packet is decoded: strictly rising, none later than it is shown.

    Cameras state none, and what FFmpeg makes up for them may be missing for the first ones.

    Examples
    --------
    >>> decoding_order([0, 120, 40, 80])
    [-40, 0, 40, 80]
    """
    rising: list[int] = []
    for label in sorted(labels):
        rising.append(max(label, rising[-1] + 1) if rising else label)
    late = max(order - label for order, label in zip(rising, labels, strict=True))
    return [order - late for order in rising]


class _Encoded(_Writer):
    """Pictures without what is hidden, encoded again."""

    wants_pictures = True

    def __init__(self, film: OpenVideo, folder: Path, seconds: float) -> None:
        super().__init__(film, folder, seconds)
        self._ticks = Ticks(ENCODED_FPS, film.unit)
        self._file = io.BytesIO()
        self._out: Any = None
        self._stream: Any = None
        self._start = self._last = 0

    def is_due(self, time: int) -> bool:
        return self._ticks.keeps(time)

    def picture(self, pixels: NDArray[np.uint8], time: int) -> None:
        if self._out is not None and time - self._start >= self.length:
            self._finish(time)
        if self._out is None:
            self._open(pixels.shape, time)
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
        frame.pts, frame.time_base = round((time - self._start) * self.film.unit / TICK_S), TICK_S
        self._out.mux(self._stream.encode(frame))
        self._last = time

    def end(self) -> None:
        if self._out is not None:
            self._finish(self._last + self.film.shown_for(None))

    def _open(self, shape: tuple[int, ...], time: int) -> None:
        self._file, self._start = io.BytesIO(), time
        self._out = av.open(self._file, "w", format="mp4")
        options = {"preset": "ultrafast", "crf": "26", "tune": "zerolatency"}
        self._stream = self._out.add_stream("libx264", rate=ENCODED_FPS, options=options)
        self._stream.height, self._stream.width = shape[:2]
        self._stream.pix_fmt = "yuv444p" if shape[0] % 2 or shape[1] % 2 else "yuv420p"
        self._stream.codec_context.time_base = self._stream.time_base = TICK_S
        self._stream.codec_context.thread_count = 1

    def _finish(self, end: int) -> None:
        self._out.mux(self._stream.encode(None))
        self._out.close()
        self._out = self._stream = None
        self.write(self._file.getvalue(), self._start, end, ".mp4")
