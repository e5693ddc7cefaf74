"""What is seen of a video from its first picture to its last: the facts that `traces probe` prints.

Nothing is judged here; a file that cannot be read gets a report, too.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from traces_core.errors import VideoError
from traces_core.video.isolation import isolated
from traces_core.video.open_video import OpenVideo
from traces_core.video.opening import is_still
from traces_core.video.orientation import Pixels, orientation_of, words_of


@dataclass(frozen=True, slots=True)
class VideoReport:
    """What is seen of one file; where it is not readable, only the first three fields mean something."""

    file: str
    """The file."""
    readable: bool
    """Whether a single picture can be shown."""
    reason: str | None = None
    """Why not."""
    width: int | None = None
    """Pixels across, as displayed."""
    height: int | None = None
    """Pixels down, as displayed."""
    orientation: str | None = None
    """How the coded pictures are turned or mirrored for display."""
    pixel_aspect: str = "1:1"
    """Width of a coded pixel by its height; pictures are shown with square ones."""
    rate: str | None = None
    """Nominal pictures a second, a fraction; None where nothing states it."""
    codec: str | None = None
    """FFmpeg's name of the codec."""
    container: str | None = None
    """FFmpeg's name of the container."""
    stream: int | None = None
    """Which video stream is watched, from 0."""
    streams: int = 0
    """Video streams in the file."""
    frames: int = 0
    """Pictures that are shown."""
    first_s: float | None = None
    """When the first is shown: the origin of all times, so 0."""
    last_s: float | None = None
    """When the last is shown."""
    duration_s: float | None = None
    """Where the last stops being shown."""
    stated_s: float | None = None
    """The length that the file states; the frames decide."""
    gaps: list[tuple[float, float]] = field(default_factory=list)
    """From where to where nothing was seen (seconds)."""
    lost: int = 0
    """Pictures that are not as they were recorded: missing, or shown with parts made up by the decoder."""
    patched: int = 0
    """How many of those are shown."""
    lost_why: list[str] = field(default_factory=list)
    """Why, with how many each."""
    forgiven: list[str] = field(default_factory=list)
    """What is odd and costs no picture."""


def examine(path: Path | str, *, stream: int | None = None) -> tuple[VideoReport, Pixels | None]:
    """Decode a whole file and say what was seen, with its first picture.

    Parameters
    ----------
    stream : int or None
        Which of its video streams, from 0; None chooses as FFmpeg does.

    Returns
    -------
    (VideoReport, uint8 array of shape (H, W, 3) or None)
        The report of a file that cannot be read, or that ends its decoder, says why; it has no picture.
    """
    try:
        return _examined(path, stream)
    except VideoError as error:
        return VideoReport(str(path), readable=False, reason=error.problem), None


@isolated
def _examined(path: Path | str, stream: int | None) -> tuple[VideoReport, Pixels]:
    with OpenVideo.opened(path, stream, stills=True) as source:
        if is_still(source.path, source.container):
            source.damage.forgive("a still picture: it can be shown, not scored")
        return _seen(source)


def _seen(source: OpenVideo) -> tuple[VideoReport, Pixels]:
    pictures = source.pictures()
    picture, last = next(pictures)
    first, orientation = source.rgb(picture), words_of(orientation_of(picture))
    gaps = []
    for _, time in pictures:
        last = time
        if source.gap is not None:
            gaps.append(source.gap)
    damage, container = source.damage, source.container
    report = VideoReport(
        str(source.path),
        readable=True,
        width=first.shape[1],
        height=first.shape[0],
        orientation=orientation,
        pixel_aspect=f"{source.aspect.numerator}:{source.aspect.denominator}",
        rate=None if source.rate is None else str(source.rate),
        codec=source.stream.codec_context.name,
        container=container.format.name,
        stream=container.streams.video.index(source.stream),
        streams=len(container.streams.video),
        frames=source.frames,
        first_s=0.0,
        last_s=source.seconds(last),
        duration_s=source.end_s,
        stated_s=source.stated_s,
        gaps=gaps,
        lost=damage.lost,
        patched=damage.patched,
        lost_why=[f"{why} ({count})" for why, count in damage.problems.items()],
        forgiven=damage.notes,
    )
    return report, first
