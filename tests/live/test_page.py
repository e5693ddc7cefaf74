"""What the wall, the alarms and a camera show, do and keep."""

from __future__ import annotations

import re
import shutil
import sqlite3
import time
from collections import namedtuple
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from page_client import NOW_S, client, post, text
from page_sample import STREAM, fill, settings
from starlette.testclient import TestClient

from traces_core.encoders.evidence import Evidence
from traces_core.live.evidence import EvidenceStore
from traces_core.live.ledger import Ledger
from traces_core.live.page import page
from traces_core.live.settings import LiveSettings


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    ledger = fill(tmp_path / "live", NOW_S, days=0.5)
    yield ledger
    ledger.close()


@pytest.fixture
def ask(ledger: Ledger) -> TestClient:
    return client(ledger)


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


def test_a_camera_says_where_its_threshold_comes_from(ask: TestClient, ledger: Ledger) -> None:
    assert "0.720, from the calibration." in text(ask.get("/cameras/gate"))
    before = next(one for one in ledger.cameras() if one.name == "gate")
    source = "its own: at most 4 alarms a day with 90 % confidence"
    ledger.say_state(replace(before, facts={**before.facts, "threshold_sources": {STREAM: source}}))
    assert f"0.720, {source}." in text(ask.get("/cameras/gate"))
    ledger.say_state(before)


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
    kept, seen = EvidenceStore(folder), np.zeros((1, 4), np.float32)
    for name in ("old-shed", "gate"):
        nothing = np.zeros((0, 0, 0), np.float32)
        evidence = Evidence(np.ones(1), seen, np.ones(1), nothing, nothing, seen)
        kept.put(name, evidence, seen)
    (folder / "frames" / "old-shed.jpg").write_bytes(b"x")
    (folder / "clips" / "shed.mp4").write_bytes(b"x")
    mine = ledger.alarms(camera="old-shed")[0]
    ledger.mark(mine.id, "real", "it was the neighbour", NOW_S)
    assert any(b"the neighbour" in path.read_bytes() for path in folder.glob("live.sqlite*"))
    ledger.put_alarm(replace(mine, clip="clips/shed.mp4", frame="../not-ours.jpg"))
    others = len(ledger.alarms()) - len(ledger.alarms(camera="old-shed"))
    assert post(ask, "/cameras/old-shed", "/cameras/old-shed/erase", confirm="shed").status_code == 400
    assert post(ask, "/cameras/old-shed", "/cameras/old-shed/erase", confirm="old-shed").status_code == 303
    assert len(ledger.alarms()) == others
    assert not ledger.alarms(camera="old-shed")
    for path in ("frames/old-shed.jpg", "clips/shed.mp4"):
        assert not (folder / path).exists()
    assert not any(b"the neighbour" in path.read_bytes() for path in folder.glob("live.sqlite*"))
    assert not any(b"old-shed" in path.read_bytes() for path in folder.glob("evidence.sqlite*"))
    assert set(kept.cameras()) == {"gate"}
    assert beside.exists()
    assert (folder / "frames" / "gate.jpg").exists()
    assert ask.get("/cameras/old-shed").status_code == 404


@pytest.mark.parametrize("page", ["9" * 5000, "0", "-1", "x"])
def test_a_page_of_the_list_that_there_is_not_is_no_error(ask: TestClient, page: str) -> None:
    assert ask.get(f"/alarms?page={page}").status_code == 200


def test_a_recording_that_is_not_kept_and_settings_with_a_mistake_are_said(ledger: Ledger) -> None:
    gate = next(one for one in ledger.cameras() if one.name == "gate")
    trouble = "a recording is not kept: it cannot be written (No space left on device)"
    ledger.say_state(replace(gate, facts={**gate.facts, "trouble": trouble}))
    app = page(ledger.folder, settings, lambda: "cameras.yaml is left as it was: cameras.yaml:7")
    ask = TestClient(app, base_url="http://127.0.0.1")
    assert trouble in text(ask.get("/"))
    assert trouble in text(ask.get("/cameras/gate"))
    assert "cameras.yaml:7" in text(ask.get("/"))


def test_a_full_disk_is_said_on_a_page_that_still_answers(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(Ledger, "note_look", full)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(2**30, 2**30, 3 * 2**20))
    shown = client(ledger).get("/")
    assert shown.status_code == 200
    assert "is full (3 MiB free)" in text(shown)
