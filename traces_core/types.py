"""The nouns that every chapter shares: a track, a score track, an interval, an episode.

A type that only one module needs belongs in that module.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]
Times = NDArray[np.float64]


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
    stream says `offline`). The score holds until the next time.
    """

    stream: str = ""
    causal: bool = True


@dataclass(frozen=True, slots=True)
class Episode:
    """A run of scores above the threshold: what an operator would be called for."""

    start_s: float
    """Time of the first score above the threshold."""
    end_s: float
    """Time of the first score after it that is below; the end of the track where there is none."""
    peak_s: float
    """Time of the highest score."""
    peak_score: float
    """The highest score."""
