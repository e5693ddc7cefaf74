"""What files have been seen to do to a decoder, as functions that a child is asked to run."""

from __future__ import annotations

import builtins
import os
import resource
import signal
import sys
import time
from collections.abc import Iterator
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from traces_core.errors import DamagedVideoError, VideoError
from traces_core.video import deadline
from traces_core.video.isolation import Limits, isolated

SOON = Limits(deadline_s=1, memory_mib=1024)


@isolated
def crashes(path: Path, after: int) -> Iterator[int]:
    yield from range(after)
    time.sleep(0.2)  # what was given is on its way
    os.kill(os.getpid(), signal.SIGSEGV)


@isolated
def hangs(path: Path) -> None:
    time.sleep(600)


@isolated
def hangs_soon(path: Path, *, limits: Limits = SOON) -> None:
    time.sleep(600)


@isolated
def address_space_mib(path: Path, *, limits: Limits) -> int:
    return resource.getrlimit(resource.RLIMIT_AS)[0] >> 20


@isolated
def plods(path: Path, seconds: float) -> str:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(0.05)
        deadline.alive()
    return "there"


@isolated
def swallows_memory(path: Path) -> int:
    return len(bytearray(1 << 36))


@isolated
def stumbles(path: Path, over: str) -> None:
    raise getattr(builtins, over)("list index out of range")


@isolated
def finds_no_room(path: Path, number: int) -> None:
    raise OSError(number, os.strerror(number))


@isolated
def refuses(path: Path) -> Iterator[int]:
    yield 1
    raise DamagedVideoError(path, "two bytes were swapped", at_s=1.5, frames=7)


@isolated
def babbles(path: Path, message: str) -> None:
    """What a decoder says that a file took over."""
    connection = Connection(int(sys.argv[1]))
    connection.send_bytes(b"[0, []]")
    connection.send_bytes(message.encode())
    time.sleep(600)


@isolated
def gives(path: Path, shapes: list[tuple[int, ...]]) -> Iterator[tuple[int, NDArray[np.uint8]]]:
    for number, shape in enumerate(shapes):
        yield number, np.full(shape, number, np.uint8)


@isolated
def who(path: Path) -> int:
    return os.getpid()


@isolated
def environment(path: Path) -> dict[str, str]:
    return dict(os.environ)


@isolated
def fails(path: Path) -> None:
    raise VideoError(path, "no video in it", do="Give another")
