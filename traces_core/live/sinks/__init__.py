"""Who hears of an alarm: one module for each kind of sink of cameras.yaml.

    base          what every sink is            webhook   a signed CloudEvent by HTTP
    apprise_sink  a message to people           mqtt      a broker, and Home Assistant
    folder        JSON, frame and clip as files

When something is sent, and how often, belongs in `traces_core.live.outbox`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from traces_core.live.settings import Apprise, Folder, Mqtt, Sink, Webhook
from traces_core.live.sinks.base import LiveSink, SinkError
from traces_core.redaction import redacted

__all__ = ["LiveSink", "SinkError", "addressed", "sink_name", "sink_of", "sink_title"]


def sink_name(sink: Sink) -> str:
    """Name of a sink in the ledger: kind, and a digest of where it leads; a new password does not change it.

    Examples
    --------
    >>> sink_name(Mqtt(kind="mqtt", url="mqtt://me:old@broker")) == sink_name(
    ...     Mqtt(kind="mqtt", url="mqtt://me:new@broker:1883")
    ... )
    True
    """
    return f"{sink.kind}-{hashlib.sha256(_destination(sink).encode()).hexdigest()[:10]}"


def _destination(sink: Sink) -> str:
    if isinstance(sink, Folder):
        return str(sink.path)
    if isinstance(sink, Apprise):
        return sink.url
    parts = urlsplit(sink.url)
    host = f"{parts.scheme}://{parts.hostname}:{_port(sink.url)}"
    return f"{host}/{sink.topic}" if isinstance(sink, Mqtt) else f"{host}{parts.path}?{parts.query}"


def _port(url: str) -> int:
    usual = {"http": 80, "https": 443, "mqtt": 1883, "mqtts": 8883}
    parts = urlsplit(url)
    return parts.port or usual[parts.scheme]


def sink_title(sink: Sink) -> str:
    """What people are shown of a sink: its kind and where it leads, without what may be a secret."""
    if isinstance(sink, Folder):
        return f"folder {sink.path}"
    if isinstance(sink, Apprise):  # of some services even the host is a token
        return f"apprise {sink.url.partition('://')[0]}://..."
    parts = urlsplit(sink.url)
    return redacted(f"{sink.kind} {parts.scheme}://{parts.hostname}:{_port(sink.url)}")


def sink_of(settings: Sink, live: Path) -> LiveSink:
    """A sink that can be sent to; nothing is connected yet.

    Parameters
    ----------
    settings
        A sink of cameras.yaml.
    live
        Folder of the ledger, within which the paths of frames and clips count.

    Raises
    ------
    SinkError
        If its address is of no known kind.
    """
    # Imported where they are used: who only writes letters, as the engine does, needs no library of them.
    name, title = sink_name(settings), sink_title(settings)
    if isinstance(settings, Webhook):
        from traces_core.live.sinks.webhook import WebhookSink

        return WebhookSink(settings, name, title)
    if isinstance(settings, Apprise):
        from traces_core.live.sinks.apprise_sink import AppriseSink

        return AppriseSink(settings, name, title, live)
    if isinstance(settings, Mqtt):
        from traces_core.live.sinks.mqtt import MqttSink

        return MqttSink(settings, name, title)
    from traces_core.live.sinks.folder import FolderSink

    return FolderSink(settings, name, title, live)


def addressed(
    sinks: Iterable[Sink], kind: str, message: Mapping[str, Any]
) -> list[tuple[str, str, Mapping[str, Any]]]:
    """A message as letters to all sinks: what `Ledger.put_alarm` and `Ledger.say_state` take."""
    return [(name, kind, message) for name in dict.fromkeys(map(sink_name, sinks))]
