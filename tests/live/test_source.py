"""A camera is watched as a file is, and whatever it does to its decoder is an error within its deadline."""

from __future__ import annotations

import http.server
import io
import os
import shutil
import signal
import socketserver
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any, cast

import av
import numpy as np
import pytest
from camera_clips import RATE, drawn, number_of, write_clip
from PIL import Image

from traces_core.errors import VideoError
from traces_core.live.source import LiveFrames, LiveMessage, Opened, Recorded, Trouble, live_frames
from traces_core.practice.rtsp_server import Fault, Film, RtspServer
from traces_core.video import FrameBatch, file_source, isolation

PASSWORD = "hunter2-and-more"
QUICK: dict[str, Any] = {"sample_fps": 8, "opening_s": 3, "stall_s": 1}


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("clips")
    return {
        "plain": write_clip(folder / "plain.mp4", 60),
        "reordered": write_clip(folder / "reordered.mp4", 60, b_frames=3),
        "uneven": write_clip(folder / "uneven.mp4", 60, is_uneven=True),
    }


@pytest.fixture(scope="module")
def camera(clips: dict[str, Path]) -> Iterator[RtspServer]:
    with RtspServer(clips, user="admin", password=PASSWORD) as server:
        yield server


def _frames(messages: Iterator[LiveMessage], count: int) -> list[LiveFrames]:
    """The next frames, so many."""
    return list(islice((one for one in messages if isinstance(one, LiveFrames) and len(one)), count))


def _children() -> set[int]:
    """Decoders of this process."""
    found = set()
    for entry in Path("/proc").iterdir():
        try:
            if not entry.name.isdigit() or b"decoder_process" not in (entry / "cmdline").read_bytes():
                continue
            if int((entry / "stat").read_text().rpartition(")")[2].split()[1]) == os.getpid():
                found.add(int(entry.name))
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


def _until(condition: Callable[[], bool], seconds: float = 20) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never came to pass"
        time.sleep(0.02)


@pytest.mark.parametrize("fps", [4, 8])
@pytest.mark.parametrize("name", ["plain", "reordered", "uneven"])
def test_the_same_frames_are_sampled_from_a_file_and_from_a_camera(
    clips: dict[str, Path], name: str, fps: int
) -> None:
    expected = [one for one in file_source(clips[name], sample_fps=fps) if isinstance(one, FrameBatch)]
    with RtspServer(clips, loops=False) as server:
        messages = live_frames(server.address(name), sample_fps=fps)
        frames = _frames(messages, sum(map(len, expected)))
        with pytest.raises(VideoError, match="it broke off"):
            next(messages)
    times_s = np.concatenate([one.times_s for one in frames])
    pixels = np.concatenate([one.pixels for one in frames])
    np.testing.assert_allclose(times_s, np.concatenate([one.times_s for one in expected]), atol=1e-9)
    np.testing.assert_array_equal(pixels, np.concatenate([one.pixels for one in expected]))


def test_a_segment_begins_with_what_it_is_and_frames_come_as_they_arrive(camera: RtspServer) -> None:
    with closing(live_frames(camera.address("reordered"), **QUICK)) as messages:
        begin = time.time()
        opened = next(messages)
        assert isinstance(opened, Opened)
        assert (opened.width, opened.height, opened.codec, opened.rate) == (96, 64, "h264", RATE)
        assert begin <= opened.at_s <= time.time()
        frames = _frames(messages, 16)
    times_s = np.concatenate([one.times_s for one in frames])
    assert times_s[0] == 0
    assert (np.diff(times_s) > 0).all()
    assert 0 <= time.time() - frames[-1].arrived_s[0] < 1


WRONG: list[Fault] = ["stall", "drip", "drop", "garbage", "codec", "refuse", "silent", "jump", "back"]


@pytest.mark.parametrize("fault", WRONG)
def test_a_camera_that_goes_wrong_is_an_error_within_the_deadline_and_can_be_asked_again(
    camera: RtspServer, fault: Fault
) -> None:
    address = camera.address("reordered")
    messages = live_frames(address, **QUICK)
    try:
        if fault in ("codec", "refuse", "silent"):  # of those who ask, not of those who watch
            camera.fault(fault)
        else:
            _frames(messages, 3)
            camera.fault(fault)
        begin = time.monotonic()
        with pytest.raises(VideoError, match=r"rtsp://\*\*\*@127") as error:
            list(messages)
        assert time.monotonic() - begin < 8
        assert PASSWORD not in repr(error.getrepr())
    finally:
        camera.fault(None)
    with closing(live_frames(address, **QUICK)) as again:
        assert len(_frames(again, 3)) == 3


