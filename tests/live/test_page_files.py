"""Files, strangers' words, looks and events of the page."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from page_client import NOW_S, client, post, text
from page_sample import fill, settings
from starlette.testclient import TestClient

from traces_core.live.ledger import Alarm, CameraState, Ledger
from traces_core.live.page import page

HOSTILE = '<script>alert("1")</script>\x1b[31m\u202e{{ 7*7 }}'


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = fill(tmp_path / "live", NOW_S, days=0.5)
    yield ledger
    ledger.close()


@pytest.fixture
def ask(ledger: Ledger) -> TestClient:
    return client(ledger)


# Files.


def test_a_player_gets_the_part_of_a_clip_that_it_asks_for(ask: TestClient, ledger: Ledger) -> None:
    whole = (ledger.folder / "clips" / "fight.mp4").read_bytes()
    answer = ask.get("/clips/fight.mp4", headers={"range": "bytes=100-199"})
    assert (answer.status_code, answer.content) == (206, whole[100:200])
    assert answer.headers["content-range"] == f"bytes 100-199/{len(whole)}"
    assert ask.get("/clips/fight.mp4", headers={"range": "bytes=-7"}).content == whole[-7:]
    assert ask.get("/clips/fight.mp4", headers={"range": f"bytes={len(whole)}-"}).status_code == 416
    assert ask.get("/clips/fight.mp4").headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    "path",
    [
        *("../live.sqlite", "..%2flive.sqlite", "%2e%2e/page.key", "/etc/passwd", "//etc/passwd", "a%00.jpg"),
        *("link.jpg", "loop.jpg", "deep/link/x.jpg", "notes.txt", "page.html", "x" * 5000 + ".jpg"),
    ],
)
@pytest.mark.parametrize("kind", ["frames", "clips"])
def test_nothing_but_a_picture_or_a_clip_within_the_folder_is_given(
    ledger: Ledger, kind: str, path: str
) -> None:
    outside = ledger.folder.parent / "outside"
    outside.mkdir()
    (outside / "x.jpg").write_bytes(b"secret")
    (ledger.folder / kind / "link.jpg").symlink_to(outside / "x.jpg")
    (ledger.folder / kind / "loop.jpg").symlink_to("loop.jpg")
    (ledger.folder / kind / "deep").mkdir()
    (ledger.folder / kind / "deep" / "link").symlink_to(outside)
    for name in ("notes.txt", "page.html"):
        (ledger.folder / kind / name).write_text("secret")
    answer = client(ledger).get(f"/{kind}/{path}")
    assert answer.status_code == 404
    assert "secret" not in answer.text


def test_a_folder_of_frames_that_is_a_link_elsewhere_gives_nothing(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "x.jpg").write_bytes(b"secret")
    ledger = Ledger(tmp_path / "live")
    (ledger.folder / "frames").symlink_to(tmp_path / "elsewhere")
    assert client(ledger).get("/frames/x.jpg").status_code == 404


# Strangers' words, and who looked.


def test_hostile_words_are_shown_as_words(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path)
    ledger.say_state(
        CameraState(
            "gate",
            HOSTILE,
            "failed",
            NOW_S,
            f"{HOSTILE} rtsp://u:hunter2@h/x",
            {"score": HOSTILE, "sampled": HOSTILE},
            NOW_S,
        )
    )
    ledger.say_state(CameraState(HOSTILE, HOSTILE, "running", NOW_S, HOSTILE, {"fps": HOSTILE}, NOW_S))
    reasons = {"anomalous": [[HOSTILE, 0.5, HOSTILE], [HOSTILE], HOSTILE], "normal": 3, "because": [HOSTILE]}
    alarm = Alarm(
        "a1", "gate", HOSTILE, False, NOW_S, NOW_S, NOW_S, 0.9, 0.8, HOSTILE, reasons, {HOSTILE: HOSTILE}
    )
    ledger.put_alarm(replace(alarm, frame=f"frames/{HOSTILE}.jpg", clip=f'clips/"><b>{HOSTILE}'))
    ledger.put_blocks("gate", HOSTILE, {int(NOW_S) // 60 * 60 - 60: 0.5})
    ask = client(ledger)
    post(ask, "/alarms/a1", "/alarms/a1/mark", mark="real", note=HOSTILE)
    for path in (
        "/",
        "/alarms",
        "/alarms/a1",
        "/cameras/gate",
        f"/silent?camera=gate&at={NOW_S}",
        f"/alarms?camera={quote(HOSTILE)}&day={quote(HOSTILE)}",
        "/alarms/" + quote(HOSTILE),
    ):
        shown = ask.get(path).text
        assert "<script>alert" not in shown, path
        assert "<b><script" not in shown, path
        assert "\x1b" not in shown, path
        assert "\u202e" not in shown, path
        assert "hunter2" not in shown, path
        assert "49" not in re.findall(r"script&gt;(\d\d)", shown), path


def test_who_looked_at_what_is_logged(ask: TestClient, ledger: Ledger) -> None:
    for path in ("/alarms/a00", "/cameras/gate", "/clips/fight.mp4"):
        ask.get(path)
    ask.get("/alarms/a00", headers={"hx-request": "true"})
    ask.get("/clips/fight.mp4", headers={"range": "bytes=9-"})
    ask.get("/alarms/a03", headers={"hx-request": "true"})
    ask.get("/frames/gate.jpg")
    post(ask, "/cameras/old-shed", "/cameras/old-shed/erase", confirm="old-shed")
    looked = [(row["who"], row["what"]) for row in ledger.read("SELECT * FROM looked ORDER BY at_s, rowid")]
    assert looked == [
        ("127.0.0.1", what)
        for what in (
            *("alarm a00 of car-park", "camera gate", "clip fight.mp4", "alarm a03 of yard"),
            "picture gate.jpg",
            *("camera old-shed", "erased camera old-shed"),
        )
    ]


# Events, through a real server.


@pytest.fixture
def served(ledger: Ledger) -> Iterator[str]:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        app = page(ledger.folder, settings)
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=30)
            assert not thread.is_alive()


def test_an_event_is_sent_when_a_score_changes_and_when_an_alarm_is_marked(
    served: str, ledger: Ledger
) -> None:
    with httpx.stream("GET", f"{served}/events", timeout=20, trust_env=False) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        lines = answer.iter_lines()
        assert next(lines).startswith("retry:")
        gate = next(one for one in ledger.cameras() if one.name == "gate")
        ledger.say_state(replace(gate, facts={**gate.facts, "score": 0.999}, updated_s=time.time()))
        assert next(line for line in lines if line.startswith("event:")) == "event: cameras"
        ledger.mark("a00", "real", "", time.time())
        assert next(line for line in lines if line.startswith("event:")) == "event: alarms"
    assert "0.999" in text(httpx.get(f"{served}/wall", trust_env=False))


@pytest.mark.parametrize(
    "path", ["/frames/../live.sqlite", "/frames/..%2f..%2flive.sqlite", "/static/../page.key"]
)
def test_a_path_that_no_client_has_tidied_leads_nowhere(served: str, path: str) -> None:
    connection = http.client.HTTPConnection(served.removeprefix("http://"), timeout=20)
    connection.request("GET", path)
    answer = connection.getresponse()
    assert answer.status == 404
    assert b"SQLite" not in answer.read()
    connection.close()


def test_health_counts_the_cameras_by_state(ask: TestClient) -> None:
    said = json.loads(ask.get("/health").content)
    assert said["cameras"] == {"running": 2, "behind": 1, "stalled": 1, "failed": 1}
