"""What every view is given: ledger, settings and templates, and how a time is written.

Times are shown in the time zone of the machine that watches. What may be asked at all belongs in `guard`.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from traces_core.live.ledger import CameraState, Ledger, State
from traces_core.live.page.tokens import Attempts
from traces_core.live.settings import Camera, LiveSettings
from traces_core.printing import printable
from traces_core.redaction import redacted
from traces_core.report.formatting import number, plural, words
from traces_core.streams.table import LATE

log = logging.getLogger(__name__)

KNOWS_A_SCORE: tuple[State, ...] = ("running", "behind")
"""States in which a camera has a score."""
_SAME_LOOK_S = 600
_MOST_LOOKS = 2000


@dataclass(frozen=True)
class Site:
    """One installation, as its page sees it."""

    folder: Path
    """The folder `live/`."""
    ledger: Ledger
    """The page's own connection."""
    read_settings: Callable[[], LiveSettings]
    """Gives cameras.yaml as it is now."""
    key: bytes
    """Signs sessions."""
    problem: Callable[[], str] = str
    """Says why cameras.yaml was left as it was; empty where it was not."""
    attempts: Attempts = field(default_factory=Attempts)
    """Failed logins, by address."""
    looks: dict[tuple[str, str], float] = field(default_factory=dict)
    """Who looked at what, and when that was logged last."""
    drawn: dict[str, tuple[object, float, bytes | memoryview]] = field(default_factory=dict)
    """Parts of pages that are the same for everybody: what they were drawn from, when, and the part."""

    @property
    def settings(self) -> LiveSettings:
        """cameras.yaml as it is now."""
        return self.read_settings()

    @property
    def token(self) -> str | None:
        """What is asked for at the login; None where only this machine may look."""
        return self.settings.page.token

    def camera(self, name: str) -> Camera | None:
        """A camera of cameras.yaml; None where it is not (any more) in it."""
        return next((one for one in self.settings.cameras if one.name == name), None)

    def state(self, name: str) -> CameraState | None:
        """How a camera is; None where the engine never said."""
        return next((one for one in self.ledger.cameras() if one.name == name), None)

    def days_back_s(self, days: float, end_s: float) -> float:
        """Where a picture of the last days begins (seconds since 1970): not long before anything is known."""
        [known] = self.ledger.read(
            "SELECT MIN(start_s) AS first FROM "
            "(SELECT start_s FROM health UNION ALL SELECT start_s FROM alarm)"
        )
        first_s = end_s if known["first"] is None else float(known["first"])
        return max(end_s - days * 86400, min(end_s - 3600, first_s - 0.05 * (end_s - first_s)))

    def seal(self, token: str) -> str:
        """What a session holds once this token was given; a changed token ends it."""
        return hmac.new(self.key, token.encode(), hashlib.sha256).hexdigest()

    def streams(self, name: str) -> list[str]:
        """The streams of a camera, those of cameras.yaml first."""
        camera = self.camera(name)
        wanted = list(camera.streams) if camera else []
        rows = self.ledger.read("SELECT DISTINCT stream FROM block WHERE camera = ? ORDER BY stream", (name,))
        return list(dict.fromkeys([*wanted, *(row["stream"] for row in rows)])) or [LATE]

    def first_stream(self, name: str) -> str:
        """The stream that a camera is shown by."""
        camera = self.camera(name)
        return camera.streams[0] if camera else self.streams(name)[0]

    def threshold(self, name: str, stream: str, state: CameraState | None) -> float | None:
        """The threshold in use: a person's own, else what the engine says it compares with."""
        own = self.ledger.thresholds(name).get(stream)
        return self.engine_threshold(stream, state) if own is None else own

    def engine_threshold(self, stream: str, state: CameraState | None) -> float | None:
        """What the engine says it compares with; None where it did not say."""
        if state is None:
            return None
        several = state.facts.get("thresholds")
        if isinstance(several, dict):
            value = several.get(stream)
        else:
            value = state.facts.get("threshold") if stream == self.first_stream(state.name) else None
        return float(value) if isinstance(value, int | float) else None


def site_of(request: Request) -> Site:
    """The installation that a request is about."""
    site: Site = request.app.state.site
    return site


def who(request: Request) -> str:
    """Who asks, for the log of looks: an address, as far as it is known."""
    return request.client.host if request.client else "unknown"


def note_look(request: Request, what: str) -> None:
    """Log that somebody looked; the same within ten minutes, as a page that refreshes itself, is one look."""
    site, now_s = site_of(request), time.time()
    look = who(request), what
    if now_s - site.looks.get(look, 0.0) > _SAME_LOOK_S:
        site.looks.pop(look, None)
        site.looks[look] = now_s
        while len(site.looks) > _MOST_LOOKS:
            site.looks.pop(next(iter(site.looks)), None)
        try:
            site.ledger.note_look(*look, now_s)
        except sqlite3.OperationalError as error:  # a full disk: who is to mend it has to see the page
            site.looks.pop(look, None)
            log.warning("%s looked at %s, which cannot be written: %s", *look, error)


def is_partial(request: Request) -> bool:
    """Whether a page that is open asks for a part of it."""
    return request.headers.get("hx-request") == "true"


def csrf(request: Request) -> str:
    """The token that every form of this session carries."""
    if "csrf" not in request.session:
        request.session["csrf"] = secrets.token_urlsafe(18)
    return str(request.session["csrf"])


def render(request: Request, template: str, *, status: int = 200, **values: Any) -> Response:
    """A page or a part of one; all texts are escaped and without secrets."""
    site = site_of(request)
    common = {
        "csrf": csrf(request),
        "here": request.scope["path"],
        "has_login": site.token is not None,
        "now_s": time.time(),
        "status": status,
    }
    text = _TEMPLATES.get_template(template).render(common | values)
    return HTMLResponse(text, status_code=status)


def at(time_s: float, seconds: bool = True) -> str:
    """A time of day, with its date where that is not today."""
    moment = datetime.fromtimestamp(time_s)
    clock = moment.strftime("%H:%M:%S" if seconds else "%H:%M")
    if moment.date() == datetime.now().date():
        return clock
    year = "" if moment.year == datetime.now().year else f" {moment.year}"
    return f"{moment.strftime('%a')} {moment.day} {moment.strftime('%b')}{year}, {clock}"


def lasting(seconds: float) -> str:
    """A length of time in one unit.

    Examples
    --------
    >>> lasting(4.2), lasting(300), lasting(7200), lasting(200_000)
    ('4 s', '5 min', '2 h', '2 days')
    """
    seconds = max(0.0, seconds)
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else plural(int(seconds / 86400), "day")


def _iso(time_s: float) -> str:
    return datetime.fromtimestamp(time_s).astimezone().isoformat(timespec="seconds")


def _shown(value: Any) -> Any:
    return redacted(printable(value)) if type(value) is str else value


_TEMPLATES = Environment(
    loader=PackageLoader("traces_core.live.page"),
    autoescape=True,
    undefined=StrictUndefined,
    finalize=_shown,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters |= {
    "at": at,
    "iso": _iso,
    "lasting": lasting,
    "number": number,
    "plural": plural,
    "words": words,
    "segments": lambda path: Markup(quote(path)),
    "segment": lambda text: Markup(quote(text, safe="")),
    "pct": lambda units: Markup(f"{units:.2f}%"),
}
