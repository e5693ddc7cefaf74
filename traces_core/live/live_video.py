"""A camera as an open video: what may be opened how, and what no camera does that is well.

As `traces_core.video.open_video`, but of a source that does not end. Its end, silence, pictures without
progress and a clock that jumps are errors. Playing files is `source`.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av

from traces_core.errors import VideoError
from traces_core.redaction import redacted
from traces_core.video.ffmpeg_words import Capture
from traces_core.video.open_video import OpenVideo
from traces_core.video.opening import LISTS, MAX_PIXELS, prepared, reason
from traces_core.video.streams import Reading

JUMP_S = 5.0
"""A picture that is so much further ahead of the one before than the wall clock says: the clock jumped."""
CLOCK_JUMPED = "its clock jumped"
"""What is said of a source whose times leap."""
FIRST_S = 90.0
"""Seconds for which a first picture is waited for where packets come: some send one key frame a minute."""
BACK_S = 1.0
"""A label so far behind the one before: the clock jumped back."""

_RTSP = "rtsp,rtsps,rtp,tcp,tls"
_HTTP = "http,https,httpproxy,tcp,tls,crypto"
_UNTIMED = frozenset({"mpjpeg", "mjpeg", "h264", "hevc", "m4v"})
"""Formats that state no times: arrival is what there is."""
_NOT_TCP = "Switch TCP on in the camera, or put go2rtc or MediaMTX in between"
_CHECK = "Check that the camera is on, and its address, name and password"


@contextmanager
def opened_live(source: str, transport: str, opening_s: float, stall_s: float) -> Iterator[LiveVideo]:
    """The video of an address or a device; closed afterwards.

    Raises
    ------
    VideoError
        It does not answer in time, refuses, is of a kind that is not opened, or has no video.
    """
    label, scheme = redacted(source), source.partition("://")[0].lower()
    options, kind = {"max_pixels": str(MAX_PIXELS)}, None
    if scheme in ("rtsp", "rtsps"):
        options |= {"rtsp_transport": transport, "timeout": str(round(1e6 * max(opening_s, stall_s)))}
        options |= {"protocol_whitelist": _RTSP + ",udp,rtcp" * (transport == "udp")}
        # Three pictures say what is shown; FFmpeg would look at twenty before it gives the first one.
        options |= {"allowed_media_types": "video", "fpsprobesize": "3"}
    elif scheme in ("http", "https"):
        formats = av.formats_available - (LISTS - {"hls", "dash"})
        options |= {"protocol_whitelist": _HTTP, "format_whitelist": ",".join(sorted(formats))}
    elif source.startswith("/dev/"):  # such as /dev/v4l/by-id/..., which stays when another is plugged in
        kind = "v4l2"
    else:
        known = "rtsp, rtsps, http and https"
        raise VideoError(label, f"{scheme}:// is not opened, only {known}", do="Give another address")
    begun = time.monotonic()
    try:
        with Capture():
            container = av.open(source, format=kind, options=options, timeout=(opening_s, stall_s))
    except (av.error.FFmpegError, OSError, ValueError) as error:
        if getattr(error, "errno", None) == errno.EPROTONOSUPPORT and transport == "tcp":
            raise VideoError(label, "it does not send RTSP over TCP, as is asked for", do=_NOT_TCP) from None
        if time.monotonic() - begun > 0.9 * opening_s:
            raise VideoError(label, f"no answer for {opening_s:g} s", do=_CHECK) from None
        raise VideoError(label, f"it cannot be opened ({reason(error)})", do=_CHECK) from None
    with container:
        stream = prepared(container, label)
        if not stream.codec_context.width:  # it was waited for as long as a camera may take to answer
            what = stream.codec_context.name
            raise VideoError(
                label, f"no {what} can be made out of what it sends", do="Choose H.264 or H.265 in it"
            )
        yield LiveVideo(label, container, stream, stall_s)


class LiveVideo(OpenVideo):
    """The video stream of an open camera.

    Parameters
    ----------
    label
        What errors call it.
    stall_s
        Seconds without a picture at most, once there was one; the first is waited for `FIRST_S`.
    """

    def __init__(
        self,
        label: str,
        container: av.container.InputContainer,
        stream: av.VideoStream,
        stall_s: float,
    ) -> None:
        super().__init__(Path(label), container, stream)
        self._label, self._stall_s, self._patience_s = label, stall_s, FIRST_S
        self._has_times = container.format.name not in _UNTIMED
        self._begun = self._moved = self._heard = time.monotonic()
        self.listeners.append(self._watch)

    @property
    def is_paced(self) -> bool:
        """Whether it comes faster than it is shown, as files over HTTP do."""
        return self._has_times and self.container.format.name not in ("rtsp", "video4linux2,v4l2")

    def pictures(self) -> Generator[tuple[av.VideoFrame, int], None, None]:
        """Every picture with its time from the first one in units, without end.

        Raises
        ------
        VideoError
            Nothing came for a while, nothing more can be read, no picture came out of what was sent, or the
            clock jumped.
        """
        before: tuple[int, float] | None = None
        credit_s = 0.0  # so much are pictures behind: somebody who was not listening is told it all at once
        for picture, at in super().pictures():
            now = time.monotonic()
            if before is not None:
                passed_s = 0.0 if self.is_paced else now - before[1]
                ahead_s = float((at - before[0]) * self.unit) - passed_s
                if ahead_s > JUMP_S + credit_s:
                    raise self._jumped(f"{ahead_s:.1f} s ahead")
                credit_s = max(0.0, credit_s - ahead_s)
            before, self._patience_s = (at, now), self._stall_s
            yield picture, at
            self._moved = self._heard = time.monotonic()  # whoever asks may have taken his time

    def _decoded(self, reading: Reading) -> Iterator[av.VideoFrame]:
        """Pictures whose labels do not step back; FFmpeg takes its label from the first one of RTSP.

        Those of RTSP are counted from the first packet, so the first picture is at 0; where a server says
        that it begins elsewhere, it is one nominal picture before the next.
        """
        label: int | None = None
        first: av.VideoFrame | None = None
        for picture in super()._decoded(reading):
            if picture.pts is None and label is None:
                first = picture
                continue
            if first is not None and picture.pts is not None:
                is_counted_from_it = 0 < picture.pts * self.unit <= 1
                first.pts = 0 if is_counted_from_it else picture.pts - self.shown_for(first.duration)
                yield first
                first = None
            if picture.pts is not None:
                if label is not None and (label - picture.pts) * self.unit > BACK_S:
                    raise self._jumped(f"{float((label - picture.pts) * self.unit):.1f} s back")
                label = picture.pts
            yield picture

    def _watch(self, packet: av.Packet) -> None:
        """Give up where packets come, but no picture; say when a packet came that does not say it itself."""
        now = time.monotonic()
        silent_s, self._heard = now - self._heard, now
        if silent_s > 0.9 * self._stall_s:  # what FFmpeg still held when it gave up waiting
            raise self._silent()
        if now - self._moved > self._patience_s:
            problem = f"no picture for {self._patience_s:g} s, though it sends"
            raise VideoError(self._label, problem, do=_CHECK)
        if not self._has_times and packet.stream_index == self.stream.index:
            packet.pts = packet.dts = round((now - self._begun) / Fraction(packet.time_base))

    def _jumped(self, how_far: str) -> VideoError:
        return VideoError(self._label, f"{CLOCK_JUMPED} {how_far}", do="It is opened again")

    def _judge(self, reading: Reading) -> None:
        """A camera does not end."""
        if "mmediate exit" in (reading.broke_off or ""):
            raise self._silent()
        raise VideoError(self._label, reading.broke_off or "it broke off", do=_CHECK)

    def _silent(self) -> VideoError:
        return VideoError(self._label, f"nothing came for {self._stall_s:g} s", do=_CHECK)
