"""Fixtures of the tests of live."""

from __future__ import annotations

import time

import pytest


@pytest.fixture(autouse=True)
def sample_time(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """For the page it is now the time at which its made-up week ends, however late the test runs."""
    if not request.module.__name__.startswith("test_page"):
        return
    from page_client import NOW_S

    begun_s = time.monotonic()
    monkeypatch.setattr(time, "time", lambda: NOW_S + time.monotonic() - begun_s)
