"""A real HTTP server on 127.0.0.1 that receives webhooks, and misbehaves on demand.

It honours the idempotency key: `taken` holds each key once, `heard` every request that came.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Literal

How = Literal["take", "take and drop", "500", "429", "403", "redirect", "hang", "slow", "drop", "drip"]
"""`take and drop` is the worst: the letter has arrived, and its sender never learns."""


@dataclass(frozen=True)
class Heard:
    """One request as it came."""

    number: int
    headers: dict[str, str]
    body: bytes

    @property
    def key(self) -> str:
        return self.headers.get("idempotency-key", "")

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event


class Hearing:
    """The server while it runs: its address, and what it heard."""

    def __init__(self, behaviour: Callable[[Heard], How]) -> None:
        self.behaviour = behaviour
        self.heard: list[Heard] = []
        self.taken: dict[str, Heard] = {}
        self.changed = threading.Condition()
        self.released = threading.Event()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_port}/hook/s3cr3t-path"

    def wait_for(self, is_so: Callable[[], bool], timeout_s: float = 30.0) -> None:
        with self.changed:
            assert self.changed.wait_for(is_so, timeout_s), f"heard {len(self.heard)}, took {len(self.taken)}"

    def _handler(outer) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                with outer.changed:
                    headers = {name.lower(): value for name, value in self.headers.items()}
                    request = Heard(len(outer.heard), headers, body)
                    outer.heard.append(request)
                    how = outer.behaviour(request)
                    if how in ("take", "take and drop", "slow"):
                        outer.taken.setdefault(request.key, request)
                    outer.changed.notify_all()
                with suppress(OSError):  # a sender that lost its patience is what some tests are about
                    self._answer(how)

            def _answer(self, how: How) -> None:
                if how in ("hang", "slow"):
                    outer.released.wait(0.02 if how == "slow" else 60)
                if how in ("drop", "take and drop"):
                    self.wfile.write(b"HTTP/1.1 20")
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                if how == "drip":
                    for _ in range(10_000):
                        self.wfile.write(b"HTTP/1.1 200 OK\r\nX: ".ljust(64, b"x")[:1])
                        if outer.released.wait(0.02):
                            return
                if how == "redirect":
                    self.send_response(302)
                    self.send_header("location", "/elsewhere")
                else:
                    self.send_response(int(how) if how.isdigit() else 204)
                if how == "429":
                    self.send_header("retry-after", "0")
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def hearing(
    behaviour: Callable[[Heard], How] = lambda _: "take", tls: tuple[Path, Path] | None = None
) -> Iterator[Hearing]:
    """A server that listens until the block ends; with the files of a certificate and its key, to https."""
    server = Hearing(behaviour)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.http.socket = context.wrap_socket(server.http.socket, server_side=True)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.released.set()
        server.http.shutdown()
        server.http.server_close()
        thread.join()
