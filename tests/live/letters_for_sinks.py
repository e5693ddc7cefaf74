"""Alarms, letters and ledgers for the tests of sinks."""

from __future__ import annotations

from pathlib import Path

from traces_core.live.ledger import Alarm, CameraState, Ledger, Letter
from traces_core.live.messages import alarm_message

PAGE = "http://127.0.0.1:8080"
START_S = 1767225600.0


def an_alarm(number: int = 0, *, camera: str = "gate", is_open: bool = True, **more: object) -> Alarm:
    values: dict[str, object] = {
        "id": f"{camera}-{number:05d}",
        "camera": camera,
        "stream": "late",
        "is_open": is_open,
        "start_s": START_S + number,
        "end_s": START_S + number + 2.5,
        "peak_s": START_S + number + 1.0,
        "peak_score": 3.1,
        "threshold": 2.2,
        "label": "fighting",
        "reasons": {
            "anomalous": [["Two men hit each other.", 0.31, "fighting"]] * 5,
            "normal": [["People walk by.", 0.22, "walking"]],
            "because": ["late"],
        },
        "versions": {"bank": "b1", "code": "0.1.0"},
    }
    return Alarm(**{**values, **more})  # type: ignore[arg-type]


def write(ledger: Ledger, alarm: Alarm, *sinks: str) -> None:
    """As the engine does."""
    message = alarm_message(alarm, PAGE)
    ledger.put_alarm(alarm, [(sink, message["kind"], message) for sink in sinks])


def a_letter(alarm: Alarm | None = None) -> Letter:
    alarm = alarm or an_alarm()
    message = alarm_message(alarm, PAGE)
    return Letter(1, "s", alarm.id, message["kind"], message, alarm.end_s, 0, alarm.camera)


def a_state(state: str = "running", since_s: float = START_S, **facts: object) -> CameraState:
    return CameraState("gate", "rtsp://10.0.0.7/live", state, since_s, "", facts, since_s)  # type: ignore[arg-type]


def outcomes(folder: Path) -> list[tuple[str, str, str | None]]:
    """Key, and whether each letter was delivered or how it ended, in the order in which they were written."""
    rows = Ledger(folder).read("SELECT alarm, kind, delivered_s, ended FROM outbox ORDER BY id")
    return [(row["alarm"], row["kind"], "delivered" if row["delivered_s"] else row["ended"]) for row in rows]
