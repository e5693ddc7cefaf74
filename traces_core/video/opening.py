"""Opening a file: what is refused and why, and which of its video streams is watched.

Decoding is in `streams`. Nothing is fetched and no other file is read: a video is one file.
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

import av

from traces_core.disk import storage_error
from traces_core.errors import VideoError
from traces_core.video.ffmpeg_words import Capture
from traces_core.video.wholeness import missing_bytes

MAX_PIXELS = 2**26
"""Pixels of a picture at most, 8192 x 8192: four times 4K. FFmpeg keeps up to seventeen of them."""

_DEFAULT_BONUS = 5_000_000
"""What FFmpeg adds to the pixels of a default stream when it chooses one (`fftools`, map_auto_video)."""

LISTS = frozenset({"concat", "concatf", "hls", "dash", "imf", "sdp", "rtsp", "webm_dash_manifest", "image2"})
"""FFmpeg's formats that name other files; no field of theirs says so."""

_LIST_HEADS = re.compile(
    rb"\s*(ffconcat|#EXTM3U|\[playlist\]|\[reference\]|v=0\s+o=|(<\?xml.*)?<(MPD|smil|asx|AssetMap|playlist)\b)",
    re.IGNORECASE | re.DOTALL,
)
_ANOTHER = "Give a video file (mp4, mkv, avi, mov, ts, webm, gif and others that FFmpeg reads)"


@contextmanager
def opened(
    path: Path, number: int | None = None, *, stills: bool = False
) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The container and its video stream; closed afterwards.

    Parameters
    ----------
    number : int or None
        Which of its video streams, from 0; None chooses as FFmpeg does.
    stills : bool
        Whether a single picture (PNG, JPEG) is opened, too.

    Raises
    ------
    VideoError
        There is no such file or none that may be read, it is empty, a playlist, no video or a still picture,
        its codec is unknown, its pictures are too large, or it has no such stream.
    """
    _refuse_what_is_no_video(path)
    with _container(path) as container:
        stream = prepared(container, path, number)
        if not stills and is_still(path, container):
            still = f"a still picture ({stream.codec_context.name}), no video: nothing in it moves or lasts"
            raise VideoError(path, still, do=_ANOTHER)
        yield container, stream


def _container(path: Path) -> av.container.InputContainer:
    # `file:` so that a colon in a name is no protocol; the lists of what is allowed so that no other file is
    # opened, whatever this one says.
    options = {
        "protocol_whitelist": "file",
        "format_whitelist": ",".join(sorted(av.formats_available - LISTS)),
        "max_pixels": str(MAX_PIXELS),
    }
    try:
        with Capture():
            return av.open(f"file:{path}", options=options, metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        why = missing_bytes(path) or f"no video that FFmpeg can open ({reason(error)})"
        raise VideoError(path, why, do=f"Copy it again from its source. {_ANOTHER}") from error


def is_still(path: Path, container: av.container.InputContainer) -> bool:
    """Whether a file is one picture and no more: a `_pipe` of FFmpeg may hold one behind the other."""
    if not container.format.name.endswith("_pipe"):
        return False
    with _container(path) as other:
        return len(list(islice((packet for packet in other.demux() if packet.size), 2))) < 2


def head_of(path: Path) -> bytes:
    """The first bytes of a file.

    Raises
    ------
    VideoError
        There is no such file, it is a folder, a pipe or a device, or the system does not let it be read.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise VideoError(path, "this is a folder", do="Name the files in it")
        if not stat.S_ISREG(mode):  # to open a pipe is to wait for whoever writes into it
            odd = "this is a pipe, a socket or a device, no file"
            raise VideoError(path, odd, do="Write what comes from it into a file first")
        with path.open("rb") as file:
            return file.read(4096)
    except FileNotFoundError:
        raise VideoError(path, "there is no such file", do="Check the name and the folder") from None
    except OSError as error:
        if refused := storage_error(error, path):
            raise VideoError(path, refused.problem, do=refused.do) from error
        raise


def _refuse_what_is_no_video(path: Path) -> None:
    head = head_of(path)
    if not head:
        raise VideoError(path, "the file is empty (0 bytes)", do="Copy it again from its source")
    if _LIST_HEADS.match(head.removeprefix(b"\xef\xbb\xbf")):
        do = "Other files are never opened from within one. Name the videos themselves"
        raise VideoError(path, "a playlist: a text that names other files, no video", do=do)


def prepared(
    container: av.container.InputContainer, path: Path | str, number: int | None = None
) -> av.VideoStream:
    """The stream to watch, set to decode on one thread and to give incomplete pictures, too."""
    stream = chosen_stream(container, path, number)
    codec = stream.codec_context
    if codec is None:
        raise VideoError(
            path, "its codec is unknown", do="Convert it to H.264: ffmpeg -i IN -c:v libx264 OUT.mp4"
        )
    if codec.width * codec.height > MAX_PIXELS:
        size = f"its pictures of {codec.width} x {codec.height} exceed {MAX_PIXELS} pixels"
        raise VideoError(path, size, do="Make it smaller: ffmpeg -i IN -vf scale=3840:-2 OUT.mp4")
    codec.thread_count = 1  # more threads decode slower for 1.8 times the CPU (PERFORMANCE)
    # Without `output_corrupt`, HEVC stays dark after one lost picture until the next key picture.
    codec.options = {"flags": "+output_corrupt", "max_pixels": str(MAX_PIXELS)}
    return stream


def chosen_stream(
    container: av.container.InputContainer, path: Path | str, number: int | None = None
) -> av.VideoStream:
    """The video stream asked for, or FFmpeg's choice: no attached picture, default before others, large."""
    streams = container.streams.video
    if number is not None and streams:
        if not 0 <= number < len(streams):
            held = f"it has no video stream {number}, only {', '.join(map(str, range(len(streams))))}"
            raise VideoError(path, held, do="`traces probe` says which there are")
        return streams[number]
    kind = av.stream.Disposition
    films = [one for one in streams if not one.disposition & (kind.attached_pic | kind.timed_thumbnails)]
    name = container.format.name
    if not films or name == "tty":  # FFmpeg opens any text as a picture of a terminal
        kinds = ", ".join(stream.type for stream in container.streams) or "no stream"
        short = missing_bytes(path) if isinstance(path, Path) else None
        problem = short or f"no video in it, only {kinds} ({name})"
        raise VideoError(path, problem, do=_ANOTHER)
    return max(films, key=_rank)


def _rank(stream: av.VideoStream) -> int:
    codec = stream.codec_context
    pixels = codec.width * codec.height if codec is not None else 0
    return pixels + _DEFAULT_BONUS * bool(stream.disposition & av.stream.Disposition.default)


def reason(error: BaseException) -> str:
    """The words of an error of FFmpeg, without the file's name."""
    return getattr(error, "strerror", None) or type(error).__name__
