"""Which stream of which file is watched, and what is refused in words."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
import pytest
from odd_clips import two_streams
from PIL import Image
from tiny_clips import HEIGHT, WIDTH, Clip, draw

from traces_core.errors import VideoError
from traces_core.video import opening, probe, read_frames
from traces_core.video.examination import examine
from traces_core.video.identity import content_id
from traces_core.video.isolation import in_process


@pytest.mark.parametrize(
    ("sizes", "default", "chosen"),
    [
        ([(16, 16), (64, 48)], 1, 1),  # a thumbnail before the film
        ([(16, 16), (64, 48)], None, 1),
        ([(64, 48), (16, 16)], 1, 1),  # default goes before larger
        ([(64, 48), (64, 48)], None, 0),
    ],
)
def test_the_stream_is_the_one_that_ffmpeg_chooses(
    tmp_path: Path, sizes: list[tuple[int, int]], default: int | None, chosen: int
) -> None:
    path = two_streams(tmp_path / "two.mkv", sizes, default=default)
    report, _ = examine(path)
    assert (report.stream, report.streams, report.frames) == (chosen, 2, 20)
    assert (report.width, report.height) == sizes[chosen]


def test_the_user_may_choose_another_stream(tmp_path: Path) -> None:
    path = two_streams(tmp_path / "two.mkv", [(16, 16), (64, 48)])
    for number, width in enumerate((16, 64)):
        assert probe(path, stream=number).width == width
        assert sum(map(len, read_frames(path, stream=number))) == 20
    with pytest.raises(VideoError, match="no video stream 2, only 0, 1"):
        probe(path, stream=2)


def test_a_file_whose_sound_comes_first_loses_no_picture(tmp_path: Path) -> None:
    path = tmp_path / "sound_first.mkv"
    with av.open(str(path), "w") as container:
        sound = container.add_stream("pcm_s16le", rate=8000, layout="mono")
        video = container.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number in range(20):
            silence = av.AudioFrame.from_ndarray(np.zeros((1, 320), np.int16), layout="mono")
            silence.sample_rate, silence.pts = 8000, 320 * number
            container.mux(sound.encode(silence))
            container.mux(video.encode(av.VideoFrame.from_ndarray(draw(number), format="rgb24")))
        container.mux(sound.encode(None))
        container.mux(video.encode(None))
    assert examine(path)[0].frames == 20


@pytest.mark.parametrize(
    "text",
    [
        "ffconcat version 1.0\nfile {other}\n",
        "ffconcat version 1.0\nfile {self}\n",
        "\ufeff#EXTM3U\n#EXT-X-VERSION:3\n#EXTINF:1,\n{other}\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nm=video 9 RTP/AVP 96\n",
        '<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"><BaseURL>{other}</BaseURL></MPD>',
        "[playlist]\nFile1={other}\n",
    ],
)
@pytest.mark.parametrize("name", ["list.mp4", "list.m3u8"])
def test_a_playlist_is_refused_in_words(clips: dict[str, Clip], tmp_path: Path, text: str, name: str) -> None:
    path = tmp_path / name
    path.write_text(text.format(other=clips["cfr"].path, self=path), encoding="utf-8")
    with pytest.raises(VideoError, match="names other files"):
        probe(path)


def test_a_still_picture_is_no_video(tmp_path: Path) -> None:
    for kind in ("PNG", "JPEG", "BMP"):
        Image.fromarray(draw(3)).save(tmp_path / "still.mp4", kind)
        with pytest.raises(VideoError, match="a still picture"):
            probe(tmp_path / "still.mp4")
        report, _ = examine(tmp_path / "still.mp4")
        assert (report.readable, report.frames, report.last_s) == (True, 1, 0.0)
        assert any("still picture" in note for note in report.forgiven)


def test_still_pictures_one_behind_the_other_are_a_video(tmp_path: Path) -> None:
    path = tmp_path / "camera.mp4"
    with path.open("wb") as file:
        for number in range(20):
            Image.fromarray(draw(number)).save(file, "JPEG")
    assert examine(path)[0].frames == 20


def test_pictures_beyond_the_budget_are_refused_with_their_size(
    clips: dict[str, Clip], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(opening, "MAX_PIXELS", WIDTH * HEIGHT - 1)
    with in_process(), pytest.raises(VideoError, match=f"{WIDTH} x {HEIGHT}"):
        probe(clips["cfr"].path)


def _refuses(kind: type[OSError], number: int) -> Callable[..., object]:
    def opening(path: Path, *_: object, **__: object) -> object:
        raise kind(number, "as the system says it", str(path))

    return opening


@pytest.mark.parametrize(
    ("number", "says"),
    [(errno.EACCES, "Ask its owner for the right"), (errno.EIO, "the file may be sound")],
)
def test_a_file_that_the_system_refuses_is_not_called_damaged(
    clips: dict[str, Clip], monkeypatch: pytest.MonkeyPatch, number: int, says: str
) -> None:
    kind = type(OSError(number, ""))
    monkeypatch.setattr(Path, "open", _refuses(kind, number))
    with in_process():
        for look in (probe, content_id):
            with pytest.raises(VideoError, match=says) as caught:
                look(clips["cfr"].path)
            assert "Copy it" not in str(caught.value)
        assert not examine(clips["cfr"].path)[0].readable


def test_what_is_no_file_is_called_what_it_is(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "folder.mp4").mkdir()
    (tmp_path / "link.mp4").symlink_to("nowhere")
    for name, says in (("pipe", "a pipe"), ("folder", "this is a folder"), ("link", "no such file")):
        for look in (probe, content_id):
            with pytest.raises(VideoError, match=says):
                look(tmp_path / f"{name}.mp4")
