"""Who may ask: every route that there is, also those that somebody adds."""

from __future__ import annotations

import re
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from page_sample import fill, settings
from starlette.applications import Starlette
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from traces_core.live.page import page
from traces_core.live.settings import LiveSettings
from traces_core.live.settings import Page as PageSettings

TOKEN = "a token of the tests"
OPEN = {"/login", "/health", "/static/live.js"}
HERE = "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("live")
    fill(folder, time.time(), days=0.2).close()
    return folder


def closed() -> LiveSettings:
    """The same with a token."""
    return settings().model_copy(update={"page": PageSettings(token=TOKEN)})


def app_of(folder: Path, *, token: bool = False) -> Starlette:
    return page(folder, closed if token else settings)


def client(folder: Path, *, token: bool = False, url: str = HERE) -> TestClient:
    return TestClient(
        app_of(folder, token=token), base_url=url, follow_redirects=False, client=("127.0.0.1", 9)
    )


_EXAMPLES = {"alarm": "a00", "camera": "gate", "path:path": "gate.jpg"}


def routes(app: Starlette) -> Iterator[tuple[str, str]]:
    """Every method and path that the application answers, with examples put in."""
    for route in app.routes:
        assert isinstance(route, Route | Mount), f"{route}: a kind of route that this test does not know"
        if isinstance(route, Mount):
            yield "GET", f"{route.path}/live.js"
            continue
        path = re.sub(r"{([^}]*)}", lambda one: _EXAMPLES[one[1]], route.path)
        for method in sorted(route.methods or ()):
            yield method, path


def every_route(folder: Path) -> list[tuple[str, str]]:
    found = list(routes(app_of(folder)))
    assert len(found) > 25
    return found


def test_without_login_no_route_answers_but_the_open_ones(folder: Path) -> None:
    ask = client(folder, token=True)
    for method, path in every_route(folder):
        if path in OPEN and method != "POST":
            continue
        for headers in ({}, {"accept": "text/html"}, {"hx-request": "true", "accept": "text/html"}):
            answer = ask.request(method, path, headers=headers)
            refused = answer.status_code in (401, 403) or answer.headers.get("location") == "/login"
            assert refused, f"{method} {path} {headers}: {answer.status_code}"
            assert "gate" not in answer.text


@pytest.mark.parametrize("host", ["x/static/", "x/login?", "x/health#", "x\\static", "127.0.0.1/static/"])
def test_a_host_that_pretends_to_be_an_open_path_opens_nothing(folder: Path, host: str) -> None:
    ask = client(folder, token=True)
    for method, path in every_route(folder):
        if path not in OPEN:
            answer = ask.request(method, path, headers={"host": host})
            assert answer.status_code in (401, 403), f"{method} {path}: {answer.status_code}"


def test_without_login_a_wrong_bearer_opens_nothing_and_soon_has_to_wait(folder: Path) -> None:
    ask = client(folder, token=True)
    answers = [
        ask.get("/metrics", headers={"authorization": f"Bearer {TOKEN}{index}"}) for index in range(15)
    ]
    assert [one.status_code for one in answers] == [401] * 10 + [429] * 5
    assert ask.get("/wall", headers={"authorization": f"Bearer {TOKEN}"}).status_code == 429


def test_a_bearer_with_the_token_may_ask_and_mark(folder: Path) -> None:
    ask = client(folder, token=True)
    ask.headers["authorization"] = f"Bearer {TOKEN}"
    assert ask.get("/wall").status_code == 200
    assert ask.post("/alarms/a05/mark", data={"mark": "unsure"}).status_code == 303


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8080", "127.0.0.1.evil.example", "10.0.0.7", ""]
)
def test_on_loopback_no_route_answers_to_a_strangers_name(folder: Path, host: str) -> None:
    ask = client(folder)
    for method, path in every_route(folder):
        assert ask.request(method, path, headers={"host": host}).status_code == 400, f"{method} {path}"


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:99", "127.0.0.1:8080", "[::1]:8080", "[::1]"])
def test_on_loopback_the_names_of_the_machine_are_answered(folder: Path, host: str) -> None:
    assert client(folder).get("/health", headers={"host": host}).status_code == 200


@pytest.mark.parametrize("token", [False, True])
def test_no_form_is_taken_without_the_token_of_its_session(folder: Path, token: bool) -> None:
    ask = client(folder, token=token)
    if token:
        log_in(ask)
    for method, path in every_route(folder):
        if method in ("GET", "HEAD"):
            continue
        for form in ({}, {"csrf": ""}, {"csrf": "guessed"}):
            assert ask.request(method, path, data=form).status_code == 403, f"{method} {path} {form}"


