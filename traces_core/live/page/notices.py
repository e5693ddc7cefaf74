"""Faults of the installation that must not be overlooked: no sink, a failing sink, a silent engine."""

from __future__ import annotations

from collections.abc import Sequence

from traces_core.live.ledger import CameraState, Ledger
from traces_core.live.page.site import Site, lasting
from traces_core.live.settings import LiveSettings
from traces_core.report.formatting import plural

SILENT_S = 30
"""An engine that said nothing for so long is not alive (seconds)."""


def engine_is_silent(cameras: Sequence[CameraState], settings: LiveSettings, now_s: float) -> bool:
    """Whether there are cameras to be watched, and nobody has said anything of any of them of late."""
    newest = max((one.updated_s for one in cameras), default=0.0)
    return bool(settings.cameras) and now_s - newest > SILENT_S


def notices(site: Site, cameras: Sequence[CameraState], now_s: float) -> list[str]:
    """What is wrong with the installation, in sentences, the gravest first."""
    settings = site.settings
    found = []
    if engine_is_silent(cameras, settings, now_s):
        newest = max((one.updated_s for one in cameras), default=None)
        since = f"for {lasting(now_s - newest)}" if newest else "yet"
        found.append(f"The engine has said nothing {since}: nothing below is up to date. Look at its log.")
    if not settings.sinks:
        found.append(
            "No sink is configured: alarms are shown here, and nobody is told. "
            "Add one under sinks: in cameras.yaml."
        )
    return found + _failing(site.ledger)


def _failing(ledger: Ledger) -> list[str]:
    """Sinks with messages that were tried in vain."""
    rows = ledger.read(
        "SELECT sink, COUNT(*) AS waiting, MIN(created_s) AS since_s, error FROM outbox "
        "WHERE delivered_s IS NULL AND tries > 0 GROUP BY sink ORDER BY sink"
    )
    return [
        f"The sink {row['sink']} fails, {plural(row['waiting'], 'message')} "
        f"{'waits' if row['waiting'] == 1 else 'wait'} for it: {row['error']}"
        for row in rows
    ]
