"""Frames and their times into a video file: H.264, real time stamps, whole or not there at all.

Drawing the frames does not belong here (see `traces_core.practice`), nor does reading them back
(see `traces_core.video.decode`).
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

TICK_S = Fraction(1, 90_000)
"""Resolution of the time stamps: 25, 30000/1001 and 16 frames a second are whole numbers of ticks."""

_CONTAINERS = (".mp4", ".mov", ".m4v", ".mkv")


def write_video(
    path: Path | str,
    frames: Iterable[tuple[NDArray[np.uint8], float]],
    *,
    rate: Fraction,
    crf: int = 23,
    preset: str = "veryfast",
) -> Path:
    """Write frames at their times as H.264; the file appears under its name only when it is whole.

    The same frames and times give the same bytes: one encoding thread, no date in the file.

    Parameters
    ----------
    path : path
        Where to; the ending chooses the container (`.mp4`, `.mov`, `.m4v`, `.mkv`). Matroska keeps
        whole milliseconds only, the others ticks of 1/90000 s.
    frames : iterable of (uint8 array of shape (H, W, 3), float)
        RGB pixels and the second at which they are shown: >= 0 and strictly rising, at a constant or a
        variable rate. All of one size; odd sizes are kept (as yuv444p, even ones as yuv420p). Consumed
        one at a time.
    rate : Fraction
        Nominal frames per second: a statement in the header and how long the last frame is shown.
    crf : int
        Quality of x264, 0 (lossless) to 51.
    preset : str
        Speed of x264, "ultrafast" to "veryslow".

    Returns
    -------
    Path
        `path`.

    Raises
    ------
    ValueError
        No frame at all, a frame that is not uint8 RGB or of another size than the first, or times that
        do not rise by at least one tick. Nothing is left under `path` then: an earlier file stays.

    Examples
    --------
    >>> import tempfile
    >>> grey = np.full((32, 48, 3), 128, dtype=np.uint8)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     clip = write_video(Path(folder) / "grey.mp4", [(grey, 0.0), (grey, 0.5)], rate=Fraction(2))
    ...     clip.name, clip.stat().st_size > 0
    ('grey.mp4', True)
    """
    path = Path(path)
    if path.suffix.lower() not in _CONTAINERS:
        raise ValueError(f"{path}: cannot write {path.suffix!r} files. Use one of {', '.join(_CONTAINERS)}.")
    path.parent.mkdir(parents=True, exist_ok=True)
    with _appearing_whole(path) as temporary, av.open(str(temporary), "w") as container:
        stream: Any = None
        for picture, pts in _checked(frames, path):
            if stream is None:
                stream = _open_stream(container, picture.shape, rate, crf=crf, preset=preset)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = pts, TICK_S
            frame.duration = round(1 / (rate * TICK_S))
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def _open_stream(
    container: av.container.OutputContainer, shape: tuple[int, ...], rate: Fraction, *, crf: int, preset: str
) -> av.VideoStream:
    """An x264 stream for pictures of this shape."""
    height, width = shape[:2]
    # Half-resolution colour needs even sides; padding would change the size of what comes back.
    pixel_format = "yuv420p" if height % 2 == 0 and width % 2 == 0 else "yuv444p"
    options = {"crf": str(crf), "preset": preset, **_steady()}
    stream = container.add_stream("libx264", rate=rate, options=options)
    stream.width, stream.height, stream.pix_fmt = width, height, pixel_format
    stream.time_base = TICK_S
    stream.codec_context.time_base = TICK_S
    stream.codec_context.thread_count = 1  # x264 with another thread count writes other bytes
    return stream


@lru_cache(maxsize=1)
def _steady() -> dict[str, str]:
    """What keeps x264 from its AVX-512 code: three files in a hundred came out with other bytes by it.

    The AVX2 code writes the bytes that most of them have. Where Linux does not say what the CPU can do,
    nothing is changed.
    """
    features = Path("/proc/cpuinfo")
    has_it = features.is_file() and "avx512" in features.read_text(encoding="utf-8")
    return {"x264-params": "asm=avx2"} if has_it else {}


def _checked(
    frames: Iterable[tuple[NDArray[np.uint8], float]], path: Path
) -> Iterator[tuple[NDArray[np.uint8], int]]:
    """Pictures with their time in ticks; refuses what no video can hold, and the absence of frames."""
    shape: tuple[int, ...] | None = None
    last = -1
    for number, (picture, time_s) in enumerate(frames):
        where = f"{path}: frame {number} at {time_s} s"
        shape = shape or picture.shape
        if picture.dtype != np.uint8 or picture.ndim != 3 or picture.shape[2] != 3:
            raise ValueError(f"{where} is {picture.dtype} of shape {picture.shape}, not uint8 (H, W, 3).")
        if picture.shape != shape:
            raise ValueError(f"{where} has shape {picture.shape}, the first frame had {shape}.")
        ticks = round(time_s / TICK_S) if np.isfinite(time_s) else -1
        if ticks <= last:
            raise ValueError(
                f"{where} does not rise above {max(last, 0) * float(TICK_S)} s. "
                "Times start at 0 or later and differ by 1/90000 s at least."
            )
        last = ticks
        yield np.ascontiguousarray(picture), ticks
    if shape is None:
        raise ValueError(f"{path}: no frame was given; a video needs one at least.")


@contextmanager
def _appearing_whole(path: Path) -> Iterator[Path]:
    """A temporary neighbour of `path` that takes its name on success and is removed on failure."""
    temporary = path.with_name(f".{path.stem}.{uuid.uuid4().hex}{path.suffix}")
    try:
        yield temporary
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
