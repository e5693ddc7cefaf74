"""What FFmpeg says while it works: for some codecs the only sign that a picture is incomplete."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

import av

# PyAV keeps FFmpeg silent unless a level is set. What is said outside `heard` goes nowhere, as before.
av.logging.set_level(av.logging.ERROR)
av.logging.set_skip_repeated(False)  # or the second picture with the same fault would pass for whole
logging.getLogger("libav").setLevel(logging.CRITICAL)


@contextmanager
def heard() -> Iterator[list[str]]:
    """Collects what FFmpeg calls an error in this thread."""
    messages: list[str] = []
    capture = av.logging.Capture()
    with capture as logs:
        try:
            yield messages
        finally:
            messages.extend(text.strip() for level, _, text in logs if level <= av.logging.ERROR)
