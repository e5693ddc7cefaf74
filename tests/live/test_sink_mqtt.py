"""MQTT, through a real broker: letters, availability, and what Home Assistant is told."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from broker import RunningBroker, listening, running_broker
from certificates import certificate
from letters_for_sinks import a_letter, a_state, an_alarm, write
from pwdlib import PasswordHash

from traces_core.live.ledger import Ledger
from traces_core.live.settings import Mqtt
from traces_core.live.sinks import sink_of
from traces_core.live.sinks.base import SinkError
from traces_core.live.sinks.home_assistant import discovery, discovery_topic
from traces_core.live.sinks.mqtt import MqttSink

# amqtt leaves its clients' connections when it stops, paho a socket whose handshake failed.
pytestmark = pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
CONFIG = "homeassistant/device/traces_gate/config"


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    with running_broker() as running:
        yield running


def sink_to(broker: RunningBroker, *, topic: str = "traces", timeout_s: float = 10.0) -> MqttSink:
    return MqttSink(Mqtt(kind="mqtt", url=broker.url, topic=topic), "mqtt-1", "mqtt", timeout_s=timeout_s)


def test_a_letter_is_an_event_with_its_key(broker: RunningBroker) -> None:
    with listening(broker.port) as listener, closing(sink_to(broker, topic="a")) as sink:
        sink.send(a_letter())
        listener.wait_for(lambda: "a/gate/event" in listener.last)
    event = json.loads(listener.last["a/gate/event"])
    assert (event["event_type"], event["key"]) == ("opened", "gate-00000:opened")
    assert event["class"] == "fighting"


def test_the_state_of_every_camera_is_retained_and_published_when_it_changes(
    broker: RunningBroker, tmp_path: Path
) -> None:
    with closing(Ledger(tmp_path)) as ledger, closing(sink_to(broker, topic="b")) as sink:
        with listening(broker.port) as listener:
            ledger.say_state(a_state(score=1.5))
            for _ in range(3):
                sink.show(ledger)
            write(ledger, an_alarm())
            ledger.say_state(a_state("stalled", score=1.5))
            sink.show(ledger)
            listener.wait_for(lambda: listener.last.get("b/gate/alarm") == "ON")
            listener.wait_for(lambda: '"stalled"' in listener.last["b/gate/status"])
        statuses = [json.loads(one) for topic, one, _ in listener.heard if topic == "b/gate/status"]
        assert [(one["state"], one["score"]) for one in statuses] == [("running", 1.5), ("stalled", None)]
        with listening(broker.port) as late:
            late.wait_for(lambda: {"b/gate/alarm", "b/gate/status", "b/availability"} <= set(late.last))
            assert all(retained for _, _, retained in late.heard)


def test_a_camera_that_is_removed_is_removed_from_home_assistant(
    broker: RunningBroker, tmp_path: Path
) -> None:
    with (
        closing(Ledger(tmp_path)) as ledger,
        closing(sink_to(broker)) as sink,
        listening(broker.port) as listener,
    ):
        ledger.say_state(a_state())
        sink.show(ledger)
        listener.wait_for(lambda: json.loads(listener.last.get(CONFIG) or "{}") != {})
        ledger.forget_camera("gate")
        sink.show(ledger)
        listener.wait_for(lambda: listener.last[CONFIG] == "")


def test_the_broker_says_offline_when_the_process_is_killed(broker: RunningBroker) -> None:
    program = (
        "import sys, time; from traces_core.live.settings import Mqtt;"
        "from traces_core.live.sinks.mqtt import MqttSink;"
        "sink = MqttSink(Mqtt(kind='mqtt', url=sys.argv[1], topic='c'), 'm', 'm'); sink._connected();"
        "time.sleep(600)"
    )
    with listening(broker.port) as listener:
        process = subprocess.Popen([sys.executable, "-c", program, broker.url], cwd=Path(__file__).parents[2])
        try:
            listener.wait_for(lambda: listener.last.get("c/availability") == "online")
        finally:
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
        listener.wait_for(lambda: listener.last.get("c/availability") == "offline")


def test_a_goodbye_says_offline_too(broker: RunningBroker) -> None:
    with listening(broker.port) as listener:
        with closing(sink_to(broker, topic="d")) as sink:
            sink.send(a_letter())
        listener.wait_for(lambda: listener.last.get("d/availability") == "offline")


def test_a_broker_that_comes_back_is_told_everything_again(tmp_path: Path) -> None:
    with (
        running_broker() as broker,
        closing(Ledger(tmp_path)) as ledger,
        closing(sink_to(broker, timeout_s=2.0)) as sink,
    ):
        ledger.say_state(a_state())
        sink.show(ledger)
        broker.stop()
        while sink._client is not None and sink._client.is_connected():
            time.sleep(0.01)  # until the end of the connection is noticed
        with pytest.raises(SinkError) as failure:
            sink.send(a_letter())
        assert failure.value.retry
        broker.start()
        with listening(broker.port) as listener:
            sink.show(ledger)
            sink.send(a_letter())
            expected = {CONFIG, "traces/availability", "traces/gate/status", "traces/gate/event"}
            listener.wait_for(lambda: expected <= set(listener.last))


def test_a_broker_is_logged_in_to_and_its_refusal_shows_no_password(tmp_path: Path) -> None:
    (tmp_path / "logins").write_text("ann:" + PasswordHash.recommended().hash("pa55@word"))
    with running_broker(tmp_path / "logins") as broker:
        right, wrong = (
            Mqtt(kind="mqtt", url=broker.url.replace("://", f"://ann:{word}@"))
            for word in ("pa55%40word", "wr0ng-word")
        )
        with closing(sink_of(right, tmp_path)) as sink:
            sink.send(a_letter())
        with closing(sink_of(wrong, tmp_path)) as sink:
            with pytest.raises(SinkError, match="refused") as failure:
                sink.send(a_letter())
            assert "wr0ng" not in f"{failure.value} {sink.title} {sink.name}"


@pytest.mark.parametrize("scheme", ["mqtt", "mqtts"])
def test_a_broker_that_accepts_and_says_nothing_is_given_up_at_the_deadline(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = Mqtt(kind="mqtt", url=f"{scheme}://127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        with closing(MqttSink(settings, "m", "m", timeout_s=0.3)) as sink, pytest.raises(SinkError):
            sink.send(a_letter())
        assert time.monotonic() - began < 5


def test_mqtts_is_encrypted_and_its_certificate_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = certificate(tmp_path)
    with running_broker(tls=tls) as broker:
        settings = Mqtt(kind="mqtt", url=f"mqtts://localhost:{broker.port}")
        with closing(sink_of(settings, tmp_path)) as sink, pytest.raises(SinkError, match="certificate"):
            sink.send(a_letter())
        monkeypatch.setenv("SSL_CERT_FILE", str(tls[0]))
        with closing(sink_of(settings, tmp_path)) as sink:
            sink.send(a_letter())


def test_the_discovery_payload_has_what_home_assistant_documents() -> None:
    # home-assistant.io, "MQTT", section "Device discovery payload", and the pages of the three integrations;
    # homeassistant/components/mqtt/schemas.py: DEVICE_DISCOVERY_SCHEMA.
    shared = {"device", "origin", "components", "availability_topic", "qos"}
    entity = {"platform", "unique_id", "name", "state_topic"}
    of_platform = {
        "binary_sensor": entity | {"device_class", "payload_on", "payload_off"},
        "event": entity | {"event_types"},
        "sensor": entity | {"device_class", "options", "entity_category", "value_template", "state_class"},
    }
    payload = discovery("house/traces", "gate")
    assert set(payload) == shared
    assert set(payload["device"]) == {"identifiers", "name", "manufacturer", "model", "sw_version"}
    assert set(payload["origin"]) == {"name", "sw_version"}
    for one in payload["components"].values():
        assert entity <= set(one) <= of_platform[one["platform"]]
    assert len({one["unique_id"] for one in payload["components"].values()}) == 4
    assert re.fullmatch(
        r"homeassistant/device/[A-Za-z0-9_-]+/config",
        discovery_topic("homeassistant", "house/traces", "gate"),
    )
