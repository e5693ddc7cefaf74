"""Opening a file and decoding its pictures, with every sign of damage noted.

What time a picture is shown at belongs in `clock`, which pictures to keep in `sampling`, pixels in `decode`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av

from traces_core.errors import VideoError
from traces_core.video.deadline import alive
from traces_core.video.wholeness import missing_bytes

_STATES_ITS_LENGTH = ("matroska", "avi", "flv", "asf")
_TOLERANCE_S = 0.5
_LEAVES_NO_HOLES = ("matroska", "gif")
_HOLE_BYTES = 4096
_RAW = frozenset({"mjpeg", "h264", "hevc", "m4v", "mpegvideo", "obu", "vc1", "h263"})
_CONTAINER_ENDINGS = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".flv", ".wmv", ".asf", ".ts"}
)
_ZEROS = bytes(64)
_ANOTHER = "Give a video file (mp4, mkv, avi, mov, ts, webm, gif and others that FFmpeg reads)"


@dataclass
class Damage:
    """What went wrong while one file was decoded, in order of time."""

    problems: list[str] = field(default_factory=list)
    """One sentence for each problem."""
    label: int | None = None
    """Time stamp of the first damaged packet, in units of the stream's time base; None where it has none."""
    now: int = 0
    """Time of the newest picture shown, set by the reader."""
    seen_at: int = 0
    """`now` at the first problem."""

    def note(self, problem: str, label: int | None = None) -> None:
        """Record one more problem."""
        if not self.problems:
            self.label, self.seen_at = label, self.now
        self.problems.append(problem)

    def __str__(self) -> str:
        """The first problem, and how many followed."""
        more = f" (and {len(self.problems) - 1} more places)" if len(self.problems) > 1 else ""
        return self.problems[0] + more if self.problems else "whole"


@contextmanager
def opened(path: Path) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """The container and its video stream; closed afterwards.

    Raises
    ------
    VideoError
        There is no such file, it is empty, is no video or holds none, or its codec is unknown.
    """
    _refuse_what_is_no_file(path)
    try:
        # `file:` so that a colon in a name is no protocol; the whitelist so that a playlist fetches nothing.
        container = av.open(f"file:{path}", options={"protocol_whitelist": "file"}, metadata_errors="replace")
    except (av.error.FFmpegError, OSError) as error:
        why = missing_bytes(path) or f"no video that FFmpeg can open ({_reason(error)})"
        raise VideoError(path, why, do=f"Copy it again from its source. {_ANOTHER}") from error
    with container:
        yield container, _video_stream(container, path)


def _refuse_what_is_no_file(path: Path) -> None:
    if path.is_dir():
        raise VideoError(path, "this is a folder", do="Name the files in it")
    if not path.is_file():
        raise VideoError(path, "there is no such file", do="Check the name and the folder")
    if path.stat().st_size == 0:
        raise VideoError(path, "the file is empty (0 bytes)", do="Copy it again from its source")


def _video_stream(container: av.container.InputContainer, path: Path) -> av.VideoStream:
    """The first video stream that is no cover picture, set to decode on one thread and to report errors."""
    kinds = ", ".join(stream.type for stream in container.streams) or "no stream"
    cover = av.stream.Disposition.attached_pic
    films = [stream for stream in container.streams.video if not stream.disposition & cover]
    if not films or container.format.name == "tty":  # FFmpeg opens any text as a picture of a terminal
        problem = missing_bytes(path) or f"no video in it, only {kinds} ({container.format.name})"
        raise VideoError(path, problem, do=_ANOTHER)
    stream = films[0]
    if stream.codec_context is None:
        raise VideoError(
            path, "its codec is unknown", do="Convert it to H.264: ffmpeg -i IN -c:v libx264 OUT.mp4"
        )
    stream.codec_context.thread_count = 1  # more threads decode slower for 1.8 times the CPU (PERFORMANCE)
    stream.codec_context.options = {"err_detect": "explode"}  # or damage is painted over in silence
    return stream


def note_missing_head(path: Path, container: av.container.InputContainer, damage: Damage) -> None:
    """A raw stream under a container's name has lost its head, and its times with it."""
    if container.format.name in _RAW and path.suffix.lower() in _CONTAINER_ENDINGS:
        damage.note(f"its {path.suffix} head is missing, so times rest on the nominal rate", 0)


