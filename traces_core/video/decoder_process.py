"""A child that decodes: `isolation` starts it with a socket, a memory and a limit (MiB).

It ends with whoever started it, also where that was killed.
"""

from __future__ import annotations

import importlib
import inspect
import os
import resource
import select
import signal
import sys
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from threading import Thread
from typing import Any

from traces_core.disk import OF_WRITING, storage_error
from traces_core.errors import TracesError, VideoError
from traces_core.video import deadline
from traces_core.video.isolation import Exchange, in_process
from traces_core.video.plain_values import packed

AHEAD = 2
"""Items that may lie in shared memory: one a half."""


class _Answers:
    """What is given to the caller."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange, self._unread = exchange, 0

    def give(self, item: Any) -> None:
        """Give one item, once there is room for it."""
        message, arrays = packed(("item", item))
        self._wait(AHEAD - 1 if self._exchange.fits(arrays) else 0)
        self._exchange.send(message, arrays)
        self._unread += 1

    def finish(self, last: tuple[str, Any]) -> None:
        """Say how it ended, once all was read."""
        self._wait(0)
        self._exchange.send(*packed(last))

    def _wait(self, unread: int) -> None:
        with deadline.paused():
            while self._unread > unread:
                self._exchange.receive()
                self._unread -= 1


def main(socket: int, memory: int, memory_mib: int) -> None:
    """Do what is asked for until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    Thread(target=_end_with_the_caller, args=(socket,), daemon=True).start()
    most = memory_mib << 20
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    exchange = Exchange(Connection(socket), memory)
    with in_process():
        while True:
            try:
                module, name, limits, given, named = exchange.receive()
            except EOFError:
                return
            answers = _Answers(exchange)
            resource.setrlimit(resource.RLIMIT_AS, (min(limits.memory_mib << 20, most), most))
            with deadline.of(limits.deadline_s):
                last = _answer(answers, getattr(importlib.import_module(module), name), given, named)
                answers.finish(last)


def _end_with_the_caller(socket: int) -> None:
    """Wait until nobody holds the other end: a camera that is silent would be waited for without being asked.

    The kernel's signal for it (PR_SET_PDEATHSIG) comes when the thread that started the child ends, too.
    """
    end = select.poll()
    end.register(socket, select.POLLHUP)
    while not any(event & select.POLLHUP for _, event in end.poll()):
        pass
    os._exit(0)


def _answer(answers: _Answers, function: Callable[..., Any], given: Any, named: Any) -> tuple[str, Any]:
    try:
        for item in _items(function, given, named):
            answers.give(item)
        return "end", None
    except MemoryError:
        limit_mib = resource.getrlimit(resource.RLIMIT_AS)[0] >> 20
        problem = f"its pictures need more than the {limit_mib} MiB that a decoder may take"
        return "error", VideoError(given[0], problem, do="Leave it out, or convert it to a smaller size")
    except TracesError as error:
        return "error", error
    except Exception as error:
        refused = storage_error(error, given[0])
        if refused is not None and refused.errno in OF_WRITING:  # of the memory that frames go through
            problem = f"its decoder has no room to write ({refused.problem})"
            return "error", VideoError(given[0], problem, do=refused.do)
        problem = f"the decoder failed on it ({type(error).__name__}: {error})"
        return "error", VideoError(given[0], problem, do="Copy it again from its source, or leave it out")


def _items(function: Callable[..., Any], given: Any, named: Any) -> Iterator[Any]:
    result = function(*given, **named)
    yield from result if inspect.isgenerator(result) else (result,)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
