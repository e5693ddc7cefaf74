"""The feed of one camera: its child's frames as they come, the newest kept, the child restarted.

A thread drains the child at once, so that a camera is never slowed down; what nobody took in time is
dropped, the oldest first, and counted. Times are seconds since 1970: those of the source, counted from the
moment at which its first picture came. What a source is belongs in `source`.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from traces_core.encoders.base import Pixels
from traces_core.errors import TracesError
from traces_core.live.live_video import CLOCK_JUMPED
from traces_core.live.source import LiveFrames, LiveMessage, Opened, Recorded, Trouble
from traces_core.redaction import redacted
from traces_core.video import FrameBatch

KEPT = 8
"""Frames that wait for the encoders at most."""
JUMP_S = 5.0
"""The source's clock may run away from ours by so much (seconds) before it is set again."""
_WAITS_S = (0.1, 0.5, 1.0, 2.0, 4.0)
"""Before each attempt to open a source that worked before; the last one from then on (seconds)."""
_WORKED_S = 5.0
"""A source that ran for so long is opened again at once (seconds)."""
_NEVER_WORKED_S = 15.0
"""Before each attempt to open a source that never gave a picture (seconds)."""

Messages = Callable[[], Iterator[LiveMessage]]


@dataclass(frozen=True, slots=True)
class Segment:
    """What came between two interruptions."""

    number: int
    """From 1."""
    why: str
    """Why it began, in words; empty for the first."""


@dataclass(frozen=True, slots=True)
class _Frame:
    pixels: Pixels
    at_s: float
    arrived_s: float
    segment: Segment


@dataclass(frozen=True, slots=True)
class Taken:
    """Some frames of one segment, for the encoders."""

    frames: FrameBatch
    """With times in seconds since 1970."""
    arrived_s: tuple[float, ...]
    """When each came (seconds since 1970)."""
    segment: Segment
    """The one they are of."""


@dataclass
class FeedFacts:
    """Counts and the latest of a feed; written by its thread, read by others."""

    width: int = 0
    height: int = 0
    codec: str = ""
    rate: float = 0.0
    sampled: int = 0
    dropped: int = 0
    restarts: int = 0
    is_open: bool = False
    last_arrival_s: float = 0.0
    error: str = ""
    jumped_s: float = 0.0
    trouble: str = ""


class CameraFeed:
    """One camera.

    Parameters
    ----------
    name : of the camera.
    messages : starts the source; called again whenever it ended.
    """

    def __init__(self, name: str, messages: Messages) -> None:
        self.name, self.facts = name, FeedFacts()
        self._messages = messages
        self._frames: deque[_Frame] = deque()
        self._lock, self._stopping = threading.Lock(), threading.Event()
        self._segment = Segment(0, "")
        self._offset_s = self._newest_s = 0.0
        self._why = ""
        self._thread = threading.Thread(target=self._run, name=f"feed {name}", daemon=True)

    def start(self, ready: threading.Event) -> None:
        """Begin; `ready` is set whenever there is something to take."""
        self._ready = ready
        self._thread.start()

    def stop(self) -> None:
        """Let go of the source, soon."""
        self._stopping.set()

    @property
    def waiting(self) -> int:
        """Frames that wait."""
        return len(self._frames)

    def take(self, most: int) -> Taken | None:
        """The oldest frames that wait, of one segment and one size, and no longer wait."""
        with self._lock:
            if not self._frames:
                return None
            first, some = self._frames[0], list[_Frame]()
            while self._frames and len(some) < most:
                one = self._frames[0]
                if one.segment != first.segment or one.pixels.shape != first.pixels.shape:
                    break
                some.append(self._frames.popleft())
        pixels = np.stack([one.pixels for one in some])
        times_s = np.array([one.at_s for one in some])
        return Taken(FrameBatch(pixels, times_s), tuple(one.arrived_s for one in some), first.segment)

    def _run(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            began_s = time.monotonic()
            try:
                for message in self._messages():
                    self._put(message)
                    if self._stopping.is_set():
                        return
                self._why = "the source ended"
            except TracesError as error:
                self._why = redacted(str(error))
            except Exception as error:  # whatever it does, the camera is tried again
                self._why = redacted(f"{type(error).__name__}: {error}")
            self.facts.is_open, self.facts.error = False, self._why
            failures = 0 if time.monotonic() - began_s > _WORKED_S else failures + 1
            self._stopping.wait(self._pause_s(failures))
            self.facts.restarts += 1

    def _pause_s(self, failures: int) -> float:
        if not self.facts.last_arrival_s:
            return min(_NEVER_WORKED_S, 2.0**failures)
        return _WAITS_S[min(failures, len(_WAITS_S) - 1)]

    def _put(self, message: LiveMessage) -> None:
        match message:
            case Opened():
                facts = self.facts
                facts.width, facts.height, facts.codec = message.width, message.height, message.codec
                facts.rate = float(message.rate or 0)
                facts.is_open, facts.error = True, ""
                self._begin(message.at_s, self._why)
                self._why = ""
            case LiveFrames():
                self._put_frames(message)
            case Recorded():
                self.facts.trouble = ""
            case Trouble():
                self.facts.trouble = message.problem

    def _begin(self, at_s: float, why: str) -> None:
        """A new segment, whose first picture came at a time: never before the last one."""
        if CLOCK_JUMPED in why:
            self.facts.jumped_s = at_s
        self._offset_s = max(at_s, self._newest_s + 1e-3)
        self._segment = Segment(self._segment.number + 1, why)

    def _put_frames(self, some: LiveFrames) -> None:
        for pixels, time_s, arrived_s in zip(some.pixels, some.times_s, some.arrived_s, strict=True):
            if abs(self._offset_s + float(time_s) - float(arrived_s)) > JUMP_S:
                self._begin(float(arrived_s), CLOCK_JUMPED)
                self._offset_s -= float(time_s)
            at_s = self._offset_s + float(time_s)
            with self._lock:
                self._frames.append(_Frame(pixels, at_s, float(arrived_s), self._segment))
                if len(self._frames) > KEPT:
                    self._frames.popleft()
                    self.facts.dropped += 1
            self._newest_s = at_s
            self.facts.sampled += 1
            self.facts.last_arrival_s = float(arrived_s)
        if len(some):
            self._ready.set()


def quiet_since_s(facts: FeedFacts, now_s: float) -> float:
    """Seconds since the last frame; infinite where there never was one."""
    return now_s - facts.last_arrival_s if facts.last_arrival_s else float("inf")
