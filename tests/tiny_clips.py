"""Tiny clips with known frame times, drawn by code.

The times are the ones that were written (goldens of the writer's side, not of the reader under test);
`packet_times` reads them back from the packets, below the decoder, as ffprobe would.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

HEIGHT, WIDTH = 48, 64


@dataclass(frozen=True)
class Clip:
    """A file and the truth about it."""

    path: Path
    times_s: np.ndarray
    """Seconds from the first frame."""
    height: int = HEIGHT
    width: int = WIDTH

    def copy(self, folder: Path, *, keep: float = 1.0, zero: tuple[float, int] | None = None) -> Path:
        """A copy cut to a share of its bytes, or with a number of bytes zeroed from a share on."""
        content = bytearray(self.path.read_bytes())
        if zero is not None:
            start = int(len(content) * zero[0])
            content[start : start + zero[1]] = bytes(zero[1])
        target = folder / self.path.name
        target.write_bytes(content[: int(len(content) * keep)])
        return target


def draw(number: int, *, height: int = HEIGHT, width: int = WIDTH, noise: bool = False) -> np.ndarray:
    """Picture `number`: brightness says the number, a bright corner at the top left says which way is up."""
    picture = np.full((height, width, 3), 20 + 4 * (number % 50), dtype=np.uint8)
    if noise:
        picture += np.random.default_rng(number).integers(0, 30, picture.shape, dtype=np.uint8)
    picture[: height // 4, : width // 4] = 255
    return picture


def drawn(times_s: np.ndarray, **how: object) -> list[tuple[np.ndarray, float]]:
    return [(draw(number, **how), float(time)) for number, time in enumerate(times_s)]


def number_of(pixels: np.ndarray) -> int:
    """Which picture these pixels show: the inverse of `draw` without noise."""
    return round((float(pixels[-8:, -8:].mean()) - 20) / 4)


def encode(
    path: Path,
    codec: str,
    numbers: int,
    rate: Fraction,
    *,
    pixel_format: str = "yuv420p",
    noise: bool = False,
) -> Path:
    """Pictures at a constant rate by any codec and container, for what `write_video` does not write."""
    # `faststart` puts the index first, as in files made for the web; other containers ignore it
    with av.open(str(path), "w", options={"movflags": "faststart"}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixel_format
        stream.codec_context.thread_count = 1
        stream.bit_rate = 2_000_000  # MPEG-4's default is too little to tell two pictures apart
        for number in range(numbers):
            picture = av.VideoFrame.from_ndarray(draw(number, noise=noise), format="rgb24")
            frame = picture.reformat(format=pixel_format)
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def turn_clockwise(path: Path) -> Path:
    """Write the display matrix of a phone held upright (ISO 14496-12: x' = -y, y' = x) into an MP4."""
    content = path.read_bytes()
    track = content.index(b"tkhd")
    plain = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    turned = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, HEIGHT << 16, 0, 1 << 30)
    path.write_bytes(content[:track] + content[track:].replace(plain, turned, 1))
    return path


def packet_times(path: Path) -> np.ndarray:
    """Times of the video packets from the first one, sorted, without decoding: what ffprobe would list."""
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        stamps = sorted(packet.pts * packet.time_base for packet in container.demux(video) if packet.size)
    return np.array([float(stamp - stamps[0]) for stamp in stamps])
