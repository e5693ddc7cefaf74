"""The wall: every camera with its newest frame, its state and its score, refreshed as the engine writes."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response, StreamingResponse

from traces_core.live.ledger import Alarm, CameraState
from traces_core.live.page.curves import Chart, chart
from traces_core.live.page.notices import SILENT_S, notices
from traces_core.live.page.site import KNOWS_A_SCORE, Site, note_look, render, site_of

LINE_S = 600
"""How much of its score a camera shows (seconds)."""
_EVERY_S = 1.0
_SIGN_OF_LIFE = 15
_DRAWING = Lock()
_OPEN_S = 86_400


@dataclass(frozen=True)
class Tile:
    """One camera of the wall."""

    name: str
    """The camera."""
    state: CameraState | None
    """How it is; None where the engine never said."""
    is_watched: bool
    """Whether cameras.yaml still names it."""
    is_stale: bool
    """Whether the engine has not said anything of it for `SILENT_S`."""
    score: float | None
    """The newest score; None where it is unknown."""
    chart: Chart
    """The last `LINE_S` of its score."""
    has_frame: bool
    """Whether there is a picture."""
    alarm: Alarm | None
    """Its newest alarm of the last day."""


def show(request: Request) -> Response:
    """The wall as a page."""
    note_look(request, "wall")
    return render(request, "wall.html", **_values(site_of(request)))


def fragment(request: Request) -> Response:
    """What of the wall changes: drawn once for all who look, as they all are told at the same time."""
    note_look(request, "wall")
    site = site_of(request)
    pulse = _pulse(site)
    with _DRAWING:
        drawn = site.drawn.get("wall")
        if drawn is None or drawn[0] != pulse or time.monotonic() - drawn[1] > _EVERY_S:
            drawn = (pulse, time.monotonic(), render(request, "_wall.html", **_values(site)).body)
            site.drawn["wall"] = drawn
    return HTMLResponse(drawn[2])


def _values(site: Site) -> Mapping[str, Any]:
    now_s = time.time()
    states = {one.name: one for one in site.ledger.cameras()}
    names = [one.name for one in site.settings.cameras]
    tiles = [_tile(site, name, states.get(name), now_s) for name in [*names, *sorted(states.keys() - names)]]
    return {"tiles": tiles, "notices": notices(site, list(states.values()), now_s), "line_s": LINE_S}


def _tile(site: Site, name: str, state: CameraState | None, now_s: float) -> Tile:
    stream = site.first_stream(name)
    points: list[tuple[float, float]] = [*site.ledger.scores(name, stream, now_s - LINE_S)]
    is_stale = state is not None and now_s - state.updated_s > SILENT_S
    score = None if is_stale else score_of(state)
    if score is not None and state is not None and (not points or points[-1][0] < state.updated_s):
        points.append((state.updated_s, score))
    alarms = site.ledger.alarms(camera=name, since_s=now_s - _OPEN_S, most=1)
    return Tile(
        name,
        state,
        site.camera(name) is not None,
        is_stale,
        score,
        chart(points, now_s - LINE_S, now_s, site.threshold(name, stream, state), most=3),
        (site.folder / "frames" / f"{name}.jpg").is_file(),
        alarms[0] if alarms else None,
    )


def score_of(state: CameraState | None) -> float | None:
    """The newest score of a camera; None where it is unknown."""
    value = state.facts.get("score") if state and state.state in KNOWS_A_SCORE else None
    return float(value) if isinstance(value, int | float) else None


async def events(request: Request) -> Response:
    """Server-sent events: `cameras` where a state or a score is another, `alarms` where an alarm is."""
    if request.method == "HEAD":  # which has no end to wait for
        return Response(media_type="text/event-stream")
    headers = {"x-accel-buffering": "no"}
    return StreamingResponse(_events(site_of(request)), media_type="text/event-stream", headers=headers)


async def _events(site: Site) -> AsyncIterator[str]:
    before = await run_in_threadpool(_pulse, site)
    quiet = 0
    yield "retry: 3000\n\n"
    while True:
        await asyncio.sleep(_EVERY_S)
        now = await run_in_threadpool(_pulse, site)
        changed = [name for name, value in now.items() if before[name] != value]
        before, quiet = now, 0 if changed else quiet + 1
        for name in changed:
            yield f"event: {name}\ndata: {json.dumps(time.time())}\n\n"
        if quiet and quiet % _SIGN_OF_LIFE == 0:
            yield ": quiet\n\n"


def _pulse(site: Site) -> dict[str, object]:
    """What has to be another for somebody to be told."""
    cameras = site.ledger.cameras()
    shown = [(one.name, one.state, one.detail, one.updated_s, one.facts.get("score")) for one in cameras]
    count = "SELECT COUNT(*), SUM(is_open), MAX(end_s), MAX(marked_s), COUNT(clip) FROM alarm"
    alarms = tuple(site.ledger.read(count)[0])
    return {"cameras": (shown, notices(site, cameras, time.time())), "alarms": alarms}
