"""Frames come with the times at which they were written, and broken files never look whole."""

from __future__ import annotations

import gc
import tracemalloc
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from tiny_clips import HEIGHT, WIDTH, Clip, draw, drawn, encode, number_of, packet_times

from traces_core.errors import DamagedVideoError, VideoError
from traces_core.video import decode, file_source, frame_at, frames_at, probe, read_frames, write_video
from traces_core.video.isolation import in_process

EVERY_KIND = [
    "cfr",
    "ntsc",
    "vfr",
    "odd",
    "late",
    "mkv",
    "ts",
    "avi_mpeg4",
    "avi_h264",
    "gif",
    "raw",
    "turned",
]


def read_all(path: Path, **how: object) -> tuple[np.ndarray, np.ndarray]:
    batches = list(read_frames(path, **how))
    return np.concatenate([b.pixels for b in batches]), np.concatenate([b.times_s for b in batches])


def read_what_can_be(path: Path) -> tuple[np.ndarray, DamagedVideoError]:
    """Times of the frames given before the damage is reported."""
    times_s = []
    with pytest.raises(DamagedVideoError) as caught:
        times_s.extend(batch.times_s for batch in read_frames(path, batch_size=8))
    return np.concatenate(times_s), caught.value


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_every_kind_gives_every_frame_at_the_time_it_was_written(clips: dict[str, Clip], kind: str) -> None:
    clip = clips[kind]
    pixels, times_s = read_all(clip.path)
    rounding_s = {"mkv": 0.5e-3, "gif": 5e-3}.get(kind, 0.5 / 90_000)
    np.testing.assert_allclose(times_s, clip.times_s, rtol=0, atol=rounding_s + 1e-9)
    assert times_s[0] == 0
    assert (np.diff(times_s) > 0).all()
    assert pixels.dtype == np.uint8
    assert pixels.shape == (len(clip.times_s), clip.height, clip.width, 3)
    if kind != "gif":  # 256 fixed colours cannot say which picture it is
        assert [number_of(picture) for picture in pixels] == list(range(len(times_s)))


@pytest.mark.parametrize("kind", ["cfr", "ntsc", "vfr", "late", "mkv", "ts", "gif"])
def test_the_times_are_those_of_the_packets(clips: dict[str, Clip], kind: str) -> None:
    _, times_s = read_all(clips[kind].path)
    np.testing.assert_allclose(times_s, packet_times(clips[kind].path), rtol=0, atol=1e-9)


def test_labels_out_of_order_are_sorted_and_none_is_lost(clips: dict[str, Clip]) -> None:
    with av.open(str(clips["avi_h264"].path)) as container:
        labels = [frame.pts for frame in container.decode(video=0)]
    assert labels != sorted(labels), "this AVI no longer shows what the sorting is for"
    pixels, times_s = read_all(clips["avi_h264"].path)
    assert [number_of(picture) for picture in pixels] == [round(time * 25) for time in times_s]


@pytest.mark.parametrize("b_frames", [0, 2])
def test_the_last_picture_of_an_avi_whose_clock_is_finer_than_its_rate_comes_when_it_was_written(
    tmp_path: Path, b_frames: int
) -> None:
    path = tmp_path / "fields.avi"  # as FFmpeg copies H.264 into AVI: 50 ticks a second for 25 pictures
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        stream.codec_context.max_b_frames = b_frames
        stream.time_base = stream.codec_context.time_base = Fraction(1, 50)
        for number in range(20):
            frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 9 * number, np.uint8))
            frame.pts, frame.time_base = 2 * number, Fraction(1, 50)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    np.testing.assert_allclose(read_all(path)[1], np.arange(20) / 25, rtol=0, atol=1e-9)


def test_a_phone_held_upright_gives_upright_pictures(clips: dict[str, Clip]) -> None:
    pixels, _ = read_all(clips["turned"].path)
    # drawn with a bright top left corner, shown turned clockwise
    assert pixels[0, 4, -4].min() > 200
    assert pixels[0, 4, 4].max() < 100
    info = probe(clips["turned"].path)
    assert (info.width, info.height) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("batch_size", [1, 7, 40, 64])
