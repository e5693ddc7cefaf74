"""What FFmpeg says while it works: for some codecs the only sign that a picture is incomplete.

with Capture() as said:
    frames = packet.decode()
faults = errors_in(said)
"""

from __future__ import annotations

import logging

import av
from av.logging import Capture

__all__ = ["Capture", "errors_in"]

# PyAV keeps FFmpeg silent unless a level is set. What is said outside a `Capture` goes nowhere, as before.
av.logging.set_level(av.logging.ERROR)
av.logging.set_skip_repeated(False)  # or the second picture with the same fault would pass for whole
logging.getLogger("libav").setLevel(logging.CRITICAL)


def errors_in(said: list[tuple[int, str, str]]) -> list[str]:
    """The errors among what FFmpeg said in this thread.

    Examples
    --------
    >>> errors_in([(16, "h264", "no frame!\\n"), (24, "h264", "a warning")])
    ['no frame!']
    """
    return [text.strip() for level, _, text in said if level <= av.logging.ERROR]
