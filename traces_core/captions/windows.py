"""From a video to the pictures that a VLM gets: windows of seconds, a few pictures each, as JPEG.

Decoding and the choice of frames by time are `traces_core.video`; what is asked about them is in `writer`.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from traces_core.errors import DamagedVideoError
from traces_core.video import probe, read_frames
from traces_core.video.identity import length_of
from traces_core.video.orientation import Pixels
from traces_core.video.sampling import SLACK_S, exact_rate

JPEG_QUALITY = 85


@dataclass(frozen=True)
class Window:
    """A stretch of a video with some of its pictures."""

    start_s: float
    """Seconds from the first frame."""
    end_s: float
    """First second after it; at the end of the video, that end."""
    images: tuple[bytes, ...]
    """JPEG files in the order of time; one or more."""


def windows_of(path: Path | str, window_s: float, frames: int, image_px: int) -> Iterator[Window]:
    """The windows of a video in order, without overlap; those without a frame are left out.

    Parameters
    ----------
    path
        Any container and codec.
    window_s
        Length of a window (seconds); the last one is shorter.
    frames
        Pictures of a whole window, evenly spaced by time; fewer where the video has fewer.
    image_px
        Longer edge of a picture at most (pixels).

    Raises
    ------
    VideoError
        At once, where there is no picture to be seen.
    DamagedVideoError
        After the last window, where the file is damaged: what can be decoded is given before.
    """
    probe(path)
    length_s = length_of(path)
    rate = exact_rate(frames / window_s)
    number, last_s = 0, 0.0
    images: list[bytes] = []
    damage: DamagedVideoError | None = None
    try:
        for batch in read_frames(path, sample_fps=rate, batch_size=1):
            time_s = float(batch.times_s[0])
            here = int((time_s + float(SLACK_S)) // window_s)
            if here != number and images:
                yield Window(number * window_s, (number + 1) * window_s, tuple(images))
                images = []
            number, last_s = here, time_s
            images.append(jpeg(batch.pixels[0], image_px))
    except DamagedVideoError as error:
        damage = error
    if images:
        end_s = length_s if damage is None else last_s + 1 / float(rate)
        yield Window(number * window_s, min(end_s, (number + 1) * window_s), tuple(images))
    if damage is not None:
        raise damage


def jpeg(picture: Pixels, longer_edge: int) -> bytes:
    """A picture as JPEG, its longer edge so many pixels at most.

    Examples
    --------
    >>> import numpy as np
    >>> Image.open(io.BytesIO(jpeg(np.zeros((90, 160, 3), np.uint8), 80))).size
    (80, 45)
    """
    image = Image.fromarray(picture)
    image.thumbnail((longer_edge, longer_edge))
    kept = io.BytesIO()
    image.save(kept, "JPEG", quality=JPEG_QUALITY)
    return kept.getvalue()
