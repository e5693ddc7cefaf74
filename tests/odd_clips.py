"""Odd files as strangers have them, made from sound ones by editing packets, boxes and clocks."""

from __future__ import annotations

import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.bitstream import BitStreamFilterContext
from tiny_clips import draw

Edit = Callable[[bytes], bytes]


def copied(
    source: Path,
    target: Path,
    *,
    edit: Edit | None = None,
    label: Callable[[int], int] | None = None,
    filtered: str | None = None,
) -> Path:
    """The packets of a clip in another file: their bytes, their time stamps or their messages edited."""
    with av.open(str(source)) as reading, av.open(str(target), "w") as writing:
        stream = reading.streams.video[0]
        copy = writing.add_stream_from_template(stream)
        bits = BitStreamFilterContext(filtered, stream, copy) if filtered else None
        for read in reading.demux(stream):
            for packet in bits.filter(read if read.size else None) if bits else [read]:
                if not packet.size:
                    continue
                made = av.Packet(bytes(packet) if edit is None else edit(bytes(packet)))
                made.pts, made.dts, made.time_base = packet.pts, packet.dts, packet.time_base
                made.duration, made.is_keyframe = packet.duration, packet.is_keyframe
                if label is not None:
                    made.pts, made.dts = label(packet.pts), None if packet.dts is None else label(packet.dts)
                made.stream = copy
                writing.mux(made)
    return target


def lying(source: Path, target: Path, matrix: tuple[int, int, int, int]) -> Path:
    """An MP4 with (a, b, c, d) as its display matrix (ISO 14496-12: x' = ax + cy, y' = bx + dy)."""
    content = source.read_bytes()
    track = content.index(b"tkhd")
    plain = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    a, b, c, d = (part << 16 for part in matrix)
    stated = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    target.write_bytes(content[:track] + content[track:].replace(plain, stated, 1))
    return target


def with_vendor_message(packet: bytes) -> bytes:
    """A message (SEI) in front of the picture that states five bytes more than it has."""
    unit = bytes([6, 240, 45]) + b"v" * 40 + b"\x80"
    return struct.pack(">I", len(unit)) + unit + packet


def padded(packet: bytes) -> bytes:
    """Each unit of a packet with 200 zeros behind it, counted as its own."""
    out, at = b"", 0
    while at < len(packet):
        (length,) = struct.unpack_from(">I", packet, at)
        out += struct.pack(">I", length + 200) + packet[at + 4 : at + 4 + length] + bytes(200)
        at += 4 + length
    return out


def two_streams(path: Path, sizes: list[tuple[int, int]], *, default: int | None = None) -> Path:
    """A Matroska file with a video stream of each size (width, height); 20 pictures each."""
    with av.open(str(path), "w") as container:
        streams = []
        for number, (width, height) in enumerate(sizes):
            stream = container.add_stream("libx264", rate=25)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            kind = av.stream.Disposition.default if number == default else av.stream.Disposition(0)
            stream.disposition = kind
            streams.append(stream)
        for number in range(20):
            for stream in streams:
                picture = draw(number, height=stream.height, width=stream.width)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = number, Fraction(1, 25)
                container.mux(stream.encode(frame))
        for stream in streams:
            container.mux(stream.encode(None))
    return path


def quarters(picture: np.ndarray) -> list[int]:
    """Mean brightness of the quarters: top left, top right, bottom left, bottom right."""
    height, width = picture.shape[0] // 2, picture.shape[1] // 2
    parts = (
        picture[:height, :width],
        picture[:height, width:],
        picture[height:, :width],
        picture[height:, width:],
    )
    return [round(float(part.mean())) for part in parts]
