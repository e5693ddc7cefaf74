"""One video file being watched: its pictures on their clock, as pixels, and its damage once it has ended.

The only module that joins `streams`, `clock` and `wholeness`; batches and samples belong in `decode`.
"""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from traces_core.errors import DamagedVideoError, VideoError
from traces_core.video.clock import timed
from traces_core.video.streams import Damage, note_missing_head, opened, pictures, rate_of
from traces_core.video.wholeness import missing_bytes

Pixels = NDArray[np.uint8]


class OpenVideo:
    """The video stream of one open file."""

    def __init__(self, path: Path, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        self.path = path
        self.container = container
        self.stream = stream
        self.unit = Fraction(stream.time_base)
        self.damage = Damage()
        note_missing_head(path, container, self.damage)
        self._origin: int | None = None
        self._frames = 0

    @classmethod
    @contextmanager
    def opened(cls, path: Path | str) -> Iterator[OpenVideo]:
        """The video in a file; closed afterwards. Raises VideoError where there is none."""
        path = Path(path)
        with opened(path) as (container, stream):
            yield cls(path, container, stream)

    def pictures(self) -> Generator[tuple[av.VideoFrame, int], None, None]:
        """Every picture that can be shown, with its time from the first one in units, once through.

        Raises
        ------
        VideoError
            There was none.
        """
        decoded = pictures(self.container, self.stream, self.damage)
        for picture, time in timed(decoded, self.unit, rate_of(self.stream)):
            if self._origin is None:
                self._origin = picture.pts
            self._frames, self.damage.now = self._frames + 1, time
            yield picture, time
        if missing := missing_bytes(self.path):
            self.damage.note(missing)
        if self._frames == 0:
            why = f" ({self.damage})" if self.damage.problems else ""
            do = "Copy it again from its source, or leave it out"
            raise VideoError(self.path, f"no picture can be decoded{why}", do=do)

    def seconds(self, time: int) -> float:
        """Units to seconds, correctly rounded."""
        return time * self.unit.numerator / self.unit.denominator

    def refuse_damage(self) -> None:
        """Raise DamagedVideoError where the file, watched to its end, held less than it should."""
        if self.damage.problems:
            at = self.damage.seen_at
            if self.damage.label is not None:
                at = max(0, self.damage.label - (self._origin or 0))
            raise DamagedVideoError(self.path, str(self.damage), at_s=self.seconds(at), frames=self._frames)


def rgb(picture: av.VideoFrame, shape: tuple[int, ...] | None = None) -> Pixels:
    """Pixels as displayed, uint8 (H, W, 3), scaled to `shape` where one is given and theirs differs."""
    quarters = round(picture.rotation / 90) % 4  # counter-clockwise, as numpy turns
    height, width = shape[:2] if shape else (None, None)
    if quarters % 2:
        height, width = width, height
    pixels: Pixels = picture.to_ndarray(format="rgb24", width=width, height=height, threads=1)
    return np.rot90(pixels, quarters) if quarters else pixels
