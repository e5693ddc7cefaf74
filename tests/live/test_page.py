"""What each page shows, does and keeps."""

from __future__ import annotations

import http.client
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import uvicorn
from page_sample import STREAM, fill, settings
from starlette.testclient import TestClient

from traces_core.live.ledger import Alarm, CameraState, Ledger
from traces_core.live.page import page
from traces_core.live.settings import LiveSettings

HOSTILE = '<script>alert("1")</script>\x1b[31m\u202e{{ 7*7 }}'
NOW_S = time.time()


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = fill(tmp_path / "live", NOW_S, days=0.5)
    yield ledger
    ledger.close()


@pytest.fixture
def ask(ledger: Ledger) -> TestClient:
    return client(ledger)


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


# The wall.


def test_the_wall_shows_each_camera_its_state_and_an_unknown_score_as_unknown(ask: TestClient) -> None:
    shown = text(ask.get("/"))
    for expected in (
        "gate",
        "yard",
        "stalled",
        "No frame for 14 s",
        "score unknown",
        "no longer in cameras.yaml",
    ):
        assert expected in shown


def test_the_wall_says_that_nobody_is_told_and_that_a_sink_fails(ask: TestClient) -> None:
    shown = text(ask.get("/"))
    assert "No sink is configured" in shown
    assert re.search(r"A sink fails, 1 message waits: webhook.*: HTTP 503", shown)


def test_the_wall_says_that_the_engine_is_silent_and_health_does(ledger: Ledger) -> None:
    ask = client(ledger)
    assert "engine has said nothing" not in text(ask.get("/"))
    assert ask.get("/health").status_code == 200
    for one in ledger.cameras():
        ledger.say_state(replace(one, updated_s=NOW_S - 90))
    assert "engine has said nothing for" in text(ask.get("/"))
    assert "score unknown" in text(ask.get("/")).split("gate", 1)[1].split("yard")[0]
    assert ask.get("/health").status_code == 503


def test_a_wall_without_cameras_says_how_to_name_one(tmp_path: Path) -> None:
    ask = client(Ledger(tmp_path), LiveSettings())
    assert "No camera is watched" in text(ask.get("/"))
    assert ask.get("/health").json() == {"status": "ok", "updated_s": None, "cameras": {}}


def test_a_camera_that_the_engine_has_not_reached_is_on_the_wall(tmp_path: Path) -> None:
    assert "The engine has not said anything of it yet." in text(client(Ledger(tmp_path)).get("/"))


def test_what_all_who_look_are_shown_is_drawn_once_and_again_after_a_change(ledger: Ledger) -> None:
    app = page(ledger.folder, settings)
    one, other = (TestClient(app, base_url="http://127.0.0.1") for _ in range(2))
    first = one.get("/wall").text
    assert "csrf" not in first
    drawn = app.state.site.drawn["wall"]
    assert other.get("/wall").text == first
    assert app.state.site.drawn["wall"] is drawn or time.monotonic() - drawn[1] > 1
    gate = next(camera for camera in ledger.cameras() if camera.name == "gate")
    ledger.say_state(replace(gate, state="frozen", detail="The picture stands still."))
    assert "The picture stands still." in other.get("/wall").text


# Alarms.


def test_alarms_are_listed_newest_first_and_by_camera_day_and_mark(ask: TestClient, ledger: Ledger) -> None:
    listed = re.findall(r'href="/alarms/(a\d\d)[^"]*" data-row', ask.get("/alarms").text)
    assert listed == [one.id for one in ledger.alarms()]
    query = f"camera=gate&mark=none&day={datetime.fromtimestamp(NOW_S):%Y-%m-%d}"
    midnight = datetime.fromtimestamp(NOW_S).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()
    expected = [
        one.id for one in ledger.alarms(camera="gate") if one.mark is None and one.start_s >= midnight
    ]
    assert re.findall(r'href="/alarms/(a\d\d)[^"]*" data-row', ask.get(f"/alarms?{query}").text) == expected


def test_a_day_that_is_none_is_said_to_be_none(ask: TestClient) -> None:
    answer = ask.get("/alarms?day=yesterday&page=-3&mark=odd")
    assert answer.status_code == 400
    assert "yesterday is no day" in text(answer)


def test_every_alarm_is_on_one_page_of_the_list(ledger: Ledger) -> None:
    one = ledger.alarms()[0]
    for index in range(120):
        ledger.put_alarm(replace(one, id=f"b{index:03d}", start_s=1000.0 + index, end_s=1001.0 + index))
    ask = client(ledger)
    pages = [
        re.findall(r'href="/alarms/(\w+)[^"]*" data-row', ask.get(f"/alarms?page={n}").text)
        for n in (1, 2, 3)
    ]
    assert [len(one) for one in pages] == [50, 50, 44]
    assert [one for page in pages for one in page] == [one.id for one in ledger.alarms()]
    assert 'rel="next"' not in ask.get("/alarms?page=3").text


