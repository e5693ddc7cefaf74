"""What is said of an alarm, a camera or several alarms: the JSON of a letter, and one sentence for people.

Whoever hears of it gets the same message, through whichever sink; how it is wrapped belongs in
`traces_core.live.sinks`, when it is sent in `traces_core.live.outbox`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from traces_core.live.ledger import Alarm, CameraState
from traces_core.printing import printable
from traces_core.redaction import redacted

MOST_TRACES = 3
"""Nearest traces of each side that a message holds."""
MOST_ALARMS = 100
"""Alarms that a summary lists; it counts all of them."""


def iso(seconds: float) -> str:
    """A time in ISO 8601, UTC, to the millisecond.

    Examples
    --------
    >>> iso(1767225600.25)
    '2026-01-01T00:00:00.250Z'
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def alarm_message(alarm: Alarm, page: str | None) -> dict[str, Any]:
    """An alarm as it is now, as JSON.

    Parameters
    ----------
    alarm
        The alarm; `kind` is `opened` while it lasts, then `closed`.
    page
        Address of the page, such as `http://127.0.0.1:8080`; None where there is none.

    Returns
    -------
    dict
        Every time twice: ISO 8601 in UTC, and as seconds since 1970 with `_s` at the end. `frame` and `clip`
        are paths within the folder of the ledger.
    """
    times = {"start": alarm.start_s, "end": alarm.end_s, "peak": alarm.peak_s}
    return redacted(
        {
            "id": alarm.id,
            "kind": "opened" if alarm.is_open else "closed",
            "camera": alarm.camera,
            **{name: iso(seconds) for name, seconds in times.items()},
            **{f"{name}_s": seconds for name, seconds in times.items()},
            "stream": alarm.stream,
            "score": alarm.peak_score,
            "threshold": alarm.threshold,
            "class": alarm.label,
            "anomalous": _traces(alarm.reasons.get("anomalous", ())),
            "normal": _traces(alarm.reasons.get("normal", ())),
            "page": alarm_page(page, alarm.id),
            "frame": alarm.frame,
            "clip": alarm.clip,
            "versions": dict(alarm.versions),
        }
    )


def _traces(nearest: Sequence[Sequence[Any]]) -> list[dict[str, Any]]:
    return [
        dict(zip(("text", "similarity", "class"), trace, strict=False)) for trace in nearest[:MOST_TRACES]
    ]


def alarm_page(page: str | None, alarm_id: str) -> str | None:
    """Address of an alarm's own page; None where there is no page."""
    return None if page is None else f"{page.rstrip('/')}/alarms/{alarm_id}"


def health_kind(state: CameraState) -> str:
    """Kind of the letter that says how a camera is, one for every change."""
    return f"health:{state.state}:{state.since_s:.3f}"


def health_message(state: CameraState, page: str | None) -> dict[str, Any]:
    """How a camera is, as JSON.

    Parameters
    ----------
    state
        The camera's state; its score is unknown in all but `running` and `behind`.
    page
        Address of the page; None where there is none.
    """
    return redacted(
        {
            "id": f"{state.name}:{health_kind(state)}",
            "kind": "health",
            "camera": state.name,
            "state": state.state,
            "start": iso(state.since_s),
            "start_s": state.since_s,
            "detail": state.detail,
            "source": state.source,
            "page": None if page is None else f"{page.rstrip('/')}/cameras/{state.name}",
        }
    )


def summary_message(camera: str, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Several alarms of a camera as one message: those that came while the camera's cooldown lasted.

    Parameters
    ----------
    camera
        The camera.
    messages
        What would have been said of each of them, in their order; at least one.
    """
    first, last = messages[0], messages[-1]
    kept = ("id", "start", "start_s", "class", "score", "threshold", "stream", "page")
    return {
        "id": f"{camera}:summary:{first['id']}:{len(messages)}",
        "kind": "summary",
        "camera": camera,
        "count": len(messages),
        "start": first["start"],
        "start_s": first["start_s"],
        "alarms": [{name: one.get(name) for name in kept} for one in messages[:MOST_ALARMS]],
        "page": last.get("page"),
        "frame": last.get("frame"),
    }


def sentence(message: Mapping[str, Any]) -> str:
    """A message as one plain sentence, its times local.

    Examples
    --------
    >>> sentence({"kind": "summary", "camera": "gate", "count": 2, "start_s": 0.0})[:20]
    '2 more alarms at gat'
    """
    said = _SENTENCES[message["kind"]](message)
    return redacted(printable(said, is_line=True))


def _clock(seconds: float) -> str:
    return f"{datetime.fromtimestamp(seconds):%H:%M:%S}"


def _what(message: Mapping[str, Any]) -> str:
    return f"{message['camera']}: {message.get('class') or 'something unusual'}"


def _why(message: Mapping[str, Any]) -> str:
    return f"({message['stream']} {message['score']:.3g} above {message['threshold']:.3g})"


def _opened(message: Mapping[str, Any]) -> str:
    return f"{_what(message)} since {_clock(message['start_s'])} {_why(message)}"


def _closed(message: Mapping[str, Any]) -> str:
    times = f"from {_clock(message['start_s'])} to {_clock(message['end_s'])}"
    return f"{_what(message)} {times} {_why(message)}"


def _health(message: Mapping[str, Any]) -> str:
    detail = f" ({message['detail']})" if message.get("detail") else ""
    return f"{message['camera']}: {message['state']} since {_clock(message['start_s'])}{detail}"


def _summary(message: Mapping[str, Any]) -> str:
    count = message["count"]
    alarms = "alarm" if count == 1 else "alarms"
    return f"{count} more {alarms} at {message['camera']} since {_clock(message['start_s'])}"


_SENTENCES = {"opened": _opened, "closed": _closed, "health": _health, "summary": _summary}
