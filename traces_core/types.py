"""The nouns that every chapter shares: a track, a score track, an interval, an episode.

A type that only one module needs belongs in that module.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from traces_core.errors import NotFiniteError

Array = NDArray[np.float32]
Times = NDArray[np.float64]
Place = str | tuple[str, ...] | None
"""The context of a video or camera, or several; None, or what the bank does not know, means all."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A half-open stretch of time `[start_s, end_s)` of one video, with what happens in it."""

    start_s: float
    """First second that belongs to the stretch."""
    end_s: float
    """First second after it."""
    label: str = ""
    """What happens, as a class name; empty where nobody said."""

    def __post_init__(self) -> None:
        """Refuse a stretch that ends before it begins."""
        if not (np.isfinite(self.start_s) and np.isfinite(self.end_s) and self.start_s <= self.end_s):
            raise ValueError(f"an interval from {self.start_s} s to {self.end_s} s runs backwards")

    @property
    def duration_s(self) -> float:
        """Length in seconds."""
        return self.end_s - self.start_s


@dataclass(frozen=True, slots=True)
class Track:
    """Values with their times: `values[i]` is what is known at `times_s[i]`.

    `times_s` : float64 array of shape (T,), seconds, strictly rising.
    `values` : array of shape (T, ...).
    """

    times_s: Times
    values: NDArray[np.generic]

    def __post_init__(self) -> None:
        """Refuse times that do not rise, and values without a time."""
        if len(self.times_s) != len(self.values):
            raise ValueError(f"{len(self.times_s)} times for {len(self.values)} values")
        if len(self.times_s) > 1 and not bool(np.all(np.diff(self.times_s) > 0)):
            where = int(np.argmin(np.diff(self.times_s)))
            raise ValueError(
                f"times must rise strictly: {self.times_s[where]} s is followed by "
                f"{self.times_s[where + 1]} s at position {where + 1}"
            )

    def __len__(self) -> int:
        return len(self.times_s)


@dataclass(frozen=True, slots=True)
class ScoreTrack(Track):
    """One stream's scores of one video; higher means more anomalous.

    A score at time t rests on frames at times <= t, unless `causal` is False (then the name of the
    stream says `offline`). The score holds until the next time, or until a stretch of `unknown` begins.

    `unknown` : stretches, rising, in which the stream knows nothing because the source saw nothing (a camera
    that was away). No score lies in them and none holds there: unknown is neither a number nor NaN.
    """

    stream: str = ""
    causal: bool = True
    unknown: tuple[Interval, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what `Track` refuses, and scores where nothing is known."""
        Track.__post_init__(self)
        for gap in self.unknown:
            inside = self.times_s[(self.times_s >= gap.start_s) & (self.times_s < gap.end_s)]
            if len(inside):
                raise ValueError(
                    f"stream {self.stream!r}: a score at {inside[0]} s, but nothing is known from "
                    f"{gap.start_s} s to {gap.end_s} s"
                )

    @classmethod
    def joined(cls, pieces: Sequence[ScoreTrack], unknown: tuple[Interval, ...] = ()) -> ScoreTrack:
        """One track from one or more pieces of it, in the order of time."""
        return cls(
            np.concatenate([piece.times_s for piece in pieces]),
            np.concatenate([piece.values for piece in pieces]),
            stream=pieces[-1].stream,
            causal=all(piece.causal for piece in pieces),
            unknown=unknown,
        )

    def finite(self, where: str = "") -> NDArray[np.float64]:
        """The scores as float64 array of shape (T,); NaN and infinity are refused, for they would spread.

        Parameters
        ----------
        where : the video, for the message.

        Raises
        ------
        NotFiniteError
            If a score is not finite. What is unknown is left out, not filled.
        """
        values = np.asarray(self.values, dtype=np.float64)
        if not np.isfinite(values).all():
            bad = int(np.argmin(np.isfinite(values)))
            where = f"{where} stream {self.stream!r}".strip()
            raise NotFiniteError(f"{where}: the score at {self.times_s[bad]} s is {values[bad]}.")
        return values

    def last(self) -> ScoreTrack:
        """Its last score alone; empty where it has none."""
        rows = slice(-1, None)
        return ScoreTrack(self.times_s[rows], self.values[rows], stream=self.stream, causal=self.causal)

    def between(self, start_s: float, end_s: float) -> ScoreTrack:
        """The scores at `start_s <= time < end_s` (seconds); what is unknown is left out."""
        rows = slice(*np.searchsorted(self.times_s, [start_s, end_s]))
        return ScoreTrack(self.times_s[rows], self.values[rows], stream=self.stream, causal=self.causal)


@dataclass(frozen=True, slots=True)
class Episode:
    """A run of scores above the threshold: what an operator would be called for.

    Its table is `traces_core.streams.episodes.EPISODES`, which adds the video and the stream.
    """

    start_s: float
    """Time of the first score above the threshold."""
    end_s: float
    """Time of the first score after it that is below; where there is none, the end of the video or the begin
    of a stretch in which nothing is known."""
    peak_s: float
    """Time of the highest score."""
    peak_score: float
    """The highest score."""
    label: str | None = None
    """The class it is taken for; None where the stream names none."""
    because: str | None = None
    """Why it was raised, such as the streams that mismatch, joined by `+`; None where nothing says."""


def as_text(path: Path) -> str:
    """A path as it stands in a table: bytes of its name that are no UTF-8 are written as escapes.

    Examples
    --------
    >>> as_text(Path("cam\\udcff.mp4"))
    'cam\\\\xff.mp4'
    """
    return os.fsencode(path).decode("utf-8", "backslashreplace")
