"""What is said of an alarm, a camera and all of them: messages, sentences, numbers for Prometheus."""

from __future__ import annotations

import json
import sqlite3
import time
from contextlib import closing
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from letters_for_sinks import PAGE, START_S, a_state, an_alarm, write
from prometheus_client.parser import text_string_to_metric_families

from traces_core.live import ledger as ledger_module
from traces_core.live.ledger import Ledger
from traces_core.live.letters import declare_sinks, sink_states
from traces_core.live.messages import alarm_message, health_kind, health_message, sentence
from traces_core.live.prometheus import prometheus_text


def test_a_message_says_every_time_twice_and_leads_to_the_page() -> None:
    message = json.loads(json.dumps(alarm_message(an_alarm(), PAGE)))
    assert datetime.fromisoformat(message["start"]).timestamp() == message["start_s"] == START_S
    assert message["peak"] == "2026-01-01T00:00:01.000Z"
    assert (message["kind"], message["class"], message["score"]) == ("opened", "fighting", 3.1)
    assert message["page"] == "http://127.0.0.1:8080/alarms/gate-00000"
    assert len(message["anomalous"]) == 3
    assert message["normal"][0] == {"text": "People walk by.", "similarity": 0.22, "class": "walking"}


def test_a_message_shows_no_password() -> None:
    state = a_state("failed")
    text = json.dumps(health_message(state, "http://ann:pa55word@127.0.0.1"))
    assert "pa55word" not in text


def test_a_sentence_is_plain_english() -> None:
    at = time.strftime("%H:%M:%S", time.localtime(START_S))
    end = time.strftime("%H:%M:%S", time.localtime(START_S + 2.5))
    opened, closed = (sentence(alarm_message(an_alarm(is_open=one), None)) for one in (True, False))
    assert opened == f"gate: fighting since {at} (late 3.1 above 2.2)"
    assert closed == f"gate: fighting from {at} to {end} (late 3.1 above 2.2)"
    assert sentence(health_message(a_state("no picture"), None)) == f"gate: no picture since {at}"
    unknown = sentence(alarm_message(an_alarm(label=None), None))
    assert unknown.startswith("gate: something unusual since")


def test_a_class_of_strangers_controls_no_terminal() -> None:
    assert "\x1b" not in sentence(alarm_message(an_alarm(label="a\x1b[31m\nb"), None))


def test_prometheus_reads_cameras_alarms_and_sinks(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path)) as ledger:
        declare_sinks(ledger, {"hook-1": "webhook"})
        ledger.say_state(a_state(sampled=100, scored=99, dropped=1, restarts=2, score=1.5, latency_s=0.25))
        write(ledger, an_alarm(), "hook-1")
        write(ledger, an_alarm(1, is_open=False), "hook-1")
        ledger.mark("gate-00001", "real", "", START_S)
        text = prometheus_text(ledger)
    samples = {
        (one.name, *sorted(one.labels.values())): one.value
        for family in text_string_to_metric_families(text)
        for one in family.samples
    }
    assert samples["traces_camera_state", "gate", "running"] == 1
    assert samples["traces_camera_state", "gate", "stalled"] == 0
    assert samples["traces_camera_sampled_total", "gate"] == 100
    assert samples["traces_camera_dropped_total", "gate"] == 1
    assert samples["traces_camera_latency_seconds", "gate"] == 0.25
    assert samples["traces_camera_score", "gate"] == 1.5
    assert samples["traces_alarms", "closed", "gate", "late", "real"] == 1
    assert samples["traces_alarms", "gate", "late", "none", "open"] == 1
    assert samples["traces_sinks",] == 1
    assert samples["traces_sink_queued", "hook-1"] == 2


def test_the_score_is_absent_while_it_is_unknown(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path)) as ledger:
        ledger.say_state(a_state("stalled", score=1.5))
        text = prometheus_text(ledger)
    assert "traces_camera_score{" not in text
    assert "traces_sinks 0.0" in text


def test_a_ledger_of_the_first_version_keeps_its_letters(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with closing(sqlite3.connect(tmp_path / "live.sqlite")) as old:
        old.executescript(ledger_module._VERSIONS[0])
        old.execute("PRAGMA user_version = 1")
        message = json.dumps(alarm_message(an_alarm(), None))
        old.execute(
            "INSERT INTO outbox (sink, alarm, kind, message, created_s, due_s) VALUES (?, ?, ?, ?, 5, 0)",
            ("s", "gate-00000", "opened", message),
        )
        old.commit()
    with closing(Ledger(tmp_path)) as ledger:
        (letter,) = ledger.due_letters("s", 10)
        assert (letter.camera, letter.tries, letter.key) == ("gate", 0, "gate-00000:opened")
        assert ledger.read("PRAGMA user_version")[0][0] == len(ledger_module._VERSIONS)
        assert sink_states(ledger)[-1].queued == 1


def test_what_is_too_old_is_forgotten_with_its_pictures_and_clips(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path)) as ledger:
        old = replace(an_alarm(is_open=False), frame="frames/a.jpg", clip="clips/a.mp4")
        ledger.put_alarm(replace(old, reasons={"map": "frames/a-map.jpg"}))
        ledger.put_alarm(replace(an_alarm(), id="still on"))
        assert ledger.forget_before(START_S) == []
        assert ledger.forget_before(START_S + 86400) == ["frames/a.jpg", "clips/a.mp4", "frames/a-map.jpg"]
        assert [one.id for one in ledger.alarms()] == ["still on"]


def test_old_letters_go_with_what_they_are_about(tmp_path: Path) -> None:
    with closing(Ledger(tmp_path)) as ledger:
        write(ledger, an_alarm(is_open=False), "s")
        state = a_state()
        ledger.say_state(state)
        ledger.tell_state(state, [("s", health_kind(state), health_message(state, None))])
        ledger.forget_before(START_S)
        assert sink_states(ledger)[-1].queued == 2
        ledger.forget_before(START_S + 86400)
        assert [one.queued for one in sink_states(ledger)] == [0]
