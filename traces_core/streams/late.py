"""Late fusion: each stream on its own scale, learned from normal footage, then their mean.

Streams are read as they are (`ScoreTrack`); what a stream means belongs in its own file, thresholds in
`thresholds`. Fusion inside the window, before any score, is in `traces_core.fusion.window_fusion`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from traces_core.errors import NotFiniteError, StreamScaleError, TooLittleFootageError
from traces_core.streams.joining import LastScores, fused_track, pushed_between_gaps
from traces_core.types import ScoreTrack

ENOUGH = 20
"""Normal scores below which a scale would be a guess."""
_MAD_TO_SIGMA = 1.4826  # for a normal distribution

Method = Literal["robust", "moments"]


@dataclass(frozen=True, slots=True)
class StreamScale:
    """Where a stream's scores lie on normal footage, and how widely they spread there."""

    stream: str
    """Name of the stream."""
    location: float
    """Its middle on normal footage, in the stream's own unit."""
    spread: float
    """Its standard deviation on normal footage, or a robust estimate of it; above 0."""
    method: Method
    """robust: median and 1.4826 x median absolute deviation. moments: mean and standard deviation."""
    scores: int
    """Normal scores it rests on."""

    def __post_init__(self) -> None:
        """Refuse a scale that would divide by nothing."""
        if not (math.isfinite(self.location) and math.isfinite(self.spread) and self.spread > 0):
            raise StreamScaleError(
                f"stream {self.stream!r}: location {self.location}, spread {self.spread}; expected finite "
                "numbers and a spread above 0. Calibrate the stream on normal footage again."
            )

    @classmethod
    def from_normal_scores(
        cls, stream: str, scores: NDArray[Any], *, method: Method = "robust"
    ) -> StreamScale:
        """Learn the scale of a stream from scores of normal footage.

        Parameters
        ----------
        stream : str
        scores : float array of shape (N,)
            Scores of normal footage only, of any number of videos.
        method : str
            "robust" is not moved by the few odd moments that normal footage holds. Where more than half
            of the scores are equal it has no spread, and the moments are taken; `method` records it.

        Raises
        ------
        TooLittleFootageError
            If there are fewer than 20 scores.
        NotFiniteError
            If a score is not finite.
        StreamScaleError
            If all scores are equal.

        Examples
        --------
        >>> scale = StreamScale.from_normal_scores("fused", np.arange(21.0))
        >>> scale.location, round(scale.spread, 3)
        (10.0, 7.413)
        """
        x = np.asarray(scores, np.float64)
        if x.size < ENOUGH:
            raise TooLittleFootageError(
                f"stream {stream!r}: {x.size} normal scores, {ENOUGH} are the least a scale can rest on. "
                "Add normal footage of the same cameras."
            )
        if not np.isfinite(x).all():
            raise NotFiniteError(
                f"stream {stream!r}: normal scores hold NaN or infinity. Score the footage again."
            )
        location = float(np.median(x))
        spread = _MAD_TO_SIGMA * float(np.median(np.abs(x - location)))
        # Rounding leaves a trace of spread in a constant stream: no spread is what is below float32's grain.
        grain = 1e-7 * float(np.abs(x).max())
        if method == "moments" or spread <= grain:
            method, location, spread = "moments", float(x.mean()), float(x.std())
        if spread <= grain:
            raise StreamScaleError(
                f"stream {stream!r}: all {x.size} normal scores are {location:g}, so that none can be called "
                "high. Leave the stream out of the late fusion, or look for what froze it."
            )
        return cls(stream, location, spread, method, int(x.size))

    def z(self, scores: NDArray[Any]) -> NDArray[np.float64]:
        """Give scores in standard deviations from the middle of normal footage; strictly monotone.

        Examples
        --------
        >>> StreamScale("fused", 10.0, 2.0, "moments", 30).z(np.array([10.0, 14.0])).tolist()
        [0.0, 2.0]
        """
        return (np.asarray(scores, np.float64) - self.location) / self.spread


