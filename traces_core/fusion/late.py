"""Late fusion: each stream on its own scale, learned from normal footage, then their mean.

Streams are read as they are (`ScoreTrack`); what a stream means belongs in `streams.py`, thresholds in
`calibration.py`. Fusion inside the window, before any score, is in `fusion.py`.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from traces_core.errors import (
    CorruptArtifactError,
    MissingArtifactError,
    NotFiniteError,
    StreamScaleError,
    TooLittleFootageError,
)
from traces_core.types import ScoreTrack, Times

FORMAT = "traces-late-fusion-1"
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
            of the scores are equal it has no spread, and the moments are taken; `method` then says so.

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
    def from_normal_tracks(
        cls, tracks: Mapping[str, Sequence[ScoreTrack]], *, method: Method = "robust"
    ) -> LateFusion:
        """Learn one scale per stream from the tracks of normal footage.

        Parameters
        ----------
        tracks : mapping from stream to its tracks, one a video
        method : str
            As in `StreamScale.from_normal_scores`.

        Raises
        ------
        TooLittleFootageError, NotFiniteError, StreamScaleError
            As in `StreamScale.from_normal_scores`.
        """
        return cls(
            tuple(
                StreamScale.from_normal_scores(
                    stream,
                    np.concatenate(
                        [np.zeros(0), *(np.asarray(t.values, np.float64) for t in tracks[stream])]
                    ),
                    method=method,
                )
                for stream in sorted(tracks)
            )
        )

    def combine(
        self, tracks: Mapping[str, ScoreTrack], *, name: str = "late", hold_s: float = math.inf
    ) -> ScoreTrack:
        """Give one track from several of the same video.

        Parameters
        ----------
        tracks : mapping from stream to track
            Streams without a scale are refused; a scale without a stream is a missing stream, and the
            mean is over the others. Times may differ.
        name : str
            Name of the new stream; `_offline` is added where a track is not causal.
        hold_s : float
            Seconds for which a score stands after its time, until the stream's next score; after that the
            stream is missing.

        Returns
        -------
        ScoreTrack
            At every time at which a stream has a score: the mean of what each stream present said last.
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
        known = {scale.stream: scale for scale in self.scales}
        if not tracks or set(tracks) - set(known):
            raise StreamScaleError(
                f"late fusion: got the streams {sorted(tracks)}, scales are known for {sorted(known)}. "
                "Calibrate each stream on normal footage first."
            )
        times = np.unique(np.concatenate([track.times_s for track in tracks.values()]))
        total, present = np.zeros(len(times)), np.zeros(len(times), np.intp)
        for stream in sorted(tracks):
            last, is_present = _last_known(tracks[stream], times, hold_s)
            z = known[stream].z(_finite(stream, tracks[stream].values))
            total[is_present] += z[last[is_present]]
            present += is_present
        causal = all(track.causal for track in tracks.values())
        values = (total / present).astype(
            np.float32
        )  # at each time at least the stream it came from is present
        return ScoreTrack(times, values, stream=name if causal else f"{name}_offline", causal=causal)

    def save(self, path: Path | str) -> None:
        """Write the scales as JSON, entirely or not at all."""
        path = Path(path)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{os.getpid()}")
        said = {"format": FORMAT, "scales": [asdict(scale) for scale in self.scales]}
        temporary.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")
        os.replace(temporary, path)

    @classmethod
    def load(cls, path: Path | str) -> LateFusion:
        """Read what `save` wrote.

        Raises
        ------
        MissingArtifactError
            If there is no such file.
        CorruptArtifactError
            If it is not one of `save`'s.
        """
        path = Path(path)
        if not path.is_file():
            raise MissingArtifactError(path.name, path.parent)
        try:
            said = json.loads(path.read_text(encoding="utf-8"))
            if said["format"] != FORMAT:
                raise ValueError(f"format {said['format']!r}, expected {FORMAT!r}")
            return cls(tuple(StreamScale(**scale) for scale in said["scales"]))
        except (KeyError, TypeError, ValueError) as error:
            raise CorruptArtifactError(path, f"not the scales of a late fusion ({error})") from error


def _last_known(track: ScoreTrack, times: Times, hold_s: float) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Give which score of a track stood at each time, and whether one did."""
    last = np.searchsorted(track.times_s, times, side="right") - 1
    begun = last >= 0
    if not len(track):
        return last, begun
    age = times - track.times_s[np.maximum(last, 0)]
    return last, begun & (age <= hold_s)


def _finite(stream: str, values: NDArray[Any]) -> NDArray[np.float64]:
    x = np.asarray(values, np.float64)
    if not np.isfinite(x).all():
        raise NotFiniteError(
            f"late fusion: stream {stream!r} holds NaN or infinity, first at position "
            f"{int(np.argmin(np.isfinite(x)))}. A stream that knows nothing is left out, not filled."
        )
    return x
