"""A real Chromium without a window, over its DevTools protocol: open, wait, click, type, take a picture.

`websockets` comes with Dagster's webserver, so that no driver has to be installed. What is looked at is in
`walk_through`.
"""

from __future__ import annotations

import base64
import contextlib
import itertools
import json
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from websockets.sync.client import ClientConnection, connect

WIDTH, HEIGHT = 1480, 980
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

_FIND = """((text, within, exact, beside) => {
  const shown = one => { const box = one.getBoundingClientRect(); return box.width > 0 && box.height > 0; };
  const says = one => (one.innerText || one.getAttribute('aria-label') || '').trim();
  const fits = one => exact ? says(one) === text : says(one).includes(text);
  const near = one => !beside || one.closest('tr')?.innerText.trim().startsWith(beside);
  const can = one => shown(one) && fits(one) && near(one) && !one.disabled;
  const found = [...document.querySelectorAll(within)].filter(can);
  if (!found.length) return null;
  const area = one => one.getBoundingClientRect().width * one.getBoundingClientRect().height;
  const size = one => [says(one).length, area(one)];
  const one = found.reduce((a, b) => (size(b)[0] - size(a)[0] || size(b)[1] - size(a)[1]) <= 0 ? b : a);
  one.scrollIntoView({block: 'center'});
  const box = one.getBoundingClientRect();
  return [box.x + box.width / 2, box.y + box.height / 2];
})"""


class MissingError(RuntimeError):
    """Something that should be on the page is not."""


class Page:
    """One tab."""

    def __init__(self, socket: ClientConnection, pictures: Path) -> None:
        self._socket, self._pictures = socket, pictures
        self._ids = itertools.count(1)
        self._taken = itertools.count(1)
        self.call("Page.enable")
        self.call(
            "Emulation.setDeviceMetricsOverride",
            width=WIDTH, height=HEIGHT, deviceScaleFactor=1, mobile=False,
        )  # fmt: skip

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command of the protocol, and its answer."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            answer = json.loads(self._socket.recv(timeout=60))
            if answer.get("id") == number:
                if "error" in answer:
                    raise RuntimeError(f"{method}: {answer['error']}")
                return dict(answer["result"])

    def evaluate(self, expression: str) -> Any:
        """The value of an expression of JavaScript."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    def text(self) -> str:
        """All that can be read on the page."""
        return str(self.evaluate("document.body ? document.body.innerText : ''"))

    def open(self, url: str, *waited_for: str, timeout_s: float = 120.0) -> None:
        """Go there, and wait until each of some texts can be read."""
        self.call("Page.navigate", url=url)
        for text in waited_for:
            self.wait(text, timeout_s=timeout_s)

    def wait(self, text: str, *, timeout_s: float = 120.0, gone: bool = False) -> None:
        """Wait until a text can be read, or cannot any more; case does not matter."""
        end = time.monotonic() + timeout_s
        while (text.lower() in self.text().lower()) == gone:
            if time.monotonic() > end:
                self.picture("stuck")
                what = "is still there" if gone else "does not appear"
                raise MissingError(
                    f"{text!r} {what} after {timeout_s:g} s. The page says:\n{self.text()[:1500]}"
                )
            time.sleep(0.3)

    def click(
        self,
        text: str,
        within: str = "button, a, [role]",
        *,
        exact: bool = True,
        beside: str = "",
        timeout_s: float = 60.0,
    ) -> None:
        """Click with the mouse on what says a text; in a table, in the row that begins with another."""
        end = time.monotonic() + timeout_s
        find = self._find(text, within, exact, beside)
        while (at := self.evaluate(find)) is None:
            if time.monotonic() > end:
                self.picture("stuck")
                raise MissingError(f"nothing to click says {text!r}. The page says:\n{self.text()[:1500]}")
            time.sleep(0.3)
        where = {"x": at[0], "y": at[1], "button": "left", "clickCount": 1}
        time.sleep(0.3)  # what scrolled into view has come to rest
        where["x"], where["y"] = self.evaluate(find) or at
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, **where)

    def has(self, text: str, within: str, *, beside: str) -> bool:
        """Whether something says a text in the row of a table that begins with another."""
        return self.evaluate(self._find(text, within, True, beside)) is not None

    @staticmethod
    def _find(*wanted: str | bool) -> str:
        return f"{_FIND}({', '.join(map(json.dumps, wanted))})"

    def escape(self) -> None:
        """Press Escape: a dialog closes."""
        for kind in ("keyDown", "keyUp"):
            self.call(
                "Input.dispatchKeyEvent", type=kind, key="Escape", code="Escape", windowsVirtualKeyCode=27
            )

    def pictures_on_page(self) -> list[tuple[int, int]]:
        """Width and height of each picture of ours that the browser has drawn (data addresses)."""
        return [
            (int(width), int(height))
            for width, height in self.evaluate(
                "[...document.images].filter(one => one.src.startsWith('data:image') && one.complete)"
                ".map(one => [one.naturalWidth, one.naturalHeight])"
            )
        ]

    def picture(self, name: str, *, rest_s: float = 1.0) -> Path:
        """A picture of what is to be seen once it has come to rest, numbered in the order of taking."""
        time.sleep(rest_s)
        screenshot = self.call("Page.captureScreenshot", format="png")
        path = self._pictures / f"{next(self._taken):02d}-{name}.png"
        path.write_bytes(base64.b64decode(screenshot["data"]))
        return path


@contextlib.contextmanager
def browser(pictures: Path) -> Iterator[Page]:
    """A tab of a Chromium that ends with the block; its pictures go to a folder."""
    chromium = next(filter(None, map(shutil.which, (os.environ.get("CHROMIUM", ""), *NAMES))), None)
    if chromium is None:
        raise MissingError(f"no Chromium: install one of {', '.join(NAMES)}, or name it in CHROMIUM")
    pictures.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="traces-chromium-") as profile:
        command = [
            *(chromium, "--headless=new", "--remote-debugging-port=0", f"--user-data-dir={profile}"),
            *("--no-first-run", "--disable-gpu", "--disable-dev-shm-usage", "--hide-scrollbars"),
            *(["--no-sandbox"] if os.geteuid() == 0 else []),  # root may not have one
            "about:blank",
        ]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
        try:
            with connect(_tab(process), max_size=None, proxy=None, open_timeout=60) as socket:
                yield Page(socket, pictures)
        finally:
            process.terminate()
            process.wait(timeout=30)


def _tab(process: subprocess.Popen[str]) -> str:
    """The address of the first tab, once the browser has printed where it listens."""
    assert process.stderr is not None
    for line in process.stderr:
        if match := re.search(r"DevTools listening on ws://([\d.:]+)/", line):
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(f"http://{match[1]}/json/list", timeout=60) as answer:
                return next(tab["webSocketDebuggerUrl"] for tab in json.load(answer) if tab["type"] == "page")
    raise MissingError("Chromium ended before it listened")
