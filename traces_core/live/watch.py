"""One camera being watched: its evidence through the streams, to scores, blocks and alarms.

Nothing here knows where frames come from (`feed`) or which other cameras there are (`engine`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import numpy as np

from traces_core.detector.detector import Detector
from traces_core.detector.pipeline import EpisodeStage, Pipeline, TraceSystem
from traces_core.encoders.seeing import Calls, EncodedPart, EvidenceBuilder
from traces_core.live.alarm_log import AlarmLog, Letters
from traces_core.live.evidence import EvidenceStore, MinuteOfEvidence
from traces_core.live.health import Finding, PictureHealth
from traces_core.live.judging import BY_HAND, RememberingScorer, scorer_of, threshold_for, versions_of
from traces_core.live.ledger import BLOCK_S, BUCKET_S, Ledger
from traces_core.live.masks import Mask
from traces_core.live.settings import Camera
from traces_core.streams.thresholds import Threshold
from traces_core.types import ScoreTrack
from traces_core.video import FrameBatch, Gap

LATEST_S = 6.0
"""Frames do not come later than so many seconds after their time; see `feed.JUMP_S`."""
RENEWED_S = 3600.0
"""A camera's own threshold follows its minutes at most so often (seconds), and never while an alarm is on."""
_SLACK_S = 1.5
"""Scores of a block that was seen whole are no further apart (seconds)."""


