"""What a report shows: one video, or one benchmark. Values only, checked once, before anything is drawn.

How it looks belongs in `video` and `benchmark` (pages), `plots` (pictures) and `terminal` (tables).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from traces_core.errors import NotFiniteError
from traces_core.types import Episode, Interval, ScoreTrack

Pixels = NDArray[np.uint8]
Weights = NDArray[np.floating[Any]]
Row = Mapping[str, Any]
NearTrace = tuple[str, float, str]
"""A trace near to a moment: its text, its similarity, its class (empty on the normal side)."""

POCKET_NOTICE = "Pocket encoders know nothing of the real world: these numbers show that the system works."
"""The notice that every page carries whose numbers come from the pocket encoders."""


@dataclass(frozen=True)
class ExplainedMoment:
    """One instant of a video, with what the detector found near it."""

    time_s: float
    """When, in seconds of the video."""
    stream: str
    """The stream whose score it is."""
    score: float
    """That score; higher means more anomalous."""
    frame: Pixels
    """uint8 array of shape (H, W, 3), RGB."""
    anomalous: Sequence[NearTrace] = ()
    """Nearest traces of the anomalous side, nearest first."""
    normal: Sequence[NearTrace] = ()
    """Nearest traces of the normal side, nearest first."""
    attention: Weights | None = None
    """Array of shape (G, G), at least 0: where in the frame the model looked; None where it cannot tell."""
    surprise: Weights | None = None
    """Array of shape (G, G), at least 0: how badly each place of the frame was predicted; None where nothing
    was, or the stream does not tell."""
    window_attention: Weights | None = None
    """Array of shape (W,), at least 0: which frames of the window it looked at, oldest first."""

    def __post_init__(self) -> None:
        """Refuse what no picture can be drawn of."""
        where = f"the moment at {self.time_s} s of {self.stream!r}"
        pixels = self.frame
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3 or not pixels.size:
            raise ValueError(f"{where}: found a frame of {_shape(pixels)}, expected uint8 (H, W, 3), RGB")
        similarities = [near[1] for near in (*self.anomalous, *self.normal)]
        _refuse_not_finite(where, [self.time_s, self.score, *similarities])
        _refuse_odd_weights(f"{where}, attention", self.attention, axes=2)
        _refuse_odd_weights(f"{where}, surprise", self.surprise, axes=2)
        _refuse_odd_weights(f"{where}, window_attention", self.window_attention, axes=1)


@dataclass(frozen=True)
class VideoReport:
    """What one video's page shows."""

    title: str
    """Heading of the page."""
    video: str
    """The video's file name."""
    context: str
    """The contexts it was compared with, as text."""
    duration_s: float
    """Length of the video, in seconds."""
    tracks: Mapping[str, ScoreTrack]
    """Scores per stream, in the order of importance."""
    thresholds: Mapping[str, float] = field(default_factory=dict)
    """Threshold per stream; a stream may have none."""
    episodes: Mapping[str, Sequence[Episode]] = field(default_factory=dict)
    """Episodes per stream; empty where there are none."""
    truth: Sequence[Interval] | None = None
    """Anomalous intervals; None where the video is not annotated, empty where nothing happens."""
    moments: Sequence[ExplainedMoment] = ()
    """The moments shown with frame and traces."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Name → value: space, bank, code version, recipe, fingerprint of the ground truth."""
    notices: Sequence[str] = ()
    """Sentences the reader must see first."""

    def __post_init__(self) -> None:
        """Refuse scores that are not finite, and thresholds or episodes of a stream that is not there."""
        _refuse_not_finite(f"{self.video}: duration_s", [self.duration_s])
        for stream, track in self.tracks.items():
            if track.values.ndim != 1:
                raise ValueError(
                    f"{self.video}: {stream} holds values of {_shape(track.values)}, expected (T,)"
                )
            _refuse_not_finite(f"{self.video}: times of {stream}", track.times_s)
            _refuse_not_finite(f"{self.video}: scores of {stream}", track.values)
        _refuse_not_finite(f"{self.video}: thresholds", self.thresholds.values())
        for what, streams in (("thresholds", self.thresholds), ("episodes", self.episodes)):
            if unknown := sorted(set(streams) - set(self.tracks)):
                raise ValueError(
                    f"{self.video}: {what} of {unknown}, but the tracks are {sorted(self.tracks)}"
                )