def test_a_form_of_another_session_is_not_taken(folder: Path) -> None:
    one, other = client(folder), client(folder)
    token = csrf(one.get("/alarms/a00").text)
    other.get("/alarms/a00")
    assert other.post("/alarms/a00/mark", data={"mark": "real", "csrf": token}).status_code == 403
    assert one.post("/alarms/a00/mark", data={"mark": "real", "csrf": token}).status_code == 303


def csrf(text: str) -> str:
    found = re.search(r'name="csrf" value="([^"]+)"', text)
    assert found
    return found[1]


def log_in(ask: TestClient, token: str = TOKEN) -> int:
    return ask.post("/login", data={"token": token, "csrf": csrf(ask.get("/login").text)}).status_code


def test_after_login_every_page_is_open_and_after_logout_none(folder: Path) -> None:
    ask = client(folder, token=True)
    assert log_in(ask, "a wrong token of mine") == 401
    assert log_in(ask) == 303
    shown = ask.get("/alarms/a00")
    assert shown.status_code == 200
    assert ask.post("/logout", data={"csrf": csrf(shown.text)}).status_code == 303
    assert ask.get("/alarms/a00").status_code == 401


def test_a_changed_token_ends_the_sessions_of_the_old_one(folder: Path) -> None:
    current = closed()
    ask = TestClient(page(folder, lambda: current), base_url=HERE, follow_redirects=False)
    log_in(ask)
    assert ask.get("/wall").status_code == 200
    current = settings().model_copy(update={"page": PageSettings(token="quite another token")})
    assert ask.get("/wall").status_code == 401


def test_tokens_cannot_be_tried_one_after_the_other(folder: Path) -> None:
    ask = client(folder, token=True)
    assert [log_in(ask, f"wrong token number {index}") for index in range(11)] == [401] * 10 + [429]
    assert log_in(ask) == 429


def test_the_session_is_kept_from_scripts_and_from_other_sites(folder: Path) -> None:
    cookie = client(folder).get("/alarms/a00").headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie


def test_a_forged_session_opens_nothing(folder: Path) -> None:
    ask = client(folder, token=True)
    ask.cookies.set("traces_live", "eyJsb2dpbiI6ICJ4In0=.aaaa.bbbb")
    assert ask.get("/wall").status_code == 401


def test_the_key_of_the_sessions_is_for_its_owner_alone_and_outlives_a_restart(folder: Path) -> None:
    app_of(folder)
    key = (folder / "page.key").read_bytes()
    assert stat.S_IMODE((folder / "page.key").stat().st_mode) == 0o600
    (folder / "page.key").chmod(0o600)
    app_of(folder)
    assert (folder / "page.key").read_bytes() == key
    (folder / "page.key").chmod(0o644)
    app_of(folder)
    assert (folder / "page.key").read_bytes() != key


def test_every_answer_says_what_a_browser_has_to_keep_to(folder: Path) -> None:
    ask = client(folder)
    for method, path in every_route(folder):
        if path == "/events":
            continue
        headers = ask.request(method, path).headers
        policy = headers["content-security-policy"]
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cross-origin-resource-policy"] == "same-origin"


def test_no_page_has_scripts_or_styles_within(folder: Path) -> None:
    ask = client(folder)
    for method, path in every_route(folder):
        if method == "GET" and path != "/events":
            text = ask.get(path).text
            assert not re.search(r"<script(?! src=)|<style|\sstyle=|\son[a-z]+=|javascript:", text), path


def test_a_link_on_another_site_is_asked_for_again_so_that_the_session_is_sent_along(folder: Path) -> None:
    headers = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "accept": "text/html"}
    answer = client(folder, token=True).get("/alarms/a00", headers=headers)
    assert 'http-equiv="refresh"' in answer.text
    assert "set-cookie" not in answer.headers
    assert "car-park" not in answer.text


def test_a_form_without_end_is_refused(folder: Path) -> None:
    assert client(folder).post("/alarms/a00/mark", content=b"x" * 100_000).status_code == 413


def test_a_form_of_too_many_fields_is_refused(folder: Path) -> None:
    assert client(folder).post("/alarms/a00/mark", content=b"a=1&" * 60).status_code == 413
