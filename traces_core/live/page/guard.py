"""Who may ask: host, login, forgery of requests, and the headers of every answer.

Whatever is routed passes here first, so that a new route is guarded without being mentioned. Where no token
is set, only this machine may ask, by one of its own names: a page of a stranger whose name is made to point
here (DNS rebinding) is refused.
"""

from __future__ import annotations

import time
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from traces_core.live.page.site import Site, who
from traces_core.live.page.tokens import same_secret

COOKIE = "traces_live"
"""Name of the cookie that holds the session."""
_OWN_NAMES = ("localhost", "127.0.0.1", "[::1]")
_OPEN = ("/login", "/health")
_LONGEST_FORM = 64 * 1024
_SAFE = ("GET", "HEAD", "OPTIONS")
_HEADERS = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; "
    "img-src 'self' data:; media-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'",
    "x-frame-options": "DENY",
    "x-content-type-options": "nosniff",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
}
_AGAIN = '<!doctype html><title>TRACES</title><meta http-equiv="refresh" content="0"><p>One moment.'
"""What a link on another site gets: the browser then asks again, with the cookie it held back (SameSite)."""


class Headers:
    """Puts what a browser has to keep to on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, with the headers."""

        async def put(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("cache-control", "no-store")
            await send(message)

        await self._app(scope, receive, put)


class Guard:
    """Lets through what may be asked, with the form of a POST in `scope["form"]`."""

    def __init__(self, app: ASGIApp, site: Site) -> None:
        self._app, self._site = app, site

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, or refuse."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
        elif scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
        else:
            request = Request(scope, receive)
            refusal = self._stranger(request) or await self._forged(request)
            await (refusal or self._app)(scope, receive, send)

    def _stranger(self, request: Request) -> Response | None:
        """Why whoever asks is refused; None where they may ask."""
        token = self._site.token
        if token is None and not _is_own_name(request.headers.get("host", "")):
            names = ", ".join(_OWN_NAMES)
            return PlainTextResponse(f"Ask by one of these names: {names}, or set page.token.", 400)
        if _came_from_elsewhere(request):
            return HTMLResponse(_AGAIN)
        path = request.scope["path"]  # request.url is made with the host header: a stranger's words
        if token is None or path in _OPEN or path.startswith("/static/"):
            return None
        if same_secret(str(request.session.get("login", "")), self._site.seal(token)):
            return None
        return self._without_session(request, token)

    def _without_session(self, request: Request, token: str) -> Response | None:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            address, now_s = who(request), time.time()
            if self._site.attempts.is_over(address, now_s):
                return PlainTextResponse("Too many wrong tokens. Wait a minute.", 429)
            if same_secret(given.strip(), token):
                request.scope["is_program"] = True
                return None
            self._site.attempts.failed(address, now_s)
        if request.method == "GET" and "text/html" in request.headers.get("accept", ""):
            headers = {"hx-redirect": "/login"} if "hx-request" in request.headers else {}
            return (
                RedirectResponse("/login", 303) if not headers else Response(status_code=401, headers=headers)
            )
        return PlainTextResponse("Log in first, or send the token as a bearer.", 401)

    async def _forged(self, request: Request) -> Response | None:
        """Why something that changes things is refused; None where it came from a form of this session."""
        if request.method in _SAFE:
            return None
        body = bytearray()
        async for piece in request.stream():
            body += piece
            if len(body) > _LONGEST_FORM:
                return PlainTextResponse("That is too long.", 413)
        try:
            fields = parse_qsl(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=50)
        except ValueError:
            return PlainTextResponse("That has too many fields.", 413)
        form = dict(fields)
        request.scope["form"] = form
        expected = str(request.session.get("csrf", ""))
        if request.scope.get("is_program") or (expected and same_secret(form.get("csrf", ""), expected)):
            return None
        return PlainTextResponse("This form is too old, or not of this page. Reload the page.", 403)


def _is_own_name(host: str) -> bool:
    name, colon, port = host.rpartition(":")
    if not colon or host.endswith("]"):
        name, port = host, ""
    return name.lower() in _OWN_NAMES and (not port or port.isdigit())


def _came_from_elsewhere(request: Request) -> bool:
    """Whether a link on another site was followed, for which a browser holds its cookie back."""
    asked = request.headers.get("sec-fetch-site"), request.headers.get("sec-fetch-mode")
    return request.method == "GET" and asked == ("cross-site", "navigate") and COOKIE not in request.cookies
