"""Mutants of videos in ten forms, held against what FFmpeg makes of the same bytes without a word.

A picture says by its brightness when it was filmed, so a lost, doubled or displaced one is seen.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from faults.outcomes import Tally
from traces_core.errors import VideoError
from traces_core.video import FrameBatch, file_source
from traces_core.video.isolation import isolated

FORMS = {
    "h264.mp4": ("mp4", "libx264", "yuv420p"),
    "hevc.mp4": ("mp4", "libx265", "yuv420p"),
    "h264.mkv": ("matroska", "libx264", "yuv420p"),
    "h264.ts": ("mpegts", "libx264", "yuv420p"),
    "h264.flv": ("flv", "libx264", "yuv420p"),
    "mpeg4.avi": ("avi", "mpeg4", "yuv420p"),
    "mjpeg.mov": ("mov", "mjpeg", "yuvj420p"),
    "vp9.webm": ("webm", "libvpx-vp9", "yuv420p"),
    "mpeg2.mpg": ("mpeg", "mpeg2video", "yuv420p"),
    "gif.gif": ("gif", "gif", "rgb8"),
}
"""Container, encoder and pixels."""
FRAMES, RATE, KEY = 50, 25, 10
SIZE = (64, 48)
LIKE = 6.0
"""Grey values, of 255, that a picture may be off after a lossy codec."""


def pictures() -> Iterator[NDArray[np.uint8]]:
    """Brighter and brighter, with a bar that goes across."""
    width, height = SIZE
    for number in range(FRAMES):
        picture = np.full((height, width, 3), 20 + 4 * number, np.uint8)
        picture[:, number : number + 6] = (255, 60, 0)
        yield picture


def write(folder: Path) -> dict[str, bytes]:
    """The ten, whole."""
    made = {}
    for name, (container, codec, pixels) in FORMS.items():
        path = folder / name
        with av.open(str(path), "w", format=container) as out:
            stream = out.add_stream(codec, rate=RATE, options={"x265-params": "log-level=none"})
            stream.width, stream.height = SIZE
            stream.pix_fmt, stream.codec_context.gop_size = pixels, KEY
            for number, picture in enumerate(pictures()):
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, RATE)
                out.mux(stream.encode(frame))
            out.mux(stream.encode())
        made[name] = path.read_bytes()
    return made


Mutation = Callable[[bytearray, np.random.Generator], bytearray]


def flip(content: bytearray, rng: np.random.Generator) -> bytearray:
    for at in rng.integers(0, len(content), rng.integers(1, 12)):
        content[at] ^= 1 << rng.integers(8)
    return content


def cut(content: bytearray, rng: np.random.Generator) -> bytearray:
    return content[: rng.integers(1, len(content))]


def zero(content: bytearray, rng: np.random.Generator) -> bytearray:
    at, length = _stretch(content, rng)
    content[at : at + length] = bytes(length)
    return content


def lose(content: bytearray, rng: np.random.Generator) -> bytearray:
    at, length = _stretch(content, rng)
    del content[at : at + length]
    return content


def double(content: bytearray, rng: np.random.Generator) -> bytearray:
    at, length = _stretch(content, rng)
    content[at:at] = content[at : at + length]
    return content


def rubbish(content: bytearray, rng: np.random.Generator) -> bytearray:
    at, length = _stretch(content, rng)
    content[at : at + length] = rng.bytes(length)
    return content


def append(content: bytearray, rng: np.random.Generator) -> bytearray:
    return content + rng.bytes(int(rng.integers(1, 3000)))


def _stretch(content: bytearray, rng: np.random.Generator) -> tuple[int, int]:
    length = int(rng.integers(1, max(2, len(content) // 10)))
    return int(rng.integers(0, max(1, len(content) - length))), length


MUTATIONS: tuple[Mutation, ...] = (flip, cut, zero, lose, double, rubbish, append)


@dataclass(frozen=True)
class Watched:
    """What somebody sees of a file."""

    times_s: list[float]
    shades: list[float]
    """Mean grey value of each picture."""
    error: str | None = None

    def right(self, whole: Watched) -> int:
        """How many pictures are those of the whole file, in order: the longest rising row of likenesses."""
        ends: list[int] = []  # the earliest end of a row of each length
        for shade in self.shades:
            alike = [at for at, other in enumerate(whole.shades) if abs(other - shade) < LIKE / 2]
            for at in reversed(alike):
                place = bisect_left(ends, at)
                ends[place : place + 1] = [at]
        return len(ends)


@isolated
def lenient(path: Path) -> tuple[list[float], list[float]]:
    """What FFmpeg shows by default: the times and mean grey values."""
    times, shades = [], []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        for packet in container.demux(stream):
            try:
                for frame in packet.decode():
                    times.append(float(frame.time or 0.0))
                    shades.append(float(frame.to_ndarray(format="gray").mean()))
            except av.error.FFmpegError:
                continue
    return times, shades


def by_ffmpeg(path: Path) -> Watched:
    """What `ffplay` would show."""
    try:
        return Watched(*lenient(path))
    except (VideoError, IndexError, OSError, ValueError) as error:
        return Watched([], [], str(error))


def by_us(path: Path) -> Watched:
    """What a detector is shown, and the error it ends with."""
    times: list[float] = []
    shades: list[float] = []
    error = None
    try:
        for message in file_source(path):
            if isinstance(message, FrameBatch):
                grey = message.pixels.astype(np.float32) @ np.float32([0.299, 0.587, 0.114])
                times += message.times_s.tolist()
                shades += grey.mean(axis=(1, 2)).tolist()
            else:
                error = getattr(message, "broken", None)
    except VideoError as refused:
        error = str(refused)
    return Watched(times, shades, error)


def judge(path: Path, whole: Watched) -> str:
    """What became of one mutant."""
    ours, theirs = by_us(path), by_ffmpeg(path)
    if ours.error is not None:
        if path.name not in ours.error:
            return f"wrong: an error that names no file: {ours.error}"
        if "came no further" in ours.error:
            return f"hang: {ours.error}"
    there, given = theirs.right(whole), ours.right(whole)
    if there >= 0.9 * FRAMES and given < 0.9 * there:
        return f"refused: FFmpeg gives {there} right pictures, we {given}: {ours.error}"
    if ours.error is not None:
        return "clear error"
    if len(ours.times_s) < len(theirs.times_s) - max(1, 0.02 * len(theirs.times_s)):
        return f"wrong: {len(ours.times_s)} pictures without a word, FFmpeg {len(theirs.times_s)}"
    return "right"


def mutants(folder: Path, count: int, first_seed: int = 0) -> Tally:
    """So many mutants, one after the other over the forms and the mutations."""
    tally, forms = Tally(f"videos, {len(FORMS)} forms x {len(MUTATIONS)} mutations"), write(folder)
    whole = {name: by_ffmpeg(folder / name) for name in forms}
    names = sorted(forms)
    for seed in range(first_seed, first_seed + count):
        rng, name = np.random.default_rng(seed), names[seed % len(names)]
        mutation = MUTATIONS[(seed // len(names)) % len(MUTATIONS)]
        path = folder / f"{seed}-{name}"
        path.write_bytes(mutation(bytearray(forms[name]), rng))
        tally.attempt(f"seed {seed}, {mutation.__name__} of {name}", lambda: judge(path, whole[name]))  # noqa: B023
        path.unlink()
    return tally
