"""A client of the page, as a browser on the same machine would be one."""

from __future__ import annotations

import re
import time

import httpx
from page_sample import settings
from starlette.testclient import TestClient

from traces_core.live.ledger import Ledger
from traces_core.live.page import page
from traces_core.live.settings import LiveSettings

NOW_S = time.time()


def client(ledger: Ledger, given: LiveSettings | None = None) -> TestClient:
    app = page(ledger.folder, lambda: given or settings())
    return TestClient(app, base_url="http://127.0.0.1", follow_redirects=False, client=("127.0.0.1", 9))


def post(ask: TestClient, shown: str, to: str, **form: str) -> httpx.Response:
    """A form as a person sends it: from a page that was shown."""
    found = re.search(r'name="csrf" value="([^"]+)"', ask.get(shown).text)
    assert found
    return ask.post(to, data={"csrf": found[1], **form})


def text(answer: httpx.Response) -> str:
    """What can be read on a page, in one line."""
    return " ".join(re.sub(r"<[^>]*>", " ", answer.text).split())
