"""What last week would have raised under another catalog: beside what it did raise, and the marks.

Judges the evidence that was kept by the same streams, scales and threshold as live.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

from traces_core.detector.detector import Detector
from traces_core.detector.pipeline import EpisodeStage, Pipeline, TraceSystem
from traces_core.detector.scored import ScoredVideo
from traces_core.live.evidence import EvidenceStore, KeptScorer
from traces_core.live.judging import scorer_of, threshold_for
from traces_core.live.ledger import Alarm, Ledger
from traces_core.live.settings import Camera
from traces_core.streams.episodes import EpisodeEvent
from traces_core.types import Episode

GAP_S = 5.0
"""Evidence further apart than so many seconds was interrupted."""


@dataclass(frozen=True)
class Replay:
    """What a stretch of a camera's past would have raised."""

    hours: float
    """Evidence that was judged (hours)."""
    would: tuple[Episode, ...]
    """Episodes that it would have raised, with times in seconds since 1970."""
    did: tuple[Alarm, ...]
    """Alarms that it did raise, of the same stretch and stream."""
    kept: tuple[tuple[Alarm, Episode], ...]
    """Alarms that it would have raised, too, and the episode of each."""
    lost: tuple[Alarm, ...]
    """Alarms that it would not have raised."""
    new: tuple[Episode, ...]
    """Episodes that no alarm was raised for."""

    def count(self, mark: str | None) -> tuple[int, int]:
        """Alarms with a mark: how many it would have kept, of how many."""
        return (
            sum(alarm.mark == mark for alarm, _ in self.kept),
            sum(alarm.mark == mark for alarm in self.did),
        )


class _Closed:
    """Keeps episodes that are over."""

    def __init__(self) -> None:
        self.episodes: list[Episode] = []

    def on_episode(self, event: EpisodeEvent) -> None:
        if event.kind == "closed":
            self.episodes.append(event.episode)

    def on_end(self, scored: ScoredVideo) -> None:
        pass


def replay(
    detector: Detector,
    ledger: Ledger,
    store: EvidenceStore,
    camera: Camera,
    since_s: float,
    now_s: float,
    *,
    stream: str | None = None,
) -> Replay:
    """Judge what was seen of a camera since a time by a detector and the camera's settings.

    Parameters
    ----------
    detector : whose bank, scales and thresholds judge.
    camera : its `context` and `catalog` are those to try.
    since_s, now_s : the stretch (seconds since 1970).
    stream : the one that raises alarms; the camera's first by default.

    Raises
    ------
    CatalogError, UnknownNameError
        As `scorer_of`.
    """
    stream = stream or camera.streams[0]
    judge, context = scorer_of(detector, camera)
    kept_judge = KeptScorer(**{one.name: getattr(judge, one.name) for one in fields(judge)})
    threshold, _ = threshold_for(detector, ledger, camera, stream, now_s)
    closed = _Closed()
    stage = EpisodeStage(camera.name, {stream: threshold}, [closed])
    pipeline = Pipeline([TraceSystem(kept_judge, detector.calibration, context)], stage)
    last_s, first_s, seconds = None, since_s, 0.0
    for piece in store.pieces(camera.name, since_s, now_s):
        begin_s, end_s = float(piece.frame_times_s[0]), float(piece.frame_times_s[-1])
        if last_s is None:
            first_s = begin_s
        elif begin_s - last_s > GAP_S:
            pipeline.gap(last_s)
        pipeline.push(piece)
        seconds += end_s - begin_s
        last_s = end_s
    pipeline.close(last_s)
    did = [
        one
        for one in ledger.alarms(
            camera=camera.name, since_s=first_s, until_s=(last_s or now_s) + 1e-3, most=100_000
        )
        if one.stream == stream
    ]
    return _compared(seconds / 3600, closed.episodes, did[::-1])


def _compared(hours: float, would: Sequence[Episode], did: Sequence[Alarm]) -> Replay:
    """Alarms and episodes that overlap are one."""
    kept = []
    for alarm in did:
        same = [one for one in would if one.start_s <= alarm.end_s and alarm.start_s <= one.end_s]
        if same:
            kept.append((alarm, same[0]))
    lost = [alarm for alarm in did if alarm not in [one for one, _ in kept]]
    new = [
        one
        for one in would
        if not any(one.start_s <= alarm.end_s and alarm.start_s <= one.end_s for alarm in did)
    ]
    return Replay(hours, tuple(would), tuple(did), tuple(kept), tuple(lost), tuple(new))
