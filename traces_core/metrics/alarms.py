"""Event level: which true events were detected, how late, and how many alarms were false.

An event (a true stretch) is detected when an episode overlaps it, or comes within a given tolerance of it.
An episode that touches no true stretch is a false alarm. Rates are per hour of footage of one camera, normal
and anomalous footage together.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
from numpy.typing import NDArray

from traces_core.datasets import GroundTruth
from traces_core.streams.episodes import (
    PLAIN,
    EpisodeRules,
    EpisodeTracker,
    decisive_thresholds,
    episode_runs,
    run_times,
)
from traces_core.types import Interval, ScoreTrack, Times


@dataclass(frozen=True, slots=True)
class EventResult:
    """What happens at one threshold."""

    threshold: float
    """Scores above it raise an alarm; in units of the score."""
    events: int
    """True events."""
    detected: int
    """Of these, how many an episode overlaps."""
    episodes: int
    """Alarms in all."""
    false_alarms: int
    """Of these, how many touch no true event."""
    hours: float
    """Footage, in hours of one camera."""
    detection_delay_s: float | None
    """Median over the detected events, from their start to the alarm; 0 where the alarm was already on."""
    time_in_false_alarm: float
    """Share of all footage spent in false alarms, 0 to 1: one endless alarm is ONE false alarm but 1 here."""
    detected_by_class: Mapping[str, tuple[int, int]]
    """Per class: events detected, events in all."""

    @property
    def recall(self) -> float | None:
        """Share of the events that were detected; None where there are none."""
        return self.detected / self.events if self.events else None

    @property
    def precision(self) -> float | None:
        """Share of the episodes that touch a true event; None without episodes."""
        return (self.episodes - self.false_alarms) / self.episodes if self.episodes else None

    @property
    def f1(self) -> float | None:
        """Harmonic mean of precision and recall; 0 where nothing was detected, None without events."""
        recall, precision = self.recall, self.precision
        if recall is None:
            return None
        if not precision or not recall:
            return 0.0
        return 2 * precision * recall / (precision + recall)

    @property
    def false_alarms_per_hour(self) -> float:
        """False alarms per camera and hour."""
        return self.false_alarms / self.hours

    @property
    def false_alarms_per_day(self) -> float:
        """False alarms per camera and day."""
        return 24.0 * self.false_alarms_per_hour

    def to_dict(self) -> dict[str, object]:
        """Everything above as plain numbers for JSON; None where undefined."""
        derived = ("recall", "precision", "f1", "false_alarms_per_hour", "false_alarms_per_day")
        fields = asdict(self)
        fields["found"] = fields.pop("detected")
        fields["found_by_class"] = {
            name: list(pair) for name, pair in fields.pop("detected_by_class").items()
        }
        return {**fields, **{name: getattr(self, name) for name in derived}}


def judge_alarms(
    tracks: Mapping[str, ScoreTrack],
    truth: GroundTruth,
    threshold: float,
    rules: EpisodeRules = PLAIN,
    *,
    tolerance_s: float = 0.0,
) -> EventResult:
    """The episodes of every video at one threshold, against the truth.

    The alarm of an episode is raised `rules.min_duration_s` after its start: that is what the delay
    counts. Each event is taken to be `tolerance_s` seconds longer at both ends: marks are seldom exact.
    """
    if not (np.isfinite(tolerance_s) and tolerance_s >= 0):
        raise ValueError(f"a tolerance of {tolerance_s} s; expected seconds of at least 0")
    episodes = false_alarms = detected = 0
    false_s = 0.0
    delays: list[float] = []
    by_class = dict.fromkeys(truth.classes, (0, 0))
    for video in truth.videos:
        track, events = tracks[video], truth.intervals[video]
        starts_s, ends_s = _episodes(track, threshold, rules, truth.durations_s[video])
        touches = _overlaps(starts_s, ends_s, events, tolerance_s)  # (E, I)
        is_false = ~touches.any(axis=1)
        episodes += len(starts_s)
        false_alarms += int(is_false.sum())
        false_s += float((ends_s - starts_s)[is_false].sum())
        for i, event in enumerate(events):
            is_detected = bool(touches[:, i].any())
            detected += is_detected
            if is_detected:
                alarm_s = float(starts_s[touches[:, i]].min()) + rules.min_duration_s
                delays.append(max(0.0, alarm_s - event.start_s))
            if event.label:
                hits, total = by_class[event.label]
                by_class[event.label] = (hits + is_detected, total + 1)
    return EventResult(
        threshold=float(threshold),
        events=truth.events,
        detected=detected,
        episodes=episodes,
        false_alarms=false_alarms,
        hours=truth.hours,
        detection_delay_s=float(np.median(delays)) if delays else None,
        time_in_false_alarm=false_s / (3600.0 * truth.hours),
        detected_by_class=by_class,
    )


def _episodes(track: ScoreTrack, threshold: float, rules: EpisodeRules, end_s: float) -> tuple[Times, Times]:
    """Start and end of each episode in seconds, two arrays of shape (E,)."""
    if not track.unknown:
        runs = episode_runs(
            track.times_s, np.asarray(track.values, np.float64), threshold, rules, end_s=end_s
        )
        return run_times(track.times_s, runs, end_s)
    tracker = EpisodeTracker(threshold, rules)
    events = [*tracker.push(track), *tracker.close(end_s)]
    closed = [event.episode for event in events if event.kind == "closed"]
    return np.array([one.start_s for one in closed]), np.array([one.end_s for one in closed])


def alarms_at_recall(
    tracks: Mapping[str, ScoreTrack],
    truth: GroundTruth,
    recall: float,
    rules: EpisodeRules = PLAIN,
    *,
    tolerance_s: float = 0.0,
) -> EventResult | None:
    """What it costs to detect at least a given share of the events: the result at the HIGHEST such threshold.

    Lower thresholds may show fewer false alarms, because alarms flow together until one lasts for ever;
    the highest is what an operator would set. The threshold is fitted on the ground truth: it compares
    streams, it is not one to run with (that one comes from `traces_core.streams.thresholds`).

    Parameters
    ----------
    recall : share of the events, above 0 to 1.
    tolerance_s : see `judge_alarms`.

    Returns
    -------
    EventResult or None
        None where there are no events, or where no threshold reaches that recall (as when a track begins
        after an event, or `rules.min_duration_s` is longer than a video).
    """
    if not 0 < recall <= 1:
        raise ValueError(f"an event recall of {recall}; expected a share above 0 and at most 1")
    if not truth.events:
        return None
    scores = np.concatenate([np.asarray(track.values, np.float64) for track in tracks.values()])
    levels = decisive_thresholds(scores, rules)
    if not len(levels):
        return None
    # Below the lowest score everything is on. Recall never rises with the threshold: bisect.
    levels = np.concatenate([[np.nextafter(levels[0], -np.inf)], levels])
    low, best = 0, judge_alarms(tracks, truth, float(levels[0]), rules, tolerance_s=tolerance_s)
    if not _reaches(best, recall):
        return None
    high = len(levels) - 1  # at the highest score nothing is on
    while high - low > 1:
        middle = (low + high) // 2
        result = judge_alarms(tracks, truth, float(levels[middle]), rules, tolerance_s=tolerance_s)
        if _reaches(result, recall):
            low, best = middle, result
        else:
            high = middle
    return best


def _reaches(result: EventResult, recall: float) -> bool:
    return result.detected >= recall * result.events - 1e-9


def _overlaps(
    starts_s: Times, ends_s: Times, events: tuple[Interval, ...], tolerance_s: float
) -> NDArray[np.bool_]:
    """Whether each episode (E) touches each event (I): half-open, an episode of no length is a point."""
    first_s = np.array([event.start_s - tolerance_s for event in events], dtype=np.float64)
    after_s = np.array([event.end_s + tolerance_s for event in events], dtype=np.float64)
    begins_before_end = starts_s[:, None] < after_s
    ends_after_start = (ends_s[:, None] > first_s) | (starts_s[:, None] >= first_s)
    return np.asarray(begins_before_end & ends_after_start)
