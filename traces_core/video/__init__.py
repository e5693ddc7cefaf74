"""Video in and out: frames that never travel without their times.

Reading is `decode`, arithmetic of times and windows is `sampling`, files are made by `writing`. What is
drawn for practice belongs in `practice`; what a frame means belongs in `traces_core.encoders`.
"""

from __future__ import annotations

from traces_core.video.writing import write_video

__all__ = ["write_video"]
