"""What `write_video` promises."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tiny_clips import draw, drawn, packet_times

from traces_core.video import write_video
from traces_core.video.identity import content_id


@pytest.mark.parametrize("ending", [".mp4", ".mov", ".mkv"])
@pytest.mark.parametrize(
    "times_s",
    [
        np.arange(20) / 16,  # constant
        np.arange(20) * 1001 / 30000,  # a rate that is no whole number
        np.array([0.0, 0.01, 0.5, 0.51, 3.0]),  # variable
    ],
    ids=["cfr", "ntsc", "vfr"],
)
def test_the_times_in_the_file_are_those_that_were_given(
    tmp_path: Path, ending: str, times_s: np.ndarray
) -> None:
    path = write_video(tmp_path / f"clip{ending}", drawn(times_s), rate=Fraction(25))
    rounding_s = 0.5e-3 if ending == ".mkv" else 0.5 / 90_000
    np.testing.assert_allclose(packet_times(path), times_s, rtol=0, atol=rounding_s + 1e-9)


def test_the_stated_length_covers_the_last_frame(tmp_path: Path) -> None:
    path = write_video(tmp_path / "clip.mp4", drawn(np.arange(16) / 16), rate=Fraction(16))
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        assert stream.duration * stream.time_base == 1
        assert stream.average_rate == 16


@pytest.mark.parametrize(("height", "width"), [(33, 47), (32, 47), (33, 48), (32, 48)])
def test_odd_sizes_keep_their_size(tmp_path: Path, height: int, width: int) -> None:
    frames = drawn(np.arange(3) / 25, height=height, width=width)
    path = write_video(tmp_path / "odd.mp4", frames, rate=Fraction(25))
    with av.open(str(path)) as container:
        assert [(f.height, f.width) for f in container.decode(video=0)] == [(height, width)] * 3


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    """Sixty times: x264's AVX-512 code wrote other bytes three times in a hundred."""
    frames = drawn(np.arange(30) / 25, noise=True)
    ids = {
        content_id(write_video(tmp_path / f"{number}.mp4", frames, rate=Fraction(25))) for number in range(60)
    }
    assert len(ids) == 1


def _failing_after(frames: int) -> Iterator[tuple[np.ndarray, float]]:
    yield from drawn(np.arange(frames) / 25)
    raise RuntimeError("the artist left")


def test_a_failure_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "clip.mp4"
    target.write_bytes(b"the earlier file")
    with pytest.raises(RuntimeError, match="the artist left"):
        write_video(target, _failing_after(30), rate=Fraction(25))
    assert list(tmp_path.iterdir()) == [target]
    assert target.read_bytes() == b"the earlier file"


@pytest.mark.parametrize(
    ("frames", "message"),
    [
        ([], "no frame was given"),
        ([(draw(0), 0.0), (draw(1), 0.0)], "frame 1 at 0.0 s does not rise"),
        ([(draw(0), -1.0)], "frame 0 at -1.0 s does not rise"),
        ([(draw(0), float("nan"))], "does not rise"),
        ([(draw(0), 0.0), (draw(1, height=32), 1.0)], "the first frame had"),
        ([(draw(0).astype(np.float32), 0.0)], "not uint8"),
        ([(draw(0)[..., 0], 0.0)], "not uint8"),
    ],
    ids=["none", "repeated", "negative", "nan", "another size", "floats", "grey"],
)
def test_frames_that_no_video_can_hold_are_refused(tmp_path: Path, frames: list, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        write_video(tmp_path / "clip.mp4", frames, rate=Fraction(25))
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_ending_is_refused_before_anything_is_drawn(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.mp4, \.mov"):
        write_video(tmp_path / "clip.txt", _failing_after(0), rate=Fraction(25))
