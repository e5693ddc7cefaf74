"""Faults of the installation that must not be overlooked: silence, a full disk, no sink, a failing sink."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from traces_core.live.ledger import CameraState, Ledger
from traces_core.live.letters import sink_states
from traces_core.live.page.site import Site, lasting
from traces_core.live.settings import LiveSettings
from traces_core.report.formatting import plural

SILENT_S = 30
"""An engine that said nothing for so long is not alive (seconds)."""
FULL_BYTES = 64 * 2**20
"""A disk with less room than this is said to be full: a few minutes of recordings of one camera."""


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
    free = shutil.disk_usage(site.folder).free
    if free < FULL_BYTES:
        found.append(
            f"The disk of {site.folder} is full ({free >> 20} MiB free): nothing more can be kept, and the "
            "engine ends where it cannot write. Free some space, or lower keep: in cameras.yaml."
        )
    if problem := site.problem():
        found.append(problem)
    if not settings.sinks:
        found.append(
            "No sink is configured: alarms are shown here, and nobody is told. "
            "Add one under sinks: in cameras.yaml."
        )
    said = dict.fromkeys(notice for one in cameras if (notice := str(one.facts.get("notice") or "")))
    return [*found, *_failing(site.ledger), *said]


def _failing(ledger: Ledger) -> list[str]:
    """Sinks that do not take their messages."""
    states = sink_states(ledger)
    return [_sentence(one.title, one.queued, one.error) for one in states if one.name and one.is_fault]


def _sentence(sink: str, waiting: int, error: str) -> str:
    wait = f"{plural(waiting, 'message')} {'waits' if waiting == 1 else 'wait'}"
    return f"A sink fails, {wait}: {sink}{': ' if error else ''}{error}"
