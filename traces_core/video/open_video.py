"""One video file being watched: its pictures on their clock, and once it has ended, what damage cost it.

The only module that joins `opening`, `streams`, `clock` and `wholeness`; batches and samples: `decode`.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av

from traces_core.errors import DamagedVideoError, VideoError
from traces_core.video.clock import DEFAULT_RATE, GAP_S, timed
from traces_core.video.damage import Damage, plural
from traces_core.video.opening import opened
from traces_core.video.orientation import SQUARE, WIDEST, Pixels, rgb, scaled_shape
from traces_core.video.streams import HOLE_BYTES, Reading, note_missing_head, pictures, rate_of
from traces_core.video.wholeness import missing_bytes

_LABELS_BY_DECODING = frozenset({"avi", "asf", "rm"})
"""Containers whose time stamps follow the order of decoding, at least for H.264."""
_COUNTS_TO_ITS_END = ("flv", "asf", "ivf", "mxf")
"""Containers whose structure `wholeness` does not know, but which state their length."""
_INDEXED = "mov"
"""The container with an index of every picture."""
_STATES_NO_LENGTH = frozenset({"mpegts", "mpeg"})
"""Containers for which FFmpeg guesses a length from the first and the last time stamp."""
_NEVER_WRITTEN = 2**30
"""Pictures that no file has: FFmpeg states more of an AVI or IVF that goes to a pipe."""
_WITHOUT_A_PICTURE = 0.6
"""Share of packets without a picture of their own that is no fault: interlaced fields come in two."""
_TOLERANCE_S = 0.5


class OpenVideo:
    """The video stream of one open file."""

    def __init__(self, path: Path, container: av.container.InputContainer, stream: av.VideoStream) -> None:
        self.path = path
        self.container = container
        self.stream = stream
        self.unit = Fraction(stream.time_base)
        self.rate = rate_of(stream)
        self.damage = Damage()
        streams = container.streams.video
        if len(streams) > 1:
            this = f"video stream {streams.index(stream)} of {len(streams)}"
            self.damage.forgive(f"this is {this}, counted from 0; --video-stream takes another")
        note_missing_head(path, container, self.damage)
        self.aspect = _aspect(stream, self.damage)
        self._in_order = container.format.name not in _LABELS_BY_DECODING
        self._interval = max(1, round(1 / ((self.rate or DEFAULT_RATE) * self.unit)))
        self._longest = max(self._interval, round(GAP_S / self.unit))
        self.frames = 0
        self.end = 0
        """Where the newest picture stops being shown, in units."""
        self.gap: tuple[float, float] | None = None
        """From where to where (seconds) nothing was seen before the newest picture; None where it follows."""
        self.most_pixels: int | None = None
        """Larger pictures are scaled down to about so many pixels; None keeps their size."""
        self.listeners: list[Callable[[av.Packet], None]] = []
        """Are handed every packet, of any stream, before it is decoded."""
        self._shape: tuple[int, ...] | None = None
        self._size: tuple[int, int] | None = None
        self.origin: int | None = None
        """Label of the first picture, in units; None before it, and where it has none."""

    @classmethod
    @contextmanager
    def opened(
        cls, path: Path | str, stream: int | None = None, *, stills: bool = False
    ) -> Iterator[OpenVideo]:
        """The video in a file, its stream of that number; closed afterwards. See `opening.opened`."""
        path = Path(path)
        with opened(path, stream, stills=stills) as (container, chosen):
            yield cls(path, container, chosen)

    def pictures(self) -> Generator[tuple[av.VideoFrame, int], None, None]:
        """Every picture that can be shown, with its time from the first one in units, once through.

        Raises
        ------
        VideoError
            There was none.
        """
        reading = Reading(self.container, self.stream, self.damage, self.listeners)
        for picture, time in timed(
            self._decoded(reading), self.unit, self.rate, in_order=self._in_order, notes=self.damage.forgiven
        ):
            if self.origin is None:
                self.origin = picture.pts
            is_gap = time - self.end > self._longest
            self.gap = (self.end_s, self.seconds(time)) if is_gap else None
            self.frames, self.damage.now = self.frames + 1, time
            self._follow_size(picture)
            self.end = time + self.shown_for(picture.duration)
            yield picture, time
        self._judge(reading)
        if self.frames == 0:
            why = f" ({self.damage})" if self.damage.problems else ""
            do = "Copy it again from its source, or leave it out. `traces probe` says what is seen of it"
            raise VideoError(self.path, f"no picture can be decoded{why}", do=do)

    def rgb(self, picture: av.VideoFrame) -> Pixels:
        """Pixels as displayed, all of the size of the first."""
        if self._shape is None and self.most_pixels is not None:
            self._shape = scaled_shape(picture, self.aspect, self.most_pixels)
        pixels = rgb(picture, self._shape, self.aspect)
        self._shape = pixels.shape
        return pixels

    def _follow_size(self, picture: av.VideoFrame) -> None:
        size = (picture.width, picture.height)
        if self._size not in (None, size):
            self.damage.forgive(
                f"its pictures become {size[0]} x {size[1]}; they are scaled to the first's size"
            )
        self._size = size

    def shown_for(self, duration: int | None) -> int:
        """How long a picture of a stated duration is shown at most, in units."""
        if self._in_order:
            return min(duration or self._interval, self._longest)
        return self._interval  # AVI counts fields for H.264, and states no other duration

    @property
    def end_s(self) -> float:
        """Where the newest picture stops being shown (seconds): the length of the video once it has ended."""
        return self.seconds(self.end)

    @property
    def stated_s(self) -> float | None:
        """The length that the file states (seconds); None where nothing states it."""
        if self.container.format.name in _STATES_NO_LENGTH:
            return None
        if self.container.format.name == "avi":  # FFmpeg's guess where there is no index is far off
            ticks = self.stream.frames
            return float(ticks * self.unit) if 0 < ticks < _NEVER_WRITTEN else None
        if self.stream.duration:
            return float(self.stream.duration * self.stream.time_base)
        if self.container.duration:
            return float(self.container.duration / av.time_base)
        return None

    def seconds(self, time: int) -> float:
        """Units to seconds, correctly rounded."""
        return time * self.unit.numerator / self.unit.denominator

    def refuse_damage(self) -> None:
        """Raise DamagedVideoError where the file, watched to its end, held less than it should."""
        if self.damage.problems:
            at = self.damage.seen_at
            if self.damage.label is not None:
                at = max(0, self.damage.label - (self.origin or 0))
            raise DamagedVideoError(self.path, str(self.damage), at_s=self.seconds(at), frames=self.frames)

    def _decoded(self, reading: Reading) -> Iterator[av.VideoFrame]:
        return pictures(self.container, self.stream, self.damage, reading)

    def _judge(self, reading: Reading) -> None:
        """What the end of a file says: how many pictures should have followed the last."""
        if reading.hidden:
            self.damage.forgive(f"its edit list leaves out {plural(reading.hidden, 'picture')}")
        swallowed = reading.count - reading.hidden - self.frames - self.damage.missing
        if swallowed > reading.count * _WITHOUT_A_PICTURE:
            self.damage.lose("the decoder gives no picture for packets", missing=swallowed)
        cut = missing_bytes(self.path) or reading.broke_off
        name, absent = self.container.format.name, self._absent(reading)
        if absent and cut is None:
            cut = self._unread(reading, absent)
        if cut is None:
            self._compare(reading)
        elif absent or name == "gif" or (self.stated_s is None and name not in _STATES_NO_LENGTH):
            self.damage.lose(cut, missing=absent or 1)
        else:
            self.damage.forgive(cut)

    def _absent(self, reading: Reading) -> int:
        """Pictures behind the last packet by what the file states; none where its statements disagree."""
        counts = []
        if self.stream.frames and self.container.format.name != "avi":
            counts.append(self.stream.frames - reading.count)
        if (stated := self.stated_s) is not None:
            counts.append(round((stated - reading.end_s) * (self.rate or DEFAULT_RATE)))
        return counts[0] if min(counts, default=0) > 0 and max(counts) < _NEVER_WRITTEN else 0

    def _unread(self, reading: Reading, absent: int) -> str | None:
        """Why pictures at the end cannot be read though no byte is missing; None where none need be there."""
        name, too_short = self.container.format.name, absent / (self.rate or DEFAULT_RATE) > _TOLERANCE_S
        if name.startswith(_INDEXED):
            return "its index names pictures that are not there"
        if reading.complaint is not None:
            return f"nothing more can be read ({reading.complaint})"
        if name.startswith(_COUNTS_TO_ITS_END) and too_short:
            return "it ends before its stated length"
        if reading.byte is not None and self.container.size > reading.byte + HOLE_BYTES and too_short:
            return f"its last {self.container.size - reading.byte} bytes hold nothing that can be read"
        return None

    def _compare(self, reading: Reading) -> None:
        """Say where the header and the frames disagree; the frames decide."""
        stated, begins_s = self.stated_s, float((self.stream.start_time or 0) * self.unit)
        ends_s = (self.end_s, self.end_s + begins_s, reading.end_s)
        if stated is not None and min(abs(stated - end_s) for end_s in ends_s) > _TOLERANCE_S:
            self.damage.forgive(f"it states {stated:.2f} s, its pictures last {self.end_s:.2f} s")
        unread = self.container.size - reading.bytes
        if self.container.format.name.startswith(_INDEXED) and unread > max(
            HOLE_BYTES, self.container.size / 3
        ):
            self.damage.forgive(
                f"{unread} of its {self.container.size} bytes belong to nothing that its index names"
            )


def _aspect(stream: av.VideoStream, damage: Damage) -> Fraction:
    """Width of a pixel by its height, as stated; square where nothing or nonsense is stated."""
    stated = Fraction(stream.sample_aspect_ratio or SQUARE)
    if not 1 / Fraction(WIDEST) <= stated <= WIDEST:
        damage.forgive(
            f"its pixels are stated to be {stated.numerator}:{stated.denominator}; taken for square"
        )
        return SQUARE
    if stated != SQUARE:
        damage.forgive(
            f"its pixels are {stated.numerator}:{stated.denominator}, not square; shown as displayed"
        )
    return stated
