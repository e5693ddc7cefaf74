"""The feed of a camera: newest frames kept, losses counted, segments, clocks, another start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from traces_core.errors import VideoError
from traces_core.live.feed import KEPT, CameraFeed, Taken
from traces_core.live.source import LiveFrames, LiveMessage, Opened

BLACK = np.zeros((4, 6, 3), np.uint8)


def frames(times_s: list[float], arrived_s: list[float], value: int = 0) -> LiveFrames:
    pixels = np.stack([BLACK + value] * len(times_s))
    return LiveFrames(pixels, np.array(times_s), np.array(arrived_s))


def waited_for(is_true: Callable[[], bool]) -> None:
    end_s = time.monotonic() + 20
    while not is_true():
        assert time.monotonic() < end_s
        time.sleep(0.005)


def started(messages: Callable[[], Iterator[LiveMessage]]) -> CameraFeed:
    feed = CameraFeed("gate", messages)
    feed.start(threading.Event())
    return feed


def held(
    *messages: LiveMessage | Exception,
) -> Callable[[], Iterator[LiveMessage]]:
    """A source that gives these, then nothing more."""

    def source() -> Iterator[LiveMessage]:
        for message in messages:
            if isinstance(message, Exception):
                raise message
            yield message
        threading.Event().wait()

    return source


def test_the_newest_frames_wait_and_the_oldest_are_dropped_and_counted() -> None:
    times = [float(number) for number in range(KEPT + 5)]
    feed = started(held(Opened(6, 4, "h264", None, 100.0), frames(times, [100 + one for one in times])))
    waited_for(lambda: feed.facts.sampled == KEPT + 5)
    assert feed.facts.dropped == 5
    taken = feed.take(100)
    assert taken is not None
    assert taken.frames.times_s.tolist() == [100 + one for one in times[5:]]
    assert feed.take(100) is None


def test_a_source_that_ends_or_fails_is_started_again_as_another_segment() -> None:
    turns = iter(range(10))

    def source() -> Iterator[LiveMessage]:
        turn = next(turns)
        yield Opened(6, 4, "h264", None, 100.0)  # its clock starts again
        yield frames([0.0, 1.0], [100.0, 101.0], turn)
        if turn == 0:
            raise VideoError("rtsp://a:secret@h/1", "gone", do="Wait")
        if turn == 1:
            return
        threading.Event().wait()

    feed = started(source)
    waited_for(lambda: feed.facts.sampled == 6)
    some: list[Taken] = []
    while (taken := feed.take(100)) is not None:
        some.append(taken)
    assert [one.segment.number for one in some] == [1, 2, 3]
    times = np.concatenate([one.frames.times_s for one in some])
    assert bool(np.all(np.diff(times) > 0))
    assert "secret" not in some[1].segment.why
    assert "gone" in some[1].segment.why
    assert feed.facts.restarts == 2


@pytest.mark.parametrize("jump_s", [47_721.9, -300.0])
def test_a_clock_that_jumps_begins_another_segment_at_our_time(jump_s: float) -> None:
    feed = started(
        held(
            Opened(6, 4, "h264", None, 100.0),
            frames([0.0, 1.0], [100.0, 101.0]),
            frames([2.0 + jump_s, 3.0 + jump_s], [102.0, 103.0]),
        )
    )
    waited_for(lambda: feed.facts.sampled == 4)
    first, second = feed.take(100), feed.take(100)
    assert first is not None
    assert second is not None
    assert second.segment.why == "its clock jumped"
    assert feed.facts.jumped_s == 102.0
    assert second.frames.times_s == pytest.approx([102.0, 103.0])
