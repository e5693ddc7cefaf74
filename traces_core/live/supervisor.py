"""The supervisor: serves the page, sends what waits, and keeps the engine running.

It loads neither torch nor a detector: what a camera or a model does to the engine, the page survives.
"""

from __future__ import annotations

import fcntl
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO

import uvicorn

from traces_core.disk import writable_folder
from traces_core.errors import TracesError
from traces_core.live import NOT_STARTED
from traces_core.live.outbox import Sender, senders
from traces_core.live.page import page
from traces_core.live.settings import LiveSettings, Page
from traces_core.redaction import redacted

_WAITS_S = (0.5, 1, 2, 5, 10, 30)
"""Before each start of an engine that ended, the last one from then on (seconds)."""
_LASTED_S = 60.0
"""An engine that ran for so long has started well (seconds)."""
_LOOK_S = 2.0
# Of glibc: one heap for all threads, which keeps what is freed. A threshold of 64 KiB, so that every tensor
# is mapped and unmapped on its own, took as much processor time again as the encoders themselves.
_HEAP = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(128 << 20),
}


class EngineError(TracesError, RuntimeError):
    """The engine or the page cannot be started."""


def locked(folder: Path) -> IO[str]:
    """The folder, for this supervisor alone as long as the file is open."""
    file = (writable_folder(folder) / "lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.close()
        raise EngineError(
            f"{folder} is used by another `traces watch`. Name another folder: --live"
        ) from None
    return file


def _listening(where: Page) -> socket.socket:
    family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
    try:
        return socket.create_server((where.host, where.port), family=family)
    except OSError as error:
        raise EngineError(
            f"the page cannot be served on {where.host}:{where.port} ({error.strerror}). "
            "Another `traces watch` may be running; name another port in cameras.yaml: page: {port: 8081}"
        ) from None


class Supervisor:
    """One installation.

    Parameters
    ----------
    folder : of the ledger and what lies beside it.
    settings_path : cameras.yaml.
    lock : of the folder, see `locked`.
    """

    def __init__(self, folder: Path, settings_path: Path, lock: IO[str]) -> None:
        self.folder, self._path = folder, settings_path
        self.settings = LiveSettings.load(settings_path)
        self.engine: subprocess.Popen[bytes] | None = None
        self.stopping = threading.Event()
        self._failed = False
        self._senders: list[Sender] = []
        self._stamp = 0
        self.problem = ""
        """What is wrong with cameras.yaml, for the page."""
        self._lock = lock
        self._socket = _listening(self.settings.page)
        self._server = self._page_server()

    def run(self) -> None:
        """Watch until the page's server is told to end.

        Raises
        ------
        EngineError
            If the engine could not start at all.
        """
        threads = [threading.Thread(target=one, daemon=True) for one in (self._keep_engine, self._follow)]
        for thread in threads:
            thread.start()
        try:
            self._server.run(sockets=[self._socket])
        finally:
            self.stopping.set()
            self._end_engine()
            for sender in self._senders:
                sender.stop()
            for thread in threads:
                thread.join(10)
        if self._failed:
            raise EngineError("The engine could not be started. Mend what it says above, then start again.")

    @property
    def address(self) -> str:
        """Where the page is."""
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"

    def _page_server(self) -> uvicorn.Server:
        app = page(self.folder, lambda: self.settings, lambda: self.problem)
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1, server_header=False)
        return uvicorn.Server(config)

    def _keep_engine(self) -> None:
        """Start the engine, and again whenever it ends."""
        failures, has_started = 0, False
        while not self.stopping.is_set():
            began_s = time.monotonic()
            self.engine = self._start_engine()
            status = self.engine.wait()
            if self.stopping.is_set():
                return
            has_started = has_started or status != NOT_STARTED
            if not has_started:  # later on, what it says is mended while the page goes on
                self._failed = True
                self._server.should_exit = True
                return
            failures = 0 if time.monotonic() - began_s > _LASTED_S else failures + 1
            print(f"the engine ended with status {status}; it is started again", file=sys.stderr, flush=True)
            self.stopping.wait(_WAITS_S[min(failures, len(_WAITS_S)) - 1] if failures else 0)

    def _start_engine(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-P", "-m", "traces_core.live.engine", str(self.folder), str(self._path)]
        paths = os.pathsep.join(path or os.getcwd() for path in sys.path)
        environment = {**os.environ, **_HEAP, "OMP_NUM_THREADS": "1", "PYTHONPATH": paths}
        return subprocess.Popen(command, stdin=subprocess.PIPE, env=environment)

    def _end_engine(self) -> None:
        engine = self.engine
        if engine is None or engine.poll() is not None:
            return
        engine.terminate()
        try:
            engine.wait(15)
        except subprocess.TimeoutExpired:
            engine.kill()
            engine.wait()

    def _follow(self) -> None:
        while not self.stopping.is_set():
            self.follow()
            self.stopping.wait(_LOOK_S)

    def follow(self) -> None:
        """Have a sender for each sink of cameras.yaml, as it is now."""
        try:
            stamp = self._path.stat().st_mtime_ns
            if stamp != self._stamp:
                self._stamp = stamp
                self.problem = ""
                self.settings = self._as_served(LiveSettings.load(self._path))
                self._set_senders()
        except (OSError, TracesError) as error:  # what was read before stays; the engine says so, too
            self.problem = redacted(f"cameras.yaml is left as it was: {error}")

    def _as_served(self, settings: LiveSettings) -> LiveSettings:
        """Settings with the address that is served since the start; what has a token keeps one."""
        page, now = settings.page, self.settings.page
        if (page.host, page.port) != (now.host, now.port):
            self.problem = "page.host and page.port of cameras.yaml count from the next start on."
        held = {"host": now.host, "port": now.port, "token": page.token or now.token}
        return settings.model_copy(update={"page": page.model_copy(update=held)})

    def _set_senders(self) -> None:
        for sender in self._senders:
            sender.stop()
        self._senders = senders(self.settings, self.folder)
        for sender in self._senders:
            sender.start()
