"""P-values from normal footage: how often a normal moment scores as high; and several streams as one.

A stream's own scores stay as they are; here they become probabilities that can be compared between streams
and between scenes. When an alarm is raised is decided in `thresholds`, from what comes out here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traces_core.errors import NotFiniteError, StreamScaleError, TooLittleFootageError
from traces_core.streams.joining import LastScores, fused_track, pushed_between_gaps
from traces_core.types import ScoreTrack

Floats = NDArray[np.float64]

ENOUGH = 20
"""Normal scores below which a scale would be a guess."""
TAIL = 0.1
"""Share of the highest normal scores that say how fast the tail falls."""


@dataclass(frozen=True)
class NormalScores:
    """The scores of one stream on normal footage of one scene, or of all."""

    scores: Floats
    """float64 (n,), rising."""

    @classmethod
    def of(cls, scores: NDArray[Any], *, where: str) -> NormalScores:
        """Keep normal scores, in any order.

        Raises
        ------
        TooLittleFootageError
            If there are fewer than 20.
        NotFiniteError
            If one is not finite.
        StreamScaleError
            If all are equal.
        """
        rising = np.sort(np.asarray(scores, np.float64))
        if rising.size < ENOUGH:
            raise TooLittleFootageError(
                f"{where}: {rising.size} normal scores, {ENOUGH} are the least that p-values can rest on. "
                "Add normal footage of the same cameras."
            )
        if not np.isfinite(rising).all():
            raise NotFiniteError(f"{where}: normal scores hold NaN or infinity. Score the footage again.")
        if rising[0] == rising[-1]:
            raise StreamScaleError(
                f"{where}: all {rising.size} normal scores are {rising[0]:g}, so that none can be called "
                "high. Leave the stream out, or look for what froze it."
            )
        return cls(rising)

    @property
    def _points(self) -> tuple[Floats, Floats]:
        """Each distinct score, rising, and the log of its p-value, falling strictly to log(2 / (n + 1))."""
        values, first = np.unique(self.scores, return_index=True)
        n = len(self.scores)
        return values, np.log((1 + n - first) / (n + 1))

    @property
    def _tail(self) -> float:
        """How far the highest scores lie above the tail's begin, on average: there p falls by e."""
        begin = len(self.scores) - max(2, round(TAIL * len(self.scores)))
        excess = float((self.scores[begin:] - self.scores[begin]).mean())
        return excess or float(self.scores[-1] - self.scores[0]) / len(self.scores)

    def log_p(self, scores: NDArray[Any]) -> Floats:
        """The natural log of each score's p-value; falls as the score rises.

        Parameters
        ----------
        scores : float array of shape (T,)

        Returns
        -------
        float64 array of shape (T,)
            At most 0. At a normal score it is log((1 + how many are as high) / (n + 1)); between two, the log
            is interpolated; above all, it falls on at the pace of the tail: extremes keep their order.

        Notes
        -----
        Vovk, Gammerman, Shafer 2005 (conformal p-values), for a moment exchangeable with the normal ones.
        Where it is finer than 1 / (n + 1) it is extrapolated (exponential tail, as for peaks over a
        threshold): a rank, and no promise.
        """
        x = np.asarray(scores, np.float64)
        values, logs = self._points
        beyond = np.maximum(x - values[-1], 0.0) / self._tail
        log_p: Floats = np.interp(x, values, logs) - beyond
        return log_p

    def score_at(self, log_p: float) -> float:
        """The score whose p-value this is: the inverse of `log_p`."""
        values, logs = self._points
        if log_p >= logs[-1]:
            return float(np.interp(-log_p, -logs, values))
        return float(values[-1] + (logs[-1] - log_p) * self._tail)


