"""Does a file hold as many bytes as its own structure says? Decoders rarely notice.

Damage inside the bytes that are there is seen while decoding (`streams`), not here.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

_EBML, _SEGMENT = 0x1A45DFA3, 0x18538067
_UNKNOWN = 2**32 - 1
_GIF_END = b"\x3b"
_BOXES = frozenset(
    b"ftyp styp moov mdat free skip wide pnot moof mfra sidx ssix uuid meta udta pdin prft emsg".split()
)
_TS_PACKET, _TS_SYNC = 188, 0x47


def missing_bytes(path: Path) -> str | None:
    """What a file lacks by its own structure, as a phrase; None where it is whole or states no length.

    Knows MP4 and MOV (boxes), AVI (RIFF), Matroska and WebM (EBML), and GIF (end mark). Reads headers
    only. A transport stream states no length, but is a whole number of packets; a raw stream states
    nothing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clip = Path(folder) / "clip.avi"
    ...     _ = clip.write_bytes(b"RIFF" + struct.pack("<I", 5000) + b"AVI " + bytes(988))
    ...     missing_bytes(clip)
    'cut short: 1000 bytes of 5008 or more'
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        magic = file.read(2 * _TS_PACKET + 1)
        file.seek(0)
        check = _check_for(magic)
        return check(file, size) if check else None


def _check_for(magic: bytes) -> Callable[[BinaryIO, int], str | None] | None:
    """The check that fits the first bytes."""
    if magic[:4] == b"RIFF":
        return _riff
    if magic[:4] == _EBML.to_bytes(4, "big"):
        return _ebml
    if magic[:3] == b"GIF":
        return _gif
    if len(magic) > 2 * _TS_PACKET and {magic[0], magic[_TS_PACKET], magic[2 * _TS_PACKET]} == {_TS_SYNC}:
        return _transport
    return _boxes if magic[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip") else None


def _short(size: int, stated: int) -> str | None:
    return f"cut short: {size} bytes of {stated} or more" if stated > size else None


def _riff(file: BinaryIO, size: int) -> str | None:
    """RIFF states the bytes after its first eight; 0 or all ones where the recorder never came back."""
    (stated,) = struct.unpack("<4xI", file.read(8))
    return _short(size, stated + 8) if stated != _UNKNOWN else None


def _gif(file: BinaryIO, size: int) -> str | None:
    """Blocks follow each other to the end mark; whatever lies behind it is no part of the GIF."""
    file.seek(10)
    _skip_colours(file)
    file.seek(2, os.SEEK_CUR)
    while (kind := file.read(1)) in (b"!", b","):
        if kind == b",":  # a picture: place and size, its colours, how its code begins
            file.seek(8, os.SEEK_CUR)
            _skip_colours(file)
        file.seek(1, os.SEEK_CUR)
        while length := file.read(1)[0] if file.tell() < size else 0:
            file.seek(length, os.SEEK_CUR)
    if kind == _GIF_END:
        return None
    at = min(file.tell(), size)
    return (
        f"its blocks break off at byte {at} of {size}"
        if kind
        else "cut short: the end mark of the GIF is missing"
    )


def _skip_colours(file: BinaryIO) -> None:
    flags = file.read(1) or b"\0"
    file.seek(3 << (flags[0] & 7) + 1 if flags[0] & 0x80 else 0, os.SEEK_CUR)


def _transport(file: BinaryIO, size: int) -> str | None:
    rest = size % _TS_PACKET
    file.seek(size - rest)
    if file.read(1) != bytes([_TS_SYNC]):
        return None  # whole, or with something behind its end
    return f"cut short: its last packet has {rest} bytes of {_TS_PACKET}" if rest else None


def _boxes(file: BinaryIO, size: int) -> str | None:
    """Top-level boxes follow each other to the end, and one of them is the index."""
    at, seen = 0, set()
    while at + 8 <= size:
        file.seek(at)
        head = file.read(16)
        length, kind = struct.unpack(">I4s", head[:8])
        if length == 1 and len(head) == 16:
            (length,) = struct.unpack(">Q", head[8:])
        if kind not in _BOXES or (length < 8 and length != 0):
            break  # text or rubbish behind the last box is harmless
        seen.add(kind)
        if length == 0 or at + length > size:
            return _short(size, at + length) or _index(seen)
        at += length
    return _index(seen)


def _index(seen: set[bytes]) -> str | None:
    return None if b"moov" in seen else "its index (moov) is missing, as in a recording that never ended"


def _ebml(file: BinaryIO, size: int) -> str | None:
    """The segment states its size, unless it was streamed live."""
    file.seek(4)
    header = _varint(file)
    if header is None:
        return None
    file.seek(header, 1)
    if file.read(4) != _SEGMENT.to_bytes(4, "big"):
        return None
    length = _varint(file)
    return None if length is None else _short(size, file.tell() + length)


def _varint(file: BinaryIO) -> int | None:
    """An EBML length: its leading zeros say how many bytes; None where all bits say 'unknown'."""
    first = file.read(1)
    if not first or first[0] == 0:
        return None
    width = 9 - first[0].bit_length()
    value = int.from_bytes(bytes([first[0] & (0xFF >> width)]) + file.read(width - 1), "big")
    return None if value == (1 << 7 * width) - 1 else value
