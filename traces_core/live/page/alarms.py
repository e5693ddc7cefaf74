"""Alarms: the list over all cameras, one alarm with what explains it, and what people say of it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Literal, get_args
from urllib.parse import urlencode

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from traces_core.live.ledger import Alarm, Mark
from traces_core.live.letters import sink_states
from traces_core.live.page.curves import chart, clock_ticks
from traces_core.live.page.site import Site, is_partial, note_look, render, site_of, who
from traces_core.report.strips import Scale

PAGE = 50
"""Alarms on a page of the list."""
AROUND_S = 300
"""How much of the score is shown before and after an alarm (seconds)."""
_DRAWN = 1000
_DAYS = 7
_LONGEST_NOTE = 2000
MARKS: tuple[Mark, ...] = get_args(Mark)
"""What people say of an alarm."""


def listing(request: Request) -> Response:
    """The list of alarms and their timeline, of some camera, day and mark."""
    site, asked = site_of(request), request.query_params
    note_look(request, "alarms")
    which, problem = _which(asked)
    page = max(1, int(asked["page"])) if re.fullmatch(r"[0-9]{1,6}", asked.get("page", "")) else 1
    found = site.ledger.alarms(**which, most=PAGE + 1, skip=(page - 1) * PAGE)
    filters = {name: asked[name] for name in ("camera", "day", "mark") if asked.get(name)}
    return render(
        request,
        "alarms.html",
        status=400 if problem else 200,
        alarms=found[:PAGE],
        problem=problem,
        filters={"camera": "", "day": "", "mark": "", **filters},
        query=urlencode(filters),
        page=page,
        has_more=len(found) > PAGE,
        cameras=_cameras(site),
        timeline=_timeline(site, which),
    )


def _which(asked: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """The arguments for the ledger that a query asks for, and what is wrong with it."""
    which: dict[str, Any] = {"camera": asked.get("camera") or None}
    mark = asked.get("mark") or None
    which["mark"] = mark if mark in (*MARKS, "none") else None
    if not asked.get("day"):
        return which, ""
    try:
        day = datetime.strptime(asked["day"], "%Y-%m-%d")
        which |= {"since_s": day.timestamp(), "until_s": (day + timedelta(days=1)).timestamp()}
    except (ValueError, OverflowError, OSError):
        return which, f"{asked['day']} is no day: write it as 2026-11-28."
    return which, ""


def _cameras(site: Site) -> list[str]:
    names = {one.name for one in site.settings.cameras} | {one.name for one in site.ledger.cameras()}
    return sorted(names | {row["camera"] for row in site.ledger.read("SELECT DISTINCT camera FROM alarm")})


def _timeline(site: Site, which: Mapping[str, Any]) -> dict[str, Any]:
    """A row for each camera with a mark for each alarm, over the day asked for or the last seven."""
    end_s = min(which.get("until_s", 1e12), time.time() + 1)
    start_s = which.get("since_s", site.days_back_s(_DAYS, end_s))
    end_s = which.get("until_s", end_s)
    alarms = site.ledger.alarms(**{**which, "since_s": start_s, "until_s": end_s}, most=_DRAWN)
    across = Scale(start_s, end_s)
    rows: dict[str, list[tuple[float, float, Alarm]]] = {}
    for alarm in alarms:
        left, right = (100 * across.share(one) for one in (alarm.start_s, alarm.end_s))
        rows.setdefault(alarm.camera, []).append((left, right - left, alarm))
    ticks = [(100 * across.share(tick), text) for tick, text in clock_ticks(start_s, end_s, 7)]
    return {
        "rows": sorted(rows.items()),
        "ticks": ticks,
        "is_cut": len(alarms) == _DRAWN,
        "count": len(alarms),
    }


def show(request: Request) -> Response:
    """One alarm: clip, frame, score, reasons, marks."""
    site, alarm = site_of(request), _alarm(request)
    note_look(request, f"alarm {alarm.id} of {alarm.camera}")
    start_s, end_s = alarm.start_s - AROUND_S, alarm.end_s + AROUND_S
    points = site.ledger.scores(alarm.camera, alarm.stream, start_s - 10, end_s)
    picture = chart(points, start_s, end_s, alarm.threshold)
    which, _ = _which(request.query_params)
    filters = {
        name: value for name, value in request.query_params.items() if name in ("camera", "day", "mark")
    }
    return render(
        request,
        "alarm.html",
        alarm=alarm,
        chart_of=picture,
        bands=[(picture.x(alarm.start_s), picture.x(alarm.end_s) - picture.x(alarm.start_s))],
        sides=[("anomalous", "Nearest anomalous traces"), ("normal", "Nearest normal traces")],
        reasons=_reasons(alarm),
        versions=sorted((str(name), str(value)) for name, value in alarm.versions.items()),
        newer=_beside(site, alarm, which, "newer"),
        older=_beside(site, alarm, which, "older"),
        query=urlencode(filters),
        told=_told(site, alarm),
        is_saved=False,
    )


def _told(site: Site, alarm: Alarm) -> list[tuple[str, str, float | None, str]]:
    """Who was told of it: the sink, what of it, when it arrived (None: not yet), what went wrong."""
    titles = {one.name: one.title for one in sink_states(site.ledger)}
    rows = site.ledger.read(
        "SELECT sink, kind, delivered_s, COALESCE(ended, error) AS trouble FROM outbox "
        "WHERE alarm = ? ORDER BY id",
        (alarm.id,),
    )
    return [
        (titles.get(row["sink"], row["sink"]), row["kind"], row["delivered_s"], row["trouble"])
        for row in rows
    ]


def _alarm(request: Request) -> Alarm:
    alarm = site_of(request).ledger.alarm(request.path_params["alarm"])
    if alarm is None:
        raise HTTPException(404, "There is no such alarm (any more).")
    return alarm


def _reasons(alarm: Alarm) -> dict[str, Any]:
    """The nearest traces of both sides, `(text, similarity, class)`, and the streams that mismatch."""

    def near(rows: object) -> list[tuple[str, float | None, str]]:
        found = []
        for row in rows if isinstance(rows, list | tuple) else ():
            text, similarity, label = (
                (*row, None, None)[:3] if isinstance(row, list | tuple) else (row, None, "")
            )
            known = float(similarity) if isinstance(similarity, int | float) else None
            found.append((str(text), known, str(label or "")))
        return found

    because = alarm.reasons.get("because") or ()
    return {
        "anomalous": near(alarm.reasons.get("anomalous")),
        "normal": near(alarm.reasons.get("normal")),
        "because": [str(one) for one in ([because] if isinstance(because, str) else because)],
    }


def _beside(
    site: Site, alarm: Alarm, which: Mapping[str, Any], side: Literal["newer", "older"]
) -> str | None:
    """The next alarm of the list that an alarm was opened from."""
    order, sign, tie = ("ASC", ">", "<") if side == "newer" else ("DESC", "<", ">")
    reverse = "DESC" if side == "newer" else "ASC"
    rows = site.ledger.read(
        f"SELECT id FROM alarm WHERE (start_s {sign} :start OR (start_s = :start AND id {tie} :id)) "
        "AND (:camera IS NULL OR camera = :camera) AND (:mark IS NULL OR COALESCE(mark, 'none') = :mark) "
        f"AND start_s >= :since AND start_s < :until ORDER BY start_s {order}, id {reverse} LIMIT 1",
        {
            "start": alarm.start_s,
            "id": alarm.id,
            "camera": which.get("camera"),
            "mark": which.get("mark"),
            "since": which.get("since_s", 0.0),
            "until": which.get("until_s", 1e12),
        },
    )
    return rows[0]["id"] if rows else None


def mark(request: Request) -> Response:
    """Keep what a person says of an alarm."""
    site, alarm, form = site_of(request), _alarm(request), request.scope["form"]
    said = form.get("mark", "")
    if said not in (*MARKS, "none"):
        raise HTTPException(400, "An alarm is real, false or unsure.")
    given: Mark | None = next((one for one in MARKS if one == said), None)
    site.ledger.mark(alarm.id, given, form.get("note", "")[:_LONGEST_NOTE], time.time())
    site.ledger.note_look(who(request), f"marked alarm {alarm.id} of {alarm.camera} {said}", time.time())
    query = form.get("query", "")
    if not is_partial(request):
        return RedirectResponse(f"/alarms/{alarm.id}{'?' if query else ''}{query}", 303)
    return render(request, "_mark.html", alarm=site.ledger.alarm(alarm.id), query=query, is_saved=True)
