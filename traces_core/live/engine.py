"""The engine: frames of all cameras through the encoders in turn, to scores, states and alarms.

Runs in a process of its own, which `supervisor` keeps running: `python -m traces_core.live.engine FOLDER
CAMERAS_YAML`. What it writes is in the ledger; it follows cameras.yaml and the graph while it runs.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from traces_core.detector import own_footage
from traces_core.detector.detector import Detector
from traces_core.disk import storage_error
from traces_core.encoders.parallel_calls import MAX_PARALLEL
from traces_core.encoders.seeing import WINDOW_BATCH, EncodedPart, Encoders, EvidenceBuilder
from traces_core.errors import TracesError
from traces_core.live import NOT_STARTED
from traces_core.live.alarm_log import FRAMES, shrunk, write_picture
from traces_core.live.clip_cutter import RECORDINGS, ClipCutter
from traces_core.live.detectors import ChosenDetector, sees_alike
from traces_core.live.evidence import EvidenceStore
from traces_core.live.feed import CameraFeed, Taken, quiet_since_s
from traces_core.live.grouped_calls import GroupedCalls
from traces_core.live.judging import REMEMBERED_S
from traces_core.live.ledger import Alarm, CameraState, Ledger, State
from traces_core.live.messages import alarm_message, health_kind, health_message
from traces_core.live.pace import Pace
from traces_core.live.settings import Camera, LiveSettings
from traces_core.live.sinks import addressed
from traces_core.live.source import live_frames
from traces_core.live.watch import CameraWatch
from traces_core.printing import guard_output, printable
from traces_core.redaction import redacted
from traces_core.store.digest import digest

MODELS = "models"
"""Folder, within that of the ledger, of detectors that were fetched from a registry."""
MOST_FRAMES = 16
"""Frames of all cameras that go through the encoders in one round."""
STALLED_S = 3.0
"""Seconds without a frame after which a camera has stalled, and its score is unknown."""
TOLD_S = 30.0
"""A camera's fault, or its end, is told once it has lasted for so many seconds."""
WELL = ("starting", "running", "removed")
"""States that nobody has to do anything about."""
JUMPED_S = 10.0
"""For so long a camera is said to have had its clock jump (seconds); it is scored meanwhile."""
_SETTINGS_S = 2.0
_DETECTOR_S = 20.0
_STATES_S = 1.0
_THRESHOLDS_S = 60.0
_HOUSEKEEPING_S = 300.0


log = logging.getLogger(__name__)


@dataclass
class _Channel:
    """One camera in the engine."""

    camera: Camera
    sample_fps: float
    feed: CameraFeed
    watch: CameraWatch
    segment: int = 0
    pace: Pace = field(default_factory=Pace)
    since: tuple[str, float] = ("", 0.0)
    pictured_s: float = 0.0
    problem: str = ""
    notice: str = ""
    is_fault_told: bool = False
    sentences: Any = None