@dataclass(frozen=True, slots=True)
class LateFusion:
    """Several streams as one: at each time the mean of the z-scores of the streams that are present."""

    scales: tuple[StreamScale, ...]
    """One a stream, in the order of their names."""

    @classmethod
    def from_normal_tracks(cls, tracks: Mapping[str, Sequence[ScoreTrack]]) -> LateFusion:
        """Learn one scale per stream from the tracks of normal footage.

        Parameters
        ----------
        tracks : mapping from stream to its tracks, one a video

        Raises
        ------
        TooLittleFootageError, NotFiniteError, StreamScaleError
            As in `StreamScale.from_normal_scores`.
        """
        values = {
            stream: np.concatenate([np.zeros(0), *(np.asarray(one.values, np.float64) for one in some)])
            for stream, some in sorted(tracks.items())
        }
        return cls(tuple(StreamScale.from_normal_scores(stream, one) for stream, one in values.items()))

    def start(self, *, name: str = "late") -> LateStage:
        """The fusion of one video whose scores come piece by piece."""
        return LateStage(self, name)

    def combine(self, tracks: Mapping[str, ScoreTrack], *, name: str = "late") -> ScoreTrack:
        """Give one track from several of the same video: `start`, with everything pushed at once.

        Parameters
        ----------
        tracks : mapping from stream to track
            Streams without a scale are refused; a scale without a stream is a missing stream, and the
            mean is over the others. Times may differ.
        name : str
            Name of the new stream; `_offline` is added where a track is not causal.

        Returns
        -------
        ScoreTrack
            At every time at which a stream has a score: the mean of the last scores of the streams present.
            0 is the middle of normal footage, 1 one standard deviation above. The score at t rests on
            scores at times <= t.

        Raises
        ------
        StreamScaleError
            If there is no stream, or one that has no scale.
        NotFiniteError
            If a score is not finite.

        Notes
        -----
        Source: ours, after the prototype in which the z-scored mean of window mean and action head beat
        every trained fusion. A mean of fewer streams varies more: a threshold holds for the streams it
        was calibrated with.
        """
        if not tracks:
            raise StreamScaleError(
                "late fusion: no stream at all. Calibrate a stream, and score the video by it first."
            )
        return self.start(name=name).push(tracks)


class LateStage:
    """`LateFusion` while the scores come.

    Parameters
    ----------
    scales : the scale of each stream.
    name : of the fused stream.
    """

    def __init__(self, scales: LateFusion, name: str) -> None:
        self._name = name
        self._scales = {scale.stream: scale for scale in scales.scales}
        self._last = LastScores()

    def push(self, tracks: Mapping[str, ScoreTrack]) -> ScoreTrack:
        """Take the next scores of every stream, up to one common time; the fused scores at their times.

        Pieces of any size give the same bits.
        """
        return pushed_between_gaps(tracks, self._take, self.gap)

    def _take(self, tracks: Mapping[str, ScoreTrack]) -> ScoreTrack:
        if set(tracks) - set(self._scales):
            raise StreamScaleError(
                f"late fusion: got the streams {sorted(tracks)}, scales are known for "
                f"{sorted(self._scales)}. Calibrate each stream on normal footage first: `make demo`."
            )
        z = {name: self._scales[name].z(track.finite()) for name, track in tracks.items()}
        times, known = self._last.push(tracks, z)
        total, present = np.zeros(len(times)), np.zeros(len(times), np.intp)
        for values, is_present in known.values():
            total[is_present] += values[is_present]
            present += is_present
        # at each time at least the stream it came from is present
        values = (total / np.maximum(present, 1)).astype(np.float32)
        return fused_track(times, values, tracks, self._name)

    def gap(self) -> None:
        """Nothing is known from here on, until the next scores."""
        self._last.gap()