@dataclass(frozen=True)
class NormalFootage:
    """The normal scores of every stream, by scene and over all scenes."""

    streams: Mapping[str, Mapping[str, NormalScores]]
    """By stream, then by scene; under the empty name those of all scenes."""

    @classmethod
    def from_tracks(
        cls,
        tracks: Mapping[str, Mapping[str, ScoreTrack]],
        scenes: Mapping[str, str | None],
        *,
        scene_scores: int,
    ) -> NormalFootage:
        """Learn from tracks of normal footage.

        Parameters
        ----------
        tracks : by stream, then by video.
        scenes : the scene of each video; None where it is unknown.
        scene_scores : normal scores from which a scene has a scale of its own; one with fewer shares the
            scale of all.

        Raises
        ------
        TooLittleFootageError, NotFiniteError, StreamScaleError
            As `NormalScores.of`.
        """
        scales: dict[str, dict[str, NormalScores]] = {}
        for stream, videos in sorted(tracks.items()):
            by_scene: dict[str, list[NDArray[Any]]] = {}
            for video, track in sorted(videos.items()):
                for scene in {"", scenes[video] or ""}:
                    by_scene.setdefault(scene, []).append(track.values)
            scales[stream] = {
                scene: NormalScores.of(np.concatenate(some), where=f"{stream} {scene}".strip())
                for scene, some in by_scene.items()
                if scene == "" or sum(map(len, some)) >= scene_scores
            }
        return cls(scales)

    def scale(self, stream: str, scene: str | None) -> NormalScores:
        """The scale of a stream at a scene: the scene's own where it has one, else that of all.

        Raises
        ------
        StreamScaleError
            If the stream was never calibrated.
        """
        if stream not in self.streams:
            raise StreamScaleError(
                f"the stream {stream!r} has no normal scores; known: {sorted(self.streams)}. "
                "Calibrate each stream on normal footage first: `make demo`."
            )
        scales = self.streams[stream]
        return scales.get(scene or "", scales[""])

    def surprisal(self, track: ScoreTrack, scene: str | None) -> ScoreTrack:
        """A stream's track as -log10 of its p-values: 2 is a score that one normal moment in 100 reaches."""
        log_p = self.scale(track.stream, scene).log_p(track.values)
        return replace(track, values=-log_p / math.log(10))

    def to_dict(self) -> dict[str, dict[str, list[float]]]:
        """Plain lists for JSON."""
        return {
            stream: {scene: scale.scores.tolist() for scene, scale in scales.items()}
            for stream, scales in self.streams.items()
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Mapping[str, Sequence[float]]]) -> NormalFootage:
        """What `to_dict` gave."""
        return cls(
            {
                stream: {scene: NormalScores(np.asarray(one, np.float64)) for scene, one in scales.items()}
                for stream, scales in content.items()
            }
        )


class EitherStage:
    """Several streams of one video as one, while they come: high where EITHER is unlikely on normal footage.

    Parameters
    ----------
    normal : the normal scores of each.
    scene : the video's scene; None where it is unknown.
    name : of the new stream; `_offline` is added where a track is not causal.

    Notes
    -----
    Šidák 1967: exact where the m p-values are independent, and it keeps the order of p, so nothing ties.
    """

    def __init__(self, normal: NormalFootage, scene: str | None, *, name: str) -> None:
        self._normal, self._scene, self._name = normal, scene, name
        self._last = LastScores()

    def push(self, tracks: Mapping[str, ScoreTrack]) -> ScoreTrack:
        """Take the next scores of every stream, up to one common time. Pieces of any size give the same bits.

        Returns
        -------
        ScoreTrack
            At every time at which a stream has a score: -log10 of 1 - (1 - p)^m, where p is the least p-value
            of the m streams that have spoken by then, each by its last score. A stream that is missing is
            left out, and is no zero.

        Raises
        ------
        StreamScaleError
            If there is no stream, or one that was never calibrated.
        """
        if not tracks:
            raise StreamScaleError("late fusion: no stream at all. Score the video by one of them first.")
        return pushed_between_gaps(tracks, self._take, self.gap)

    def _take(self, tracks: Mapping[str, ScoreTrack]) -> ScoreTrack:
        scales = {name: self._normal.scale(name, self._scene) for name in tracks}
        log_p = {name: scales[name].log_p(track.finite()) for name, track in tracks.items()}
        times, known = self._last.push(tracks, log_p)
        least, present = np.zeros(len(times)), np.zeros(len(times))
        for values, is_present in known.values():
            least[is_present] = np.minimum(least[is_present], values[is_present])
            present += is_present
        values = -_log_any(least, present) / math.log(10)
        return fused_track(times, values, tracks, self._name)

    def gap(self) -> None:
        """Nothing is known from here on, until the next scores."""
        self._last.gap()


def alone(level: float, streams: int) -> float:
    """The log of the p-value at which one of so many streams raises their fusion to a level.

    Examples
    --------
    >>> round(math.exp(alone(2.0, 2)), 5)  # the fusion: one in 100; each: about one in 200
    0.00501
    """
    return math.log(-math.expm1(math.log1p(-(10.0**-level)) / streams))


def _log_any(log_p: Floats, streams: Floats) -> Floats:
    """log(1 - (1 - p)^m), at most 0; where p is too small for exp, its limit log(m p)."""
    exact = np.log(-np.expm1(streams * np.log1p(-np.exp(np.clip(log_p, -30.0, -1e-12)))))
    log_any: Floats = np.minimum(np.where(log_p < -30.0, np.log(streams) + log_p, exact), 0.0)
    return log_any