@dataclass(frozen=True)
class Figure:
    """A picture in a benchmark report."""

    title: str
    """What it shows."""
    png: bytes
    """The picture, as `plots` gives it."""
    alt: str = ""
    """Text for readers who cannot see it; the title where empty."""


@dataclass(frozen=True)
class BenchmarkReport:
    """What the benchmark's page shows.

    A row is a mapping with `stream`, `causal`, `auc`, `auc_low`, `auc_high`, `auc_anomalous`,
    `average_precision`, `pr_auc_trapezoid`, `tie_share`, `false_alarms_per_hour_at_recall`, `event_recall`,
    `detection_delay_s`, `per_class`, `anomalous_share`, `data_set`; None, or absent, means undefined and is
    shown as a dash. A baseline is such a row with an optional `note`. A row of an ablation holds `variant`,
    and `auc` with either `auc_std` or, one row a seed, `seed`.
    """

    title: str
    """Heading of the page."""
    rows: Sequence[Row]
    """One row a stream."""
    baselines: Sequence[Row] = ()
    """Oracles, priors without content, chance."""
    per_class: Mapping[str, Mapping[str, float | None]] = field(default_factory=dict)
    """Stream → class → AUC of that class against normal frames; taken from the rows where empty."""
    ablations: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    """Name of the ablation → its rows."""
    provenance: Mapping[str, str] = field(default_factory=dict)
    """Name → value, as in `VideoReport`."""
    notices: Sequence[str] = ()
    """Sentences the reader must see first."""
    figures: Sequence[Figure] = ()
    """Further pictures: training curves, example clips."""
    open_set: Sequence[str] = ()
    """Classes that no trace in the bank names."""

    def __post_init__(self) -> None:
        """Refuse NaN: what is undefined is None."""
        for row in (*self.rows, *self.baselines, *(row for rows in self.ablations.values() for row in rows)):
            refuse_nan(row)
        refuse_nan(self.per_class)


def label(row: Row) -> str:
    """The name a row goes by.

    Examples
    --------
    >>> label({"stream": "fused"}), label({"baseline": "oracle: video label"}), label({})
    ('fused', 'oracle: video label', 'unnamed')
    """
    return str(row.get("stream") or row.get("baseline") or row.get("name") or "unnamed")


def is_causal(row: Row) -> bool:
    """Whether a row claims to rest on past frames only; a row without the claim does unless named offline."""
    claim = row.get("causal")
    return bool(claim) if claim is not None else "offline" not in label(row)


def number(row: Row, key: str) -> float | None:
    """A metric of a row; None where undefined."""
    value = row.get(key)
    return None if value is None else float(value)


def refuse_nan(row: Mapping[str, Any], where: str = "") -> None:
    """Raise NotFiniteError where a row, or a table within it, holds NaN or infinity."""
    where = where or label(row)
    for key, value in row.items():
        if isinstance(value, Mapping):
            refuse_nan(value, f"{where}, {key}")
        elif isinstance(value, (float, np.floating)) and not math.isfinite(value):
            raise NotFiniteError(
                f"{where}: {key} is {value}. A metric that is undefined is None, shown as a dash."
            )


def _refuse_not_finite(where: str, values: Any) -> None:
    array = np.asarray(list(values) if not isinstance(values, np.ndarray) else values, np.float64)
    if not np.isfinite(array).all():
        bad = int((~np.isfinite(array)).sum())
        raise NotFiniteError(
            f"{where}: {bad} of {array.size} numbers are NaN or infinite; a report shows none."
        )


def _refuse_odd_weights(where: str, weights: Weights | None, *, axes: int) -> None:
    if weights is None:
        return
    if weights.ndim != axes or not weights.size:
        raise ValueError(f"{where}: found {_shape(weights)}, expected {axes} axes, none of them empty")
    _refuse_not_finite(where, weights)
    if float(weights.min()) < 0:
        raise ValueError(f"{where}: found {float(weights.min())}, expected weights of at least 0")


def _shape(array: NDArray[Any]) -> str:
    return f"{array.dtype} {array.shape}"