def test_a_stream_of_another_codec_than_announced_is_given_up_as_soon_as_it_should_have_answered(
    camera: RtspServer,
) -> None:
    camera.fault("codec")
    begin = time.monotonic()
    try:
        with pytest.raises(VideoError, match="no hevc can be made out of what it sends"):
            next(live_frames(camera.address("plain"), **QUICK | {"stall_s": 8}))
    finally:
        camera.fault(None)
    assert time.monotonic() - begin < 6  # and not for as long as silence is borne with on top


class JoinedLate(RtspServer):
    """Sends from the second picture on, whoever asks: the key frame has just been."""

    def begins_at(self, film: Film) -> int:
        """The second picture."""
        return 1


def test_a_key_frame_that_comes_late_is_waited_for(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "gate.mp4", 150, key_every=150)
    begin = time.monotonic()
    with (
        JoinedLate({"gate": clip}) as server,
        closing(live_frames(server.address("gate"), **QUICK)) as messages,
    ):
        assert isinstance(next(messages), Opened)
    assert time.monotonic() - begin > QUICK["opening_s"] + QUICK["stall_s"]


def test_pictures_that_were_left_out_leave_a_hole_in_time(camera: RtspServer) -> None:
    with closing(live_frames(camera.address("plain"), **QUICK | {"stall_s": 5})) as messages:
        before = _frames(messages, 3)[-1].times_s[-1]
        camera.fault("gap")
        time.sleep(1.2)
        camera.fault(None)
        times_s = np.array([before, *(one.times_s[0] for one in _frames(messages, 20))])
    assert np.diff(times_s).max() > 0.8
    assert (np.diff(times_s) > 0).all()


def test_somebody_who_takes_his_time_still_gets_every_frame(camera: RtspServer) -> None:
    with closing(live_frames(camera.address("plain"), **QUICK)) as messages:
        first = _frames(messages, 2)[-1]
        time.sleep(2.5)
        later = [first, *_frames(messages, 24)]
    assert np.diff([one.times_s[0] for one in later]).max() < 0.2


def test_a_decoder_that_is_killed_is_an_error_at_once(camera: RtspServer) -> None:
    isolation._POOL.end()
    before = _children()
    messages = live_frames(camera.address("plain"), **QUICK)
    _frames(messages, 2)
    [child] = _children() - before
    os.kill(child, signal.SIGKILL)
    begin = time.monotonic()
    with pytest.raises(VideoError, match="SIGKILL"):
        list(messages)
    assert time.monotonic() - begin < 1


_WATCH = """
import sys
from traces_core.live.source import live_frames
for message in live_frames(sys.argv[1], sample_fps=4):
    print(type(message).__name__, flush=True)
"""


