"""A camera for practice and tests: H.264 files over RTSP on 127.0.0.1, with faults that can be switched on.

    with RtspServer({"gate": path}) as server:      # a thread of its own
        watch(server.address("gate"))
        server.fault("stall")                       # and server.fault(None)

    python -m traces_core.practice.rtsp_server --port 8554 gate.mp4 yard.mp4

RTP over the RTSP connection (TCP), one video, any number of clients, no sound. It is made for loopback: it
trusts its clients and stays simple. Reading a camera is `traces_core.live`.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import contextlib
import os
import struct
import threading
import time
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import av
from av.bitstream import BitStreamFilterContext

Fault = Literal["stall", "drip", "drop", "garbage", "codec", "refuse", "silent", "gap", "jump", "back"]
"""What can be wrong: it sends nothing more (`stall`), a few bytes a second (`drip`), breaks off (`drop`),
sends rubbish (`garbage`), announces another codec (`codec`), takes no connection (`refuse`), answers nothing
(`silent`), leaves pictures out while its clock goes on (`gap`), has its clock leap (`jump`, `back`)."""

CLOCK_HZ = 90_000
_LARGEST = 1400
"""Bytes of a packet: what is larger goes in fragments, as over a network."""
_BACKLOG = 2**21
"""Bytes that a client may be behind: then pictures are left out for it, as cameras do."""
_LEAP = 3600 * CLOCK_HZ
_POLL_S = 0.02
_BEGIN = b"\0\0\x01"
"""Before each unit."""


@dataclass(frozen=True, slots=True)
class _Picture:
    shown: int
    """When, in ticks of 1/90000 s from the first picture."""
    sent: int
    """When it is decoded, from the first packet."""
    is_key: bool
    payloads: tuple[bytes, ...]


class Film:
    """A file as RTP payloads.

    Raises
    ------
    ValueError
        It holds no H.264.
    """

    def __init__(self, path: Path) -> None:
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            if stream.codec_context.name != "h264":
                raise ValueError(f"{path}: {stream.codec_context.name}, but only H.264 is served.")
            bare = BitStreamFilterContext("h264_mp4toannexb", stream)
            packets = [one for packet in container.demux(stream) for one in bare.filter(packet) if one.size]
            unit, self.rate = Fraction(stream.time_base) * CLOCK_HZ, stream.average_rate or Fraction(25)
        times = [((one.pts or 0) * unit, (one.dts or 0) * unit) for one in packets]
        first, begin = min(shown for shown, _ in times), times[0][1]
        self.pictures = [
            _Picture(
                round(shown - first),
                round(sent - begin),
                one.is_keyframe,
                tuple(payload for nal in _units(bytes(one)) for payload in _fragments(nal)),
            )
            for one, (shown, sent) in zip(packets, times, strict=True)
        ]
        step = round(CLOCK_HZ / self.rate)
        self.length = max(one.shown for one in self.pictures) + step
        """Ticks until it begins again."""
        heads = _units(bytes(packets[0]))
        self.parameters = [next(nal for nal in heads if nal[0] & 31 == kind) for kind in (7, 8)]

    def description(self, codec: str) -> str:
        """The session as SDP."""
        sets = ",".join(base64.b64encode(one).decode() for one in self.parameters)
        lines = (
            "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=practice\nt=0 0\na=control:*\na=range:npt=now-\n"
            f"m=video 0 RTP/AVP 96\na=rtpmap:96 {codec}/{CLOCK_HZ}\na=fmtp:96 packetization-mode=1; "
            f"profile-level-id={self.parameters[0][1:4].hex()}; sprop-parameter-sets={sets}\n"
            f"a=framerate:{float(self.rate):g}\na=control:trackID=0\n"
        )
        return lines.replace("\n", "\r\n")


def _units(stream: bytes) -> list[bytes]:
    return [unit.rstrip(b"\0") for unit in stream.split(_BEGIN) if unit.rstrip(b"\0")]


def _fragments(nal: bytes) -> list[bytes]:
    """One unit as it is, or in two fragments or more (RFC 6184, FU-A).

    >>> [len(_fragments(bytes(size))) for size in (_LARGEST, _LARGEST + 1, _LARGEST + 2)]
    [1, 1, 2]
    """
    if len(nal) <= _LARGEST + 1:
        return [nal]
    head, body = nal[0], nal[1:]
    pieces = [body[at : at + _LARGEST] for at in range(0, len(body), _LARGEST)]
    ends = [0x80, *[0] * (len(pieces) - 2), 0x40]
    return [bytes((head & 0xE0 | 28, end | head & 31)) + one for end, one in zip(ends, pieces, strict=True)]


class RtspServer:
    """Files as cameras on 127.0.0.1.

    Parameters
    ----------
    films
        What is served under which name.
    port
        0 takes a free one.
    user, password
        Asked for by Basic authentication where there is a user.
    joins
        Where a client begins: at the `start` of the film, or where it has come to by `now`.
    loops
        Whether it begins again at its end; else the connection is closed there.
    first_timestamp
        RTP time stamp of the first picture.
    """

    def __init__(
        self,
        films: Mapping[str, Path],
        *,
        port: int = 0,
        user: str = "",
        password: str = "",
        joins: Literal["start", "now"] = "start",
        loops: bool = True,
        first_timestamp: int = 1_000_000,
    ) -> None:
        by_path: dict[Path, Film] = {}
        self.films = {name: by_path.setdefault(path, Film(path)) for name, path in films.items()}
        self.port, self.user, self.password = port, user, password
        self.joins, self.loops, self.first_timestamp = joins, loops, first_timestamp
        self.clients = 0
        """Clients that are being sent pictures."""
        self.connections = 0
        """Connections so far."""
        self._faults: dict[str | None, Fault | None] = {}
        self._ready, self._started_s = threading.Event(), 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self.serve()), daemon=True)

    def __enter__(self) -> RtspServer:
        self._thread.start()
        if not self._ready.wait(30):
            raise RuntimeError(f"The practice camera does not listen on port {self.port}.")
        return self

    def __exit__(self, *_: object) -> None:
        if self._loop is not None and self._main is not None:
            self._loop.call_soon_threadsafe(self._main.cancel)
        self._thread.join(30)

    def address(self, name: str, *, with_password: bool = True) -> str:
        """Where a film is."""
        login = f"{self.user}:{self.password}@" if self.user and with_password else ""
        return f"rtsp://{login}127.0.0.1:{self.port}/{name}"

    def fault(self, fault: Fault | None, name: str | None = None) -> None:
        """Switch a fault on for one film or for all; None switches it off."""
        self._faults[name] = fault

    def fault_of(self, name: str) -> Fault | None:
        """What is wrong with a film now."""
        return self._faults.get(name) or self._faults.get(None)

    async def serve(self) -> None:
        """Serve until it is cancelled."""
        self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
        self._started_s = time.monotonic()
        sessions: set[asyncio.Task[None]] = set()

        async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.current_task()
            assert task is not None
            sessions.add(task)
            self.connections += 1
            with contextlib.suppress(OSError, EOFError, ValueError, asyncio.CancelledError):
                await _Session(self, reader, writer).run()
            sessions.discard(task)
            writer.transport.abort()

        server = await asyncio.start_server(take, "127.0.0.1", self.port)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            server.close()
            for task in list(sessions):
                task.cancel()
            await asyncio.gather(*sessions, return_exceptions=True)

    def begins_at(self, film: Film) -> int:
        """The picture with which a client begins now."""
        if self.joins == "start":
            return 0
        at = round((time.monotonic() - self._started_s) * CLOCK_HZ) % film.length
        keys = [place for place, one in enumerate(film.pictures) if one.is_key]
        return keys[max(0, bisect_right(keys, at, key=lambda place: film.pictures[place].sent) - 1)]


class _Session:
    """One connection."""

    def __init__(
        self, server: RtspServer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.server, self.reader, self.writer = server, reader, writer
        self.name = ""
        self.sequence = 0

    async def run(self) -> None:
        """Answer what is asked, and send pictures meanwhile."""
        playing: asyncio.Task[None] | None = None
        try:
            while (request := await self._request()) is not None:
                method, address, headers = request
                self.name = urlsplit(address).path.strip("/").removesuffix("/trackID=0") or self.name
                fault = self.server.fault_of(self.name)
                if fault == "refuse":
                    return
                if fault in ("silent", "stall"):
                    continue
                if not self._answer(method, address, headers, fault) or method == "TEARDOWN":
                    return
                if method == "PLAY" and playing is None:
                    playing = asyncio.create_task(self._play())
                    playing.add_done_callback(lambda _: self.writer.transport.abort())
        finally:
            if playing is not None:
                playing.cancel()

    async def _request(self) -> tuple[str, str, dict[str, str]] | None:
        """Method, address and headers; None where the client has gone."""
        if self.server.fault_of("") == "refuse":
            return None
        while (first := await self.reader.read(1)) == b"$":  # its reports on what it received
            _, length = struct.unpack(">BH", await self.reader.readexactly(3))
            await self.reader.readexactly(length)
        if not first:
            return None
        head = (first + await self.reader.readuntil(b"\r\n\r\n")).decode()
        line, *rest = head.split("\r\n")
        method, address, _ = line.split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (one.partition(":") for one in rest)}
        await self.reader.readexactly(int(headers.get("content-length", 0)))
        return method, address, headers

    def _answer(self, method: str, address: str, headers: dict[str, str], fault: Fault | None) -> bool:
        """Answer a request; whether the connection goes on."""
        server, number = self.server, headers.get("cseq", "0")
        login = base64.b64encode(f"{server.user}:{server.password}".encode()).decode()
        if server.user and headers.get("authorization") != f"Basic {login}":
            return self._say(number, "401 Unauthorized", 'WWW-Authenticate: Basic realm="camera"')
        film = server.films.get(self.name)
        if film is None and method != "OPTIONS":
            return self._say(number, "404 Not Found")
        session = "Session: 1;timeout=60"
        match method:
            case "OPTIONS":
                return self._say(number, "200 OK", "Public: DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER")
            case "DESCRIBE" if film is not None:
                text = film.description("H265" if fault == "codec" else "H264")
                heads = ("Content-Type: application/sdp", f"Content-Base: {address}/")
                return self._say(number, "200 OK", *heads, body=text)
            case "SETUP" if "interleaved" in headers.get("transport", ""):
                return self._say(number, "200 OK", f"Transport: {headers['transport']}", session)
            case "SETUP":
                return self._say(number, "461 Unsupported Transport")
            case "PLAY":
                track = f"{address.rstrip('/')}/trackID=0"
                about = f"RTP-Info: url={track};seq={self.sequence};rtptime={server.first_timestamp}"
                return self._say(number, "200 OK", session, "Range: npt=0.000-", about)
        return self._say(number, "200 OK", session)

    def _say(self, number: str, status: str, *headers: str, body: str = "") -> bool:
        lines = [f"RTSP/1.0 {status}", f"CSeq: {number}", *headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        self.writer.write("\r\n".join([*lines, "", body]).encode())
        return True

    async def _play(self) -> None:
        """Send the film's pictures at their times, again and again."""
        film, server = self.server.films[self.name], self.server
        start = server.begins_at(film)
        first, begun, behind = film.pictures[start], time.monotonic(), 0.0
        turn, leap, waits_for_key = 0, 0, False
        server.clients += 1
        try:
            while True:
                for picture in film.pictures[start if turn == 0 else 0 :]:
                    shift = turn * film.length
                    due = begun + behind + (picture.sent - first.sent + shift) / CLOCK_HZ
                    await asyncio.sleep(max(0.0, due - time.monotonic()))
                    behind += await self._suffer()
                    fault = server.fault_of(self.name)
                    leap = {"jump": _LEAP, "back": -_LEAP}.get(fault or "", leap)
                    late = self.writer.transport.get_write_buffer_size() > _BACKLOG
                    waits_for_key = fault == "gap" or late or (waits_for_key and not picture.is_key)
                    if not waits_for_key:
                        at = server.first_timestamp + picture.shown - first.shown + shift + leap
                        self.writer.write(self._packets(picture, at % 2**32))
                if not server.loops:
                    return
                turn += 1
        finally:
            server.clients -= 1

    async def _suffer(self) -> float:
        """Whatever is wrong now; for how long (seconds) nothing was sent for it."""
        begun, waited = time.monotonic(), False
        while (fault := self.server.fault_of(self.name)) in ("stall", "silent", "drip", "drop", "garbage"):
            if fault == "drop":
                self.writer.transport.abort()
                raise ConnectionResetError
            if fault == "garbage":
                self.writer.write(os.urandom(4096))
            if fault == "drip":
                self.writer.write(b"$\0\x05\x78"[:1] if not waited else b"\0")
            await asyncio.sleep(_POLL_S)
            waited = True
        return time.monotonic() - begun if waited else 0.0

    def _packets(self, picture: _Picture, timestamp: int) -> bytes:
        """One picture as interleaved RTP packets; the last one has the marker."""
        out = bytearray()
        for place, payload in enumerate(picture.payloads, 1):
            marker = 0x80 if place == len(picture.payloads) else 0
            head = struct.pack(">BBHII", 0x80, marker | 96, self.sequence % 2**16, timestamp, 1)
            out += struct.pack(">cBH", b"$", 0, len(head) + len(payload)) + head + payload
            self.sequence += 1
        return bytes(out)


def main() -> None:
    """Serve files until interrupted."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("files", nargs="+", type=Path, help="H.264 files, each under its name without ending")
    parser.add_argument("--port", type=int, default=8554, help="where to listen on 127.0.0.1; 0: any")
    given = parser.parse_args()
    server = RtspServer({path.stem: path for path in given.files}, port=given.port, joins="now")
    with server, contextlib.suppress(KeyboardInterrupt):
        for name in server.films:
            print(server.address(name), flush=True)
        threading.Event().wait()


if __name__ == "__main__":
    main()
