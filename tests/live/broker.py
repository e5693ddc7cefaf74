"""A real MQTT broker on 127.0.0.1 (amqtt), and a listener that keeps what it hears."""

from __future__ import annotations

import asyncio
import gc
import socket
import threading
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from amqtt.broker import Broker
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion


class RunningBroker:
    """A broker in a thread of its own; it can be taken away and brought back at the same port."""

    def __init__(self, logins: Path | None = None, tls: tuple[Path, Path] | None = None) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port: int = free.getsockname()[1]
        self._logins, self._tls = logins, tls
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def start(self) -> None:
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(20)

    async def _start(self) -> None:
        plugins = "amqtt.plugins.authentication"
        asked: dict[str, object] = {f"{plugins}.AnonymousAuthPlugin": {"allow_anonymous": True}}
        if self._logins is not None:
            asked = {f"{plugins}.FileAuthPlugin": {"password_file": str(self._logins)}}
        listener: dict[str, object] = {"type": "tcp", "bind": f"127.0.0.1:{self.port}"}
        if self._tls is not None:
            listener |= {"ssl": True, "certfile": str(self._tls[0]), "keyfile": str(self._tls[1])}
        self._broker = Broker(
            {
                "listeners": {"default": listener},
                "plugins": asked,
            }
        )
        await self._broker.start()

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self._broker.shutdown(), self._loop).result(20)

    async def _cancel(self) -> None:
        left = asyncio.all_tasks() - {asyncio.current_task()}
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def end(self) -> None:
        asyncio.run_coroutine_threadsafe(self._cancel(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        with warnings.catch_warnings():  # amqtt does not close what its clients left
            warnings.simplefilter("ignore")
            gc.collect()


@contextmanager
def running_broker(
    logins: Path | None = None, tls: tuple[Path, Path] | None = None
) -> Iterator[RunningBroker]:
    """A broker until the block ends; it asks for a login of a file of `name:hash`, else for none."""
    broker = RunningBroker(logins, tls)
    try:
        broker.start()
        yield broker
        broker.stop()
    finally:
        broker.end()


class Listener:
    """Everything that was published, in order, and the last payload of each topic."""

    def __init__(self, port: int) -> None:
        self.heard: list[tuple[str, str, bool]] = []
        self.changed = threading.Condition()
        self._subscribed = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2)
        self.client.on_connect = lambda client, *_: client.subscribe("#", qos=1)
        self.client.on_subscribe = lambda *_: self._subscribed.set()
        self.client.on_message = self._on_message
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self._subscribed.wait(10)

    def _on_message(self, _: Client, __: Any, message: MQTTMessage) -> None:
        with self.changed:
            self.heard.append((message.topic, message.payload.decode(), message.retain))
            self.changed.notify_all()

    @property
    def last(self) -> dict[str, str]:
        return {topic: payload for topic, payload, _ in self.heard}

    def wait_for(self, is_so: Callable[[], bool], timeout_s: float = 20.0) -> None:
        with self.changed:
            assert self.changed.wait_for(is_so, timeout_s), self.heard


@contextmanager
def listening(port: int) -> Iterator[Listener]:
    """Listen to everything until the block ends."""
    listener = Listener(port)
    try:
        yield listener
    finally:
        listener.client.disconnect()
        listener.client.loop_stop()