def test_the_size_of_a_batch_changes_no_frame(clips: dict[str, Clip], batch_size: int) -> None:
    batches = list(read_frames(clips["vfr"].path, batch_size=batch_size))
    assert [len(b) for b in batches][:-1] == [batch_size] * (len(batches) - 1)
    pixels, times_s = read_all(clips["vfr"].path, batch_size=11)
    np.testing.assert_array_equal(np.concatenate([b.pixels for b in batches]), pixels)
    np.testing.assert_array_equal(np.concatenate([b.times_s for b in batches]), times_s)


def test_large_pictures_come_in_smaller_batches(
    clips: dict[str, Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decode, "MAX_BATCH_BYTES", 5 * HEIGHT * WIDTH * 3)
    with in_process():
        assert {len(batch) for batch in read_frames(clips["cfr"].path)} == {5}


@pytest.mark.parametrize("kind", ["cfr", "ntsc", "vfr", "late", "mkv"])
@pytest.mark.parametrize("sample_fps", [Fraction(4), 10.0, Fraction(30_000, 1001)])
def test_sampling_is_by_time(clips: dict[str, Clip], kind: str, sample_fps: Fraction | float) -> None:
    every, times_s = read_all(clips[kind].path)
    pixels, sampled_s = read_all(clips[kind].path, sample_fps=sample_fps)
    rounding_s = 0.5e-3 if kind == "mkv" else 5e-6
    ticks_s = np.arange(0, times_s[-1] + rounding_s, 1 / float(sample_fps))
    expected = np.unique(np.searchsorted(times_s + rounding_s, ticks_s))
    np.testing.assert_array_equal(sampled_s, times_s[expected])
    np.testing.assert_array_equal(pixels, every[expected])


@pytest.mark.parametrize("where", [in_process, nullcontext])
def test_memory_does_not_grow_with_the_video(
    tmp_path: Path, where: Callable[[], AbstractContextManager[None]]
) -> None:
    """Neither where it is decoded, nor where the pictures of a child arrive."""

    def peak_bytes(frames: int) -> int:
        pictures = ((draw(number), number / 25) for number in range(frames))
        path = write_video(tmp_path / f"{frames}.mp4", pictures, rate=Fraction(25), preset="ultrafast")
        gc.collect()
        tracemalloc.start()
        for number, batch in enumerate(read_frames(path, batch_size=16)):
            del batch
            if where is nullcontext and number % 4 == 0:
                gc.collect()  # messages leave cycles, which Python collects when it likes
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    with where():
        peak_bytes(32)  # imports and caches of the first call
        assert peak_bytes(1200) < 1.1 * peak_bytes(120)


@pytest.mark.parametrize(
    ("what", "message"),
    [
        ("missing", "no such file"),
        ("folder", "this is a folder"),
        ("empty", "0 bytes"),
        ("garbage", "no video that FFmpeg can open"),
        ("text", "no video"),
        ("text_by_its_name", "no video"),
        ("headless", "no "),
        ("audio_only", "only audio"),
        ("zero_frames", "no picture can be decoded"),
        ("without_its_index", "cut short"),
    ],
)
def test_a_file_without_video_says_what_it_is(broken: dict[str, Path], what: str, message: str) -> None:
    for look in (probe, lambda path: next(read_frames(path)), lambda path: frame_at(path, 0)):
        with pytest.raises(VideoError, match=message) as caught:
            look(broken[what])
        assert str(broken[what]) in str(caught.value)
        assert not isinstance(caught.value, DamagedVideoError)


@pytest.mark.parametrize("kind", ["noisy_mkv", "noisy_web", "noisy_ts", "noisy_avi", "noisy_b_frames", "gif"])
@pytest.mark.parametrize("keep", [0.4, 0.6, 0.9])
def test_a_file_cut_short_gives_its_frames_and_then_says_so(
    clips: dict[str, Clip], tmp_path: Path, kind: str, keep: float
) -> None:
    whole_s = clips[kind].times_s
    times_s, error = read_what_can_be(clips[kind].copy(tmp_path, keep=keep))
    assert 0 < len(times_s) < len(whole_s)
    assert error.frames == len(times_s)
    # an AVI labels in the order of decoding: its last picture may carry a label two ahead
    rounding_s = 0.08 if kind == "noisy_b_frames" else 5e-3
    np.testing.assert_allclose(times_s, whole_s[: len(times_s)], rtol=0, atol=rounding_s + 1e-9)
    assert times_s[-1] - 0.08 <= error.at_s <= whole_s[-1]


def test_a_file_overwritten_in_the_middle_says_where(clips: dict[str, Clip], tmp_path: Path) -> None:
    times_s, error = read_what_can_be(clips["noisy_mkv"].copy(tmp_path, zero=(0.5, 2000)))
    assert 1.5 < error.at_s < 2.5  # the middle of 4 s
    assert (np.diff(times_s) > 0).all()
    assert error.frames == len(times_s) <= 100


def test_a_damaged_picture_is_shown_and_those_behind_it_that_are_gone_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "short_groups.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=25, options={"g": "10", "bf": "0", "sc_threshold": "0"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(50):
            frame = av.VideoFrame.from_ndarray(draw(number, noise=True), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with av.open(str(path)) as container:
        victim = [packet for packet in container.demux(video=0) if packet.size][24]
    content = bytearray(path.read_bytes())
    middle = victim.pos + victim.size // 2
    content[middle : middle + 100] = bytes(100)
    path.write_bytes(content)
    times_s, error = read_what_can_be(path)
    assert error.at_s == pytest.approx(24 / 25)
    assert np.round(times_s * 25).astype(int).tolist() == [*range(25), *range(30, 50)]
    assert "5 pictures lost and 1 picture shown with parts made up" in str(error)


def test_a_raw_stream_under_a_containers_name_is_shown_and_said(
    clips: dict[str, Clip], tmp_path: Path
) -> None:
    target = tmp_path / "was_once.avi"
    target.write_bytes(clips["raw"].path.read_bytes())
    _, times_s = read_all(target)
    assert len(times_s) == 40
    *_, end = file_source(target)
    assert any("without the head of .avi" in note for note in end.notes)


def test_a_recording_joined_to_another_goes_on_rising(tmp_path: Path, clips: dict[str, Clip]) -> None:
    joined = tmp_path / "joined.ts"
    long = encode(tmp_path / "long.ts", "libx264", 60, Fraction(25))
    joined.write_bytes(long.read_bytes() * 2)  # the clock of the second starts at 0
    _, times_s = read_all(joined)
    assert len(times_s) == 120
    np.testing.assert_allclose(np.diff(times_s), 1 / 25, rtol=0, atol=1e-6)


def test_probe_says_what_the_file_says(clips: dict[str, Clip]) -> None:
    info = probe(clips["ntsc"].path)
    assert (info.width, info.height, info.codec) == (WIDTH, HEIGHT, "h264")
    assert info.rate == Fraction(30_000, 1001)
    assert info.duration_s == pytest.approx(40 * 1001 / 30_000, abs=1e-4)
    assert probe(clips["raw"].path).duration_s is None


def test_the_frame_at_a_moment_is_the_last_one_shown(clips: dict[str, Clip]) -> None:
    every, times_s = read_all(clips["vfr"].path)
    asked = [0.0, -1.0, float(times_s[7]), float(times_s[7]) + 1e-6, float(times_s[8]) - 1e-6, 1e9, 0.0]
    batch = frames_at(clips["vfr"].path, asked)
    expected = [0, 0, 7, 7, 7, 39, 0]
    np.testing.assert_array_equal(batch.times_s, times_s[expected])
    np.testing.assert_array_equal(batch.pixels, every[expected])
    pixels, time_s = frame_at(clips["vfr"].path, asked[3])
    np.testing.assert_array_equal(pixels, every[7])
    assert time_s == times_s[7]


def test_no_moment_asked_for_gives_no_frame(clips: dict[str, Clip]) -> None:
    assert len(frames_at(clips["cfr"].path, [])) == 0


def test_a_name_with_a_colon_is_a_name(tmp_path: Path) -> None:
    path = write_video(tmp_path / "12:30:00 gate.mp4", drawn(np.arange(3) / 25), rate=Fraction(25))
    assert len(read_all(path)[1]) == 3


@pytest.mark.parametrize("wrong", [{"batch_size": 0}, {"sample_fps": 0}])
def test_settings_that_mean_nothing_are_refused(clips: dict[str, Clip], wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        next(read_frames(clips["cfr"].path, **wrong))
