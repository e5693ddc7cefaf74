"""How Home Assistant finds the cameras by itself: one device for each, described over MQTT.

Topics and payloads only; who publishes them is `traces_core.live.sinks.mqtt`. Field names are those of Home
Assistant's documentation of MQTT device discovery (2024.11 and later), written out.
"""

from __future__ import annotations

import re
from importlib.metadata import version
from typing import Any, get_args

from traces_core.live.ledger import State

ONLINE, OFFLINE = "online", "offline"
"""Payloads of the topic that says whether this installation runs; Home Assistant's own defaults."""
EVENTS = ("opened", "closed", "summary", "health")
"""Kinds of letters, as an event's types."""


def device_id(topic: str, camera: str) -> str:
    """Id of a camera's device: letters, digits, - and _ alone, as a discovery topic demands.

    Examples
    --------
    >>> device_id("house/traces", "gate")
    'house_traces_gate'
    """
    return re.sub(r"[^A-Za-z0-9_-]", "_", f"{topic}_{camera}")


def discovery_topic(prefix: str, topic: str, camera: str) -> str:
    """Where a camera is described, retained; an empty payload there removes it."""
    return f"{prefix}/device/{device_id(topic, camera)}/config"


def discovery(topic: str, camera: str) -> dict[str, Any]:
    """What is said of a camera: an alarm that is on or off, an event for every letter, state and score."""
    device = device_id(topic, camera)
    software = version("traces-vad")
    return {
        "device": {
            "identifiers": [device],
            "name": f"TRACES {camera}",
            "manufacturer": "TRACES",
            "model": "Watched camera",
            "sw_version": software,
        },
        "origin": {"name": "TRACES", "sw_version": software},
        "availability_topic": f"{topic}/availability",
        "qos": 1,
        "components": {
            name: {**entity, "unique_id": f"{device}_{name}"}
            for name, entity in _entities(f"{topic}/{camera}").items()
        },
    }


def _entities(base: str) -> dict[str, dict[str, Any]]:
    return {
        "alarm": {
            "platform": "binary_sensor",
            "name": "Alarm",
            "device_class": "safety",
            "state_topic": f"{base}/alarm",
            "payload_on": "ON",
            "payload_off": "OFF",
        },
        "event": {
            "platform": "event",
            "name": "Event",
            "state_topic": f"{base}/event",
            "event_types": list(EVENTS),
        },
        "state": {
            "platform": "sensor",
            "name": "State",
            "device_class": "enum",
            "options": list(get_args(State)),
            "entity_category": "diagnostic",
            "state_topic": f"{base}/status",
            "value_template": "{{ value_json.state }}",
        },
        "score": {
            "platform": "sensor",
            "name": "Score",
            "state_class": "measurement",
            "state_topic": f"{base}/status",
            "value_template": "{{ value_json.score }}",  # null is shown as unknown
        },
    }
