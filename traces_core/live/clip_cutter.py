"""Clips of alarms, cut from what was recorded around them.

A camera's recordings are files of a few seconds, its packets as they came; an alarm that is over gets those
from before its begin to after its end, as one file. How files are joined is in `clips`.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from pathlib import Path

from traces_core.disk import remove
from traces_core.errors import TracesError
from traces_core.live.alarm_log import CLIPS
from traces_core.live.clips import cut_clip, expire_recordings, recordings_between, shows
from traces_core.live.ledger import Alarm, Ledger
from traces_core.live.recording import recorded_span
from traces_core.live.settings import Camera

RECORDINGS = "recordings"
"""Folder, within that of the ledger, of what was recorded lately."""
AFTER_S = 3.0
"""What a clip shows after its alarm (seconds)."""
LONGEST_S = 600.0
"""Of an alarm that lasts, a clip shows the first so many seconds."""
_WAIT_S = 24.0
"""How long after its end an alarm's last recording is waited for (seconds)."""
_LONGEST_WAIT_S = 120.0
"""So long (seconds) where none of them shows it yet: a recording ends with a key frame, and some cameras send
one a minute."""
_LOOK_S = 1.0

log = logging.getLogger(__name__)


class ClipCutter:
    """Cuts the clips of all cameras in a thread of its own.

    Parameters
    ----------
    ledger : tells which alarms have no clip yet.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._cameras: dict[str, Camera] = {}
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="clips", daemon=True)
        self._given_up: set[str] = set()
        self._hidden_s: dict[str, float] = {}
        """By camera: what was recorded before is not to be seen (seconds since 1970)."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """End, after the clip in hand."""
        self._stopping.set()
        self._thread.join(10)

    def watch(self, camera: Camera) -> None:
        """A camera whose alarms get clips."""
        self._cameras[camera.name] = camera

    def _run(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            now_s = time.time()
            waiting = self._ledger.alarms_without_clip(now_s - 3600)
            self._given_up &= {alarm.id for alarm in waiting}
            for alarm in waiting:
                if alarm.camera in self._cameras and alarm.id not in self._given_up:
                    self._try(alarm, now_s)
            self._forget_recordings(now_s)

    def _try(self, alarm: Alarm, now_s: float) -> None:
        """Cut the clip of an alarm if what it shows is there."""
        start_s = alarm.start_s - 60 * self._cameras[alarm.camera].record
        end_s = min(alarm.end_s + AFTER_S, alarm.start_s + LONGEST_S)
        self._hide(alarm.camera)
        some = recordings_between(self._recordings(alarm.camera), start_s, end_s)
        is_whole = bool(some) and (recorded_span(some[-1]) or (0.0, 0.0))[1] >= end_s
        is_shown = any(shows(one, alarm.peak_s) for one in some)
        if not is_whole and now_s < end_s + (_WAIT_S if is_shown else _LONGEST_WAIT_S):
            return
        if not is_shown:
            log.warning("no clip of the alarm %s at %s: nothing recorded shows it", alarm.id, alarm.camera)
            self._given_up.add(alarm.id)
            return
        path = Path(CLIPS) / alarm.camera / f"{alarm.id}.mp4"
        try:
            cut_clip(some, self._ledger.folder / path, start_s=start_s, end_s=end_s, about_s=alarm.peak_s)
        except (TracesError, OSError) as error:
            log.warning("no clip of the alarm %s at %s: %s", alarm.id, alarm.camera, error)
            self._given_up.add(alarm.id)
            return
        self._ledger.set_clip(alarm.id, path.as_posix())

    def forget(self, camera: str, now_s: float) -> None:
        """Delete what was recorded of a camera so far, and what its child still writes of that time."""
        self._hidden_s[camera] = now_s
        self._hide(camera)

    def _hide(self, camera: str) -> None:
        if (hidden_s := self._hidden_s.get(camera)) is not None:
            for path in recordings_between(self._recordings(camera), -math.inf, hidden_s):
                remove(path)

    def _recordings(self, camera: str) -> Path:
        return self._ledger.folder / RECORDINGS / camera

    def _forget_recordings(self, now_s: float) -> None:
        """Delete recordings that no alarm can need any more."""
        for name, camera in self._cameras.items():
            self._hide(name)
            opened = [one.start_s for one in self._ledger.open_alarms(name)]
            since_s = min([now_s - _LONGEST_WAIT_S, *opened]) - 60 * camera.record - 60
            expire_recordings(
                self._recordings(name), max(since_s, now_s - LONGEST_S - 60 * camera.record - 120)
            )

    def forget_others(self, before_s: float) -> None:
        """Delete what was recorded before a time (seconds) of cameras that are watched no longer."""
        folder = self._ledger.folder / RECORDINGS
        for place in folder.iterdir() if folder.is_dir() else ():
            if place.name not in self._cameras:
                expire_recordings(place, before_s)

    def tidy(self, most_bytes: float) -> None:
        """Delete the oldest clips beyond a size."""
        folder = self._ledger.folder / CLIPS
        clips = sorted(
            (path for path in folder.rglob("*.mp4")), key=lambda path: path.stat().st_mtime, reverse=True
        )
        room = most_bytes
        for path in clips:
            room -= path.stat().st_size
            if room < 0:
                path.unlink(missing_ok=True)
                self._ledger.set_clip(path.stem, None)
                self._given_up.add(path.stem)  # or it is cut again as long as its recordings are there
