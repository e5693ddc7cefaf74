"""Drawn clips whose every picture says its number, as files that a camera of the tests serves."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

HEIGHT, WIDTH, BITS, RATE = 64, 96, 12, 25


def drawn(number: int) -> NDArray[np.uint8]:
    """A block that moves over a shade, and below it the number in stripes."""
    picture = np.zeros((HEIGHT, WIDTH, 3), dtype=np.uint8)
    picture[..., 0] = np.arange(WIDTH)
    picture[..., 1] = 90
    x = number * 3 % (WIDTH - 16)
    picture[8:24, x : x + 16] = 200
    for bit in range(BITS):
        picture[-16:, bit * 8 : bit * 8 + 8] = 235 if number >> bit & 1 else 16
    return picture


def number_of(pixels: NDArray[np.uint8]) -> int:
    """The number that a picture says."""
    return sum((pixels[-8, bit * 8 + 4, 1] > 128) << bit for bit in range(BITS))


def write_clip(
    path: Path, pictures: int, *, b_frames: int = 0, key_every: int = 25, is_uneven: bool = False
) -> Path:
    """So many pictures, the first being number 0; `is_uneven`: each up to a third of a step late."""
    late_ms = np.random.default_rng(1).integers(0, 13, pictures) if is_uneven else np.zeros(pictures, int)
    options = {"bf": str(b_frames), "b_strategy": "0", "g": str(key_every), "sc_threshold": "0", "crf": "18"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options={**options, "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.thread_count, stream.codec_context.time_base = 1, Fraction(1, 1000)
        for number in range(pictures):
            frame = av.VideoFrame.from_ndarray(drawn(number), format="rgb24")
            frame.pts = number * 1000 // RATE + int(late_ms[number]) * (number > 0)
            frame.time_base = Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path
