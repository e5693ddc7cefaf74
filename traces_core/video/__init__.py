"""Video in and out: frames that never travel without their times.

Reading is `decode` (over `open_video`, which joins `streams`, `clock` and `wholeness`), the arithmetic of
times and windows is `sampling`, what a detector looks at `sources`; all of it runs in a child (`isolation`).
Files are made by `writing`. What is drawn for practice belongs in `traces_core.practice`; what a frame means
belongs in `traces_core.encoders`. Which file is the same video as another is asked of `identity` itself: no
child needs what it needs.
"""

from __future__ import annotations

from traces_core.video.decode import (
    FrameBatch,
    Gap,
    VideoInfo,
    frame_at,
    frames_at,
    probe,
    read_frames,
)
from traces_core.video.sampling import WindowBatch, WindowBuffer, window_frames_of
from traces_core.video.sources import End, Message, file_source
from traces_core.video.writing import write_video

__all__ = [
    "End",
    "FrameBatch",
    "Gap",
    "Message",
    "VideoInfo",
    "WindowBatch",
    "WindowBuffer",
    "file_source",
    "frame_at",
    "frames_at",
    "probe",
    "read_frames",
    "window_frames_of",
    "write_video",
]
