"""MQTT: letters as messages to a broker, and how every camera is, for Home Assistant and whoever listens.

    <topic>/availability     online, retained; offline is the will
    <topic>/<camera>/event   every letter, at least once (QoS 1)
    <topic>/<camera>/alarm   ON while an alarm lasts, retained
    <topic>/<camera>/status  state and score, retained

What Home Assistant is told of these topics belongs in `traces_core.live.sinks.home_assistant`.
"""

from __future__ import annotations

import hashlib
import json
import ssl
from threading import Event
from typing import Any
from urllib.parse import unquote, urlsplit

from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from traces_core.live.ledger import CameraState, Ledger, Letter
from traces_core.live.settings import Mqtt
from traces_core.live.sinks.base import LiveSink, SinkError, safe
from traces_core.live.sinks.home_assistant import OFFLINE, ONLINE, discovery, discovery_topic

TIMEOUT_S = 10.0
"""Patience for a connection, and for the broker's receipt of a message (seconds)."""
_WITH_SCORE = ("running", "behind")


class MqttSink(LiveSink):
    """Publishes letters and the state of cameras.

    The connection stays open, or the will would be published after every letter; where a message does not get
    through it is given up with all that it holds, and the next letter opens another.

    Parameters
    ----------
    settings : Mqtt
        Broker, topics, discovery.
    name, title : str
        See `LiveSink`.
    timeout_s : float
        Patience (seconds).
    """

    def __init__(self, settings: Mqtt, name: str, title: str, *, timeout_s: float = TIMEOUT_S) -> None:
        self.name, self.title = name, title
        self._topic, self._discovery, self._timeout_s = settings.topic, settings.discovery, timeout_s
        self._parts = urlsplit(settings.url)
        self._user = unquote(self._parts.username) if self._parts.username else None
        password = self._parts.password or ""
        self._password = unquote(password) or None
        self.secrets = (settings.url, password, unquote(password))
        self._client: Client | None = None
        self._shown: dict[str, str | None] = {}
        self._is_new = Event()

    def send(self, letter: Letter) -> None:
        """Publish a letter; see `LiveSink.send`."""
        event = {"event_type": letter.kind.partition(":")[0], "key": letter.key, **letter.message}
        self._publish(f"{self._topic}/{letter.camera}/event", json.dumps(event), retain=False)

    def show(self, ledger: Ledger) -> None:
        """Publish what has changed: cameras that came and went, their state and score, their alarms."""
        self._connected_or_error()
        if self._is_new.is_set():  # a broker that was restarted may know nothing any more
            self._is_new.clear()
            self._shown = dict.fromkeys(self._shown)
        cameras = ledger.cameras()
        alarmed = {
            row["camera"] for row in ledger.read("SELECT DISTINCT camera FROM alarm WHERE is_open = 1")
        }
        topics: dict[str, str] = {}
        for camera in cameras:
            base = f"{self._topic}/{camera.name}"
            if self._discovery is not None:
                about = discovery_topic(self._discovery, self._topic, camera.name)
                topics[about] = json.dumps(discovery(self._topic, camera.name))
            topics[f"{base}/status"] = json.dumps(_status(camera))
            topics[f"{base}/alarm"] = "ON" if camera.name in alarmed else "OFF"
        for topic, payload in {**dict.fromkeys(self._shown, ""), **topics}.items():
            if self._shown.get(topic) != payload:
                self._publish(topic, payload, retain=True)
                self._shown[topic] = payload
        self._shown = {topic: payload for topic, payload in self._shown.items() if payload}

    def close(self) -> None:
        """Say goodbye: the broker publishes the will only for who leaves without."""
        client, self._client = self._client, None
        if client is not None:
            if client.is_connected():
                client.publish(f"{self._topic}/availability", OFFLINE, qos=1, retain=True)
            client.disconnect()
            client.loop_stop()

    def _publish(self, topic: str, payload: str, *, retain: bool) -> None:
        client = self._connected_or_error()
        try:
            receipt = client.publish(topic, payload, qos=1, retain=retain)
            receipt.wait_for_publish(self._timeout_s)
            if not receipt.is_published():
                raise TimeoutError(f"the broker did not confirm a message within {self._timeout_s:g} s")
        except (OSError, ValueError, RuntimeError) as error:
            raise self._given_up(error) from None

    def _given_up(self, error: Exception) -> SinkError:
        """The connection goes with all that waits in it: the outbox sends it again."""
        self.close()
        return SinkError(safe(error, self.secrets), retry=True)

    def _connected_or_error(self) -> Client:
        try:
            return self._connected()
        except (OSError, ValueError, RuntimeError) as error:
            raise self._given_up(error) from None

    def _connected(self) -> Client:
        """The open connection, or a new one; paho itself mends one that broke while nothing was sent."""
        if self._client is not None and self._client.is_connected():
            return self._client
        self.close()
        answered, refusals = Event(), list[str]()

        def on_connect(client: Client, _: Any, __: Any, reason: Any, ___: Any) -> None:
            if reason.is_failure:
                refusals.append(str(reason))
            else:
                client.publish(f"{self._topic}/availability", ONLINE, qos=1, retain=True)
                self._is_new.set()
            answered.set()

        client = self._client = self._made()
        client.on_connect = on_connect
        client.connect(self._parts.hostname or "localhost", self._port(), keepalive=30)
        client.loop_start()
        if not answered.wait(self._timeout_s):
            raise TimeoutError(f"the broker did not answer within {self._timeout_s:g} s")
        if refusals:
            raise ConnectionError(f"the broker refused the connection: {refusals[0]}")
        return client

    def _made(self) -> Client:
        name = hashlib.sha256(f"{self.name} {self._topic}".encode()).hexdigest()[:12]
        client = Client(CallbackAPIVersion.VERSION2, client_id=f"traces-{name}", clean_session=True)
        client.connect_timeout = self._timeout_s
        client.will_set(f"{self._topic}/availability", OFFLINE, qos=1, retain=True)
        if self._user is not None:
            client.username_pw_set(self._user, self._password)
        if self._parts.scheme == "mqtts":
            client.tls_set_context(ssl.create_default_context())
        return client

    def _port(self) -> int:
        return self._parts.port or (8883 if self._parts.scheme == "mqtts" else 1883)


def _status(camera: CameraState) -> dict[str, Any]:
    score = camera.facts.get("score") if camera.state in _WITH_SCORE else None
    return {"state": camera.state, "score": score, "since_s": camera.since_s, "detail": camera.detail}
