"""Decoding in a process of its own: what a file does to the decoder, it does to nobody else.

A video is a stranger's data, read by libraries written in C: it can crash them, hang them, or have them take
all memory. So what is `isolated` runs in a child that is kept for the next file and killed where it must be:

    caller ── function, arguments ──> child, without secrets, with a deadline and a limit of memory
           <── items, as they come ──      large arrays through shared memory, two items ahead at most

What decoding means is in the functions that are isolated; the child's own side is `decoder_process`.
"""

from __future__ import annotations

import atexit
import contextlib
import inspect
import json
import mmap
import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import wraps
from multiprocessing.connection import Connection
from threading import Lock
from typing import Any, ParamSpec, TypeVar, cast

from traces_core.errors import VideoError
from traces_core.video.plain_values import Arrays, packed, unpacked

Given = ParamSpec("Given")
Result = TypeVar("Result")

DEADLINE_S = 60
"""Seconds without a single packet after which a child ends itself, where the call says nothing else."""
MEMORY_MIB = 3072
"""Address space of a child at most; a call can only take less."""
LONGEST = 1 << 28
"""Bytes of a message at most, its arrays aside."""
_INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "PYTHONPYCACHEPREFIX", "TMPDIR")
_CONVERT = "Leave it out, or convert it: ffmpeg -i IN -c:v libx264 OUT.mp4"
_OPEN_AGAIN = "Open it again"

_in_process = False


@dataclass(frozen=True, slots=True)
class Limits:
    """What one call may take of its child."""

    deadline_s: int
    """Seconds without a single packet after which the child ends itself."""
    memory_mib: int
    """Address space at most."""


@contextlib.contextmanager
def in_process() -> Iterator[None]:
    """What is isolated runs here until the block ends: in a child, and in tests that look into it."""
    global _in_process
    before, _in_process = _in_process, True
    try:
        yield
    finally:
        _in_process = before


def isolated(function: Callable[Given, Result]) -> Callable[Given, Result]:
    """A function, or a generator, of a video that runs in a child; its first argument is the file.

    What it takes, gives and raises goes as `plain_values`. Where the child dies, VideoError says of what,
    after the items that came before. Where it has a parameter `limits`, those `Limits` hold for the call.
    """

    @wraps(function)
    def give(*given: Given.args, **named: Given.kwargs) -> Result:
        if _in_process:
            return function(*given, **named)
        [result] = _items(function, *given, **named)
        return cast(Result, result)

    @wraps(function)
    def stream(*given: Given.args, **named: Given.kwargs) -> Iterator[Any]:
        here = cast(Iterator[Any], function(*given, **named)) if _in_process else None
        yield from _items(function, *given, **named) if here is None else here

    return cast("Callable[Given, Result]", stream) if inspect.isgeneratorfunction(function) else give


def _items(function: Callable[..., Any], *given: Any, **named: Any) -> Iterator[Any]:
    """What a function gives in a child, item by item; one item where it is no generator."""
    decoder, done = _POOL.lend(), False
    try:
        yield from decoder.work(function, given, named)
        done = True
    except VideoError:
        done = decoder.lives
        raise
    finally:
        _POOL.take_back(decoder) if done else decoder.end()


def _limits(function: Callable[..., Any], named: dict[str, Any]) -> Limits:
    stated = inspect.signature(function).parameters.get("limits")
    limits = named.get("limits", stated and stated.default)
    return limits if isinstance(limits, Limits) else Limits(DEADLINE_S, MEMORY_MIB)


