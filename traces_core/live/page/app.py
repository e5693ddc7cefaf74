"""The application: every route of the page, behind one guard."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

from traces_core.live.ledger import Ledger
from traces_core.live.page import alarms, cameras, files, login, machines, silence, wall
from traces_core.live.page.guard import COOKIE, Guard, Headers
from traces_core.live.page.site import Site, render
from traces_core.live.page.tokens import secret_key
from traces_core.live.settings import LiveSettings

_STATIC = Path(__file__).parent / "static"
_SESSION_S = 7 * 86400


def page(folder: Path, settings: Callable[[], LiveSettings], problem: Callable[[], str] = str) -> Starlette:
    """The page of one installation, to be served by uvicorn.

    Parameters
    ----------
    folder
        The folder `live/`: the ledger and the files beside it. The page opens a connection of its own.
    settings
        Gives cameras.yaml as it is now, or as it was before somebody broke it: it must not raise. Asked
        several times a request, since it may change meanwhile.
    problem
        Says what is wrong with cameras.yaml, where it was left as it was; empty where nothing is.

    Returns
    -------
    Starlette
        The application. Event streams never end by themselves: give uvicorn a `timeout_graceful_shutdown`.

    Raises
    ------
    LedgerError
        If the ledger cannot be used.
    """
    key = secret_key(folder)
    site = Site(folder, Ledger(folder), settings, key, problem)

    @asynccontextmanager
    async def until_the_end(_: Starlette) -> AsyncIterator[None]:
        yield
        site.ledger.close()

    app = Starlette(
        routes=[*_routes(), Mount("/static", StaticFiles(directory=_STATIC), name="static")],
        middleware=[
            Middleware(Headers),
            Middleware(
                SessionMiddleware,
                secret_key=key.hex(),
                session_cookie=COOKIE,
                max_age=_SESSION_S,
                same_site="strict",
            ),
            Middleware(Guard, site=site),
        ],
        exception_handlers={HTTPException: _refused},
        lifespan=until_the_end,
    )
    app.state.site = site
    return app


def _routes() -> list[Route]:
    return [
        Route("/", wall.show),
        Route("/wall", wall.fragment),
        Route("/events", wall.events),
        Route("/alarms", alarms.listing),
        Route("/alarms/{alarm}", alarms.show),
        Route("/alarms/{alarm}/mark", alarms.mark, methods=["POST"]),
        Route("/cameras/{camera}", cameras.show),
        Route("/cameras/{camera}/what-if", cameras.tried),
        Route("/cameras/{camera}/threshold", cameras.set_threshold, methods=["POST"]),
        Route("/cameras/{camera}/erase", cameras.erase, methods=["POST"]),
        Route("/silent", silence.show),
        Route("/frames/{path:path}", files.picture),
        Route("/clips/{path:path}", files.clip),
        Route("/health", machines.health),
        Route("/metrics", machines.metrics),
        Route("/login", login.show),
        Route("/login", login.enter, methods=["POST"]),
        Route("/logout", login.leave, methods=["POST"]),
    ]


def _refused(request: Request, error: Exception) -> Response:
    """What cannot be answered, as a page that says so."""
    assert isinstance(error, HTTPException)
    return render(request, "error.html", status=error.status_code, reason=error.detail)