def test_an_alarm_shows_clip_reasons_versions_and_its_neighbours(ask: TestClient, ledger: Ledger) -> None:
    ids = [one.id for one in ledger.alarms()]
    answer = ask.get("/alarms/a01")
    shown = text(answer)
    for expected in (
        "A man kicks somebody",
        "0.388",
        "Two people load boxes",
        "3f9ac0d1e2b4",
        "threshold 0.720",
    ):
        assert expected in shown
    at = ids.index("a01")
    links = dict(re.findall(r'href="/alarms/(a\d\d)" rel="(\w+)"', answer.text))
    assert links == {ids[at - 1]: "prev", ids[at + 1]: "next"}
    assert 'src="/clips/fight.mp4"' in ask.get("/alarms/a00").text


def test_the_next_alarm_is_the_next_of_the_list_that_was_filtered(ask: TestClient, ledger: Ledger) -> None:
    ids = [one.id for one in ledger.alarms(camera="gate")]
    found = re.findall(
        r'href="/alarms/(a\d\d)\?camera=gate" rel="next"', ask.get(f"/alarms/{ids[0]}?camera=gate").text
    )
    assert found == [ids[1]]


def test_a_mark_is_kept_with_its_note_and_can_be_taken_back(ask: TestClient, ledger: Ledger) -> None:
    answer = post(ask, "/alarms/a00", "/alarms/a00/mark", mark="real", note="two boys")
    assert (answer.status_code, answer.headers["location"]) == (303, "/alarms/a00")
    found = ledger.alarm("a00")
    assert found is not None
    assert (found.mark, found.note) == ("real", "two boys")
    assert found.marked_s == pytest.approx(time.time(), abs=60)
    assert 'aria-pressed="true"' in ask.get("/alarms/a00").text
    post(ask, "/alarms/a00", "/alarms/a00/mark", mark="none")
    assert ledger.alarm("a00").mark is None  # type: ignore[union-attr]


def test_a_mark_that_is_none_and_an_alarm_that_is_gone_are_refused(ask: TestClient) -> None:
    assert post(ask, "/alarms/a00", "/alarms/a00/mark", mark="maybe").status_code == 400
    assert post(ask, "/alarms/a00", "/alarms/gone/mark", mark="real").status_code == 404


def test_an_open_page_gets_only_the_form_back(ask: TestClient) -> None:
    ask.get("/alarms/a00")
    ask.headers["hx-request"] = "true"
    answer = post(ask, "/alarms/a00", "/alarms/a00/mark", mark="false")
    assert answer.text.startswith('<form id="mark"')


# Cameras.


def test_a_camera_says_what_the_threshold_in_use_and_another_would_have_raised(
    ask: TestClient, ledger: Ledger
) -> None:
    blocks = ledger.blocks("gate", STREAM, NOW_S - 7 * 86400)
    for threshold in (None, 0.55):
        level = 0.72 if threshold is None else threshold
        above = [at_s for at_s, highest in blocks if highest > level]
        raised = sum(at_s - 60 not in above for at_s in above)
        query = "" if threshold is None else f"?value={threshold}"
        assert f"Would have raised {raised}, of which" in text(ask.get(f"/cameras/gate{query}"))


def test_a_threshold_is_set_told_and_taken_back(ask: TestClient, ledger: Ledger) -> None:
    form = {"stream": STREAM, "value": "0.55", "do": "set"}
    assert post(ask, "/cameras/gate?value=0.5", "/cameras/gate/threshold", **form).status_code == 303
    assert ledger.thresholds("gate") == {STREAM: 0.55}
    assert "set on the page by 127.0.0.1" in text(ask.get("/cameras/gate"))
    post(ask, "/cameras/gate", "/cameras/gate/threshold", stream=STREAM, do="take back")
    assert ledger.thresholds("gate") == {}


def test_the_handle_covers_every_score_and_moves_by_round_steps(ask: TestClient, ledger: Ledger) -> None:
    found = re.search(
        r'type="range" name="value" min="(.*?)" max="(.*?)" step="(.*?)"', ask.get("/cameras/gate").text
    )
    assert found
    low, high, step = map(float, found.groups())
    scores = [score for _, score in ledger.blocks("gate", STREAM, 0)]
    assert low <= min(scores)
    assert max(scores) <= high
    assert step in (0.001, 0.002, 0.005)


@pytest.mark.parametrize("value", ["", "nan", "inf", "much"])
def test_a_threshold_that_is_no_number_is_refused(ask: TestClient, ledger: Ledger, value: str) -> None:
    form = {"stream": STREAM, "value": value, "do": "set"}
    assert post(ask, "/cameras/gate?value=0.5", "/cameras/gate/threshold", **form).status_code == 400
    assert ledger.thresholds("gate") == {}


def test_a_camera_that_is_watched_cannot_be_erased(ask: TestClient, ledger: Ledger) -> None:
    assert post(ask, "/alarms/a00", "/cameras/gate/erase", confirm="gate").status_code == 409
    assert ledger.alarms(camera="gate")