class CameraWatch:
    """One camera's streams.

    Parameters
    ----------
    camera : its settings.
    builder : its encoders.
    ledger, kept : where all of it is written, evidence in the latter.
    letters : who is told of alarms.
    """

    def __init__(
        self,
        camera: Camera,
        builder: EvidenceBuilder,
        ledger: Ledger,
        kept: EvidenceStore,
        letters: Letters,
    ) -> None:
        areas = camera.areas
        self.camera, self.health = camera, PictureHealth(Mask(areas.ignore, areas.watch))
        self.finding: Finding | None = None
        self.scores: dict[str, float] = {}
        """The newest score of each stream."""
        self.scored = 0
        """Frames whose score is known."""
        self.thresholds: dict[str, tuple[float, str]] = {}
        """Of each stream that raises alarms: its value, and where it comes from."""
        self._builder, self._ledger, self._letters = builder, ledger, letters
        self._is_blind = True
        self._newest_s = self._passed_s = 0.0
        self._pipeline: Pipeline | None = None
        self._buckets: dict[str, dict[int, float]] = defaultdict(dict)
        self._minute = MinuteOfEvidence(kept, camera.name)
        self._blocks = {name: _Blocks() for name in camera.streams}

    def judge_by(self, detector: Detector, now_s: float) -> None:
        """Score by a detector from now on; an episode that is on ends here."""
        self._close_alarms()
        judge, context = scorer_of(detector, self.camera)
        judge = self._judge = RememberingScorer.of(judge)
        self._judged_s = now_s
        found = self._found_thresholds(detector, now_s)
        self.thresholds = {name: (one.value, source) for name, (one, source) in found.items()}
        values = {name: value for name, (value, _) in self.thresholds.items()}
        versions = {**versions_of(detector, judge), "thresholds_of_camera": values}
        self._log = AlarmLog(
            self._ledger,
            self.camera,
            judge,
            context,
            versions,
            values,
            self._letters,
            detector.project.windows,
            self._builder.newest_window,
        )
        stage = EpisodeStage(self.camera.name, {name: one for name, (one, _) in found.items()}, [self._log])
        self._pipeline = Pipeline([TraceSystem(judge, detector.calibration, context)], stage)

    def needs_another_threshold(self, detector: Detector, now_s: float) -> bool:
        """Whether a threshold is to be another: at once where a person said so, else once an hour."""
        chosen = self._ledger.thresholds(self.camera.name)
        by_hand = {name: value for name, (value, source) in self.thresholds.items() if source == BY_HAND}
        if by_hand != {name: chosen[name] for name in self.thresholds if name in chosen}:
            return True
        if now_s - self._judged_s <= RENEWED_S or self._ledger.open_alarms(self.camera.name):
            return False
        self._judged_s = now_s  # if they are what they were, they are looked at again in an hour
        before, found = self.thresholds, self._found_thresholds(detector, now_s)
        self.thresholds = {name: (one.value, source) for name, (one, source) in found.items()}
        return any(value != before[name][0] for name, (value, _) in self.thresholds.items())

    def _found_thresholds(self, detector: Detector, now_s: float) -> dict[str, tuple[Threshold, str]]:
        return {
            name: threshold_for(detector, self._ledger, self.camera, name, now_s)
            for name in self.camera.streams
        }

    def look(self, frames: FrameBatch, calls: Calls) -> EncodedPart | None:
        """Have frames encoded; None where they show that the camera does not see what it is meant to."""
        for pixels, at_s in zip(frames.pixels, frames.times_s.tolist(), strict=True):
            self.finding = self.health.look(pixels, at_s)
        if frames.times_s[0] <= self._passed_s:  # too late: what was on then is over
            return None
        if self.finding is not None:
            self.lose_sight(self.finding.since_s)
            return None
        self._is_blind = False
        return self._builder.look(frames, calls)

    def lose_sight(self, since_s: float) -> None:
        """Nothing is known from a time (seconds since 1970) on, until the next frames."""
        if self._is_blind:
            return
        self._is_blind = True
        since_s = max(since_s, self._newest_s)
        self._builder.finished(self._builder.pause(Gap(since_s, since_s)))
        if self._pipeline is not None:
            self._pipeline.gap(since_s)
        self.scores.clear()
        self._minute.flush()
        for blocks in self._blocks.values():
            blocks.interrupt()

    def end(self) -> None:
        """The camera is watched no longer: what was on ends, and what is known is written."""
        self.lose_sight(0.0)
        self._close_alarms()
        self.flush()

    def _close_alarms(self) -> None:
        if self._pipeline is not None:
            self._pipeline.close(self._newest_s)

    def stay_blind(self, now_s: float) -> None:
        """Time passes in which nothing is seen, nor waits: an episode that could have gone on is over."""
        if self._is_blind and self._pipeline is not None:
            self._passed_s = now_s - LATEST_S
            self._pipeline.gap(self._passed_s)

    def interrupted(self) -> None:
        """The source was away: other than `lose_sight`, what froze or moved is unknown as well."""
        self.lose_sight(0.0)
        self.health.restart()

    def finished(self, part: EncodedPart, frames: FrameBatch) -> dict[str, ScoreTrack]:
        """Scores of what was encoded, and what became of episodes; the tracks by stream."""
        evidence = self._builder.evidence(part)
        fused = self._judge.fused_vectors(evidence.window_frames, evidence.tokens)
        self._log.remember(evidence.window_times_s, fused, frames)
        self._minute.push(evidence, fused)
        tracks = {} if self._pipeline is None else self._pipeline.push(evidence)[0]
        self._newest_s = float(frames.times_s[-1])
        self.scored += len(frames)
        self._keep(tracks)
        return tracks

    def flush(self) -> None:
        """Write the scores since the last time."""
        for stream, values in self._buckets.items():
            if values:
                self._ledger.put_scores(self.camera.name, stream, values)
                values.clear()
        for stream, blocks in self._blocks.items():
            if blocks.whole:
                self._ledger.put_blocks(self.camera.name, stream, blocks.whole)
                blocks.whole = {}

    def _keep(self, tracks: Mapping[str, ScoreTrack]) -> None:
        for stream, track in tracks.items():
            if not len(track):
                continue
            times_s, values = track.times_s.tolist(), np.asarray(track.values, np.float64).tolist()
            self.scores[stream] = values[-1]
            if stream not in self._blocks:
                continue
            for at_s, value in zip(times_s, values, strict=True):
                bucket = int(at_s // BUCKET_S) * BUCKET_S
                self._buckets[stream][bucket] = max(value, self._buckets[stream].get(bucket, -np.inf))
                self._blocks[stream].push(at_s, value)


class _Blocks:
    """The highest score of each block that was seen whole."""

    def __init__(self) -> None:
        self.whole: dict[int, float] = {}
        self.interrupt()

    def interrupt(self) -> None:
        """The block that was begun is not whole."""
        self._block, self._highest, self._last_s = -1, -np.inf, -np.inf

    def push(self, at_s: float, value: float) -> None:
        """Take the next score."""
        block = int(at_s // BLOCK_S) * BLOCK_S
        if block != self._block:
            if self._block >= 0 and self._block + BLOCK_S - self._last_s <= _SLACK_S:
                self.whole[self._block] = self._highest
            is_from_its_start = at_s - block <= _SLACK_S
            self._block, self._highest = (block if is_from_its_start else -1), -np.inf
            if self._block < 0:
                self._last_s = at_s
                return
        elif at_s - self._last_s > _SLACK_S:
            self._block = -1
        self._highest, self._last_s = max(self._highest, value), at_s
