"""Why no alarm was raised at a time: what the camera, its score and its settings were then."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import time as day_time
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from traces_core.live.ledger import BUCKET_S, Alarm
from traces_core.live.page.curves import chart
from traces_core.live.page.site import KNOWS_A_SCORE, Site, at, note_look, render, site_of
from traces_core.report.formatting import number

NEAR_S = 60
"""How far around the time the highest score is looked for (seconds)."""
_SHOWN_S = 600
_LATEST_S = 250e9
"""A time in the year 9892: what is shown around a later one has no date."""


@dataclass(frozen=True)
class Then:
    """What was known of a camera at a time."""

    at_s: float
    """The time (seconds since 1970)."""
    score: float | None
    """The score then; None where it is unknown."""
    highest: tuple[float, float] | None
    """Time and score of the highest within `NEAR_S`."""
    threshold: float | None
    """The threshold then, as far as it is known."""
    threshold_from: str
    """Where that is known from."""
    state: str | None
    """How the camera was; None where nothing is kept of it."""
    state_detail: str
    """Why, in words, and since when."""
    is_active: bool
    """Whether it was within the hours in which alarms are sent."""
    alarms: list[Alarm]
    """Alarms that lasted at that time, or began within `NEAR_S` of it."""

    @property
    def verdict(self) -> str:
        """The answer in one sentence."""
        if self.alarms:
            return "It did not stay silent: there was an alarm."
        if self.state is not None and self.state not in KNOWS_A_SCORE:
            return (
                f"The camera was {self.state}: the score was unknown, and an unknown score raises no alarm."
            )
        if self.highest is None:
            return "No score is kept of that time: the camera was not watched then, or it is too long ago."
        if self.threshold is not None and self.highest[1] <= self.threshold:
            short = number(self.threshold - self.highest[1])
            return f"The score did not reach the threshold: at its highest it was {short} below."
        if not self.is_active:
            return "It was outside the hours in which this camera sends alarms."
        return "The score was above the threshold that is known now: it must have been another then."


def show(request: Request) -> Response:
    """The question, and the answer where one was asked."""
    site, asked = site_of(request), request.query_params
    names = sorted({one.name for one in site.settings.cameras} | {one.name for one in site.ledger.cameras()})
    name, problem, values = asked.get("camera", ""), "", dict[str, Any]()
    if asked.get("at"):
        at_s = moment(asked["at"], time.time())
        if name not in names:
            problem = "There is no such camera."
        elif at_s is None:
            problem = "That is no time: write it as 14:03, or as 2026-11-28T14:03."
        else:
            note_look(request, f"silence of {name} at {at(at_s)}")
            values = _answer(site, name, at_s, asked.get("stream"))
    return render(
        request,
        "silent.html",
        status=400 if problem else 200,
        names=names,
        name=name,
        asked_local=_local(values["then"].at_s if values else time.time()),
        problem=problem,
        then=values.get("then"),
        chart_of=values.get("chart_of"),
        here_pct=values.get("here_pct", 0.0),
        stream=values.get("stream", ""),
        near_s=NEAR_S,
    )


def _answer(site: Site, name: str, at_s: float, stream: str | None) -> dict[str, Any]:
    streams = site.streams(name)
    stream = stream if stream in streams else streams[0]
    found = then(site, name, stream, at_s)
    start_s, end_s = at_s - _SHOWN_S, at_s + _SHOWN_S
    points = site.ledger.scores(name, stream, start_s - BUCKET_S, end_s)
    picture = chart(points, start_s, end_s, found.threshold)
    return {"then": found, "chart_of": picture, "here_pct": picture.x(at_s), "stream": stream}


def then(site: Site, name: str, stream: str, at_s: float) -> Then:
    """What was known of a camera at a time."""
    scores = site.ledger.scores(name, stream, at_s - NEAR_S - BUCKET_S, at_s + NEAR_S)
    near = [one for one in scores if one[0] + BUCKET_S > at_s - NEAR_S]
    threshold, origin = _threshold(site, name, stream, at_s)
    state, detail = _state(site, name, at_s)
    camera = site.camera(name)
    lasted = site.ledger.alarms(camera=name, since_s=at_s - 86_400, until_s=at_s + NEAR_S)
    return Then(
        at_s,
        next((score for start, score in near if start <= at_s < start + BUCKET_S), None),
        max(near, key=lambda one: one[1], default=None),
        threshold,
        origin,
        state,
        detail,
        camera is None or camera.is_active(datetime.fromtimestamp(at_s)),
        [one for one in lasted if one.end_s >= at_s - NEAR_S],
    )


def _threshold(site: Site, name: str, stream: str, at_s: float) -> tuple[float | None, str]:
    """The threshold at a time, and where that is known from: not every change is kept."""
    own = site.ledger.read(
        "SELECT value, at_s FROM threshold WHERE camera = ? AND stream = ?", (name, stream)
    )
    if own and own[0]["at_s"] <= at_s:
        return own[0]["value"], f"set on {at(own[0]['at_s'])}"
    nearest = site.ledger.read(
        "SELECT threshold, start_s FROM alarm WHERE camera = ? AND stream = ? "
        "ORDER BY ABS(start_s - ?) LIMIT 1",
        (name, stream, at_s),
    )
    engine = site.engine_threshold(stream, site.state(name))
    if nearest and (own or engine is None):
        return nearest[0]["threshold"], f"of the alarm at {at(nearest[0]['start_s'])}, the nearest in time"
    return engine, "as it is now; what it was then is not kept" if engine is not None else "not known"


def _state(site: Site, name: str, at_s: float) -> tuple[str | None, str]:
    rows = site.ledger.read(
        "SELECT state, start_s, end_s, detail FROM health WHERE camera = ? AND start_s <= ? "
        "AND (end_s IS NULL OR end_s > ?) ORDER BY start_s DESC LIMIT 1",
        (name, at_s, at_s),
    )
    if not rows:
        return None, "nothing is kept of it"
    until = f" until {at(rows[0]['end_s'])}" if rows[0]["end_s"] else ""
    detail = f": {rows[0]['detail']}" if rows[0]["detail"] else ""
    return rows[0]["state"], f"since {at(rows[0]['start_s'])}{until}{detail}"


def _local(time_s: float) -> str:
    """A time as an input of a browser takes it."""
    return datetime.fromtimestamp(time_s).isoformat(timespec="seconds")


def moment(text: str, now_s: float) -> float | None:
    """Seconds since 1970 of a local time, of a time of the last day, or of a number; None where it is none.

    Examples
    --------
    >>> moment("1764338580", 0.0), moment("teatime", 0.0)
    (1764338580.0, None)
    """
    try:
        value = _seconds(text.strip(), now_s)
    except (ValueError, OverflowError, OSError):
        return None
    return value if 0 <= value < _LATEST_S else None


def _seconds(text: str, now_s: float) -> float:
    if text.replace(".", "", 1).isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    if len(text) in (5, 8) and text[2] == ":":
        now = datetime.fromtimestamp(now_s)
        today = datetime.combine(now.date(), day_time.fromisoformat(text))
        return (today if today <= now else today - timedelta(days=1)).timestamp()
    return datetime.fromisoformat(text).timestamp()
