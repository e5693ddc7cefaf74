"""Clips: recordings joined into one file that a browser plays, and recordings that are no longer kept.

Packets are copied, never encoded again. Making recordings is `recording`; which alarm gets a clip, and what
is kept for how long, is known to the callers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av

from traces_core.disk import aside, in_words, remove
from traces_core.errors import VideoError
from traces_core.live.recording import decoding_order, recorded_span
from traces_core.video.ffmpeg_words import Capture
from traces_core.video.isolation import isolated
from traces_core.video.opening import opened

TICK_S = Fraction(1, 90_000)
_FASTSTART = {"movflags": "+faststart"}


@dataclass(frozen=True, slots=True)
class _Packet:
    label: int
    """When it is shown, in ticks."""
    is_key: bool
    content: bytes


def recordings_between(folder: Path, start_s: float, end_s: float) -> list[Path]:
    """The recordings in a folder that show any of a time (seconds since 1970), in its order."""
    spans = {path: span for path in _names(folder) if (span := recorded_span(path)) is not None}
    shown = [path for path, (begins_s, ends_s) in spans.items() if begins_s < end_s and ends_s > start_s]
    return sorted(shown, key=lambda path: spans[path])


def shows(recording: Path, at_s: float) -> bool:
    """Whether a recording shows a moment (seconds since 1970), by its name."""
    begins_s, ends_s = recorded_span(recording) or (math.inf, -math.inf)
    return begins_s <= at_s < ends_s


def expire_recordings(folder: Path, before_s: float) -> int:
    """Delete the recordings in a folder that ended before a moment (seconds since 1970); how many."""
    old = [path for path in _names(folder) if (span := recorded_span(path)) and span[1] < before_s]
    for path in old:
        remove(path)
    return len(old)


def _names(folder: Path) -> list[Path]:
    return list(folder.iterdir()) if folder.is_dir() else []


def cut_clip(
    recordings: Sequence[Path],
    out: Path,
    *,
    start_s: float | None = None,
    end_s: float | None = None,
    about_s: float | None = None,
) -> Path:
    """Join recordings into one MP4 whose times rise without a break.

    Parameters
    ----------
    recordings
        In the order of time. Those that are damaged are left out, and those of another codec or size than
        the one that shows `about_s`.
    out
        The clip; appears under its name when it is whole.
    start_s, end_s
        What it must show (seconds since 1970): it begins at the last key frame before, and ends behind the
        first picture after. None takes all.
    about_s
        What it is cut for (seconds since 1970); None is what the first recording shows.

    Returns
    -------
    Path
        `out`.

    Raises
    ------
    VideoError
        If there is not a single picture in them.
    StorageError
        If it cannot be written.
    """
    with in_words(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    with aside(out) as half:
        _joined(out, list(recordings), half, start_s, end_s, about_s)
    return out


@isolated
def _joined(
    out: Path,
    recordings: list[Path],
    half: Path,
    start_s: float | None,
    end_s: float | None,
    about_s: float | None,
) -> None:
    """Write the packets of recordings to `half`, one behind the other."""
    parts: list[tuple[Path, tuple[object, ...], list[_Packet]]] = []
    for path in recordings:
        begins_s = (recorded_span(path) or (0.0, 0.0))[0]
        wanted = (-math.inf if start_s is None else start_s, math.inf if end_s is None else end_s)
        try:
            with Capture(), opened(path) as (container, stream):
                some = _between(list(_packets(container, stream)), *(one - begins_s for one in wanted))
                if some:
                    parts.append((path, _kind(stream), some))
        except (VideoError, av.error.FFmpegError, OSError):  # damaged, or expired in between
            continue
    if not parts:
        raise VideoError(out, "no recording of it can be read", do="The alarm itself is not affected")
    about = (one for one in parts if about_s is not None and shows(one[0], about_s))
    model, kind, _ = next(about, parts[0])
    packets: list[_Packet] = []
    for _, same, some in parts:
        packets += _following(packets, some) if same == kind else []
    with in_words(out):
        _write(half, model, packets)


def _write(half: Path, model: Path, packets: list[_Packet]) -> None:
    """One MP4 with its index in front, its stream as that of a recording."""
    orders = decoding_order([packet.label for packet in packets])
    with opened(model) as (_, stream), av.open(str(half), "w", format="mp4", options=_FASTSTART) as clip:
        copy = clip.add_stream_from_template(stream)
        copy.time_base = TICK_S
        for one, order in zip(packets, orders, strict=True):
            packet = av.Packet(one.content)
            packet.stream, packet.time_base = copy, TICK_S
            packet.pts, packet.dts, packet.is_keyframe = one.label, order, one.is_key
            clip.mux(packet)


def _kind(stream: av.VideoStream) -> tuple[object, ...]:
    """What must be alike for packets to be decoded as one stream."""
    codec = stream.codec_context
    return codec.name, codec.width, codec.height, bytes(codec.extradata or b"")


def _packets(container: av.container.InputContainer, stream: av.VideoStream) -> Iterator[_Packet]:
    for packet in container.demux(stream):
        if packet.size and packet.pts is not None:
            yield _Packet(round(packet.pts * packet.time_base / TICK_S), packet.is_keyframe, bytes(packet))


def _between(packets: list[_Packet], first_s: float, last_s: float) -> list[_Packet]:
    """From the last key frame at or before a time, to the last packet at or before another (seconds)."""
    zero = min((packet.label for packet in packets), default=0)
    times_s = [float((packet.label - zero) * TICK_S) for packet in packets]
    keys = [place for place, packet in enumerate(packets) if packet.is_key]
    begin = max((place for place in keys if times_s[place] <= first_s), default=min(keys, default=0))
    end = max((place for place, time_s in enumerate(times_s) if time_s <= last_s), default=-1)
    return packets[begin : end + 1]


def _following(before: list[_Packet], packets: list[_Packet]) -> list[_Packet]:
    """Packets with their labels from where those before end."""
    if not packets:
        return []
    labels = sorted(packet.label for packet in before)
    steps = [later - earlier for earlier, later in pairwise(labels)]
    at = labels[-1] + max(1, sorted(steps)[len(steps) // 2] if steps else 0) if labels else 0
    shift = at - min(packet.label for packet in packets)
    return [replace(packet, label=packet.label + shift) for packet in packets]
