"""What Prometheus reads: numbers of cameras, alarms and sinks, made from the ledger at every request.

Counts of alarms and letters are those that are kept, so they may fall; that they are asked for and by whom is
the page's matter.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import get_args

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from traces_core.live.ledger import Ledger, State
from traces_core.live.letters import SinkState, sink_states

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_COUNTS = {
    "sampled": "Frames that were taken for scoring.",
    "scored": "Frames that were scored.",
    "dropped": "Frames that were due and not scored.",
    "restarts": "Times the camera was opened again.",
}
_VALUES = {
    "latency_s": ("traces_camera_latency_seconds", "From the arrival of a frame to its score."),
    "score": ("traces_camera_score", "The newest score; absent while it is unknown."),
    "threshold": ("traces_camera_threshold", "Threshold of the camera's alarms."),
}


def prometheus_text(ledger: Ledger) -> str:
    """All numbers in Prometheus' text format, as `CONTENT_TYPE` says."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_LedgerCollector(ledger))
    return generate_latest(registry).decode()


class _LedgerCollector(Collector):
    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    def collect(self) -> Iterator[Metric]:
        yield from _of_cameras(self._ledger)
        yield _of_alarms(self._ledger)
        yield from _of_sinks(sink_states(self._ledger))


def _of_cameras(ledger: Ledger) -> Iterator[Metric]:
    cameras = ledger.cameras()
    states = GaugeMetricFamily(
        "traces_camera_state", "1 for the state that a camera is in.", labels=["camera", "state"]
    )
    for camera in cameras:
        for state in get_args(State):
            states.add_metric([camera.name, state], float(camera.state == state))
    yield states
    since = GaugeMetricFamily(
        "traces_camera_state_since_seconds", "When that state began (seconds since 1970).", labels=["camera"]
    )
    for camera in cameras:
        since.add_metric([camera.name], camera.since_s)
    yield since
    for fact, about in _COUNTS.items():
        count = CounterMetricFamily(f"traces_camera_{fact}", about, labels=["camera"])
        for camera in cameras:
            count.add_metric([camera.name], float(camera.facts.get(fact) or 0))
        yield count
    for fact, (name, about) in _VALUES.items():
        value = GaugeMetricFamily(name, about, labels=["camera"])
        for camera in cameras:
            known = fact != "score" or camera.state in ("running", "behind")
            if known and isinstance(camera.facts.get(fact), int | float):
                value.add_metric([camera.name], float(camera.facts[fact]))
        yield value


def _of_alarms(ledger: Ledger) -> Metric:
    alarms = GaugeMetricFamily(
        "traces_alarms", "Alarms that are kept.", labels=["camera", "stream", "state", "mark"]
    )
    rows = ledger.read(
        "SELECT camera, stream, is_open, COALESCE(mark, 'none') AS mark, COUNT(*) AS count FROM alarm "
        "GROUP BY camera, stream, is_open, COALESCE(mark, 'none')"
    )
    for row in rows:
        state = "open" if row["is_open"] else "closed"
        alarms.add_metric([row["camera"], row["stream"], state, row["mark"]], row["count"])
    return alarms


def _of_sinks(states: list[SinkState]) -> Iterator[Metric]:
    sinks = [one for one in states if one.name]
    yield GaugeMetricFamily(
        "traces_sinks", "Sinks in cameras.yaml; with none, nobody hears of an alarm.",
        value=sum(one.is_configured for one in sinks),
    )  # fmt: skip
    for field, about in (
        ("queued", "Letters that wait."),
        ("failures", "Failed attempts of the letters that are kept."),
        ("delivered", "Letters that arrived, of those that are kept."),
        ("given_up", "Letters that the sink refused for good."),
        ("merged", "Letters that a summary stands for."),
    ):
        count = GaugeMetricFamily(f"traces_sink_{field}", about, labels=["sink"])
        for one in sinks:
            count.add_metric([one.name], getattr(one, field))
        yield count
    for field, name, about in (
        ("oldest_s", "traces_sink_oldest_queued_seconds", "When the oldest waiting letter was written."),
        ("delivered_s", "traces_sink_last_delivery_seconds", "When the last letter arrived."),
    ):
        when = GaugeMetricFamily(name, f"{about[:-1]} (seconds since 1970).", labels=["sink"])
        for one in sinks:
            if getattr(one, field) is not None:
                when.add_metric([one.name], getattr(one, field))
        yield when
