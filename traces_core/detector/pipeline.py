"""The push pipeline: evidence in, scores and episode events out, each as soon as it is known.

    Evidence ──> System.push ──> scores of every stream ──> EpisodeStage.push ──> sinks

A system is some streams and their fusion: `TraceSystem` here, `context.ContextSystem`. Nothing here knows
whether the source ends, and memory does not depend on its length: who wants whole tracks keeps the pieces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from traces_core.context_aware.calibration import mismatching
from traces_core.detector.sinks import Sink
from traces_core.encoders.evidence import Evidence
from traces_core.streams.calibration import Calibration, late_parts
from traces_core.streams.episodes import EpisodeEvent, EpisodeTracker
from traces_core.streams.scorer import BankScorer, pushed
from traces_core.streams.table import CONTEXT_AWARE, LATE, parts_of
from traces_core.streams.thresholds import Threshold
from traces_core.types import Place, ScoreTrack
from traces_core.video import End, Gap


class System(Protocol):
    """Some streams and their fusion, for one video."""

    def push(self, evidence: Evidence) -> dict[str, ScoreTrack]:
        """Take the next evidence; the next scores by stream, the fusion among them."""

    def gap(self) -> None:
        """The source saw nothing: what comes next rests on nothing that came before."""


class TraceSystem:
    """The streams against the traces, and their late fusion.

    Parameters
    ----------
    scorer, calibration : what scores, and the scales.
    context : the kind of place; None compares with all of them.
    """

    def __init__(self, scorer: BankScorer, calibration: Calibration, context: Place) -> None:
        self._scorer, self._context = scorer, context
        self._streams = scorer.start(context)
        self._late = calibration.scales.start(name=LATE)

    def push(self, evidence: Evidence) -> dict[str, ScoreTrack]:
        """Take the next evidence; the next scores of each stream of the table, and `late`."""
        tracks = pushed(self._streams, evidence)
        return {**tracks, LATE: self._late.push(late_parts(tracks))}

    def gap(self) -> None:
        """Each stream starts again; the fusion forgets the last scores."""
        self._streams = self._scorer.start(self._context)
        self._late.gap()


class EpisodeStage:
    """From the scores of one video to its episodes, passed to sinks as they open, grow and close.

    Parameters
    ----------
    video : named in the events.
    thresholds : one a stream, with the rules of an episode; a stream without one raises no alarm.
    sinks : called with every event, in this order.
    """

    def __init__(self, video: str, thresholds: Mapping[str, Threshold], sinks: Sequence[Sink] = ()) -> None:
        self._trackers = {
            name: EpisodeTracker(one.value, one.rules, video=video, stream=name)
            for name, one in thresholds.items()
        }
        self._sinks = sinks
        self._reasons = _Reasons(self._trackers.get(CONTEXT_AWARE))

    def push(self, tracks: Mapping[str, ScoreTrack]) -> list[EpisodeEvent]:
        """Take the next scores by stream; what they open, let grow and close."""
        self._reasons.begin(tracks)
        events = [
            event
            for name, track in tracks.items()
            if name in self._trackers
            for event in self._trackers[name].push(track)
        ]
        explained = self._publish(events)
        self._reasons.end()
        return explained

    def gap(self, start_s: float) -> list[EpisodeEvent]:
        """Nothing is known from `start_s` on: what was on ends there."""
        return self._publish([event for one in self._trackers.values() for event in one.gap(start_s)])

    def close(self, end_s: float | None) -> list[EpisodeEvent]:
        """The video is over at `end_s` (seconds; the last score's time if None): what was on ends there."""
        return self._publish([event for one in self._trackers.values() for event in one.close(end_s)])

    def _publish(self, events: Sequence[EpisodeEvent]) -> list[EpisodeEvent]:
        explained = [
            replace(event, episode=replace(event.episode, because=self._reasons.of(event)))
            for event in events
        ]
        for event in explained:
            for sink in self._sinks:
                sink.on_episode(event)
        return explained


class _Reasons:
    """Which streams of the Context-Aware system lift its fusion above the threshold, at an episode's peak."""

    def __init__(self, tracker: EpisodeTracker | None) -> None:
        self._tracker = tracker
        self._parts: dict[str, ScoreTrack] = {}
        self._at_peak: tuple[float, str] = (np.nan, "")

    def begin(self, tracks: Mapping[str, ScoreTrack]) -> None:
        """Scores that are about to be looked at; of those before, each part's last one still stands."""
        for name in parts_of(CONTEXT_AWARE):
            if name in tracks:
                before = [self._parts[name].last()] if name in self._parts else []
                self._parts[name] = ScoreTrack.joined([*before, tracks[name]])

    def end(self) -> None:
        """They were looked at: why the running episode is at its highest stays known."""
        if self._tracker is not None and self._tracker.peak_s is not None:
            self._at_peak = (self._tracker.peak_s, self._why(self._tracker.peak_s))
        self._parts = {name: part.last() for name, part in self._parts.items()}

    def of(self, event: EpisodeEvent) -> str | None:
        """Why an episode was raised; None for the streams against the traces."""
        if event.stream in parts_of(CONTEXT_AWARE):
            return event.stream
        return self._why(event.episode.peak_s) if event.stream == CONTEXT_AWARE else None

    def _why(self, peak_s: float) -> str:
        if self._tracker is None or peak_s == self._at_peak[0]:
            return self._at_peak[1]
        return mismatching(self._parts, peak_s, self._tracker.threshold)


class Pipeline:
    """One video or camera: evidence goes in, scores and events come out.

    Parameters
    ----------
    systems : whose streams are scored.
    episodes : what their scores become.
    """

    def __init__(self, systems: Sequence[System], episodes: EpisodeStage) -> None:
        self._systems, self._episodes = systems, episodes

    def take(self, piece: Evidence | Gap | End) -> tuple[dict[str, ScoreTrack], list[EpisodeEvent]]:
        """Take the next thing that `see` gives; the next scores by stream, and what happened to episodes."""
        if isinstance(piece, Gap):
            return {}, self.gap(piece.start_s)
        return ({}, self.close(piece.end_s)) if isinstance(piece, End) else self.push(piece)

    def push(self, evidence: Evidence) -> tuple[dict[str, ScoreTrack], list[EpisodeEvent]]:
        """Take the next evidence; the next scores by stream, and what happened to episodes."""
        tracks = {name: track for system in self._systems for name, track in system.push(evidence).items()}
        return tracks, self._episodes.push(tracks)

    def gap(self, start_s: float) -> list[EpisodeEvent]:
        """The source saw nothing from `start_s` (seconds) on, until the next evidence."""
        for system in self._systems:
            system.gap()
        return self._episodes.gap(start_s)

    def close(self, end_s: float | None) -> list[EpisodeEvent]:
        """The source is over at `end_s` (seconds); the last score's time if None."""
        return self._episodes.close(end_s)
