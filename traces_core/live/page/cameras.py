"""One camera: seven days of its highest scores, what another threshold would have raised, its erasure."""

from __future__ import annotations

import math
import re
import time
from contextlib import closing
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from traces_core import disk
from traces_core.live.evidence import EvidenceStore
from traces_core.live.ledger import Alarm
from traces_core.live.page.curves import Chart, chart
from traces_core.live.page.site import Site, is_partial, note_look, render, site_of, who
from traces_core.live.page.what_if import WhatIf, what_if
from traces_core.report.formatting import number

DAYS = 7
"""How far back it looks (days)."""
_MOST_ALARMS = 2000
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_STEPS = 400


def show(request: Request) -> Response:
    """The page of one camera."""
    site, name = site_of(request), _name(request)
    note_look(request, f"camera {name}")
    stream = _stream(request, site, name)
    history = site.ledger.read(
        "SELECT state, start_s, end_s, detail FROM health WHERE camera = ? ORDER BY start_s DESC LIMIT 60",
        (name,),
    )
    own = site.ledger.read("SELECT * FROM threshold WHERE camera = ? AND stream = ?", (name, stream))
    return render(
        request,
        "camera.html",
        name=name,
        state=site.state(name),
        camera=site.camera(name),
        streams=site.streams(name),
        own=own[0] if own else None,
        engine=site.engine_threshold(stream, site.state(name)),
        history=history,
        days=DAYS,
        **_tried(request, site, name, stream),
    )


def tried(request: Request) -> Response:
    """What another threshold would have raised."""
    site, name = site_of(request), _name(request)
    if not is_partial(request):
        return show(request)
    return render(
        request, "_moved.html", name=name, **_tried(request, site, name, _stream(request, site, name))
    )


def _tried(request: Request, site: Site, name: str, stream: str) -> dict[str, Any]:
    """The picture of the last days, and the count for the threshold that is tried or in use."""
    end_s = time.time()
    start_s = site.days_back_s(DAYS, end_s)
    blocks = site.ledger.blocks(name, stream, start_s)
    alarms = [
        one
        for one in site.ledger.alarms(camera=name, since_s=start_s, most=_MOST_ALARMS)
        if one.stream == stream
    ]
    in_use = site.threshold(name, stream, site.state(name))
    picture = chart(blocks, start_s, end_s, in_use, dots=True, most=7)
    value = _value(request.query_params.get("value"))
    given = in_use if value is None else value
    counted = None if given is None or not blocks else what_if(blocks, alarms, given)
    return {
        "stream": stream,
        "chart_of": picture,
        "alarms": [(picture.x(one.peak_s), picture.y(one.peak_score), one) for one in alarms],
        "blocks": len(blocks),
        "in_use": in_use,
        "value": given,
        "exact": "" if given is None else repr(given),
        "is_tried": value is not None and value != in_use,
        "counted": counted,
        "said": _said(counted) if counted else "",
        "handle": _handle(picture, given),
    }


def _handle(picture: Chart, value: float | None) -> dict[str, str]:
    """Ends, step and place of the handle, as an input takes them; its steps are round numbers."""
    low, high = picture.up.low, picture.up.high
    power = 10.0 ** math.floor(math.log10((high - low) / _STEPS))
    step = next(one * power for one in (1, 2, 5, 10) if (high - low) / (one * power) <= _STEPS)
    ends = {"low": math.floor(low / step) * step, "high": math.ceil(high / step) * step}
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    shown = {**ends, "step": step, "value": ends["high"] if value is None else value}
    return {name: f"{one:.{digits}f}" for name, one in shown.items()}


def _said(counted: WhatIf) -> str:
    """A count in one sentence or two.

    Examples
    --------
    >>> _said(WhatIf(0.5, 3, {"real": 1, "none": 2}, 0, 86400.0))
    'Would have raised 3, of which 1 was marked real and 2 nobody marked: 3.0 a day.'
    """
    if not counted.raised:
        text = "Would have raised nothing."
    else:
        words = {"real": "marked real", "false": "marked false", "unsure": "marked unsure"}
        parts = [
            f"{count} {'was' if count == 1 else 'were'} {word}"
            for mark, word in words.items()
            if (count := counted.marked.get(mark, 0))
        ]
        if nobody := counted.marked.get("none", 0):
            parts.append(f"{nobody} nobody marked")
        listed = " and ".join([", ".join(parts[:-1]), parts[-1]] if len(parts) > 1 else parts)
        text = f"Would have raised {counted.raised}, of which {listed}: {number(counted.per_day, 1)} a day."
    if counted.lost:
        lost = "1 alarm that was" if counted.lost == 1 else f"{counted.lost} alarms that were"
        text += f" It would have missed {lost} marked real."
    return text


def set_threshold(request: Request) -> Response:
    """Set a threshold of the camera's own, or take it back."""
    site, name, form = site_of(request), _name(request), request.scope["form"]
    stream = form.get("stream", "")
    if stream not in site.streams(name):
        raise HTTPException(400, "This camera has no such stream.")
    value = None if form.get("do") == "take back" else _value(form.get("value"))
    if value is None and form.get("do") != "take back":
        raise HTTPException(400, "A threshold is a number.")
    now_s = time.time()
    before = site.threshold(name, stream, site.state(name))
    site.ledger.set_threshold(name, stream, value, f"set on the page by {who(request)}", now_s)
    said = "taken back" if value is None else f"{number(before)} to {number(value)}"
    site.ledger.note_look(who(request), f"threshold of {name} ({stream}): {said}", now_s)
    return RedirectResponse(f"/cameras/{name}?stream={stream}", 303)


def erase(request: Request) -> Response:
    """Delete all that is known of a camera that is not watched any more, and its files."""
    site, name = site_of(request), _name(request)
    if site.camera(name) is not None:
        raise HTTPException(409, f"{name} is still watched: take it out of cameras.yaml first.")
    if request.scope["form"].get("confirm") != name:
        raise HTTPException(400, f"Write {name} to confirm that all of it is to be deleted.")
    erase_files(site, name, site.ledger.alarms(camera=name, most=10**9))
    with closing(EvidenceStore(site.folder)) as kept:
        kept.forget(camera=name)
    site.ledger.forget_camera(name)
    site.ledger.note_look(who(request), f"erased camera {name}", time.time())
    return RedirectResponse("/", 303)


def erase_files(site: Site, name: str, alarms: list[Alarm]) -> None:
    """Delete the files of a camera: frames and clips of its alarms, recordings, newest frame."""
    folder = site.folder.resolve()
    named = [path for one in alarms for path in (one.frame, one.clip) if path]
    if _NAME.fullmatch(name):
        named += [
            f"frames/{name}.jpg",
            *(f"{kind}/{name}" for kind in ("recordings", "clips", "frames")),
        ]
    for path in named:
        if (folder / path).parent.resolve().is_relative_to(folder) and (folder / path) != folder:
            disk.remove(folder / path)


def _name(request: Request) -> str:
    site, name = site_of(request), str(request.path_params["camera"])
    if site.camera(name) is None and site.state(name) is None:
        raise HTTPException(404, "There is no such camera.")
    return name


def _stream(request: Request, site: Site, name: str) -> str:
    streams = site.streams(name)
    asked = request.query_params.get("stream")
    return asked if asked in streams else streams[0]


def _value(text: str | None) -> float | None:
    """A finite number; None where the text is none."""
    try:
        value = float(text or "nan")
    except ValueError:
        return None
    return value if math.isfinite(value) else None
