"""One stream against one ground truth: every number of its row in the result table, with its provenance.

It calls the other modules of this package and adds no arithmetic of its own. Tables and pictures of several
rows belong in `traces_core.report`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from traces_core.datasets import GroundTruth
from traces_core.errors import EvaluationError
from traces_core.metrics.alarms import EventResult, alarms_at_recall, judge_alarms
from traces_core.metrics.baselines import baselines
from traces_core.metrics.bootstrap import (
    Cells,
    Weights,
    auc_of_draws,
    average_precision_of_draws,
    draw_videos,
    percentile_bounds,
)
from traces_core.metrics.frame import FrameScores, auc_anomalous, auc_macro
from traces_core.metrics.localisation import localisation
from traces_core.streams.episodes import PLAIN, EpisodeRules
from traces_core.types import ScoreTrack

STATED_RECALL = 0.8
"""The event recall at which streams are compared by their false alarms."""


@dataclass(frozen=True)
class Evaluation:
    """One row: plain numbers, None where a number is undefined."""

    stream: str
    """Which evidence was scored."""
    causal: bool
    """Whether each score rests on the past alone."""
    auc: float | None
    """Frame ROC-AUC, all frames of all videos in one ranking (micro)."""
    auc_low: float | None
    """Lower end of its 95 % interval over videos."""
    auc_high: float | None
    """Upper end."""
    auc_anomalous: float | None
    """The same over the videos that hold an anomaly only."""
    auc_macro: float | None
    """Mean of the videos' own AUCs."""
    average_precision: float | None
    """Step-wise; chance is `anomalous_share`."""
    average_precision_low: float | None
    """Lower end of its 95 % interval over videos."""
    average_precision_high: float | None
    """Upper end."""
    pr_auc_trapezoid: float | None
    """What some papers call AP; ties inflate it."""
    tie_share: float | None
    """Share of the (anomalous, normal) pairs of frames with equal scores."""
    false_alarms_per_hour_at_80_recall: float | None
    """False alarms per camera and hour at the highest threshold that finds 80 % of the events."""
    false_alarms_per_day_at_80_recall: float | None
    """The same per day."""
    time_in_false_alarm_at_80_recall: float | None
    """Share of all footage in false alarms at that threshold: near 1, one alarm never ends."""
    detection_delay_s: float | None
    """Median delay of the detected events at that threshold."""
    events: Mapping[str, object]
    """`rules`, `tolerance_s`; `at_recall`: per stated recall, the `EventResult`; `at_threshold`: that of the
    given threshold."""
    localisation: Mapping[str, float | None]
    """Average precision of the episodes at each temporal overlap (tIoU), and their `mean`."""
    per_class: Mapping[str, Mapping[str, object]]
    """Per class against ALL normal frames: auc, auc_low, auc_high, average_precision, frames,
    events, found_at_80_recall."""
    anomalous_share: float
    """Share of the frames that are anomalous: the average precision of chance."""
    unscored_share: float
    """Share of the frames before the first score of their track; they rank lowest."""
    frames: int
    """Frames judged."""
    videos: int
    """Videos judged."""
    anomalous_videos: int
    """Of these, with an anomaly."""
    hours: float
    """Footage, in hours of one camera."""
    ground_truth: Mapping[str, object]
    """`name`, `fingerprint`, and how many marks were `clamped` and `merged`."""
    baselines: Mapping[str, Mapping[str, float | None]]
    """Content-free and oracle baselines of the same ground truth."""
    bootstrap: Mapping[str, object]
    """How the intervals were made: `resamples`, `level`, `is_stratified`, `unit`."""

    def to_dict(self) -> dict[str, object]:
        """The row for JSON."""
        return asdict(self)


