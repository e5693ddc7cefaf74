"""Clips of alarms, cut from what was recorded around them.

A camera's recordings are files of a few seconds, its packets as they came; an alarm that is over gets those
from before its begin to after its end, as one file. How files are joined is in `clips`.
"""

from __future__ import annotations

import threading
import time
from pathlib import Path

from traces_core.errors import TracesError
from traces_core.live.alarm_log import CLIPS
from traces_core.live.clips import cut_clip
from traces_core.live.feed import CameraFeed, Recording
from traces_core.live.ledger import Alarm, Ledger
from traces_core.live.settings import Camera

RECORDINGS = "recordings"
"""Folder, within that of the ledger, of what was recorded lately."""
AFTER_S = 3.0
"""What a clip shows after its alarm (seconds)."""
LONGEST_S = 600.0
"""Of an alarm that lasts, a clip shows the first so many seconds."""
_WAIT_S = 45.0
"""How long after its end an alarm's last recording is waited for (seconds)."""
_LOOK_S = 1.0


class ClipCutter:
    """Cuts the clips of all cameras in a thread of its own.

    Parameters
    ----------
    ledger : tells which alarms have no clip yet.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._feeds: dict[str, tuple[Camera, CameraFeed]] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clips", daemon=True)
        self._given_up: set[str] = set()

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the clip in hand."""
        self._stopping.set()
        self._thread.join(10)

    def watch(self, camera: Camera, feed: CameraFeed) -> None:
        """Whose recordings are a camera's."""
        self._feeds[camera.name] = (camera, feed)

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            now_s = time.time()
            for alarm in self._ledger.alarms_without_clip(now_s - 3600):
                if alarm.camera in self._feeds and alarm.id not in self._given_up:
                    self._try(alarm, now_s)
            self._forget_recordings(now_s)

    def _try(self, alarm: Alarm, now_s: float) -> None:
        """Cut the clip of an alarm if what it shows is there."""
        camera, feed = self._feeds[alarm.camera]
        start_s = alarm.start_s - 60 * camera.record
        end_s = min(alarm.end_s + AFTER_S, alarm.start_s + LONGEST_S)
        some = [one for one in feed.recordings(0.0) if one.end_s > start_s and one.start_s < end_s]
        is_whole = bool(some) and some[-1].end_s >= end_s
        if not is_whole and now_s < end_s + _WAIT_S:
            return
        if not some:
            self._given_up.add(alarm.id)
            return
        path = Path(CLIPS) / alarm.camera / f"{alarm.id}.mp4"
        try:
            (self._ledger.folder / path).parent.mkdir(parents=True, exist_ok=True)
            cut_clip([one.path for one in some], self._ledger.folder / path)
        except (TracesError, OSError):
            self._given_up.add(alarm.id)
            return
        self._ledger.set_clip(alarm.id, path.as_posix())

    def _forget_recordings(self, now_s: float) -> None:
        """Delete recordings that no alarm can need any more."""
        for name, (camera, feed) in self._feeds.items():
            opened = [one.start_s for one in self._ledger.open_alarms(name)]
            since_s = min([now_s - _WAIT_S, *opened]) - 60 * camera.record - 60
            old: list[Recording] = [one for one in feed.recordings(0.0) if one.end_s < since_s]
            for one in old:
                one.path.unlink(missing_ok=True)
            if old:
                feed.recordings(since_s)

    def tidy(self, most_gib: float) -> None:
        """Delete the oldest clips beyond a size, and recordings of an earlier run."""
        folder = self._ledger.folder / CLIPS
        clips = sorted(
            (path for path in folder.rglob("*.mp4")), key=lambda path: path.stat().st_mtime, reverse=True
        )
        room = most_gib * 2**30
        for path in clips:
            room -= path.stat().st_size
            if room < 0:
                path.unlink(missing_ok=True)
                self._ledger.set_clip(path.stem, None)
