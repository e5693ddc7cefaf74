"""A deadline for what may hang in C, where no exception can reach it: the process ends itself.

Set by a child that decodes (`decoder_process`); anywhere else, nothing here does anything.
"""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator

_seconds = 0


@contextlib.contextmanager
def of(seconds: int) -> Iterator[None]:
    """Within the block, SIGALRM ends the process once it was not `alive` for so long."""
    global _seconds
    _seconds = seconds
    alive()
    try:
        yield
    finally:
        _seconds = 0
        signal.alarm(0)


def alive() -> None:
    """Begin the wait anew: something came out."""
    if _seconds:
        signal.alarm(_seconds)


@contextlib.contextmanager
def paused() -> Iterator[None]:
    """Wait for somebody else without dying of it."""
    if _seconds:
        signal.alarm(0)
    yield
    alive()
