"""Sources are messages: a file's, and those of another process."""

from __future__ import annotations

import multiprocessing
from itertools import pairwise
from multiprocessing.queues import Queue
from pathlib import Path

import numpy as np
import pytest
from tiny_clips import Clip

from traces_core.encoders.base import Pixels, WindowFeatures
from traces_core.encoders.evidence import Evidence
from traces_core.encoders.seeing import Encoders, see
from traces_core.errors import VideoError
from traces_core.video import End, FrameBatch, Gap, file_source, probe, read_frames


class MeanColours:
    """Both encoders: the mean colour of a frame, and of each frame of a window."""

    window_frames = 4
    dimensions = 3
    labels = ("red", "green", "blue")

    def encode_images(self, pixels: Pixels) -> np.ndarray:
        return pixels.mean(axis=(1, 2)).astype(np.float32) / 256

    def resize(self, pixels: Pixels) -> Pixels:
        return pixels

    def encode_windows(self, windows: Pixels, **_: bool) -> WindowFeatures:
        tokens = windows.mean(axis=(2, 3)).astype(np.float32) / 256  # (T, W, 3)
        return WindowFeatures(tokens, tokens[:, -1])


ENCODERS = Encoders(MeanColours(), MeanColours())  # type: ignore[arg-type]


def put_messages(queue: Queue, path: str) -> None:
    """What another process does: reads a file, and sends what it reads."""
    for message in file_source(path, sample_fps=8):
        queue.put(message)


def test_a_file_gives_its_frames_and_then_the_end_that_it_states(clips: dict[str, Clip]) -> None:
    path = clips["cfr"].path
    *frames, end = file_source(path, sample_fps=8, batch_size=5)
    assert end == End(probe(path).duration_s)
    expected = list(read_frames(path, sample_fps=8, batch_size=5))
    assert len(frames) == len(expected) > 1
    for one, other in zip(frames, expected, strict=True):
        np.testing.assert_array_equal(one.pixels, other.pixels)
        np.testing.assert_array_equal(one.times_s, other.times_s)


def test_a_file_cut_short_ends_with_the_reason(fights: dict[str, Path]) -> None:
    *frames, end = file_source(fights["cut"])
    assert frames
    assert "cut.mkv" in str(end.broken)


def test_a_file_without_a_frame_is_no_source(broken: dict[str, Path]) -> None:
    with pytest.raises(VideoError):
        next(file_source(broken["zero_frames"]))


def test_a_source_may_live_in_another_process(clips: dict[str, Clip]) -> None:
    path = clips["cfr"].path
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    worker = context.Process(target=put_messages, args=(queue, str(path)))
    worker.start()
    messages = [queue.get(timeout=120)]
    while not isinstance(messages[-1], End):
        messages.append(queue.get(timeout=120))
    worker.join()
    there = list(see(messages, ENCODERS, hop_frames=2))
    here = list(see(file_source(path, sample_fps=8), ENCODERS, hop_frames=2))
    assert there[-1] == here[-1]
    assert isinstance(there[0], Evidence)
    assert isinstance(here[0], Evidence)
    np.testing.assert_array_equal(there[0].tokens, here[0].tokens)
    np.testing.assert_array_equal(there[0].frames, here[0].frames)


def drawn(count: int, start_s: float = 0.0) -> FrameBatch:
    pixels = np.random.default_rng(count).integers(0, 256, (count, 6, 8, 3), np.uint8)
    return FrameBatch(pixels, start_s + np.arange(count) / 4)


def test_how_frames_are_cut_into_batches_changes_no_evidence() -> None:
    whole = drawn(21)
    (once,) = see([whole], ENCODERS, hop_frames=2)
    cuts = [0, 1, 2, 7, 8, 20, 21]
    parts = [FrameBatch(whole.pixels[a:b], whole.times_s[a:b]) for a, b in pairwise(cuts)]
    pieces = list(see(parts, ENCODERS, hop_frames=2))
    assert isinstance(once, Evidence)
    for name in ("frame_times_s", "frames", "window_times_s", "window_frames", "tokens", "labels"):
        some = [getattr(piece, name) for piece in pieces if len(getattr(piece, name))]
        np.testing.assert_array_equal(np.concatenate(some), getattr(once, name))


def test_no_window_reaches_across_a_gap() -> None:
    before, after = drawn(9), drawn(7, start_s=10.0)
    first, gap, second, end = see([before, Gap(2.25, 10.0), after, End(12.0)], ENCODERS, hop_frames=3)
    (alone,) = see([after], ENCODERS, hop_frames=3)
    assert (gap, end) == (Gap(2.25, 10.0), End(12.0))
    assert isinstance(first, Evidence)
    assert isinstance(second, Evidence)
    assert isinstance(alone, Evidence)
    for name in ("window_times_s", "window_frames", "tokens", "labels"):
        np.testing.assert_array_equal(getattr(second, name), getattr(alone, name))