def test_a_camera_that_is_gone_is_erased_with_its_files_once_its_name_is_written(
    ask: TestClient, ledger: Ledger
) -> None:
    folder, beside = ledger.folder, ledger.folder.parent / "not-ours.jpg"
    beside.write_bytes(b"x")
    (folder / "evidence" / "old-shed").mkdir(parents=True)
    (folder / "frames" / "old-shed.jpg").write_bytes(b"x")
    (folder / "clips" / "shed.mp4").write_bytes(b"x")
    mine = ledger.alarms(camera="old-shed")[0]
    ledger.put_alarm(replace(mine, clip="clips/shed.mp4", frame="../not-ours.jpg"))
    others = len(ledger.alarms()) - len(ledger.alarms(camera="old-shed"))
    assert post(ask, "/cameras/old-shed", "/cameras/old-shed/erase", confirm="shed").status_code == 400
    assert post(ask, "/cameras/old-shed", "/cameras/old-shed/erase", confirm="old-shed").status_code == 303
    assert len(ledger.alarms()) == others
    assert not ledger.alarms(camera="old-shed")
    for path in ("evidence/old-shed", "frames/old-shed.jpg", "clips/shed.mp4"):
        assert not (folder / path).exists()
    assert beside.exists()
    assert (folder / "frames" / "gate.jpg").exists()
    assert ask.get("/cameras/old-shed").status_code == 404


# Silence.


def quiet(tmp_path: Path, **of_camera: str) -> tuple[Ledger, TestClient, float]:
    """A camera whose score rose to 0.6 at a time, below its threshold of 0.8."""
    ledger = Ledger(tmp_path)
    at_s = float(int(NOW_S - 7200) // 10 * 10)
    ledger.say_state(CameraState("gate", "x", "running", at_s - 3600, "", {"threshold": 0.8}, NOW_S))
    ledger.put_scores(
        "gate", STREAM, {int(at_s) + 10 * index: 0.6 if index == 3 else 0.2 for index in range(-30, 30)}
    )
    camera = {"name": "gate", "source": "/dev/video0", **of_camera}
    return ledger, client(ledger, LiveSettings.model_validate({"cameras": [camera]})), at_s


def test_it_stayed_silent_because_the_score_did_not_reach_the_threshold(tmp_path: Path) -> None:
    _, ask, at_s = quiet(tmp_path)
    shown = text(ask.get(f"/silent?camera=gate&at={at_s}"))
    for expected in (
        "did not reach the threshold: at its highest it was 0.200 below",
        "Score then 0.200",
        "0.600 below",
        "Highest within a minute 0.600",
        "any threshold below 0.600",
    ):
        assert expected in shown


def test_it_stayed_silent_because_the_score_was_unknown(tmp_path: Path) -> None:
    ledger, ask, at_s = quiet(tmp_path)
    ledger.say_state(CameraState("gate", "x", "frozen", at_s - 60, "The picture stands still.", {}, NOW_S))
    ledger.say_state(CameraState("gate", "x", "running", at_s + 60, "", {}, NOW_S))
    shown = text(ask.get(f"/silent?camera=gate&at={at_s}"))
    assert "The camera was frozen: the score was unknown" in shown
    assert "The picture stands still." in shown


def test_it_stayed_silent_because_of_the_hour(tmp_path: Path) -> None:
    hour = datetime.fromtimestamp(NOW_S - 7200).hour
    other = f"{(hour + 5) % 24:02d}:00-{(hour + 7) % 24:02d}:00"
    ledger, ask, at_s = quiet(tmp_path, active=other)
    ledger.set_threshold("gate", STREAM, 0.5, "", at_s - 100)
    assert "outside the hours" in text(ask.get(f"/silent?camera=gate&at={at_s}"))


def test_it_did_not_stay_silent(tmp_path: Path) -> None:
    ledger, ask, at_s = quiet(tmp_path)
    ledger.put_alarm(Alarm("a1", "gate", STREAM, False, at_s + 5, at_s + 9, at_s + 6, 0.9, 0.8))
    answer = ask.get(f"/silent?camera=gate&at={datetime.fromtimestamp(at_s).isoformat()}")
    assert "did not stay silent" in text(answer)
    assert 'href="/alarms/a1"' in answer.text


def test_nothing_is_made_up_where_nothing_is_kept(tmp_path: Path) -> None:
    _, ask, at_s = quiet(tmp_path)
    assert "No score is kept of that time" in text(ask.get(f"/silent?camera=gate&at={at_s - 86400}"))


@pytest.mark.parametrize(
    "query", ["camera=gate&at=teatime", "camera=gate&at=9e99", "camera=x&at=14:03", "camera=gate&at=-1"]
)
def test_a_question_that_makes_no_sense_is_said_to_make_none(tmp_path: Path, query: str) -> None:
    _, ask, _ = quiet(tmp_path)
    assert ask.get(f"/silent?{query}").status_code == 400


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
