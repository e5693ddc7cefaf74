"""A real HTTP server on 127.0.0.1 that speaks as OpenAI's do, and misbehaves on demand."""

from __future__ import annotations

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

MODELS = ("small-writer", "big-writer")
WHERE = ("gate", "fence", "door", "lamp", "bench", "wall", "stairs", "corner", "window", "tree")
WHEN = ("at night", "in the rain", "at dusk", "in the sun", "far away", "in the fog")


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    number: int
    body: dict[str, Any]
    headers: dict[str, str]

    @property
    def asked(self) -> str:
        return str(self.body["messages"][-1]["content"])

    @property
    def count(self) -> int:
        return int(re.findall(r"exactly (\d+) entries", self.asked)[-1])

    @property
    def label(self) -> str:
        return re.findall(r"must not happen there: (.+)\.", self.asked)[0]

    @property
    def kind(self) -> str:
        return "pairs" if '{"pairs"' in self.asked else "sentences"


@dataclass(frozen=True)
class Answer:
    """What goes back: a reply of the model, or bytes of any kind."""

    reply: str = ""
    status: int = 200
    raw: bytes | None = None
    kind: str = "application/json"
    headers: dict[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    finish: str = "stop"

    def body(self) -> bytes:
        if self.raw is not None:
            return self.raw
        if self.status != 200:
            return json.dumps({"error": {"message": self.reply or f"status {self.status}"}}).encode()
        message = {"role": "assistant", "content": self.reply}
        choice = {"index": 0, "message": message, "finish_reason": self.finish}
        usage = {"prompt_tokens": 60, "completion_tokens": 40, "total_tokens": 100}
        completion = {"id": "1", "object": "chat.completion", "created": 1, "model": MODELS[0]}
        return json.dumps({**completion, "choices": [choice], "usage": usage}).encode()


def sentences(request: Request, side: str, count: int | None = None) -> list[str]:
    """Sentences that no other request gets."""
    who = "A stranger makes" if side == "anomalous" else "A neighbour sees"
    return [
        f"{who} {request.label} {request.number} by the {WHERE[i % 10]} {WHEN[i // 10 % 6]}."
        for i in range(request.count if count is None else count)
    ]


def good_reply(request: Request, count: int | None = None) -> str:
    """What was asked for, or another number of it."""
    normal = sentences(request, "normal", count)
    if request.kind == "sentences":
        return json.dumps({"sentences": normal})
    pairs = zip(sentences(request, "anomalous", count), normal, strict=True)
    return json.dumps({"pairs": [{"anomalous": one, "normal": other} for one, other in pairs]})


def good(request: Request) -> Answer:
    return Answer(good_reply(request))


Behaviour = Callable[[Request], Answer]


class Misbehaving:
    """The server while it runs: its address, and every request it had."""

    models = Answer(raw=json.dumps({"object": "list", "data": [{"id": name} for name in MODELS]}).encode())

    def __init__(self, behaviour: Behaviour) -> None:
        self.behaviour = behaviour
        self.requests: list[Request] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self.http = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self.url = f"http://127.0.0.1:{self.http.server_port}/v1"

    def _handler(outer) -> type[BaseHTTPRequestHandler]:  # noqa: N805
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self._send(outer.models)

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                with outer._lock:
                    request = Request(
                        len(outer.requests), body, {k.lower(): v for k, v in self.headers.items()}
                    )
                    outer.requests.append(request)
                    outer._at_once += 1
                    outer.most_at_once = max(outer.most_at_once, outer._at_once)
                unknown = Answer(status=404, reply="no such model")
                answer = outer.behaviour(request) if body["model"] in MODELS else unknown
                time.sleep(answer.delay_s)
                with outer._lock:
                    outer._at_once -= 1
                self._send(answer)

            def _send(self, answer: Answer) -> None:
                content = answer.body()
                self.send_response(answer.status)
                for name, value in {"content-type": answer.kind, **answer.headers}.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                # a client that lost its patience is what some tests are about
                with suppress(BrokenPipeError, ConnectionResetError):
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        return Handler


@contextmanager
def misbehaving(behaviour: Behaviour = good) -> Iterator[Misbehaving]:
    """A server that answers until the block ends."""
    server = Misbehaving(behaviour)
    thread = threading.Thread(target=server.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.http.shutdown()
        server.http.server_close()
        thread.join()
