"""From episodes to alarms: what an operator is told of each, and the picture that shows it.

An episode that opens, grows or closes becomes one row of the ledger, updated in place, and letters to the
sinks. When a score is an episode belongs in `traces_core.streams.episodes`, how a letter arrives in `outbox`.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from traces_core.detector.scored import ScoredVideo
from traces_core.disk import litter_name, write_whole
from traces_core.encoders.base import Pixels, WindowEncoder
from traces_core.live.judging import label_of
from traces_core.live.ledger import Alarm, Ledger
from traces_core.live.settings import Camera
from traces_core.report import attention_layer
from traces_core.scoring import explain
from traces_core.store.digest import digest
from traces_core.streams.episodes import EpisodeEvent
from traces_core.streams.scorer import BankScorer
from traces_core.types import Array, Place, Times
from traces_core.video import FrameBatch

FRAMES = "frames"
"""Folder, within that of the ledger, of the newest frame of each camera and of the frame of each alarm."""
CLIPS = "clips"
"""Folder, within that of the ledger, of the clip of each alarm."""
WIDEST = 960
"""Pixels across of a frame that is kept, at most."""
_REMEMBERED_S = 8.0
"""Windows and frames of so many seconds back can still be shown: an episode may open after its peak."""
CLIP_WAIT_S = 30.0
"""Sinks are told of the end of an alarm with its clip, or without it after so many seconds."""
_EVERY_S = 1.0
"""An alarm that lasts is written again at most so often (seconds)."""
_PICTURED_S = 5.0
"""What is shown of an alarm that lasts follows its peak at most so often (seconds): a map costs a window."""

Letters = Callable[[Alarm, str], list[tuple[str, str, Mapping[str, Any]]]]
"""Sink, kind and message of each letter about an alarm that opened or closed."""


@dataclass(frozen=True)
class _Seen:
    """What there is to show of a time."""

    at_s: float
    picture: Pixels | None
    window: Pixels | None


@dataclass
class _Running:
    """An episode that is on."""

    peak_score: float = -np.inf
    unwritten: _Seen | None = None
    written_s: float = -np.inf
    pictured_s: float = -np.inf
    reasons: dict[str, Any] = field(default_factory=dict)


class AlarmLog:
    """The sink of one camera's episodes.

    Parameters
    ----------
    ledger : where alarms are written.
    camera : whose episodes.
    judge, context : what explains them.
    versions : what raises them.
    thresholds : by stream, named in alarms.
    letters : who is told.
    windows : says where it looked, of the frames that `newest_window` gives: (W, h, w, 3) of its size.
    """

    def __init__(
        self,
        ledger: Ledger,
        camera: Camera,
        judge: BankScorer,
        context: Place,
        versions: Mapping[str, Any],
        thresholds: Mapping[str, float],
        letters: Letters,
        windows: WindowEncoder,
        newest_window: Callable[[], Pixels | None],
    ) -> None:
        self._ledger, self._camera, self._judge, self._context = ledger, camera, judge, context
        self._versions, self._thresholds, self._letters = versions, thresholds, letters
        self._windows: deque[tuple[float, Array]] = deque()
        self._pictures: deque[tuple[float, Pixels]] = deque()
        self._now = FrameBatch(np.zeros((0, 0, 0, 3), np.uint8), np.zeros(0))
        self._encoder, self._newest_window = windows, newest_window
        self._running: dict[tuple[str, float], _Running] = {}

    def remember(self, window_times_s: Times, fused: Array, frames: FrameBatch) -> None:
        """What was seen just now: an alarm may have to be explained by it.

        Parameters
        ----------
        window_times_s : float64 (T,), when each window ends.
        fused : float32 (T, D), the fused vector of each window.
        frames : the pictures.
        """
        self._windows.extend(zip(window_times_s.tolist(), fused, strict=True))
        self._now = frames
        newest_s = float(frames.times_s[-1])
        if not self._pictures or newest_s - self._pictures[-1][0] >= _EVERY_S:
            self._pictures.append((newest_s, shrunk(frames.pixels[-1])))
        for kept in (self._windows, self._pictures):
            while kept and kept[0][0] < newest_s - _REMEMBERED_S:
                kept.popleft()

    def on_episode(self, event: EpisodeEvent) -> None:
        """Write what is known of it; say so where it opened or closed."""
        episode = event.episode
        key = (event.stream, episode.start_s)
        alarm_id = digest([self._camera.name, *key])
        running = self._running.setdefault(key, _Running())
        if episode.peak_score > running.peak_score:
            running.peak_score, running.unwritten = episode.peak_score, self._seen_at(episode.peak_s)
        if event.kind == "grown" and episode.end_s - running.written_s < _EVERY_S:
            return
        frame = None
        if event.kind == "closed" or episode.end_s - running.pictured_s >= _PICTURED_S:
            frame, running.pictured_s = self._write_peak(alarm_id, running), episode.end_s
        running.written_s = episode.end_s
        reasons = {**running.reasons, "because": episode.because}
        alarm = Alarm(
            id=alarm_id,
            camera=self._camera.name,
            stream=event.stream,
            is_open=event.kind != "closed",
            start_s=episode.start_s,
            end_s=episode.end_s,
            peak_s=episode.peak_s,
            peak_score=episode.peak_score,
            threshold=self._thresholds[event.stream],
            label=episode.label or label_of(reasons),
            reasons=reasons,
            versions=self._versions,
            frame=frame,
        )
        is_told = event.kind != "grown" and self._camera.is_active(datetime.fromtimestamp(episode.start_s))
        waits = event.kind == "closed" and self._camera.record > 0
        self._ledger.put_alarm(
            alarm,
            self._letters(alarm, event.kind) if is_told else (),
            due_s=time.time() + CLIP_WAIT_S if waits else 0.0,
        )
        if event.kind == "closed":
            del self._running[key]

    def on_end(self, scored: ScoredVideo) -> None:
        """Nothing: a camera does not end."""

    def _why(self, peak_s: float) -> dict[str, Any]:
        """The nearest traces of both sides at a time: `[text, similarity, class]` each."""
        at = next((one for one in reversed(self._windows) if one[0] <= peak_s + 1e-6), None)
        if at is None:
            return {}
        judge = self._judge
        why = explain(
            at[1],
            judge.bank,
            k=judge.k,
            space=judge.space,
            contexts=judge.bank.contexts_of(self._context),
        )
        sides = {"anomalous": why.anomalous, "normal": why.normal}
        return {
            side: [[near.trace.text, near.similarity, near.trace.label] for near in some]
            for side, some in sides.items()
        }

    def _seen_at(self, peak_s: float) -> _Seen:
        """What there is to show of a time: its picture itself where that came just now, else one before."""
        place = int(np.searchsorted(self._now.times_s, peak_s + 1e-6)) - 1
        if place >= 0:
            return _Seen(peak_s, shrunk(self._now.pixels[place]), self._newest_window())
        before = (pixels for at_s, pixels in reversed(self._pictures) if at_s <= peak_s + 1e-6)
        return _Seen(peak_s, next(before, None), None)

    def _write_peak(self, alarm_id: str, running: _Running) -> str | None:
        """Write what was seen at a peak that is new: picture, map, reasons; the picture's path."""
        seen, running.unwritten = running.unwritten, None
        if seen is None:
            return None
        running.reasons = self._why(seen.at_s)
        if seen.picture is None:
            return None
        if seen.window is not None:
            looked = self._encoder.encode_windows(seen.window[None], with_attention=True).attention
            if looked is not None:
                shown = _overlaid(seen.picture, attention_layer(looked[0, -1], seen.picture.shape[:2]))
                running.reasons["map"] = self._written(f"{alarm_id}-map", shown)
        return self._written(alarm_id, seen.picture)

    def _written(self, name: str, picture: Pixels) -> str:
        """The path of a picture, within the folder of the ledger, after it is there."""
        path = Path(FRAMES) / self._camera.name / f"{name}.jpg"
        write_picture(self._ledger.folder / path, picture)
        return path.as_posix()


def _overlaid(picture: Pixels, layer: Pixels) -> Pixels:
    """A picture under a layer of shape (H, W, 4)."""
    weight = layer[..., 3:].astype(np.float32) / 255
    return (picture * (1 - weight) + layer[..., :3] * weight).astype(np.uint8)


def shrunk(pixels: Pixels) -> Pixels:
    """A picture of at most `WIDEST` pixels across, in memory of its own."""
    height, width = pixels.shape[:2]
    if width <= WIDEST:
        return pixels.copy()
    size = (WIDEST, max(1, round(height * WIDEST / width)))
    small: Pixels = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return small


def write_picture(path: Path, pixels: Pixels, *, lasting: bool = True) -> None:
    """Write a picture, uint8 (H, W, 3) RGB, as JPEG: whole or not at all.

    `lasting`: whether it must survive a loss of power.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _, content = cv2.imencode(".jpg", pixels[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])
    if lasting:
        write_whole(path, content.tobytes())
        return
    half = path.with_name(litter_name(path.name))
    half.write_bytes(content.tobytes())
    half.replace(path)