class Engine:
    """All cameras of one cameras.yaml.

    Parameters
    ----------
    folder : of the ledger and what lies beside it.
    settings_path : cameras.yaml.
    """

    def __init__(self, folder: Path, settings_path: Path) -> None:
        self.folder, self._path = folder, settings_path
        self.ledger = Ledger(folder)
        self._kept = EvidenceStore(folder)
        self.settings = LiveSettings.load(settings_path)
        self._chosen = ChosenDetector(self.settings.detector, folder / MODELS)
        self.detector, self._detector_stamp = self._chosen.load()
        _warm_up(self.detector)
        self.stopping = threading.Event()
        self._ready = threading.Event()
        self._channels: dict[str, _Channel] = {}
        self._calls = GroupedCalls(MOST_FRAMES, lanes=min(MAX_PARALLEL, os.cpu_count() or 1))
        self._turn = 0
        self._due = dict.fromkeys(("settings", "detector", "states", "thresholds", "housekeeping"), 0.0)
        self._stamp, self._said = _stamp(settings_path), ""
        self._cutter = ClipCutter(self.ledger)

    def run(self) -> None:
        """Watch until `stopping` is set."""
        self._close_what_a_crash_left_open()
        self._follow_cameras()
        self._cutter.start()
        while not self.stopping.is_set():
            self._ready.clear()
            self.keep_up(time.time())
            if not self.round():
                self._ready.wait(0.1)
        for channel in self._channels.values():
            self._end(channel)
        self._cutter.stop()
        self._kept.close()
        self.ledger.close()

    # Frames.

    def round(self) -> bool:
        """Take the frames that wait, in fair turns, and score them; whether there were any."""
        taken = self._take()
        parts: list[tuple[_Channel, Taken, EncodedPart]] = []
        for channel, some in taken:
            if some.segment.number != channel.segment:
                channel.segment = some.segment.number
                channel.watch.interrupted()
            part = None if channel.problem else channel.watch.look(some.frames, self._calls)
            if part is not None:
                parts.append((channel, some, part))
            self._picture(channel, some)
        try:
            self._calls.run()
        except Exception:  # whatever an encoder meets in these pictures, the next ones are looked at
            log.exception("the encoders failed on %d pictures", sum(len(some.frames) for _, some, _ in parts))
            for channel, _, _ in parts:
                channel.watch.interrupted()
            return True
        for channel, some, part in parts:
            channel.watch.finished(part, some.frames)
            now_s = time.time()
            channel.pace.scored(now_s - arrived_s for arrived_s in some.arrived_s)
        return bool(taken)

    def _take(self) -> list[tuple[_Channel, Taken]]:
        channels = list(self._channels.values())
        order = channels[self._turn :] + channels[: self._turn]
        self._turn = (self._turn + 1) % max(1, len(channels))
        waiting = sum(channel.feed.waiting > 0 for channel in order)
        each = max(1, MOST_FRAMES // max(1, waiting))
        taken: list[tuple[_Channel, Taken]] = []
        room = MOST_FRAMES
        for channel in order:
            some = channel.feed.take(min(each, room)) if room else None
            if some is not None:
                taken.append((channel, some))
                room -= len(some.frames)
        return taken

    def _picture(self, channel: _Channel, some: Taken) -> None:
        """The newest frame, for the page, once a second."""
        at_s = float(some.frames.times_s[-1])
        if at_s - channel.pictured_s >= 1:
            channel.pictured_s = at_s
            path = self.folder / FRAMES / f"{channel.camera.name}.jpg"
            try:
                write_picture(path, shrunk(some.frames.pixels[-1]), lasting=False)
            except OSError as error:  # it is for the page alone: what is seen is scored without it
                channel.feed.facts.trouble = f"its newest picture cannot be written ({error.strerror})"

    # What changes while it runs.

    def keep_up(self, now_s: float) -> None:
        """Follow settings, detector and thresholds, say states, delete what is old: each when it is due."""
        for name, every_s, do in (
            ("settings", _SETTINGS_S, self._follow_settings),
            ("detector", _DETECTOR_S, self._follow_detector),
            ("thresholds", _THRESHOLDS_S, self._follow_thresholds),
            ("states", _STATES_S, self._say_states),
            ("housekeeping", _HOUSEKEEPING_S, self._tidy),
        ):
            if now_s >= self._due[name] or self._due[name] > now_s + every_s:  # or the clock was set back
                self._due[name] = now_s + every_s
                do(now_s)

    def _follow_settings(self, now_s: float) -> None:
        stamp = _stamp(self._path)
        if stamp == self._stamp:
            return
        self._stamp = stamp
        try:
            self.settings = LiveSettings.load(self._path)
        except TracesError as error:
            _say(f"cameras.yaml is left as it was: {error}")
            return
        self._follow_cameras()

    def _follow_cameras(self) -> None:
        """Cameras that came, went or changed; the others go on."""
        wanted = {camera.name: camera for camera in self.settings.cameras}
        for name, channel in list(self._channels.items()):
            if wanted.get(name) != channel.camera or channel.sample_fps != self._sample_fps:
                self._end(self._channels.pop(name))
        states = self.ledger.cameras()
        for state in states:
            if state.name in wanted and state.facts.get("areas") != _areas(wanted[state.name]):
                self._cutter.forget(state.name, time.time())  # it shows what is to be hidden now
        for name, camera in wanted.items():
            if name not in self._channels:
                self._channels[name] = self._begin(camera)
        for state in states:
            if state.name not in wanted and state.state != "removed":
                self._say_state(state.name, state.source, "removed", "no longer in cameras.yaml", {})

    def _begin(self, camera: Camera) -> _Channel:
        recordings = self.folder / RECORDINGS / camera.name
        messages = partial(
            live_frames,
            camera.source,
            sample_fps=self._sample_fps,
            recordings=recordings if camera.record else None,
            ignore=camera.areas.ignore,
            watch=camera.areas.watch,
        )
        watch = CameraWatch(camera, self._builder(), self.ledger, self._kept, self._letters)
        channel = _Channel(camera, self._sample_fps, CameraFeed(camera.name, messages), watch)
        self._judge(channel)
        self._cutter.watch(camera)
        channel.feed.start(self._ready)
        return channel

    @property
    def _sample_fps(self) -> float:
        """Frames a second that are looked at."""
        return self.settings.sample_fps or self.detector.project.settings.sampling.sample_fps

    def _builder(self) -> EvidenceBuilder:
        project = self.detector.project
        encoders = Encoders(project.clip, project.windows)
        return EvidenceBuilder(encoders, project.settings.sampling.hop_frames, WINDOW_BATCH)

    def _end(self, channel: _Channel) -> None:
        channel.feed.stop()
        channel.watch.end()

    def _judge(self, channel: _Channel) -> None:
        channel.sentences = _sentences(channel.camera)
        settings = self.detector.project.settings
        channel.notice = " ".join(own_footage.notices(settings, channel.camera.streams, of_practice=False))
        try:
            channel.watch.judge_by(self.detector, time.time())
            channel.problem = ""
        except (TracesError, OSError) as error:
            channel.problem = redacted(str(error))

    def _follow_detector(self, now_s: float) -> None:
        """A new bank, fusion or threshold of the graph is taken over between two frames."""
        try:
            chosen = ChosenDetector(self.settings.detector, self.folder / MODELS)
            if chosen == self._chosen and chosen.stamp() == self._detector_stamp:
                return
            detector, stamp = chosen.load()
            if not sees_alike(self.detector, detector):
                _warm_up(detector)
            before, self.detector = self.detector, detector
            self._chosen, self._detector_stamp, self._said = chosen, stamp, ""
        except TracesError as error:  # it is being rebuilt, or is none: the one that is in use is whole
            if str(error) != self._said:
                _say(f"the detector is left as it was: {error}")
                self._said = str(error)
            return
        for name, channel in list(self._channels.items()):
            if sees_alike(before, self.detector):
                self._judge(channel)
            else:
                self._end(channel)
                self._channels[name] = self._begin(channel.camera)

    def _follow_thresholds(self, now_s: float) -> None:
        for channel in self._channels.values():
            is_edited = channel.sentences != _sentences(channel.camera)
            if channel.problem or is_edited or channel.watch.needs_another_threshold(self.detector, now_s):
                self._judge(channel)

    def _letters(self, alarm: Alarm, kind: str) -> list[tuple[str, str, Mapping[str, Any]]]:
        return addressed(self.settings.sinks, kind, alarm_message(alarm, self._page))

    # States.

    def _say_states(self, now_s: float) -> None:
        with self.ledger.writing():
            for channel in self._channels.values():
                self._say_state_of(channel, now_s)

    def _say_state_of(self, channel: _Channel, now_s: float) -> None:
        channel.pace.look(channel.feed.facts.sampled, channel.feed.facts.dropped)
        state, detail = self._state_of(channel, now_s)
        if channel.since[0] != state:
            channel.since = (state, now_s)
        if state == "stalled":
            channel.watch.interrupted()
        if not channel.feed.waiting:
            channel.watch.stay_blind(now_s)
        channel.watch.flush()
        facts = self._facts(channel)
        self._say_state(channel.camera.name, redacted(channel.camera.source), state, detail, facts)

    def _state_of(self, channel: _Channel, now_s: float) -> tuple[State, str]:
        facts, watch = channel.feed.facts, channel.watch
        if channel.problem:
            return "failed", channel.problem
        if not facts.last_arrival_s:
            return ("no picture", facts.error) if facts.error else ("starting", "")
        if quiet_since_s(facts, now_s) > STALLED_S:
            return "stalled", facts.error or "no frame comes"
        if now_s - facts.jumped_s < JUMPED_S:
            return "clock jumped", "its times leapt; what comes since is another segment"
        if watch.finding is not None:
            return watch.finding.fault, watch.finding.detail
        behind = channel.pace.behind
        return ("behind", behind) if behind else ("running", "")

    def _facts(self, channel: _Channel) -> dict[str, Any]:
        facts, watch = channel.feed.facts, channel.watch
        return {
            "width": facts.width,
            "height": facts.height,
            "codec": facts.codec,
            "fps": facts.rate,
            "sampled": facts.sampled,
            "scored": watch.scored,
            "dropped": facts.dropped,
            "restarts": facts.restarts,
            "scores": watch.scores,
            "score": watch.scores.get(channel.camera.streams[0]),
            "thresholds": {name: value for name, (value, _) in watch.thresholds.items()},
            "threshold": watch.thresholds.get(channel.camera.streams[0], (None, ""))[0],
            "trouble": facts.trouble,
            "contexts": [] if channel.camera.catalog else list(channel.camera.context),
            "has_catalog": channel.camera.catalog is not None,
            "areas": _areas(channel.camera),
            "notice": channel.notice,
            "threshold_sources": {name: source for name, (_, source) in watch.thresholds.items()},
            "latency_s": channel.pace.latency_s,
        }

    def _say_state(self, name: str, source: str, state: State, detail: str, facts: Mapping[str, Any]) -> None:
        channel, now_s = self._channels.get(name), time.time()
        since_s = channel.since[1] if channel else now_s
        said = CameraState(name, source, state, since_s, printable(detail), facts, now_s)
        self.ledger.say_state(said)
        if channel is None or now_s - since_s < TOLD_S:
            return
        is_fault = state not in WELL
        if is_fault != channel.is_fault_told:
            channel.is_fault_told = is_fault
            message = health_message(said, self._page)
            self.ledger.tell_state(said, addressed(self.settings.sinks, health_kind(said), message))

    @property
    def _page(self) -> str:
        return f"http://{self.settings.page.host}:{self.settings.page.port}"

    # What is kept.

    def _close_what_a_crash_left_open(self) -> None:
        """An alarm that was on when the engine was killed ends where it had come to."""
        for alarm in self.ledger.open_alarms():
            self.ledger.close_alarm(alarm.id, self._letters(alarm, "closed"))

    def _tidy(self, now_s: float) -> None:
        """Delete what is older than is to be kept, and the oldest clips beyond the limit of size."""
        before_s = now_s - self.settings.keep.days * 86400
        self._kept.forget(before_s=before_s)
        old = self.ledger.forget_before(before_s, min(before_s, now_s - REMEMBERED_S))
        for path in old:
            (self.folder / path).unlink(missing_ok=True)
        self._cutter.forget_others(now_s - 3600)
        most = self.settings.keep.gib * 2**30
        self._cutter.tidy(most - self._kept.shrink(most / 2))


def _warm_up(detector: Detector) -> None:
    """Read the weights, which takes seconds, before a camera's first frames wait for them."""
    clip, windows = detector.project.clip, detector.project.windows
    clip.encode_images(np.zeros((1, 64, 64, 3), np.uint8))
    windows.encode_windows(np.zeros((1, windows.window_frames, 64, 64, 3), np.uint8))


def _stamp(path: Path) -> tuple[int, int]:
    try:
        about = path.stat()
    except OSError:
        return (0, 0)
    return about.st_mtime_ns, about.st_size


def _areas(camera: Camera) -> str:
    """Changes with what is hidden of the picture."""
    return digest(camera.areas.model_dump())


def _sentences(camera: Camera) -> Any:
    """Changes when somebody edits a camera's own catalog."""
    if camera.catalog is None or not camera.catalog.is_dir():
        return None
    return sorted((path.name, _stamp(path)) for path in camera.catalog.iterdir())


def _say(text: str) -> None:
    print(redacted(printable(text)), file=sys.stderr, flush=True)


def _stop_with_the_supervisor(engine: Engine) -> None:
    """Its end of our input closes when it ends, however that came."""
    while os.read(0, 4096):  # sys.stdin has a lock, without which Python cannot end: it aborts
        pass
    engine.stopping.set()


def main(folder: str, settings_path: str) -> None:
    """Watch until the process is told to end, or the supervisor is gone."""
    guard_output()
    try:
        engine = Engine(Path(folder), Path(settings_path))
    except Exception as error:
        known = error if isinstance(error, TracesError) else storage_error(error, Path(folder))
        if known is None:
            raise
        _say(str(known))
        sys.exit(NOT_STARTED)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: engine.stopping.set())
    threading.Thread(target=_stop_with_the_supervisor, args=(engine,), daemon=True).start()
    try:
        engine.run()
    except Exception as error:
        known = storage_error(error, engine.folder)
        if known is None:
            raise
        _say(str(known))
        sys.exit(1)


if __name__ == "__main__":
    main(*sys.argv[1:])