def rate_of(stream: av.VideoStream) -> Fraction | None:
    """Nominal pictures a second as the container or the codec states them."""
    rate = stream.guessed_rate or stream.average_rate
    return Fraction(rate) if rate else None


def pictures(
    container: av.container.InputContainer, stream: av.VideoStream, damage: Damage
) -> Iterator[av.VideoFrame]:
    """Decoded frames in the order of display, those behind a damaged packet left out.

    Pictures are predicted from earlier ones, so after damage nothing is shown until the next key frame.
    All problems go to `damage`; the caller decides what they mean.
    """
    blind, blind_from = False, None
    zeros_are_damage = _is_length_prefixed(stream)
    for packet in packets(container, stream, damage):
        broken = "a packet is incomplete" if packet.is_corrupt else ""
        if zeros_are_damage and _ZEROS in bytes(packet):
            broken = "a packet was overwritten with zeros"
        frames: list[av.VideoFrame] = []
        try:
            frames = packet.decode()
        except av.error.FFmpegError as error:
            broken = f"a packet cannot be decoded ({_reason(error)})"
        if not broken and any(frame.is_corrupt for frame in frames):
            broken = "a picture lacks parts"
        if broken:
            damage.note(broken, packet.pts)
            blind, blind_from = True, packet.pts
        for frame in frames:
            if blind and frame.key_frame and not frame.is_corrupt and _is_after(frame.pts, blind_from):
                blind = False
            if not blind:
                yield frame


def _is_after(pts: int | None, damaged: int | None) -> bool:
    return pts is None or damaged is None or pts > damaged


def _is_length_prefixed(stream: av.VideoStream) -> bool:
    """H.264 or HEVC as in MP4 and Matroska: escaped so that no long run of zeros can occur in a packet."""
    codec = stream.codec_context
    return codec.name in ("h264", "hevc") and bool(codec.extradata) and codec.extradata[0] == 1


def packets(
    container: av.container.InputContainer, stream: av.VideoStream, damage: Damage
) -> Iterator[av.Packet]:
    """The stream's packets; notes a container that cannot be read on, has holes, or ends too early."""
    read = _Reading(container, stream, damage)
    source = container.demux()  # all streams: sound may outlast the pictures, and fills what seem holes
    while True:
        try:
            alive()
            packet = next(source, None)
        except av.error.FFmpegError as error:
            damage.note(f"the container cannot be read on ({_reason(error)})", read.newest)
            break
        if packet is None:
            break
        read.follow(packet)
        if packet.stream_index == stream.index:
            yield packet
    read.end()


class _Reading:
    """Where in the file, and where in time, the packets of a container have come to.

    `newest` : the latest time stamp of the video stream so far, in its units; None before the first.
    """

    def __init__(
        self, container: av.container.InputContainer, stream: av.VideoStream, damage: Damage
    ) -> None:
        self._container, self._stream, self._damage = container, stream, damage
        self._leaves_no_holes = container.format.name.startswith(_LEAVES_NO_HOLES)
        self._states_its_length = container.format.name.startswith(_STATES_ITS_LENGTH)
        self._end_s = 0.0
        self.newest: int | None = None
        self._byte: int | None = None

    def follow(self, packet: av.Packet) -> None:
        """Note a hole between this packet and the one before."""
        label = packet.pts if packet.pts is not None else packet.dts
        if label is not None and packet.time_base:
            self._end_s = max(self._end_s, float((label + (packet.duration or 0)) * packet.time_base))
            if packet.stream_index == self._stream.index:
                self.newest = max(label, self.newest if self.newest is not None else label)
        if self._leaves_no_holes and packet.size and packet.pos is not None and packet.pos >= 0:
            self._jump(packet.pos)
            self._byte = packet.pos + packet.size

    def _jump(self, byte: int) -> None:
        if self._byte is not None and byte > self._byte + _HOLE_BYTES:
            self._damage.note(f"{byte - self._byte} bytes hold nothing that can be read", self.newest)

    def end(self) -> None:
        """Note what should have followed the last packet."""
        if self._container.format.name == "gif":
            self._jump(self._container.size)
        length = self._container.duration
        if self._states_its_length and length is not None:
            stated_s = (length + max(0, self._container.start_time or 0)) / av.time_base
            if self._end_s < stated_s - _TOLERANCE_S:
                self._damage.note(f"it ends at {self._end_s:.2f} s of {stated_s:.2f} s", self.newest)


def _reason(error: BaseException) -> str:
    return getattr(error, "strerror", None) or type(error).__name__
