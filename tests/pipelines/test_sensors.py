"""Sensors by their ticks: real files in real folders, a real instance, the whole definitions."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl
import pytest

from pipelines.definitions import defs
from pipelines.sensors import SENSORS, cameras, inbox
from traces_core.live.ledger import Alarm, CameraState, Ledger
from traces_core.streams.table import streams_of

if TYPE_CHECKING:
    from conftest import Site
    from dagster._core.definitions.sensor_definition import SensorExecutionData

RESOURCES = dict(defs.resources or {})


def _tick(
    sensor: dg.SensorDefinition, site: Site, cursor: str | None = None
) -> tuple[list[dg.RunRequest], str, str | None]:
    """What a sensor asks for, what it says where it asks for nothing, and its cursor."""
    result = _evaluated(sensor, site.instance, cursor)
    for request in result.dynamic_partitions_requests or []:
        name, keys = request.partitions_def_name, request.partition_keys
        if isinstance(request, dg.AddDynamicPartitionsRequest):
            site.instance.add_dynamic_partitions(name, keys)
        else:
            for key in keys:
                site.instance.delete_dynamic_partition(name, key)
    return list(result.run_requests or []), result.skip_message or "", result.cursor


def _evaluated(
    sensor: dg.SensorDefinition, instance: dg.DagsterInstance, cursor: str | None
) -> SensorExecutionData:
    with dg.build_sensor_context(
        instance, cursor, resources=RESOURCES, definitions=defs, instance_ref=instance.get_ref()
    ) as context:
        return sensor.evaluate_tick(context)


def test_every_sensor_runs_from_the_start() -> None:
    assert [sensor.name for sensor in SENSORS] == ["when_out_of_date", "inbox", "cameras", "mlflow_is_back"]
    assert {sensor.default_status for sensor in SENSORS} == {dg.DefaultSensorStatus.RUNNING}


# inbox


def _drop(site: Site, clip: Path, name: str = "gate.mkv") -> Path:
    target = site.inbox / name
    target.parent.mkdir(parents=True, exist_ok=True)
    return Path(shutil.copy(clip, target))


def test_a_dropped_video_is_asked_for_once_it_has_stopped_changing(site: Site, fights: dict) -> None:
    nothing, message, cursor = _tick(inbox, site)
    assert nothing == []
    assert "Nothing new" in message
    video = _drop(site, fights["half"])
    nothing, message, cursor = _tick(inbox, site, cursor)
    assert nothing == []
    assert "gate.mkv: new, or still changing" in message
    with video.open("ab") as file:
        file.write(b"\0" * 64)  # the copy goes on
    nothing, message, cursor = _tick(inbox, site, cursor)
    assert "still changing" in message
    [request], _, cursor = _tick(inbox, site, cursor)
    assert request.partition_key == "gate.mkv"
    assert site.instance.get_dynamic_partitions("inbox") == ["gate.mkv"]
    again, _, _ = _tick(inbox, site, cursor)
    assert again == []


def test_the_cursor_is_all_that_a_restart_needs(site: Site, fights: dict) -> None:
    _drop(site, fights["half"])
    _, _, cursor = _tick(inbox, site)
    (site.inbox.parent / "another").mkdir()
    with dg.DagsterInstance.local_temp(str(site.inbox.parent / "another")) as restarted:
        result = _evaluated(inbox, restarted, cursor)
    assert [request.partition_key for request in result.run_requests] == ["gate.mkv"]


def test_a_file_that_comes_back_changed_is_asked_for_again_under_another_key(
    site: Site, fights: dict
) -> None:
    _drop(site, fights["half"])
    _, _, cursor = _tick(inbox, site)
    [first], _, cursor = _tick(inbox, site, cursor)
    _drop(site, fights["one"])
    _, _, cursor = _tick(inbox, site, cursor)
    [second], _, _ = _tick(inbox, site, cursor)
    assert first.partition_key == second.partition_key
    assert first.run_key != second.run_key


def test_a_half_copied_file_waits_until_the_rest_has_come(site: Site, fights: dict) -> None:
    video = _drop(site, fights["cut"])
    _, _, cursor = _tick(inbox, site)
    nothing, message, cursor = _tick(inbox, site, cursor)
    assert nothing == []
    assert "gate.mkv: cut short" in message
    video.write_bytes(fights["whole"].read_bytes())
    _, _, cursor = _tick(inbox, site, cursor)
    [request], _, _ = _tick(inbox, site, cursor)
    assert request.partition_key == "gate.mkv"


def test_a_run_scores_the_video_and_puts_its_page_where_people_look(site: Site, fights: dict) -> None:
    _drop(site, fights["half"], "street/yard 1.mkv")
    _, _, cursor = _tick(inbox, site)
    [request], _, _ = _tick(inbox, site, cursor)
    done = _score(site, request.partition_key)
    assert done.success
    folder = site.reports / "inbox" / request.partition_key
    scores = pl.read_parquet(folder / "scores.parquet")
    assert set(scores["stream"]) == set(streams_of("traces"))
    assert "yard 1.mkv" in (folder / "index.html").read_text()
    metadata = done.asset_materializations_for_node("inbox_scores")[0].metadata
    assert metadata["broken"].value is None
    assert "data:image/png" in metadata["its_scores"].value
    assert metadata["length_s"].value == pytest.approx(2.0, abs=0.5)


def test_a_broken_video_is_set_aside_with_the_reason(site: Site, fights: dict, tmp_path: Path) -> None:
    _drop(site, fights["cut"], "cut.mkv")
    (site.inbox / "notes.mp4").write_text("no video at all\n" * 100)
    site.instance.add_dynamic_partitions("inbox", ["cut.mkv", "notes.mp4"])
    assert _score(site, "cut.mkv").success
    assert not _score(site, "notes.mp4").success
    aside = site.inbox / "broken"
    assert {path.name for path in aside.iterdir()} == {"cut.mkv", "cut.mkv.txt", "notes.mp4", "notes.mp4.txt"}
    assert "Scored to" in (aside / "cut.mkv.txt").read_text()
    assert (site.reports / "inbox" / "cut.mkv" / "index.html").exists()
    assert "Nothing of it could be scored" in (aside / "notes.mp4.txt").read_text()
    nothing, message, _ = _tick(inbox, site)
    assert nothing == []
    assert "Nothing new" in message  # what lies in broken/ is not looked at


def test_the_inbox_waits_for_a_detector(site: Site, fights: dict, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRACES_DATA", str(site.inbox.parent / "nothing"))
    _drop(site, fights["half"])
    _, _, cursor = _tick(inbox, site)
    nothing, message, kept = _tick(inbox, site, cursor)
    assert nothing == []
    assert "launch the job `demo`" in message
    monkeypatch.setenv("TRACES_DATA", str(site.project.machine.data))
    [request], _, _ = _tick(inbox, site, kept)
    assert request.partition_key == "gate.mkv"


def _score(site: Site, name: str) -> dg.ExecuteInProcessResult:
    return defs.resolve_job_def("score_inbox").execute_in_process(
        instance=site.instance, partition_key=name, raise_on_error=False
    )


# cameras


def test_a_camera_that_was_watched_is_a_partition_and_asked_for_once_a_day_and_mark(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = site.inbox.parent / "live"
    monkeypatch.setenv("TRACES_LIVE", str(folder))
    nothing, message, _ = _tick(cameras, site)
    assert nothing == []
    assert "traces watch" in str(message)
    ledger = Ledger(folder)
    ledger.say_state(CameraState("gate", "rtsp://h", "running", 5.0))
    ledger.put_alarm(Alarm("a", "gate", "late", False, 5.0, 6.0, 5.0, 3.0, 2.0))
    [first], _, _ = _tick(cameras, site)
    assert first.partition_key == "gate"
    assert site.instance.get_dynamic_partitions("cameras") == ["gate"]
    [again], _, _ = _tick(cameras, site)
    assert again.run_key == first.run_key  # Dagster launches it once
    ledger.mark("a", "false", "", 7.0)
    [marked], _, _ = _tick(cameras, site)
    assert marked.run_key != first.run_key
    ledger.forget_camera("gate")
    _tick(cameras, site)
    assert site.instance.get_dynamic_partitions("cameras") == []
