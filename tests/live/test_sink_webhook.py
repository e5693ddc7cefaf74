"""Webhooks: CloudEvents that are signed, sent once to where they were meant to go, and nowhere else."""

from __future__ import annotations

import hashlib
import hmac
import json
import socket
import time
from pathlib import Path

import pytest
from certificates import certificate
from hearing_server import How, hearing
from letters_for_sinks import a_letter

from traces_core.errors import SettingsError
from traces_core.live.settings import LiveSettings, Webhook
from traces_core.live.sinks import sink_name, sink_of
from traces_core.live.sinks.base import SinkError
from traces_core.live.sinks.webhook import WebhookSink


def posted(url: str, *, secret: str | None = None, timeout_s: float = 5.0) -> None:
    WebhookSink(Webhook(kind="webhook", url=url, secret=secret), "w", "w", timeout_s=timeout_s).send(
        a_letter()
    )


def test_a_letter_is_a_cloud_event_with_its_key_in_a_header() -> None:
    with hearing() as server:
        posted(server.url)
    (request,) = server.heard
    event = request.event
    assert request.headers["content-type"].startswith("application/cloudevents+json")
    assert request.headers["host"] == f"127.0.0.1:{server.http.server_port}"
    assert request.headers["idempotency-key"] == event["id"] == "gate-00000:opened"
    assert {"specversion", "id", "source", "type"} <= set(event)  # required by CloudEvents 1.0
    assert (event["specversion"], event["type"]) == ("1.0", "traces.alarm.opened")
    assert event["data"] == json.loads(json.dumps(dict(a_letter().message)))
    assert "traces-signature" not in request.headers


def test_the_signature_is_that_of_time_and_body() -> None:
    with hearing() as server:
        posted(server.url, secret="a key for two")
    (request,) = server.heard
    parts = dict(part.split("=") for part in request.headers["traces-signature"].split(","))
    expected = hmac.new(
        b"a key for two", parts["t"].encode() + b"." + request.body, hashlib.sha256
    ).hexdigest()
    assert parts["v1"] == expected
    assert abs(time.time() - int(parts["t"])) < 60


@pytest.mark.parametrize(
    ("how", "is_passing"),
    [
        ("500", True),
        ("429", True),
        ("403", False),
        ("redirect", False),  # where it points to nothing is ever sent
        ("drop", True),
        ("hang", True),
        ("drip", True),
    ],
)
def test_what_goes_wrong_is_told_apart(how: How, is_passing: bool) -> None:
    with hearing(lambda _: how) as server:
        began = time.monotonic()
        with pytest.raises(SinkError) as failure:
            posted(server.url, timeout_s=0.3)
        assert failure.value.retry == is_passing
        assert time.monotonic() - began < 5
        assert len(server.heard) == 1
        assert "s3cr3t-path" not in str(failure.value)


def test_a_server_that_is_not_there_is_a_passing_failure() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        with pytest.raises(SinkError) as failure:
            posted(f"http://127.0.0.1:{free.getsockname()[1]}/s3cr3t-path")
    assert failure.value.retry
    assert "s3cr3t-path" not in str(failure.value)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data",  # the metadata server of clouds
        "http://[fe80::1]/",
        "http://[::ffff:169.254.169.254]/",
        "http://2852039166/",  # 169.254.169.254 as one number, which a resolver understands
    ],
)
def test_a_link_local_address_is_refused_however_it_is_written(url: str) -> None:
    with pytest.raises(SinkError, match="link-local"):
        posted(url)


def test_a_name_is_resolved_before_its_address_is_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    with pytest.raises(SinkError, match="link-local"):
        posted("http://innocent.example/")


def test_a_certificate_is_checked_against_the_name_though_its_address_is_connected_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tls = certificate(tmp_path)
    with hearing(tls=tls) as server:
        url = f"https://{{}}:{server.http.server_port}/hook"
        with pytest.raises(SinkError, match="certificate"):
            posted(url.format("localhost"))
        monkeypatch.setenv("SSL_CERT_FILE", str(tls[0]))
        with pytest.raises(SinkError, match="certificate"):
            posted(url.format("127.0.0.1"))
        posted(url.format("localhost"))
    assert [one.headers["host"] for one in server.heard] == [f"localhost:{server.http.server_port}"]


@pytest.mark.parametrize(
    "url", ["http://", "http://host:99999/", "mqtt://ann:pa55word@:1883", "mqtt://host:port"]
)
def test_an_address_without_a_host_or_with_an_odd_port_is_an_error_of_the_settings(
    tmp_path: Path, url: str
) -> None:
    kind = "mqtt" if url.startswith("mqtt") else "webhook"
    (tmp_path / "cameras.yaml").write_text(f'sinks:\n- kind: {kind}\n  url: "{url}"\n')
    with pytest.raises(SettingsError, match="needs a host") as error:
        LiveSettings.load(tmp_path / "cameras.yaml")
    assert "cameras.yaml" in str(error.value)
    assert "pa55word" not in str(error.value)


def test_the_name_of_a_sink_stays_when_its_password_changes_and_shows_nothing() -> None:
    old, new, other = (
        Webhook(kind="webhook", url=f"https://ann:{word}@example.org/{path}", secret=f"{word}{word}")
        for word, path in (("oldword", "a"), ("newword", "a"), ("newword", "b"))
    )
    assert sink_name(old) == sink_name(new) != sink_name(other)
    sink = sink_of(old, Path())
    assert sink.name.startswith("webhook-")
    assert sink.title == "webhook https://example.org:443"
