"""Decoding the pictures of an open file, with what damage cost and what was forgiven counted.

Opening is `opening`; the time of a picture belongs in `clock`, which pictures to keep in `sampling`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

import av

from traces_core.video.clock import DEFAULT_RATE, GAP_S, REORDERED
from traces_core.video.damage import Damage
from traces_core.video.deadline import alive
from traces_core.video.ffmpeg_words import Capture, errors_in
from traces_core.video.opening import reason

_LEAVES_NO_HOLES = ("matroska", "gif")
HOLE_BYTES = 4096
_RAW = frozenset({"mjpeg", "h264", "hevc", "m4v", "mpegvideo", "obu", "vc1", "h263"})
_CONTAINER_ENDINGS = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".flv", ".wmv", ".asf", ".ts"}
)
_MARKS_NOTHING = frozenset({"hevc", "mjpeg", "vp8", "vp9", "av1", "libdav1d"})
"""Decoders that make up what is missing without marking the picture: only their words tell."""
_HARMLESS = ("SEI", "unable to decode APP", "Skipping")
_ZEROS = bytes(64)
_REPEATED_HEADER = re.compile(rb"[\x80-\x82]theora", re.DOTALL)
"""The packets before the first picture of Theora, which refuses them anywhere else."""


def note_missing_head(path: Path, container: av.container.InputContainer, damage: Damage) -> None:
    """A raw stream under a container's name has lost its head, and its times with it, or never had one."""
    if container.format.name in _RAW and path.suffix.lower() in _CONTAINER_ENDINGS:
        form = container.format.name
        damage.forgive(f"raw {form} without the head of {path.suffix}: times rest on the nominal rate")


def rate_of(stream: av.VideoStream) -> Fraction | None:
    """Nominal pictures a second as the container or the codec states them."""
    rate = stream.guessed_rate or stream.average_rate
    return Fraction(rate) if rate else None


def pictures(
    container: av.container.InputContainer, stream: av.VideoStream, damage: Damage, reading: Reading
) -> Iterator[av.VideoFrame]:
    """Decoded frames in the order of display: all that the decoder gives once it has had a key picture.

    Those that it had to make up in parts are given, too, and counted: a picture with a smear is worth more
    to whoever watches than none. All problems go to `damage`; the caller decides what they mean.
    """
    begun, zeros_are_damage = False, _is_length_prefixed(stream)
    for packet in packets(container, stream, damage, reading):
        if container.format.name == "avi" and packet.dts is not None:
            # It states one time a packet; FFmpeg makes another of the next one's, and guesses the last.
            packet.pts = packet.dts
        try:
            with Capture() as said:
                frames = packet.decode()
        except av.error.EOFError:  # flushed already
            continue
        except av.error.FFmpegError as error:
            if _REPEATED_HEADER.match(bytes(packet)):
                damage.forgive("another recording joined on brings its headers")
                continue
            if not packet.size:
                damage.forgive("a packet without content lets the picture before it stand")
                continue
            damage.lose(f"a packet cannot be decoded ({reason(error)})", packet.pts, missing=1)
            continue
        patched = 0
        for frame in frames:
            if not begun and frame.is_corrupt and not frame.key_frame:
                damage.lose("it begins between two key pictures", frame.pts, missing=1)
                continue
            begun = True
            if frame.is_corrupt:
                patched += 1
                damage.patch("a picture lacks parts", frame.pts)
            yield frame
        if not patched:
            _note_words(packet, stream.codec_context.name, errors_in(said), damage)
            if zeros_are_damage and _holds_zeros(bytes(packet)):
                damage.patch("a packet was overwritten with zeros", packet.pts)


def _note_words(packet: av.Packet, name: str, words: list[str], damage: Damage) -> None:
    """What the decoder `name` said of a packet whose pictures it did not mark."""
    faults = [word for word in words if not word.startswith(_HARMLESS)]
    if faults and name in _MARKS_NOTHING:
        damage.patch(f"a picture lacks parts ({name}: {faults[0]})", packet.pts)
    elif packet.is_corrupt:
        damage.forgive("a packet marked incomplete gave its picture")
    elif len(faults) < len(words):
        damage.forgive(f"{name}: {next(word for word in words if word not in faults)}")


def _is_length_prefixed(stream: av.VideoStream) -> bool:
    """H.264 or HEVC as in MP4 and Matroska: escaped so that no long run of zeros lies within a unit."""
    codec = stream.codec_context
    return codec.name in ("h264", "hevc") and bool(codec.extradata) and codec.extradata[0] == 1