@pytest.mark.parametrize("is_silent", [False, True])
def test_a_decoder_ends_with_whoever_started_it(camera: RtspServer, tmp_path: Path, is_silent: bool) -> None:
    watched = str(tmp_path) if is_silent else camera.address("plain")
    parent = subprocess.Popen([sys.executable, "-c", _WATCH, watched], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    parent.stdout.readline()
    [child] = Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text().split()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    _until(lambda: not Path(f"/proc/{child}").exists(), 5)


def test_no_password_is_seen_from_outside(camera: RtspServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GATE_PASSWORD", PASSWORD)
    isolation._POOL.end()
    before = _children()
    with closing(live_frames(camera.address("plain"), **QUICK)) as messages:
        _frames(messages, 1)
        [child] = _children() - before
        for name in ("cmdline", "environ"):
            assert PASSWORD.encode() not in Path(f"/proc/{child}/{name}").read_bytes()
    wrong = camera.address("plain").replace(PASSWORD, f"{PASSWORD}-is-wrong")
    for source in (wrong, camera.address("no-such-film"), f"ftp://admin:{PASSWORD}@127.0.0.1/"):
        with pytest.raises(VideoError) as error:
            list(live_frames(source, **QUICK))
        assert PASSWORD not in f"{error.value!r} {error.value.path} {vars(error.value)}"


def test_hidden_parts_are_black_in_frames_and_recordings(camera: RtspServer, tmp_path: Path) -> None:
    below = [[(0, 0.75), (1, 0.75), (1, 1), (0, 1)]]
    asked = live_frames(camera.address("plain"), **QUICK, ignore=below, recordings=tmp_path, recording_s=1)
    with closing(asked) as messages:
        frame = _frames(messages, 1)[0]
        recorded = next(one for one in messages if isinstance(one, Recorded))
    assert frame.pixels[0, 48:].max() == 0
    assert frame.pixels[0, :46].max() > 128
    with av.open(str(recorded.path)) as container:
        pictures = [one.to_ndarray(format="rgb24") for one in container.decode(video=0)]
    assert len(pictures) > 10
    assert max(int(one[50:].max()) for one in pictures) < 24
    assert min(int(one[:46].max()) for one in pictures) > 128


def test_a_watched_part_is_all_that_is_seen(clips: dict[str, Path]) -> None:
    left = [[(0, 0), (0.5, 0), (0.5, 1), (0, 1)]]
    with closing(live_frames(str(clips["plain"]), sample_fps=8, watch=left)) as messages:
        frame = _frames(messages, 1)[0].pixels[0]
    assert frame[:, 49:].max() == 0
    assert frame[:, :47].min(axis=2).max() > 0


def test_a_file_is_played_again_and_again_each_time_a_segment(tmp_path: Path) -> None:
    path = write_clip(tmp_path / "short.mp4", 10)
    begin = time.monotonic()
    with closing(live_frames(str(path), sample_fps=25)) as messages:
        heard = list(islice(messages, 22))
    assert [type(one) for one in (heard[0], heard[11])] == [Opened, Opened]
    played = [number_of(one.pixels[0]) for one in heard if isinstance(one, LiveFrames)]
    assert played == [*range(10)] * 2
    assert time.monotonic() - begin > 0.7


def test_each_video_that_arrives_in_a_folder_is_a_segment_once_it_is_whole(tmp_path: Path) -> None:
    short, inbox = write_clip(tmp_path / "short.mp4", 5), tmp_path / "inbox"
    inbox.mkdir()
    shutil.copy(short, inbox / "was-there.mp4")
    (inbox / "broken.mp4").write_bytes(short.read_bytes()[:-200])
    messages = live_frames(str(inbox), sample_fps=25)
    with closing(messages):
        assert len(cast(LiveFrames, next(messages))) == 0  # it waits, and says so
        (inbox / "growing.mp4").write_bytes(short.read_bytes()[:-200])
        (inbox / "rubbish.mp4").write_bytes(b"\0" * 999)
        shutil.copy(short, inbox / "b.mp4")
        os.utime(inbox / "b.mp4", (1e9, 1e9))
        shutil.copy(short, inbox / "a.mp4")
        heard: list[LiveMessage] = []
        while sum(isinstance(one, Opened) for one in heard) < 2 or len(_frames(iter(heard), 99)) < 10:
            heard.append(next(messages))
        (inbox / "growing.mp4").write_bytes(short.read_bytes())
        while sum(isinstance(one, Opened) for one in heard) < 3:
            heard.append(next(messages))
    [trouble] = [one.problem for one in heard if isinstance(one, Trouble)]
    assert trouble.startswith(str(inbox / "rubbish.mp4"))
    played = [number_of(one.pixels[0]) for one in heard if isinstance(one, LiveFrames) and len(one)]
    assert played == [*range(5)] * 2


def test_a_disk_that_is_full_costs_recordings_and_no_frame(clips: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    asked = live_frames(
        str(clips["plain"]), sample_fps=25, recordings=tmp_path / "file" / "below", recording_s=0.5
    )
    with closing(asked) as messages:
        heard = list(islice(messages, 40))
    troubles = [one.problem for one in heard if isinstance(one, Trouble)]
    assert troubles
    assert all("cannot be written (Not a directory)" in one for one in troubles)
    assert len([one for one in heard if isinstance(one, LiveFrames)]) > 30


@contextmanager
def _web(answers: Callable[[http.server.BaseHTTPRequestHandler], None]) -> Iterator[str]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answers(self)

        def log_message(self, *_: object) -> None: ...

    class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def _motion_jpeg(handler: http.server.BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "multipart/x-mixed-replace;boundary=next")
    handler.end_headers()
    for number in range(60):
        file = io.BytesIO()
        Image.fromarray(drawn(number)).save(file, "JPEG", quality=90)
        content = file.getvalue()
        head = f"--next\r\nContent-Type: image/jpeg\r\nContent-Length: {len(content)}\r\n\r\n"
        try:
            handler.wfile.write(head.encode() + content + b"\r\n")
        except OSError:
            return
        time.sleep(0.1)


def test_motion_jpeg_over_http_has_the_times_of_its_arrival() -> None:
    with _web(_motion_jpeg) as address, closing(live_frames(f"{address}/gate.mjpg", **QUICK)) as messages:
        opened = next(messages)
        assert isinstance(opened, Opened)
        assert opened.codec == "mjpeg"
        frames = _frames(messages, 12)
    numbers = [number_of(one.pixels[0]) for one in frames]
    times_s = np.array([one.times_s[0] for one in frames])
    assert numbers == sorted(set(numbers))
    np.testing.assert_allclose(times_s[4:] - times_s[4], np.subtract(numbers[4:], numbers[4]) / 10, atol=0.3)


def test_what_comes_over_the_network_opens_no_file(clips: dict[str, Path]) -> None:
    def playlist(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/vnd.apple.mpegurl")
        handler.end_headers()
        lines = ("#EXTM3U", "#EXT-X-TARGETDURATION:3", "#EXTINF:2.4,", f"file://{clips['plain']}", "")
        handler.wfile.write("\n".join(lines).encode())

    def elsewhere(handler: http.server.BaseHTTPRequestHandler) -> None:
        handler.send_response(302)
        handler.send_header("Location", f"file://{clips['plain']}")
        handler.end_headers()

    for answers in (playlist, elsewhere):
        with _web(answers) as address, pytest.raises(VideoError, match="http://127"):
            list(live_frames(f"{address}/live.m3u8", **QUICK))


def test_a_practice_camera_is_a_program_whose_clients_join_where_it_has_come_to(tmp_path: Path) -> None:
    clip = write_clip(tmp_path / "gate.mp4", 250)
    command = [sys.executable, "-m", "traces_core.practice.rtsp_server", "--port", "0", str(clip)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        address = program.stdout.readline().strip()
        time.sleep(1.2)  # the film goes on, whether anybody watches or not
        with closing(live_frames(address, **QUICK)) as one, closing(live_frames(address, **QUICK)) as other:
            numbers = [number_of(_frames(messages, 1)[0].pixels[0]) for messages in (one, other)]
        program.send_signal(signal.SIGINT)
        assert program.wait(20) == 0
    assert all(number > 0 and number % 25 == 0 for number in numbers)  # a key frame, and not the first


def test_a_device_by_its_lasting_name_is_opened_as_a_device() -> None:
    with pytest.raises(VideoError, match="name0: it cannot be opened"):
        next(live_frames("/dev/v4l/by-id/name0", sample_fps=1))


def test_a_camera_that_sends_over_udp_alone_is_said_to_be_that() -> None:
    class Refuses(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            sdp = "v=0\r\ns=x\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:t\r\n"
            while asked := self.rfile.readline().decode():
                lines = list(iter(lambda: self.rfile.readline().decode().strip(), ""))
                answer = {"OPTIONS": "200 OK", "DESCRIBE": "200 OK"}.get(asked.split()[0], "461 Unsupported")
                order = next(line for line in lines if line.startswith("CSeq"))
                body = sdp if asked.startswith("DESCRIBE") else ""
                kind = "Content-Type: application/sdp\r\n" * bool(body)
                head = f"RTSP/1.0 {answer}\r\n{order}\r\n{kind}Content-Length: {len(body)}\r\n\r\n"
                self.wfile.write((head + body).encode())

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refuses) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"rtsp://me:hunter2@127.0.0.1:{server.server_address[1]}/x"
        with pytest.raises(VideoError, match="does not send RTSP over TCP") as caught:
            next(live_frames(address, sample_fps=1))
        server.shutdown()
    assert "hunter2" not in str(caught.value)
