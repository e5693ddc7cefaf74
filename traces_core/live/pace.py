"""Whether the frames of a camera are scored as fast as they come.

What was not taken in time is dropped by `feed`; whether a picture shows what it should is `health`'s.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

import numpy as np

LATE_S = 3.0
"""Seconds from a frame's arrival to its score beyond which a camera is behind."""
DROPPED = 0.05
"""Share of the frames of the last looks beyond which a camera is behind."""
_LOOKS = 10
_LATENCIES = 256


class Pace:
    """How one camera keeps up.

    Examples
    --------
    >>> pace = Pace()
    >>> pace.look(0, 0), pace.look(40, 12)
    (None, None)
    >>> pace.behind
    'the machine is too slow: 28 of the last 40 frames are scored'
    """

    def __init__(self) -> None:
        self._latencies_s: deque[float] = deque(maxlen=_LATENCIES)
        self._counts: deque[tuple[int, int]] = deque(maxlen=_LOOKS + 1)

    def scored(self, latencies_s: Iterable[float]) -> None:
        """Frames were scored so long after they arrived (seconds)."""
        self._latencies_s.extend(latencies_s)

    def look(self, sampled: int, dropped: int) -> None:
        """Note how many frames have come so far, and how many of them were dropped: once a second."""
        self._counts.append((sampled, dropped))

    @property
    def latency_s(self) -> float | None:
        """The 95th percentile of the newest frames, from arrival to score (seconds)."""
        return float(np.percentile(self._latencies_s, 95)) if self._latencies_s else None

    @property
    def behind(self) -> str:
        """What is behind, in words; empty where nothing is."""
        if self._counts:
            (sampled_before, dropped_before), (sampled, dropped) = self._counts[0], self._counts[-1]
            came, lost = sampled - sampled_before, dropped - dropped_before
            if lost > max(1, DROPPED * came):
                return f"the machine is too slow: {came - lost} of the last {came} frames are scored"
        if self._latencies_s and self._latencies_s[-1] > LATE_S:
            return f"frames wait {self._latencies_s[-1]:.1f} s for the encoders"
        return ""
