"""What costs no picture is forgiven and said; what costs pictures is damage, with their number."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.bitstream import BitStreamFilterContext
from odd_clips import copied, padded, with_vendor_message
from tiny_clips import HEIGHT, WIDTH, Clip, draw, encode

from traces_core.errors import VideoError
from traces_core.video import End, Gap, file_source, frames_at, read_frames, write_video
from traces_core.video.examination import VideoReport, examine
from traces_core.video.identity import length_of
from traces_core.video.wholeness import missing_bytes


def seen(path: Path) -> VideoReport:
    report, _ = examine(path)
    *_, end = file_source(path)
    assert isinstance(end, End)
    assert (end.broken is None) == (report.lost == 0), "the two do not tell the same"
    assert end.end_s == report.duration_s
    return report


def _unit_before(clip: Clip, folder: Path) -> Path:
    return copied(clip.path, folder / "vendor.mp4", edit=with_vendor_message)


def _padding(clip: Clip, folder: Path) -> Path:
    return copied(clip.path, folder / "padded.mp4", edit=padded)


def _begins_late(clip: Clip, folder: Path) -> Path:
    return copied(clip.path, folder / "late.mkv", label=lambda pts: pts + 3 * 90_000)


def _to_a_pipe(ending: str) -> Callable[[Clip, Path], Path]:
    class Pipe:
        """A file that cannot go back."""

        def __init__(self, path: Path) -> None:
            self.file = path.open("wb")

        def write(self, content: bytes) -> int:
            return self.file.write(content)

    def make(clip: Clip, folder: Path) -> Path:
        pipe = Pipe(folder / f"piped.{ending}")
        form = {"mkv": "matroska"}.get(ending, ending)
        with av.open(str(clip.path)) as reading, av.open(pipe, "w", format=form) as writing:
            stream = reading.streams.video[0]
            copy = writing.add_stream_from_template(stream)
            bits = BitStreamFilterContext("h264_mp4toannexb" if ending == "avi" else "null", stream, copy)
            for read in reading.demux(stream):
                for packet in bits.filter(read if read.size else None):
                    packet.stream = copy
                    writing.mux(packet)
        pipe.file.close()
        return folder / f"piped.{ending}"

    return make


def _text_behind(clip: Clip, folder: Path) -> Path:
    (folder / "tail.mp4").write_bytes(clip.path.read_bytes() + b'{"camera": "gate 3", "words": 12}\n' * 3)
    return folder / "tail.mp4"


def _last_box_cut(clip: Clip, folder: Path) -> Path:
    (folder / "cut.mp4").write_bytes(clip.path.read_bytes() + b"\0\0\x40\0freecut")
    return folder / "cut.mp4"


@pytest.mark.parametrize(
    "oddity",
    [
        _unit_before,
        _padding,
        _begins_late,
        _to_a_pipe("mkv"),
        _to_a_pipe("avi"),
        _text_behind,
        _last_box_cut,
    ],
)
def test_what_the_decoder_forgives_is_not_damage(
    clips: dict[str, Clip], tmp_path: Path, oddity: Callable[[Clip, Path], Path]
) -> None:
    sound = clips["cfr"]
    report = seen(oddity(sound, tmp_path))
    assert (report.readable, report.frames, report.lost) == (True, 40, 0)
    assert report.last_s == pytest.approx(sound.times_s[-1], abs=0.05)
    assert report.duration_s == pytest.approx(1.6, abs=0.05)


@pytest.mark.parametrize("behind", [b"\n", b"\0" * 9, b"a note\n" * 900])
def test_what_lies_behind_the_end_of_a_gif_is_no_part_of_it(
    clips: dict[str, Clip], tmp_path: Path, behind: bytes
) -> None:
    (tmp_path / "tail.gif").write_bytes(clips["gif"].path.read_bytes() + behind)
    assert (seen(tmp_path / "tail.gif").frames, seen(tmp_path / "tail.gif").lost) == (40, 0)


@pytest.mark.parametrize("kind", ["mkv", "ts", "avi_mpeg4", "gif", "cfr"])
@pytest.mark.parametrize("behind", [b"\n", b'{"camera": "gate", "words": "more than a header"}\n'])
def test_what_lies_behind_the_end_costs_nothing(
    clips: dict[str, Clip], tmp_path: Path, kind: str, behind: bytes
) -> None:
    path = tmp_path / clips[kind].path.name
    path.write_bytes(clips[kind].path.read_bytes() + behind)
    report = seen(path)
    assert (report.frames, report.lost) == (40, 0)
    assert missing_bytes(path) is None, "the inbox waits for what never comes"


def test_zeros_within_a_picture_are_damage_and_zeros_behind_it_are_not(
    clips: dict[str, Clip], tmp_path: Path
) -> None:
    def holed(packet: bytes) -> bytes:
        middle = len(packet) // 2
        return packet[:middle] + bytes(100) + packet[middle + 100 :] if len(packet) > 400 else packet

    report = seen(copied(clips["noisy_mkv"].path, tmp_path / "holed.mp4", edit=holed))
    assert report.lost > 0
    assert seen(copied(clips["noisy_mkv"].path, tmp_path / "padded.mp4", edit=padded)).lost == 0


@pytest.mark.parametrize("kind", ["noisy_mkv", "noisy_web", "noisy_avi"])
@pytest.mark.parametrize("keep", [0.5, 0.8])
def test_a_file_cut_short_says_how_many_pictures_that_cost(
    clips: dict[str, Clip], tmp_path: Path, kind: str, keep: float
) -> None:
    report = seen(clips[kind].copy(tmp_path, keep=keep))
    assert report.frames + report.lost == pytest.approx(100, abs=3)
    assert report.frames < 100


@pytest.mark.parametrize(("ending", "codec"), [("ivf", "libvpx"), ("mxf", "mpeg2video")])
def test_a_container_that_states_how_long_it_is_says_what_a_cut_cost(
    tmp_path: Path, ending: str, codec: str
) -> None:
    whole = encode(tmp_path / f"whole.{ending}", codec, 50, Fraction(25), noise=True)
    assert seen(whole).lost == 0
    content, cut = whole.read_bytes(), tmp_path / f"cut.{ending}"
    cut.write_bytes(content[: len(content) * 6 // 10])
    report = seen(cut)
    assert report.frames + report.lost == pytest.approx(50, abs=3)
    assert report.frames < 50


def test_a_picture_that_fell_out_of_a_transport_stream_is_counted(
    clips: dict[str, Clip], tmp_path: Path
) -> None:
    content = bytearray(clips["noisy_ts"].path.read_bytes())
    middle = len(content) // 2 // 188 * 188
    del content[middle : middle + 188 * 20]
    (tmp_path / "holed.ts").write_bytes(content)
    report = seen(tmp_path / "holed.ts")
    assert 0 < report.lost <= 12
    assert 88 <= report.frames < 100 or report.patched


def test_one_wrong_byte_costs_what_it_costs_and_not_all_that_follows(
    clips: dict[str, Clip], tmp_path: Path
) -> None:
    def holed(packet: bytes, count: list[int] = []) -> bytes:  # noqa: B006 - counts the calls
        count.append(0)
        return packet[:200] + bytes(100) + packet[300:] if len(count) == 30 else packet

    report = seen(copied(clips["noisy_mkv"].path, tmp_path / "holed.mkv", edit=holed))
    assert report.frames >= 99
    assert 1 <= report.lost <= 5


def test_the_frames_decide_the_length_and_a_header_that_disagrees_is_told(
    clips: dict[str, Clip], tmp_path: Path
) -> None:
    content = clips["mkv"].path.read_bytes()
    stated = content.index(b"\x44\x89\x88") + 3  # Duration, a float of eight bytes, in milliseconds
    (tmp_path / "lies.mkv").write_bytes(
        content[:stated] + np.array(227_680, ">f8").tobytes() + content[stated + 8 :]
    )
    report = seen(tmp_path / "lies.mkv")
    assert report.duration_s == length_of(tmp_path / "lies.mkv") == pytest.approx(1.6)
    assert report.stated_s == pytest.approx(227.68)
    assert any("227.68" in note for note in report.forgiven)


@pytest.mark.parametrize("kind", ["cfr", "ntsc", "vfr", "late", "mkv", "ts", "gif", "raw", "avi_mpeg4"])
def test_the_length_from_the_packets_is_that_of_the_pictures(clips: dict[str, Clip], kind: str) -> None:
    report, _ = examine(clips[kind].path)
    assert length_of(clips[kind].path) == report.duration_s


def test_the_length_of_joined_recordings_is_their_sum(tmp_path: Path) -> None:
    one = encode(tmp_path / "one.ts", "libx264", 30, Fraction(25))
    (tmp_path / "two.ts").write_bytes(one.read_bytes() * 2)
    report = seen(tmp_path / "two.ts")
    assert (report.frames, report.lost) == (60, 0)
    assert report.duration_s == length_of(tmp_path / "two.ts") == pytest.approx(2.4)
    assert any("another recording" in note for note in report.forgiven)


def test_the_headers_of_a_joined_recording_are_no_damage(tmp_path: Path) -> None:
    one = Path(__file__).with_name("four_pictures.ogv")  # by ffmpeg: PyAV has no encoder of Theora
    (tmp_path / "two.ogv").write_bytes(one.read_bytes() * 2)
    report = seen(tmp_path / "two.ogv")
    assert (report.frames, report.lost) == (8, 0)
    assert any("another recording" in note for note in report.forgiven)


def test_a_packet_without_content_costs_no_picture(tmp_path: Path) -> None:
    path, rate = tmp_path / "still.nut", Fraction(25)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4", rate=rate)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        frames = [av.VideoFrame.from_ndarray(draw(number), format="rgb24") for number in range(8)]
        for number, frame in enumerate(frames):
            frame.pts, frame.time_base = number, 1 / rate
        packets = [packet for frame in [*frames, None] for packet in stream.encode(frame)]
        packets.insert(5, av.Packet(b""))  # as Theora has it where two pictures are the same
        for number, packet in enumerate(packets):
            packet.stream, packet.time_base = stream, 1 / rate
            packet.pts = packet.dts = number
            container.mux(packet)
    report = seen(path)
    assert (report.frames, report.lost) == (8, 0)
    assert any("lets the picture before it stand" in one for one in report.forgiven)
    assert report.last_s == pytest.approx(8 / 25)


def test_pictures_of_another_size_are_scaled_to_the_first_and_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "resized.ts"
    content = b""
    for width, height in ((WIDTH, HEIGHT), (2 * WIDTH, 2 * HEIGHT)):
        with av.open(str(path), "w", format="mpegts") as container:
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            for number in range(20):
                picture = draw(number, height=height, width=width)
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
        content += path.read_bytes()
    path.write_bytes(content)
    report = seen(path)
    assert (report.frames, report.lost, report.width) == (40, 0, WIDTH)
    assert any(f"{2 * WIDTH} x {2 * HEIGHT}" in note for note in report.forgiven)
    assert frames_at(path, [0.0, 1.5]).pixels.shape == (2, HEIGHT, WIDTH, 3)
    assert {batch.pixels.shape[1:3] for batch in read_frames(path)} == {(HEIGHT, WIDTH)}


def test_a_gap_is_a_gap_and_not_a_long_picture(tmp_path: Path) -> None:
    times_s = [*(np.arange(8) / 25), *(5000 + np.arange(8) / 25)]
    path = write_video(
        tmp_path / "gap.mkv", [(draw(n), float(t)) for n, t in enumerate(times_s)], rate=Fraction(25)
    )
    report = seen(path)
    ((start_s, end_s),) = report.gaps
    assert (start_s, end_s) == (pytest.approx(0.32, abs=0.05), pytest.approx(5000))
    kinds = [type(message) for message in file_source(path)]
    assert kinds.count(Gap) == 1
    assert kinds[-1] is End


def test_a_file_of_which_nothing_can_be_shown_is_reported_and_not_raised(broken: dict[str, Path]) -> None:
    for path in broken.values():
        report, picture = examine(path)
        assert (report.readable, report.frames, picture) == (False, 0, None)
        assert report.reason
        with pytest.raises(VideoError):
            length_of(path)