class _Decoder:
    """One child."""

    def __init__(self) -> None:
        ours, theirs = socket.socketpair()
        shared = _shared_memory()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  # as long as the child
        paths = [path or os.getcwd() for path in sys.path]
        command = [sys.executable, "-P", "-m", "traces_core.video.decoder_process"]
        with theirs:
            self._process = subprocess.Popen(
                [*command, *map(str, (theirs.fileno(), shared, MEMORY_MIB))],
                pass_fds=(theirs.fileno(), shared),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=self._errors,
                env={
                    **{name: os.environ[name] for name in _INHERITED if name in os.environ},
                    "PYTHONPATH": os.pathsep.join(paths),
                    "OPENBLAS_NUM_THREADS": "1",
                },
            )
        self._exchange = Exchange(Connection(ours.detach()), shared)

    @property
    def lives(self) -> bool:
        """Whether it can be asked again."""
        return self._process.poll() is None

    def work(
        self, function: Callable[..., Any], given: tuple[Any, ...], named: dict[str, Any]
    ) -> Iterator[Any]:
        """The items of one call."""
        path, limits = given[0], _limits(function, named)
        try:
            # A function goes by its name, which here stands for what `isolated` made of it.
            called = (function.__module__, function.__qualname__)
            self._exchange.send(*packed((*called, limits, given, named)))
            while (answer := self._answer(path))[0] != "end":
                kind, item = answer
                if kind == "error":
                    raise item
                self._exchange.send(*packed(None))  # its place can be filled again
                yield item
                del answer, item  # a batch that the caller let go must not live on here
        except (EOFError, ConnectionError) as error:
            do = _OPEN_AGAIN if "://" in str(path) else _CONVERT
            raise VideoError(path, self._cause(limits), do=do) from error

    def _answer(self, path: Any) -> tuple[str, Any]:
        """What comes next: an item, an error or the end."""
        try:
            kind, item = self._exchange.receive()
            if kind == "error" and not isinstance(item, Exception):
                raise TypeError("an error that is none")
            return kind, item
        except (EOFError, ConnectionError):
            raise
        except Exception as error:  # whatever it takes to read what nobody should have sent
            self._process.kill()
            self._process.wait()
            raise VideoError(path, "the decoder gave an answer that nobody can read", do=_CONVERT) from error

    def _cause(self, limits: Limits) -> str:
        status = self._process.wait()
        if status == -signal.SIGALRM:
            return f"the decoder came no further for {limits.deadline_s} s"
        if status < 0:
            return f"the decoder crashed on it ({signal.Signals(-status).name})"
        self._errors.seek(0)
        words = self._errors.read().decode(errors="replace").strip().splitlines() or ["without a word"]
        return f"the decoder ended with status {status}: {words[-1]}"

    def end(self) -> None:
        """Kill it, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        self.forget()

    def forget(self) -> None:
        """Let go of its pipe, its memory and its file."""
        self._exchange.close()
        self._errors.close()


def _shared_memory() -> int:
    """A file in memory that has no name."""
    if hasattr(os, "memfd_create"):
        return os.memfd_create("traces-frames")
    with tempfile.TemporaryFile() as file:
        return os.dup(file.fileno())


class Exchange:
    """Messages through a pipe, their arrays through shared memory of two halves: one is filled, one read."""

    def __init__(self, connection: Connection, file: int) -> None:
        self._connection, self._file, self._half, self._turn = connection, file, 0, 0
        self._memory: mmap.mmap | None = None

    def close(self) -> None:
        """Let go of pipe and memory."""
        self._connection.close()
        if self._memory is not None:
            self._memory.close()
        os.close(self._file)

    def fits(self, arrays: Arrays) -> bool:
        """Whether arrays fit into one half; else nobody may be reading while it grows."""
        return sum(one.nbytes for one in arrays) <= self._half

    def send(self, message: bytes, arrays: Arrays) -> None:
        """Send what `packed` gave; its arrays lie in the half whose turn it is until they are received."""
        if not self.fits(arrays):
            half = sum(one.nbytes for one in arrays)
            os.ftruncate(self._file, 2 * half)
            self._map(half)
        at, places = self._turn * self._half, []
        for one in arrays:
            if one.nbytes:
                cast(mmap.mmap, self._memory)[at : at + one.nbytes] = one.data.cast("B")
            places.append((at, one.nbytes))
            at += one.nbytes
        self._turn = 1 - self._turn
        self._connection.send_bytes(json.dumps([self._half, places]).encode())
        self._connection.send_bytes(message)

    def receive(self) -> Any:
        """The next value, in memory of its own; EOFError where nobody is there any more."""
        half, places = json.loads(self._connection.recv_bytes(LONGEST))
        message = self._connection.recv_bytes(LONGEST)
        if half != self._half:
            self._map(half)
        return unpacked(message, [self._copy(at, size) for at, size in places])

    def _copy(self, at: int, size: int) -> bytearray:
        if not size:
            return bytearray()
        with memoryview(cast(mmap.mmap, self._memory)) as shared:
            return bytearray(shared[at : at + size])

    def _map(self, half: int) -> None:
        if self._memory is not None:
            self._memory.close()
        self._memory, self._half = mmap.mmap(self._file, 2 * half), half


class _Pool:
    """Children that wait for the next file."""

    def __init__(self) -> None:
        self._lock, self._waiting = Lock(), list[_Decoder]()

    def lend(self) -> _Decoder:
        """One that waits, or another one."""
        with self._lock:
            while self._waiting:
                if (decoder := self._waiting.pop()).lives:
                    return decoder
                decoder.forget()
        return _Decoder()

    def take_back(self, decoder: _Decoder) -> None:
        """Have it wait."""
        with self._lock:
            self._waiting.append(decoder)

    def end(self) -> None:
        """Kill all that wait."""
        while self._waiting:
            self._waiting.pop().end()

    def forget(self) -> None:
        """In a fork: they belong to the other process."""
        self._lock = Lock()
        while self._waiting:
            self._waiting.pop().forget()


_POOL = _Pool()
atexit.register(_POOL.end)
os.register_at_fork(after_in_child=_POOL.forget)
