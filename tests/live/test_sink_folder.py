"""The sinks that need no server of their own: a folder, and Apprise with its picture."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import replace
from pathlib import Path

import pytest
from hearing_server import hearing
from letters_for_sinks import START_S, a_letter, an_alarm

from traces_core.live.ledger import Letter
from traces_core.live.messages import summary_message
from traces_core.live.settings import Apprise, Folder
from traces_core.live.sinks import sink_of
from traces_core.live.sinks.apprise_sink import AppriseSink
from traces_core.live.sinks.base import SinkError

PIXEL = bytes.fromhex("ffd8ffe000104a46494600010100000100010000ffd9")


@pytest.fixture
def live(tmp_path: Path) -> Path:
    folder = tmp_path / "live"
    for name in ("frames", "clips"):
        (folder / name).mkdir(parents=True)
    (folder / "frames" / "a [1].jpg").write_bytes(PIXEL)
    (folder / "clips" / "a.mp4").write_bytes(b"clip")
    return folder


def letter(*, is_open: bool = True, **paths: str | None) -> Letter:
    return a_letter(an_alarm(is_open=is_open, **paths))


def test_a_folder_gets_the_json_the_frame_and_the_clip(live: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    sink = sink_of(Folder(kind="folder", path=out), live)
    sink.send(letter(frame="frames/a [1].jpg"))
    sink.send(letter(frame="frames/a [1].jpg", clip="clips/a.mp4", is_open=False))
    name = "20260101T000000Z_gate_gate-00000"
    assert sorted(path.name for path in out.iterdir()) == [f"{name}.jpg", f"{name}.json", f"{name}.mp4"]
    message = json.loads((out / f"{name}.json").read_text())
    assert (message["kind"], message["frame"], message["clip"]) == ("closed", f"{name}.jpg", f"{name}.mp4")
    assert (out / f"{name}.jpg").read_bytes() == PIXEL


@pytest.mark.parametrize("frame", ["../secret.jpg", "/etc/hostname", "frames/gone.jpg", "frames"])
def test_a_frame_outside_of_the_folder_or_gone_is_left_out(live: Path, tmp_path: Path, frame: str) -> None:
    (tmp_path / "secret.jpg").write_bytes(b"no")
    out = tmp_path / "out"
    sink_of(Folder(kind="folder", path=out), live).send(letter(frame=frame))
    (only,) = out.iterdir()
    assert json.loads(only.read_text())["frame"] is None


def test_a_folder_that_cannot_be_written_is_a_passing_failure(live: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(SinkError) as failure:
        sink_of(Folder(kind="folder", path=tmp_path / "file" / "out"), live).send(letter())
    assert failure.value.retry


def test_apprise_sends_a_sentence_the_link_and_the_frame(live: Path) -> None:
    with hearing() as server:
        url = server.url.replace("http://", "json://")
        sink_of(Apprise(kind="apprise", url=url), live).send(letter(frame="frames/a [1].jpg"))
    message = json.loads(server.heard[0].body)
    assert message["title"] == "TRACES: gate"
    assert message["message"].startswith("gate: fighting since ")
    assert "http://127.0.0.1:8080/alarms/gate-00000" in message["message"]
    assert len(message["attachments"]) == 1


def test_what_apprise_says_of_a_failure_is_kept_without_the_address(
    live: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with hearing(lambda _: "500") as server:
        url = server.url.replace("http://", "json://ann:pa55word@")
        sink = sink_of(Apprise(kind="apprise", url=url), live)
        with pytest.raises(SinkError) as failure:
            sink.send(letter())
    assert failure.value.retry
    assert "500" in str(failure.value)
    for secret in ("pa55word", "s3cr3t-path"):
        assert secret not in f"{failure.value} {caplog.text} {sink.name} {sink.title}"


def test_a_service_of_apprise_that_hangs_is_given_up_at_the_deadline(live: Path) -> None:
    with hearing(lambda _: "hang") as server:
        settings = Apprise(kind="apprise", url=server.url.replace("http://", "json://"))
        began = time.monotonic()
        with pytest.raises(SinkError) as failure:
            AppriseSink(settings, "a", "a", live, timeout_s=0.3).send(letter())
        assert failure.value.retry
        assert time.monotonic() - began < 3


def test_an_address_that_apprise_does_not_know_is_said_at_once(live: Path) -> None:
    with pytest.raises(SinkError, match="Apprise cannot read the address") as failure:
        sink_of(Apprise(kind="apprise", url="nonsense://token-1234"), live)
    assert "token-1234" not in str(failure.value)


def test_a_summary_is_sent_to_people_and_folders_alike(live: Path, tmp_path: Path) -> None:
    message = summary_message("gate", [a_letter(an_alarm(n)).message for n in (1, 2)])
    summary = replace(letter(), alarm="camera:gate", kind="summary:2-3", message=message)
    out = tmp_path / "out"
    sink_of(Folder(kind="folder", path=out), live).send(summary)
    assert [path.name for path in out.iterdir()] == ["20260101T000001Z_gate_summary-2-3.json"]
    with hearing() as server:
        url = server.url.replace("http://", "json://")
        sink_of(Apprise(kind="apprise", url=url), live).send(summary)
    assert json.loads(server.heard[0].body)["message"].startswith("2 more alarms at gate since ")
    assert message["start_s"] == START_S + 1
