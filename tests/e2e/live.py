"""What a person does on the page of the live cameras, done by a browser: `make e2e`.

    a made-up week ──> the page, served ──> look at each page, wide and narrow; mark by keys; try a threshold

It fails where something cannot be found, or is wider than a phone; that it also looks right, the pictures in
reports/e2e/live/ are for.
"""

from __future__ import annotations

import contextlib
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import uvicorn

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "live"), str(Path(__file__).parent)]

from browser import MissingError, Page, browser  # noqa: E402
from page_sample import draw_frame, fill, settings, write_clip  # noqa: E402

from traces_core.live.ledger import Ledger  # noqa: E402
from traces_core.live.page import page as app_of  # noqa: E402
from traces_core.live.settings import LiveSettings  # noqa: E402
from traces_core.live.settings import Page as PageSettings  # noqa: E402

PICTURES = ROOT / "reports" / "e2e" / "live"
WIDTHS = {"wide": (1480, 980), "phone": (360, 740)}


@contextlib.contextmanager
def served(folder: Path, given: Callable[[], LiveSettings] = settings) -> Iterator[str]:
    """The page of a folder at some port, until the block ends."""
    config = uvicorn.Config(app_of(folder, given), port=0, log_level="warning", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        end = time.monotonic() + 30
        while not server.started:
            if time.monotonic() > end:
                raise MissingError("the page is not served after 30 s")
            time.sleep(0.05)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(timeout=30)


def resize(page: Page, width: int, height: int, *, dark: bool = False) -> None:
    """Another size of window, and the reader's colours."""
    page.call(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
    )
    scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
    page.call("Emulation.setEmulatedMedia", features=[scheme])


def press(page: Page, key: str) -> None:
    """Press and let go of a letter."""
    for kind in ("keyDown", "keyUp"):
        text = {"text": key} if kind == "keyDown" else {}
        page.call(
            "Input.dispatchKeyEvent",
            type=kind, key=key, code=f"Key{key.upper()}", windowsVirtualKeyCode=ord(key.upper()), **text,
        )  # fmt: skip


def ready(page: Page, url: str, *texts: str) -> None:
    """Go there, and wait for texts and for the scripts that answer to keys."""
    page.open(url, *texts, timeout_s=20)
    end = time.monotonic() + 20
    while page.evaluate("document.readyState") != "complete":
        if time.monotonic() > end:
            raise MissingError(f"{url} is not complete after 20 s")
        time.sleep(0.05)


def photograph(page: Page, name: str) -> None:
    """The whole page at every width, the wide one in the dark, too; none may scroll sideways."""
    for size, (width, height) in WIDTHS.items():
        resize(page, width, height)
        time.sleep(0.4)
        wide, tall = page.evaluate(
            "(one => [one.scrollWidth, Math.max(innerHeight, one.scrollHeight)])(document.documentElement)"
        )
        if wide > width:
            raise MissingError(f"{name} is {wide} pixels wide on a window of {width}")
        resize(page, width, min(int(tall), 4000))
        page.picture(f"{name}-{size}", rest_s=0.5)
    resize(page, *WIDTHS["wide"], dark=True)
    page.picture(f"{name}-dark", rest_s=0.5)
    resize(page, *WIDTHS["wide"])


def look_at_every_page(page: Page, url: str) -> None:
    """Each page as a person finds it."""
    for name, path, texts in (
        ("wall", "/", ("car-park", "No sink is configured", "stalled")),
        ("alarms", "/alarms", ("corridor-2", "not marked")),
        ("alarm", "/alarms/a00", ("Nearest anomalous traces", "Was it real?")),
        ("camera", "/cameras/gate", ("Would have raised", "How it was")),
        ("gone", "/cameras/old-shed", ("Erase it",)),
        ("silent", f"/silent?camera=gate&at={time.time() - 1200:.0f}", ("What would have caught it",)),
        ("missing", "/alarms/none", ("That did not work",)),
    ):
        ready(page, url + path, *texts)
        photograph(page, name)


def see_what_no_browser_plays(page: Page, url: str, ledger: Ledger, folder: Path) -> None:
    """A clip is kept as the camera sent it; where the browser has no decoder for it the page says so."""
    ready(page, f"{url}/alarms/a00", "Was it real?")
    said = "This browser cannot play the clip"
    if said in page.evaluate("document.body.innerText"):
        raise MissingError("a clip that plays is said not to")
    write_clip(folder / "clips" / "old.mp4", codec="mpeg4")
    ledger.set_clip("a00", "clips/old.mp4")
    ready(page, f"{url}/alarms/a00", said)
    photograph(page, "unplayable")
    ledger.set_clip("a00", "clips/fight.mp4")


def see_the_wall_move(page: Page, url: str, ledger: Ledger, folder: Path) -> None:
    """A new score and a new picture appear without a reload."""
    ready(page, f"{url}/", "car-park")
    page.evaluate("window.stays = true")
    draw_frame(folder / "frames" / "gate.jpg", 200, at=0.9)
    for score in (0.411, 0.987):
        gate = next(one for one in ledger.cameras() if one.name == "gate")
        facts = {**gate.facts, "score": score}
        ledger.say_state(replace(gate, facts=facts, updated_s=time.time()))
        page.wait(f"{score}", timeout_s=15)
    if not page.evaluate("window.stays"):
        raise MissingError("the wall was loaded again instead of being refreshed")
    page.picture("wall-moved")


def mark_by_keys(page: Page, url: str, ledger: Ledger) -> None:
    """r marks the alarm as real, j goes to the next one, f marks that as false, k comes back."""
    ready(page, f"{url}/alarms/a00", "Nobody has marked it")
    press(page, "r")
    page.wait("Marked real", timeout_s=15)
    page.picture("marked")
    press(page, "j")
    page.wait("Newer", timeout_s=15)
    ready(page, page.evaluate("location.href"), "Was it real?")
    beside = str(page.evaluate("location.pathname")).rsplit("/", 1)[1]
    press(page, "f")
    page.wait("Marked false", timeout_s=15)
    press(page, "k")
    page.wait("Marked real", timeout_s=15)
    for alarm, mark in (("a00", "real"), (beside, "false")):
        found = ledger.alarm(alarm)
        if found is None or found.mark != mark:
            raise MissingError(f"{alarm} is not marked {mark}: {found}")


def try_a_threshold(page: Page, url: str, ledger: Ledger) -> None:
    """The handle tells what another threshold would have raised; a button uses it, another takes it back."""
    ready(page, f"{url}/cameras/gate", "(in use)")
    before = page.evaluate("document.querySelector('#what-if').innerText")
    page.evaluate(
        "(() => { const one = document.querySelector('#value'); one.value = 0.6; "
        "one.dispatchEvent(new Event('input', {bubbles: true})); })()"
    )
    page.wait("Leave it", timeout_s=15)
    if page.evaluate("document.querySelector('#what-if').innerText") == before:
        raise MissingError("the handle was moved, and nothing else is said")
    page.evaluate("document.querySelector('#days').scrollIntoView()")
    photograph(page, "tried")
    page.click("Use 0.6", within="button", exact=False)
    page.wait("set on the page", timeout_s=15)
    if not 0.59 < ledger.thresholds("gate").get("late", 0) < 0.61:
        raise MissingError(f"the threshold is not kept: {ledger.thresholds('gate')}")
    page.click("Take it back", within="button")
    page.wait("from the calibration", timeout_s=15)


def filter_alarms(page: Page, url: str) -> None:
    """Another camera is chosen, and the list is of that one alone."""
    ready(page, f"{url}/alarms", "car-park")
    page.evaluate(
        "(() => { const one = document.querySelector('select[name=camera]'); one.value = 'yard'; "
        "one.dispatchEvent(new Event('change', {bubbles: true})); })()"
    )
    page.evaluate("new Promise(go => setTimeout(go, 1000))")
    shown = page.evaluate(
        "[...new Set([...document.querySelectorAll('tbody td:nth-child(2)')].map(o => o.innerText))]"
    )
    if shown != ["yard"]:
        raise MissingError(f"only yard was asked for, and {shown} is listed")
    page.picture("filtered")


TOKEN = "a token of the walk"


def closed() -> LiveSettings:
    """The same with a token."""
    return settings().model_copy(update={"page": PageSettings(token=TOKEN)})


def log_in(page: Page, url: str) -> None:
    """Where a token is set, it is asked for; a wrong one is said to be wrong; then everything is open."""
    ready(page, f"{url}/alarms/a00", "Token of this installation")
    photograph(page, "login")
    for token, expected in (("not this one at all", "That is not the token"), (TOKEN, "car-park")):
        page.evaluate(f"document.querySelector('[name=token]').value = {token!r}")
        page.click("Log in", within="button")
        page.wait(expected, timeout_s=15)
    page.click("Log out", within="button")
    page.wait("Token of this installation", timeout_s=15)


def walk(pictures: Path = PICTURES) -> None:
    """All of it."""
    shutil.rmtree(pictures, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="traces-e2e-live-") as name:
        folder = Path(name)
        ledger = fill(folder, time.time())
        with served(folder) as url, browser(pictures) as page:
            look_at_every_page(page, url)
            see_what_no_browser_plays(page, url, ledger, folder)
            see_the_wall_move(page, url, ledger, folder)
            mark_by_keys(page, url, ledger)
            try_a_threshold(page, url, ledger)
            filter_alarms(page, url)
            with served(folder, closed) as other:
                log_in(page, other)
        ledger.close()


if __name__ == "__main__":
    walk()
    print(f"passed; pictures in {PICTURES}")
