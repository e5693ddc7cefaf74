"""Who a video is: its packets and their times, not the file around them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tiny_clips import Clip, drawn, turn_clockwise

from traces_core.errors import VideoError
from traces_core.store.digest import file_digest
from traces_core.video import read_frames, write_video
from traces_core.video.identity import content_id


def remuxed(source: Path, target: Path, *, title: str = "another title", factor: int = 1) -> Path:
    """The same packets in another file, `factor` times as slow."""
    with av.open(str(source)) as reading, av.open(str(target), "w") as writing:
        stream = reading.streams.video[0]
        copy = writing.add_stream_from_template(stream)
        writing.metadata["title"] = title
        for packet in reading.demux(stream):
            if packet.size:
                decoded_at = packet.pts if packet.dts is None else packet.dts  # Matroska does not say
                packet.pts, packet.dts = packet.pts * factor, decoded_at * factor
                packet.stream = copy
                writing.mux(packet)
    return target


def seen(path: Path) -> tuple[list[float], np.ndarray]:
    batches = list(read_frames(path))
    times = [time for batch in batches for time in batch.times_s.tolist()]
    return times, np.concatenate([batch.pixels for batch in batches])


@pytest.mark.parametrize("name", ["cfr", "odd", "noisy_web"])
@pytest.mark.parametrize("container", ["mp4", "mkv", "mov"])
def test_the_same_packets_in_another_file_are_the_same_video(
    clips: dict[str, Clip], tmp_path: Path, name: str, container: str
) -> None:
    source = clips[name].path
    copy = remuxed(source, tmp_path / f"copy.{container}")
    assert file_digest(copy) != file_digest(source)
    assert content_id(copy) == content_id(source)
    for was, now in zip(seen(source), seen(copy), strict=True):
        np.testing.assert_array_equal(was, now)


def _rounded_times(clip: Path, folder: Path) -> Path:
    """Matroska counts in milliseconds: frames that come 23.976 times a second are shown at other times."""
    times_s = np.arange(40) * 1001 / 24000
    exact = write_video(folder / "exact.mp4", drawn(times_s), rate=Fraction(24000, 1001))
    rounded = remuxed(exact, folder / "rounded.mkv")
    assert content_id(rounded) != content_id(exact)
    return rounded


def _slower(clip: Path, folder: Path) -> Path:
    return remuxed(clip, folder / "slower.mp4", factor=2)


def _turned(clip: Path, folder: Path) -> Path:
    (folder / "turned.mp4").write_bytes(clip.read_bytes())
    return turn_clockwise(folder / "turned.mp4")


def _shorter(clip: Path, folder: Path) -> Path:
    return write_video(folder / "shorter.mp4", drawn(np.arange(39) / 25), rate=Fraction(25))


def _one_byte(clip: Path, folder: Path) -> Path:
    content = bytearray(clip.read_bytes())
    content[content.index(b"mdat") + 100] ^= 1
    (folder / "byte.mp4").write_bytes(content)
    return folder / "byte.mp4"


def _cut_short(clip: Path, folder: Path) -> Path:
    (folder / "cut.mp4").write_bytes(clip.read_bytes()[:-50])
    return folder / "cut.mp4"


@pytest.mark.parametrize("change", [_rounded_times, _slower, _turned, _shorter, _one_byte, _cut_short])
def test_what_changes_a_picture_or_its_time_makes_another_video(
    clips: dict[str, Clip], tmp_path: Path, change: Callable[[Path, Path], Path]
) -> None:
    assert content_id(change(clips["cfr"].path, tmp_path)) != content_id(clips["cfr"].path)


def test_every_clip_is_another_video(clips: dict[str, Clip]) -> None:
    ids = {name: content_id(clip.path) for name, clip in clips.items()}
    assert ids["mkv"] == ids["late"] == ids["cfr"]  # in another container, and starting at five seconds
    assert len(set(ids.values())) == len(ids) - 2


def test_packets_without_times_are_known_by_the_bytes_of_their_file(clips: dict[str, Clip]) -> None:
    assert content_id(clips["raw"].path) == file_digest(clips["raw"].path)


def test_what_is_no_video_is_known_by_its_bytes(broken: dict[str, Path]) -> None:
    for name in ("empty", "garbage", "text", "headless"):
        assert content_id(broken[name]) == file_digest(broken[name])
    with pytest.raises(VideoError, match="no such file"):
        content_id(broken["missing"])