def evaluate(
    tracks: Mapping[str, ScoreTrack],
    truth: GroundTruth,
    *,
    rng: np.random.Generator,
    threshold: float | None = None,
    rules: EpisodeRules = PLAIN,
    recalls: Sequence[float] = (0.5, STATED_RECALL, 0.9),
    tolerance_s: float = 0.0,
    resamples: int = 1000,
    is_stratified: bool = True,
) -> Evaluation:
    """One stream's row of the result table.

    Parameters
    ----------
    tracks : scores of every video of `truth`, all of one stream.
    truth : what is true, with the clock at which frames are judged.
    rng : draws the resampled videos and the random baseline. For rows that can be compared, give each
        stream a generator of the same seed: the same videos are then drawn for all of them.
    threshold : from `traces_core.streams.thresholds`; None reports no operating point.
    rules : when a run of high scores is an episode.
    recalls : event recalls at which false alarms are reported; 0.8 is always among them.
    tolerance_s : an episode this close to an event, in seconds, finds it.
    resamples : draws of videos for the intervals; 0 for none.
    is_stratified : draw anomalous and normal videos apart.

    Raises
    ------
    EvaluationError
        If videos are missing or unknown, or the tracks are of several streams.
    NotFiniteError
        If a score is NaN or infinite.
    """
    stream, is_causal = _one_stream(tracks)
    frames = FrameScores.from_tracks(tracks, truth)
    weights = draw_videos(frames.has_anomaly, rng, resamples, is_stratified=is_stratified)
    cells = Cells.of(frames)
    counts = cells.counts
    auc_bounds = percentile_bounds(auc_of_draws(cells, weights))
    ap_bounds = percentile_bounds(average_precision_of_draws(cells, weights))
    at_recall = {
        f"{recall:g}": alarms_at_recall(tracks, truth, recall, rules, tolerance_s=tolerance_s)
        for recall in sorted({*recalls, STATED_RECALL})
    }
    stated = at_recall[f"{STATED_RECALL:g}"]
    return Evaluation(
        stream=stream,
        causal=is_causal,
        auc=counts.roc_auc,
        auc_low=auc_bounds.low,
        auc_high=auc_bounds.high,
        auc_anomalous=auc_anomalous(frames),
        auc_macro=auc_macro(frames),
        average_precision=counts.average_precision,
        average_precision_low=ap_bounds.low,
        average_precision_high=ap_bounds.high,
        pr_auc_trapezoid=counts.pr_auc_trapezoid,
        tie_share=counts.tie_share,
        false_alarms_per_hour_at_80_recall=stated.false_alarms_per_hour if stated else None,
        false_alarms_per_day_at_80_recall=stated.false_alarms_per_day if stated else None,
        time_in_false_alarm_at_80_recall=stated.time_in_false_alarm if stated else None,
        detection_delay_s=stated.detection_delay_s if stated else None,
        events={
            "rules": asdict(rules),
            "at_recall": {name: r.to_dict() if r else None for name, r in at_recall.items()},
            "tolerance_s": tolerance_s,
            "at_threshold": None
            if threshold is None
            else judge_alarms(tracks, truth, threshold, rules, tolerance_s=tolerance_s).to_dict(),
        },
        localisation=localisation(tracks, truth),
        per_class=_per_class(frames, truth, weights, stated),
        anomalous_share=truth.anomalous_share,
        unscored_share=frames.unscored / len(frames) if len(frames) else 0.0,
        frames=len(frames),
        videos=len(frames.videos),
        anomalous_videos=int(frames.has_anomaly.sum()),
        hours=truth.hours,
        ground_truth={
            "name": truth.name,
            "fingerprint": truth.fingerprint,
            "clamped": truth.clamped,
            "merged": truth.merged,
        },
        baselines=baselines(truth, rng=rng),
        bootstrap={
            "resamples": auc_bounds.resamples,
            "level": auc_bounds.level,
            "is_stratified": is_stratified,
            "unit": "video",
        },
    )


def _one_stream(tracks: Mapping[str, ScoreTrack]) -> tuple[str, bool]:
    kinds = sorted({(track.stream, track.causal) for track in tracks.values()})
    if len(kinds) != 1:
        raise EvaluationError(
            f"the tracks are of {len(kinds)} kinds (stream, causal): {kinds[:4]}. "
            "Evaluate one stream at a time."
        )
    return kinds[0]


def _per_class(
    frames: FrameScores, truth: GroundTruth, weights: Weights, stated: EventResult | None
) -> dict[str, dict[str, object]]:
    rows: dict[str, dict[str, object]] = {}
    for name, anomalous in frames.classes.items():
        cells = Cells.of(frames, anomalous)
        counts = cells.counts
        bounds = percentile_bounds(auc_of_draws(cells, weights))
        rows[name] = {
            "auc": counts.roc_auc,
            "auc_low": bounds.low,
            "auc_high": bounds.high,
            "average_precision": counts.average_precision,
            "frames": int(anomalous.sum()),
            "events": sum(event.label == name for many in truth.intervals.values() for event in many),
            "found_at_80_recall": stated.detected_by_class[name][0] if stated else None,
        }
    return rows
