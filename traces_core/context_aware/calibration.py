"""The calibration of the Context-Aware streams: scales by scene, thresholds, and the reasons of an alarm."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from traces_core.store import Artifact
from traces_core.streams.pvalues import EitherStage, NormalFootage, alone
from traces_core.streams.table import CONTEXT_AWARE, in_order, parts_of
from traces_core.streams.thresholds import Threshold
from traces_core.types import ScoreTrack


@dataclass(frozen=True)
class ContextCalibration:
    """Normal footage and thresholds, all in -log10 of p-values."""

    normal: NormalFootage
    """What normal footage scores, by stream and scene."""
    thresholds: Mapping[str, Threshold]
    """When each stream raises an alarm."""

    @classmethod
    def load(cls, artifact: Artifact) -> ContextCalibration:
        """Read what the step `context_aware_thresholds` made."""
        content = artifact.read()
        thresholds = {name: Threshold.from_dict(one) for name, one in content["thresholds"].items()}
        return cls(NormalFootage.from_dict(content["normal"]), thresholds)


class PValueStage:
    """The streams of one video in -log10 of p-values at its scene, and their fusion, while they come.

    Parameters
    ----------
    normal : the scores of normal footage.
    scene : the video's scene; None where it is unknown.
    """

    def __init__(self, normal: NormalFootage, scene: str | None) -> None:
        self._normal, self._scene = normal, scene
        self._either = EitherStage(normal, scene, name=CONTEXT_AWARE)

    def push(self, tracks: Mapping[str, ScoreTrack]) -> dict[str, ScoreTrack]:
        """Take the next scores of the parts, in their own units; a stream that is missing is left out."""
        some = {name: tracks[name] for name in parts_of(CONTEXT_AWARE) if name in tracks}
        ranked = {name: self._normal.surprisal(track, self._scene) for name, track in some.items()}
        return {**ranked, CONTEXT_AWARE: self._either.push(some)}

    def gap(self) -> None:
        """Nothing is known from here on, until the next scores."""
        self._either.gap()


def ranked(
    normal: NormalFootage, tracks: Mapping[str, ScoreTrack], scene: str | None
) -> dict[str, ScoreTrack]:
    """`PValueStage`, with everything pushed at once."""
    return PValueStage(normal, scene).push(tracks)


def mismatching(tracks: Mapping[str, ScoreTrack], at_s: float, level: float) -> str:
    """The streams whose own p-value alone lifts the fused one above a level, joined by `+`; empty: none.

    As many streams count as have spoken by then.

    Parameters
    ----------
    tracks : by stream, in -log10 of p-values; the fused one among them or not.
    at_s : a moment in seconds.
    level : of the fused stream, in -log10 of a p-value.
    """
    last: dict[str, float] = {}
    for name in in_order(tracks):
        before = tracks[name].between(-math.inf, np.nextafter(at_s, math.inf)).last()
        if name in parts_of(CONTEXT_AWARE) and len(before):
            last[name] = float(before.values[0])
    if not last:
        return ""
    least = -alone(level, len(last)) / math.log(10)
    return "+".join(name for name, value in last.items() if value > least)
