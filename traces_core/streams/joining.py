"""What every fusion of streams does: put the last scores of each at the times of all, while they come.

What is made of them is in `late` (a mean of z-scores) and `pvalues` (the least p-value).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traces_core.types import ScoreTrack, Times

Floats = NDArray[np.float64]


def pushed_between_gaps(
    tracks: Mapping[str, ScoreTrack],
    push: Callable[[Mapping[str, ScoreTrack]], ScoreTrack],
    gap: Callable[[], None],
) -> ScoreTrack:
    """One track from several: what lies between two stretches that are unknown is pushed on its own."""
    gaps = sorted({one for track in tracks.values() for one in track.unknown}, key=lambda one: one.start_s)
    pieces, since_s = [], -math.inf
    for one in gaps:
        pieces.append(push({name: track.between(since_s, one.start_s) for name, track in tracks.items()}))
        gap()
        since_s = one.start_s
    pieces.append(push({name: track.between(since_s, math.inf) for name, track in tracks.items()}))
    return ScoreTrack.joined(pieces, unknown=tuple(gaps))


def fused_track(times: Times, values: NDArray[Any], of: Mapping[str, ScoreTrack], name: str) -> ScoreTrack:
    """A track made of others: causal if they all are, else `_offline` is added to its name."""
    causal = all(track.causal for track in of.values())
    return ScoreTrack(times, values, stream=name if causal else f"{name}_offline", causal=causal)


class LastScores:
    """The last score of each of several streams, at the times of all of them, as they come.

    Examples
    --------
    >>> last = LastScores()
    >>> track = ScoreTrack(np.array([0.0, 2.0]), np.array([5.0, 7.0]), stream="a")
    >>> times_s, known = last.push({"a": track}, {"a": track.values})
    >>> other = ScoreTrack(np.array([3.0]), np.array([1.0]), stream="b")
    >>> times_s, known = last.push({"b": other}, {"b": other.values})
    >>> times_s.tolist(), {name: values.tolist() for name, (values, _) in known.items()}
    ([3.0], {'a': [7.0], 'b': [1.0]})
    """

    def __init__(self) -> None:
        self._values: dict[str, float] = {}
        self._now_s = -math.inf

    def push(
        self, tracks: Mapping[str, ScoreTrack], values: Mapping[str, Floats]
    ) -> tuple[Times, dict[str, tuple[Floats, NDArray[np.bool_]]]]:
        """Take the next scores.

        Parameters
        ----------
        tracks : by stream; only their times are read. None has a score at or before the last time of an
            earlier piece.
        values : float64 arrays by stream, one value a time of its track.

        Returns
        -------
        float64 array of shape (T,)
            Every time at which a stream has a score.
        dict of str to (float64 array of shape (T,), bool array of shape (T,))
            By stream, sorted: its last value, and whether it has one.
        """
        times: Times = np.unique(np.concatenate([np.zeros(0), *(track.times_s for track in tracks.values())]))
        if len(times) and times[0] <= self._now_s:
            raise ValueError(f"scores up to {self._now_s} s were fused, and one at {times[0]} s came after")
        known = {}
        for stream in sorted({*tracks, *self._values}):
            before = self._values.get(stream)
            own = tracks[stream].times_s if stream in tracks else np.zeros(0)
            spoken = np.append(math.nan if before is None else before, values[stream] if len(own) else [])
            last = np.searchsorted(own, times, side="right")  # 0: its score in an earlier piece
            known[stream] = (spoken[last], (last > 0) | (before is not None))
        if len(times):
            self._now_s = float(times[-1])
            self._values = {name: float(v[-1]) for name, (v, is_known) in known.items() if is_known[-1]}
        return times, known

    def gap(self) -> None:
        """Forget the last scores: nothing is known from here on."""
        self._values = {}