def _holds_zeros(content: bytes) -> bool:
    """Whether a run of zeros lies inside a unit of the packet; behind a unit they are padding."""
    at = 0
    while content.find(_ZEROS, at) >= 0:
        length = int.from_bytes(content[at : at + 4], "big")
        unit = content[at + 4 : at + 4 + length]
        if not length or _ZEROS in unit.rstrip(b"\0"):
            return bool(content[at:].strip(b"\0"))
        at += 4 + length
    return False


def packets(
    container: av.container.InputContainer, stream: av.VideoStream, damage: Damage, reading: Reading
) -> Iterator[av.Packet]:
    """The stream's packets, followed by `reading`."""
    source = container.demux()  # all streams: sound may outlast the pictures, and fills what seem holes
    while True:
        try:
            alive()
            with Capture() as said:
                packet = next(source, None)
        except IndexError:  # PyAV's, for a packet of a stream that the file did not announce
            damage.forgive("a packet of a stream that was not announced is passed over")
            source = container.demux()
            reading.doubtful = REORDERED
            continue
        except av.error.FFmpegError as error:
            reading.broke_off = f"the container cannot be read on ({reason(error)})"
            last = av.Packet()  # gives what the decoder still holds
            last.stream = stream
            yield last
            break
        words = errors_in(said)
        if words or (packet is not None and packet.size):
            reading.complaint = words[0] if words else None
        if words:  # it had to search for where the next one begins
            reading.doubtful = REORDERED
        if packet is None:
            break
        if packet.size:
            reading.follow(packet)
        if packet.stream.index == stream.index:  # those that flush a decoder are all of `stream_index` 0
            yield packet


class Reading:
    """Where in the file, and where in time, the packets of a container have come to.

    `count` : packets of the video stream so far; `hidden` : how many of them an edit list leaves out.
    `bytes` : in the packets of all streams. `byte` : where the last one ends in the file, for containers that
    leave no holes, else None. `end_s` : where it ends in time, of any stream.
    `broke_off` : why the container could not be read to its end, else None.
    `complaint` : what FFmpeg last said of it, if that was at its end, else None.
    `doubtful` : for so many packets more, pictures may be missing before them: something was skipped.
    """

    def __init__(
        self,
        container: av.container.InputContainer,
        stream: av.VideoStream,
        damage: Damage,
        listeners: Sequence[Callable[[av.Packet], None]] = (),
    ) -> None:
        self._stream, self._damage, self._listeners = stream, damage, listeners
        self._leaves_no_holes = container.format.name.startswith(_LEAVES_NO_HOLES)
        self._interval_s = 1 / (rate_of(stream) or DEFAULT_RATE)
        self.count = self.hidden = self.bytes = self.doubtful = 0
        self.end_s = 0.0
        self.broke_off: str | None = None
        self.complaint: str | None = None
        self.byte: int | None = None
        self._last: int | None = None

    def follow(self, packet: av.Packet) -> None:
        """Count a packet, and the pictures that are missing between it and the one before."""
        label = packet.pts if packet.pts is not None else packet.dts
        if label is not None and packet.time_base:
            self.end_s = max(self.end_s, float((label + (packet.duration or 0)) * packet.time_base))
        self.bytes += packet.size
        if self._leaves_no_holes and packet.pos is not None and packet.pos >= 0:
            if self.byte is not None and packet.pos > self.byte + HOLE_BYTES:
                self.doubtful = REORDERED
            self.byte = packet.pos + packet.size
        if packet.stream_index == self._stream.index:
            self._count(packet, label)
        for listener in self._listeners:
            listener(packet)

    def _count(self, packet: av.Packet, label: int | None) -> None:
        """One more packet of the video; the order of decoding shows what is missing before it."""
        self.count += 1
        self.hidden += packet.is_discard
        self.doubtful = REORDERED if packet.is_corrupt else self.doubtful - 1
        order = packet.dts if packet.dts is not None else packet.pts
        if self.doubtful >= 0 and order is not None and self._last is not None:
            gap_s = (order - self._last) * Fraction(packet.time_base)
            missing = round(gap_s / self._interval_s) - 1
            if missing > 0 and gap_s <= GAP_S:
                self._damage.lose("the container holds nothing between two pictures", label, missing=missing)
        self._last = order
