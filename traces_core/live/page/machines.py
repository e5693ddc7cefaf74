"""What programs ask: whether it is alive, and its numbers."""

from __future__ import annotations

import time
from collections import Counter
from importlib import import_module
from importlib.util import find_spec

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from traces_core.live.page.notices import engine_is_silent
from traces_core.live.page.site import site_of

_PROMETHEUS = "traces_core.live.prometheus"


def health(request: Request) -> Response:
    """200 where the engine is alive, else 503, with the cameras by state; told to everybody."""
    site = site_of(request)
    cameras = site.ledger.cameras()
    silent = engine_is_silent(cameras, site.settings, time.time())
    said = {
        "status": "engine silent" if silent else "ok",
        "updated_s": max((one.updated_s for one in cameras), default=None),
        "cameras": dict(Counter(one.state for one in cameras)),
    }
    return JSONResponse(said, 503 if silent else 200)


def metrics(request: Request) -> Response:
    """The numbers in Prometheus' text format."""
    if find_spec(_PROMETHEUS) is None:  # HOOK: a plain import, as soon as that module is there
        raise HTTPException(501, "This installation counts nothing for Prometheus.")
    text = import_module(_PROMETHEUS).prometheus_text(site_of(request).ledger)
    return PlainTextResponse(text, media_type="text/plain; version=0.0.4; charset=utf-8")
