"""Recordings are joined into one clip that shows what was seen; old ones go."""

from __future__ import annotations

import os
import time
from contextlib import closing
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from camera_clips import RATE, number_of, write_clip

from traces_core.errors import StorageError, VideoError
from traces_core.live import clips
from traces_core.live.clip_cutter import RECORDINGS, ClipCutter
from traces_core.live.clips import cut_clip, expire_recordings, recordings_between
from traces_core.live.ledger import Alarm, Ledger
from traces_core.live.recording import Recorded, decoding_order, recorded_span, recording_name
from traces_core.live.settings import Camera
from traces_core.live.source import Opened, live_frames
from traces_core.practice.rtsp_server import RtspServer


@pytest.fixture(scope="module", params=["file", "camera"])
def recordings(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[list[Recorded], float]:
    """Three recordings with B-frames, one behind the other, and when the first picture was there."""
    folder = tmp_path_factory.mktemp("recorded")
    source = write_clip(folder / "gate.mp4", 160, b_frames=2, key_every=20)
    server = RtspServer({"gate": source})
    if request.param == "camera":
        server.__enter__()
    address = server.address("gate") if request.param == "camera" else str(source)
    kept: list[Recorded] = []
    with closing(live_frames(address, sample_fps=1, recordings=folder / "kept", recording_s=1)) as messages:
        opened = next(messages)
        assert isinstance(opened, Opened)
        while len(kept) < 3:
            kept += [one for one in [next(messages)] if isinstance(one, Recorded)]
    if request.param == "camera":
        server.__exit__()
    return kept, opened.at_s


def _shown(clip: Path) -> tuple[list[int], list[float]]:
    with av.open(str(clip)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        pictures = list(container.decode(video=0))
    numbers = [number_of(one.to_ndarray(format="rgb24")) for one in pictures]
    return numbers, [float(one.time) for one in pictures]


def test_recordings_follow_each_other_and_say_when_they_were(
    recordings: tuple[list[Recorded], float],
) -> None:
    kept, at_s = recordings
    assert [one.start_s for one in kept] == pytest.approx([0, 1.6, 3.2])  # whole groups of 0.8 s
    for one, following in pairwise(kept):
        assert following.start_s == pytest.approx(one.end_s)
    for one in kept:
        span = recorded_span(one.path)
        assert span == pytest.approx((at_s + one.start_s, at_s + one.end_s), abs=0.002)
        numbers, _ = _shown(one.path)
        assert numbers == [*range(round(one.start_s * RATE), round(one.end_s * RATE))]


def test_a_clip_shows_every_picture_once_at_rising_times(
    recordings: tuple[list[Recorded], float], tmp_path: Path
) -> None:
    kept, _ = recordings
    clip = cut_clip([one.path for one in kept], tmp_path / "clips" / "alarm.mp4")
    numbers, times_s = _shown(clip)
    assert numbers == [*range(round(kept[-1].end_s * RATE))]
    np.testing.assert_allclose(np.diff(times_s), 1 / RATE, atol=1e-4)
    assert clip.read_bytes().index(b"moov") < clip.read_bytes().index(b"mdat")  # plays before it is loaded
    assert list(clip.parent.iterdir()) == [clip]


def test_a_clip_begins_at_the_key_frame_before_and_ends_behind_its_last_moment(
    recordings: tuple[list[Recorded], float], tmp_path: Path
) -> None:
    kept, at_s = recordings
    folder = kept[0].path.parent
    chosen = recordings_between(folder, at_s + 1.3, at_s + 2.1)
    numbers, _ = _shown(cut_clip(chosen, tmp_path / "alarm.mp4", start_s=at_s + 1.3, end_s=at_s + 2.1))
    assert numbers[0] <= 1.3 * RATE < numbers[0] + 20
    assert 2.0 * RATE <= numbers[-1] < 2.1 * RATE + 4
    assert numbers[0] % 20 == 0


def test_a_damaged_recording_is_left_out(recordings: tuple[list[Recorded], float], tmp_path: Path) -> None:
    kept, _ = recordings
    (tmp_path / "cut.mp4").write_bytes(kept[1].path.read_bytes()[:700])
    paths = [kept[0].path, tmp_path / "cut.mp4", tmp_path / "expired.mp4", kept[2].path]
    numbers, times_s = _shown(cut_clip(paths, tmp_path / "alarm.mp4"))
    first, last = round(kept[0].end_s * RATE), round(kept[2].start_s * RATE)
    assert numbers == [*range(first), *range(last, round(kept[2].end_s * RATE))]
    np.testing.assert_allclose(np.diff(times_s), 1 / RATE, atol=1e-4)


def recorded(folder: Path, start_s: float, pictures: int, *, b_frames: int = 0) -> Path:
    path = folder / recording_name(start_s, pictures / RATE, ".mp4")
    folder.mkdir(parents=True, exist_ok=True)
    return write_clip(path, pictures, b_frames=b_frames)


def test_a_clip_shows_what_it_is_cut_for_though_the_camera_had_sent_another_codec_before(
    tmp_path: Path,
) -> None:
    before, since = recorded(tmp_path, 1000.0, 100), recorded(tmp_path, 1004.0, 50, b_frames=2)
    numbers, _ = _shown(cut_clip([before, since], tmp_path / "alarm.mp4", about_s=1005.0))
    assert numbers == [*range(50)]
    numbers, _ = _shown(cut_clip([before, since], tmp_path / "alarm.mp4", about_s=1001.0))
    assert numbers == [*range(100)]


def test_an_alarm_whose_recording_is_not_finished_waits_for_it_and_is_not_shown_what_came_before(
    tmp_path: Path,
) -> None:
    ledger = Ledger(tmp_path)
    alarm = Alarm("a1", "gate", "late", False, 1010.0, 1012.0, 1011.0, 2.0, 1.0)
    ledger.put_alarm(alarm)
    cutter = ClipCutter(ledger)
    cutter.watch(Camera(name="gate", source="rtsp://h/s"))
    folder = tmp_path / RECORDINGS / "gate"
    recorded(folder, 1004.0, 100)  # up to 1008; the next key frame comes a minute later

    def clip_at(now_s: float) -> str | None:
        cutter._try(alarm, now_s)
        found = ledger.alarm("a1")
        assert found is not None
        return found.clip

    assert clip_at(1060.0) is None
    late = recorded(folder, 1008.0, 200)
    assert clip_at(1069.0) is not None
    late.unlink()
    ledger.set_clip("a1", None)
    assert clip_at(1300.0) is None
    ledger.close()


def test_what_was_recorded_before_more_of_it_is_hidden_is_in_no_clip(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    alarm = Alarm("a1", "gate", "late", False, 1007.0, 1009.0, 1008.5, 2.0, 1.0)
    ledger.put_alarm(alarm)
    cutter = ClipCutter(ledger)
    cutter.watch(Camera(name="gate", source="rtsp://h/s", record=0.1))
    folder = tmp_path / RECORDINGS / "gate"
    recorded(folder, 1000.0, 100)
    cutter.forget("gate", 1006.0)
    assert not list(folder.iterdir())
    recorded(folder, 1004.0, 100)  # by the child that was to end
    recorded(folder, 1008.0, 150)
    cutter._try(alarm, 1100.0)
    found = ledger.alarm("a1")
    assert found is not None
    assert found.clip is not None
    numbers, _ = _shown(tmp_path / found.clip)
    assert numbers == [*range(len(numbers))]
    assert [path.name for path in folder.iterdir()] == [recording_name(1008.0, 150 / RATE, ".mp4")]
    ledger.close()


def test_a_clip_that_there_is_no_room_for_is_not_cut_again(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    now_s = time.time()
    alarm = Alarm("a1", "gate", "late", False, now_s - 100, now_s - 98, now_s - 99, 2.0, 1.0)
    ledger.put_alarm(alarm)
    cutter = ClipCutter(ledger)
    cutter.watch(Camera(name="gate", source="rtsp://h/s", record=0.1))
    recorded(tmp_path / RECORDINGS / "gate", now_s - 110, 500)

    def has_clip(within_s: float) -> bool:
        until_s = time.time() + within_s
        while time.time() < until_s and not ledger.read("SELECT 1 FROM alarm WHERE clip IS NOT NULL"):
            time.sleep(0.1)
        return bool(ledger.read("SELECT 1 FROM alarm WHERE clip IS NOT NULL"))

    cutter.start()
    try:
        assert has_clip(within_s=20)
        cutter.tidy(0)
        assert not has_clip(within_s=3)
    finally:
        cutter.stop()
        ledger.close()


def test_without_a_picture_there_is_no_clip(tmp_path: Path) -> None:
    (tmp_path / "rubbish.mp4").write_bytes(b"\0" * 500)
    with pytest.raises(VideoError, match="no recording of it can be read"):
        cut_clip([tmp_path / "rubbish.mp4"], tmp_path / "alarm.mp4")
    assert not (tmp_path / "alarm.mp4").exists()


def test_a_clip_that_cannot_be_written_says_why(tmp_path: Path) -> None:
    source = write_clip(tmp_path / "gate.mp4", 30)
    (tmp_path / "file").touch()
    with pytest.raises(StorageError, match="Something else stands where it should be"):
        cut_clip([source], tmp_path / "file" / "alarm.mp4")
    with pytest.raises(StorageError, match="No space left on device"):
        clips._joined(tmp_path / "alarm.mp4", [source], Path("/dev/full"), None, None, None)


def test_recordings_that_ended_before_a_moment_go_and_nothing_else(tmp_path: Path) -> None:
    now_s = time.time()
    for age_s in (5, 100, 300):
        (tmp_path / recording_name(now_s - age_s, 10, ".mp4")).touch()
    (tmp_path / "holiday.mp4").touch()
    os.utime(tmp_path / "holiday.mp4", (0, 0))
    assert expire_recordings(tmp_path, now_s - 60) == 2
    assert len(list(tmp_path.iterdir())) == 2
    assert expire_recordings(tmp_path / "none", now_s) == 0


def test_packets_are_decoded_before_they_are_shown_and_one_after_the_other() -> None:
    order = decoding_order([0, 120, 40, 80, 120, 240])
    assert order == sorted(set(order))
    assert all(when <= label for when, label in zip(order, [0, 120, 40, 80, 120, 240], strict=True))
