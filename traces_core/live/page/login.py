"""Logging in with the token of cameras.yaml, and out again."""

from __future__ import annotations

import time

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from traces_core.live.page.site import render, site_of, who
from traces_core.live.page.tokens import same_secret


def show(request: Request) -> Response:
    """The form that asks for the token."""
    if site_of(request).token is None:
        return RedirectResponse("/", 303)
    return render(request, "login.html", problem="")


def enter(request: Request) -> Response:
    """Begin a session, where the token is right."""
    site = site_of(request)
    if site.token is None:
        return RedirectResponse("/", 303)
    address, now_s = who(request), time.time()
    if site.attempts.is_over(address, now_s):
        return render(request, "login.html", status=429, problem="Too many wrong tokens. Wait a minute.")
    if not same_secret(request.scope["form"].get("token", "").strip(), site.token):
        site.attempts.failed(address, now_s)
        return render(request, "login.html", status=401, problem="That is not the token of cameras.yaml.")
    request.session.clear()
    request.session["login"] = site.seal(site.token)
    site.ledger.note_look(address, "logged in", now_s)
    return RedirectResponse("/", 303)


def leave(request: Request) -> Response:
    """End the session."""
    request.session.clear()
    return RedirectResponse("/login", 303)
