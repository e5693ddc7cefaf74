"""Who a video is: a digest of what a decoder would be given, and not of the file around it.

Moving a file's index to its front, another title, a lost sound track or another container change no picture,
and so no id. What decides the pictures is the codec, its parameters, the packets and their times.
"""

from __future__ import annotations

import hashlib
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

from traces_core.errors import VideoError
from traces_core.store.digest import LENGTH, Stamp, canonical_json, file_digest, file_stamp
from traces_core.video.clock import JOINED_S
from traces_core.video.isolation import isolated
from traces_core.video.open_video import OpenVideo
from traces_core.video.opening import head_of
from traces_core.video.orientation import SQUARE, UPRIGHT, orientation_of
from traces_core.video.streams import Reading, packets
from traces_core.video.wholeness import missing_bytes


def content_id(path: Path | str) -> str:
    """Who a video is: 16 hexadecimal digits, equal for equal packets at equal times.

    Parameters
    ----------
    path
        The file. One that is damaged, or whose packets lack times, is known by its bytes instead: there
        the container has a say in what is shown.

    Returns
    -------
    str
        Two files of one id give the same frames at the same times, counted from the first.

    Raises
    ------
    VideoError
        No such file, or none that can be read.

    Notes
    -----
    Ours; decision 17. Nothing but the first picture is decoded (for its rotation and its colours), so it
    costs little more than reading the file.
    """
    path = Path(path)
    head_of(path)
    stamp = file_stamp(path)
    return _content_id(path) if stamp is None else _known_id(path, stamp)


def check_identity(path: Path, identity: str) -> None:
    """Whether a file still is the video that it was when it was listed: asked after it was read.

    Raises
    ------
    VideoError
        If it was replaced meanwhile: what was read may be of either.
    """
    now = content_id(path)
    if now != identity:
        raise VideoError(
            path, f"replaced while it was read: it was {identity} and is {now}", do="It is read again later"
        )


@isolated
def length_of(path: Path | str) -> float:
    """Seconds from the first picture to where the last stops being shown: by the pictures, not the header.

    Their packets are read; where those do not say when each is shown (see `_plain_times`), they are decoded.

    Raises
    ------
    VideoError
        See `traces_core.video.probe`.
    """
    with OpenVideo.opened(path) as source:
        reading = Reading(source.container, source.stream, source.damage)
        some = [one for one in packets(source.container, source.stream, source.damage, reading) if one.size]
        moments = [None if one.pts is None else (one.pts * source.unit, one.is_discard) for one in some]
        is_whole = bool(some) and some[0].is_keyframe and not source.damage.problems and not reading.broke_off
        if is_whole and _plain_times(moments) is not None:
            labels = [(one.pts, one.duration) for one in some if not one.is_discard]
            (first, _), (last, duration) = min(labels), max(labels)
            return source.seconds(last - first + source.shown_for(duration))
    with OpenVideo.opened(path) as source:
        for _ in source.pictures():
            pass
        return source.end_s


@lru_cache(maxsize=1 << 16)
def _known_id(path: Path, _stamp: Stamp) -> str:
    return _content_id(path)


def _content_id(path: Path) -> str:
    try:
        stream_digest = _stream_digest(path)
    except VideoError:
        stream_digest = None
    return stream_digest or file_digest(path)


@isolated
def _stream_digest(path: Path) -> str | None:
    """Digest of the video stream; None where the packets alone do not decide what is shown."""
    if missing_bytes(path) is not None:
        return None
    with OpenVideo.opened(path) as source:
        picture, _ = next(source.pictures())
        sha = hashlib.sha256(canonical_json(_parameters(source, picture)).encode())
        sha.update(source.stream.codec_context.extradata or b"")
    moments: list[tuple[Fraction, bool] | None] = []
    with OpenVideo.opened(path) as source:
        reading = Reading(source.container, source.stream, source.damage)
        for packet in packets(source.container, source.stream, source.damage, reading):
            if packet.size:
                sha.update(len(memoryview(packet)).to_bytes(8, "little"))
                sha.update(packet)
                moments.append(None if packet.pts is None else (packet.pts * source.unit, packet.is_discard))
        if source.damage.problems or reading.broke_off:
            return None
    times = _plain_times(moments)
    if times is None:
        return None
    sha.update(canonical_json(times).encode())
    return sha.hexdigest()[:LENGTH]


def _parameters(source: OpenVideo, picture: Any) -> list[Any]:
    """Parameters of the decoder and of the conversion to RGB, which the packets do not hold."""
    codec, orientation = source.stream.codec_context, orientation_of(picture)
    pixels = [picture.format.name, 0 if orientation == UPRIGHT else orientation]
    pixels += [int(picture.colorspace), int(picture.color_range)]
    pixels += [] if source.aspect == SQUARE else [str(source.aspect)]
    return [codec.name, codec.width, codec.height, *pixels]


def _plain_times(moments: list[tuple[Fraction, bool] | None]) -> list[tuple[Fraction, bool]] | None:
    """Times from the first picture that is shown, and which packets are not.

    None where a time is missing, is there twice, or jumps back as where recordings were joined: there the
    container's nominal rate has a say.
    """
    known = [moment for moment in moments if moment is not None]
    visible = [time for time, is_left_out in known if not is_left_out]
    if not visible or len(known) < len(moments) or len(set(visible)) < len(visible):
        return None
    newest = origin = min(visible)
    for time in visible:
        if time <= newest - JOINED_S:
            return None
        newest = max(newest, time)
    return [(time - origin, is_left_out) for time, is_left_out in known]
