"""Why it stayed silent, as the page says."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

import pytest
from page_client import NOW_S, client, text
from page_sample import STREAM
from starlette.testclient import TestClient

from traces_core.live.ledger import Alarm, CameraState, Ledger
from traces_core.live.settings import LiveSettings


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
    "query",
    [
        "camera=gate&at=teatime",
        "camera=gate&at=9e99",
        "camera=gate&at=9999-12-31T23:59:59",
        "camera=x&at=14:03",
        "camera=gate&at=-1",
    ],
)
def test_a_question_that_makes_no_sense_is_said_to_make_none(tmp_path: Path, query: str) -> None:
    _, ask, _ = quiet(tmp_path)
    assert ask.get(f"/silent?{query}").status_code == 400
