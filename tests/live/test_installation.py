"""A whole installation: `traces watch` as typed, cameras over RTSP, an alarm with its clip, kills."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import yaml
from small_graph import street_fight
from typer.testing import CliRunner

from traces_core.commands.main import app
from traces_core.live.clip_cutter import RECORDINGS
from traces_core.live.ledger import Ledger
from traces_core.live.recording import recorded_span
from traces_core.live.supervisor import Supervisor, locked
from traces_core.practice.rtsp_server import RtspServer
from traces_core.project import Project
from traces_core.video import read_frames, write_video

PATIENCE_S = 120
pytestmark = pytest.mark.timeout(600)


@dataclass
class Installation:
    """One that runs."""

    process: subprocess.Popen[str]
    page: str
    folder: Path
    settings: Path
    server: RtspServer

    @property
    def ledger(self) -> Ledger:
        return Ledger(self.folder)

    def states(self) -> dict[str, str]:
        return {one.name: one.state for one in self.ledger.cameras()}

    def children(self) -> dict[str, list[int]]:
        """Processes below the supervisor, by what they are."""
        found: dict[str, list[int]] = {"engine": [], "decoder": []}
        for one in psutil.Process(self.process.pid).children(recursive=True):
            try:
                words = " ".join(one.cmdline())
            except psutil.Error:  # it has just ended
                continue
            for kind, word in (("engine", "live.engine"), ("decoder", "decoder_process")):
                if word in words:
                    found[kind].append(one.pid)
        return found


def waited_for(is_true: Callable[[], Any], seconds: float = PATIENCE_S) -> Any:
    end_s = time.monotonic() + seconds
    while not (found := is_true()):
        assert time.monotonic() < end_s, "it did not come"
        time.sleep(0.2)
    return found


def camera(server: RtspServer, name: str) -> dict[str, Any]:
    return {"name": name, "source": server.address(name), "context": "street", "record": 0.1}


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pictures = street_fight(64)
    timed = ((picture, number / 8) for number, picture in enumerate(pictures))
    return write_video(tmp_path_factory.mktemp("films") / "fight.mp4", timed, rate=8)


@pytest.fixture(scope="module")
def installed(
    small_project: Project, film: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Installation]:
    home = tmp_path_factory.mktemp("installation")
    settings, folder = home / "cameras.yaml", home / "live"
    Ledger(folder).set_threshold("gate", "late", -100.0, "whatever is seen is an alarm", 1.0)
    root = small_project.machine.data.parent
    environment = {**os.environ, "TRACES_ROOT": str(root), "TRACES_DATA": str(small_project.store.root)}
    with RtspServer(dict.fromkeys(("gate", "yard"), film), user="me", password="hunter2hunter2") as server:
        content = {
            "cameras": [{**camera(server, "gate"), "source": "${GATE}"}],
            "sinks": [{"kind": "folder", "path": "told"}],
            "page": {"port": 0},
        }
        settings.write_text(yaml.safe_dump(content))
        command = [sys.executable, "-m", "traces_core.commands.main", "watch", str(settings)]
        with subprocess.Popen(
            command,
            env={**environment, "GATE": server.address("gate")},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=home,
        ) as process:
            assert process.stdout is not None
            lines = iter(process.stdout.readline, "")
            page = next(
                found[0] for line in lines if (found := re.search(r"http://127\.0\.0\.1:[1-9]\d+", line))
            )
            try:
                yield Installation(process, page, folder, settings, server)
            finally:
                process.send_signal(signal.SIGTERM)
                process.wait(60)


def test_a_camera_over_rtsp_is_scored_and_shown(installed: Installation) -> None:
    waited_for(lambda: installed.states() == {"gate": "running"})
    waited_for(lambda: installed.ledger.cameras()[0].facts.get("score") is not None)
    health = httpx.get(f"{installed.page}/health")
    assert (health.status_code, health.json()["cameras"]) == (200, {"running": 1})
    assert "gate" in httpx.get(installed.page).text
    assert "traces_camera_sampled_total" in httpx.get(f"{installed.page}/metrics").text


def test_no_password_stands_in_a_process_a_file_or_a_page(installed: Installation) -> None:
    waited_for(lambda: installed.children()["decoder"])
    for one in psutil.Process(installed.process.pid).children(recursive=True):
        assert "hunter2" not in " ".join(one.cmdline())
        if "decoder" in " ".join(one.cmdline()):
            assert not any("hunter2" in value for value in one.environ().values())
    assert "hunter2" not in httpx.get(installed.page).text
    for path in installed.folder.rglob("*"):
        assert not path.is_file() or b"hunter2" not in path.read_bytes()


def test_an_alarm_that_ends_reaches_its_sink_with_a_clip_that_plays(installed: Installation) -> None:
    waited_for(lambda: installed.ledger.open_alarms("gate"))
    [alarm] = installed.ledger.open_alarms("gate")
    installed.server.fault("stall", "gate")
    waited_for(lambda: installed.states()["gate"] in ("stalled", "no picture"))
    waited_for(lambda: (one := installed.ledger.alarm(alarm.id)) is not None and not one.is_open)
    installed.server.fault(None, "gate")
    told = installed.settings.parent / "told"

    def message() -> dict[str, Any]:
        [path] = [path for path in told.glob("*.json") if alarm.id in path.name]
        return dict(json.loads(path.read_text()))

    waited_for(lambda: message()["kind"] == "closed")
    assert (told / message()["clip"]).is_file()
    clip = waited_for(lambda: getattr(installed.ledger.alarm(alarm.id), "clip", None))
    [frames] = read_frames(installed.folder / clip, batch_size=10_000)
    assert len(frames) >= 8
    shown = httpx.get(f"{installed.page}/alarms/{alarm.id}")
    assert shown.status_code == 200
    assert alarm.reasons["anomalous"][0][0] in shown.text


def test_a_camera_that_is_added_does_not_restart_the_others(installed: Installation) -> None:
    waited_for(lambda: installed.states()["gate"] == "running")
    before = set(installed.children()["decoder"])
    content = yaml.safe_load(installed.settings.read_text())
    content["cameras"].append(
        {**camera(installed.server, "yard"), "source": installed.server.address("yard")}
    )
    installed.settings.write_text(yaml.safe_dump(content))
    waited_for(lambda: installed.states().get("yard") == "running")
    assert before & set(installed.children()["decoder"])
    del content["cameras"][-1]
    installed.settings.write_text(yaml.safe_dump(content))
    waited_for(lambda: installed.states()["yard"] == "removed")


def test_what_was_recorded_before_a_mask_is_gone_with_it(installed: Installation) -> None:
    def begins_s() -> list[float]:
        paths = (installed.folder / RECORDINGS / "gate").glob("*.mp4")
        return [span[0] for path in paths if (span := recorded_span(path)) is not None]

    waited_for(begins_s)
    content = yaml.safe_load(installed.settings.read_text())
    content["cameras"][0]["areas"] = {"ignore": [[[0, 0], [1, 0], [1, 0.2]]]}
    masked_s = time.time()
    installed.settings.write_text(yaml.safe_dump(content))
    waited_for(lambda: min(begins_s(), default=masked_s) >= masked_s)
    waited_for(lambda: installed.states()["gate"] == "running")


def test_a_mistake_in_the_settings_stops_nothing(installed: Installation) -> None:
    good = installed.settings.read_text()
    installed.settings.write_text("cameras: [{name: gate}]")
    at_s = time.time()
    waited_for(lambda: installed.ledger.cameras()[0].updated_s > at_s + 5)
    assert installed.states()["gate"] == "running"
    installed.settings.write_text(good)


def test_a_second_one_on_the_same_folder_is_refused(installed: Installation) -> None:
    command = [sys.executable, "-m", "traces_core.commands.main", "watch", str(installed.settings)]
    environment = {**os.environ, "GATE": "/dev/video9"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "is used by another `traces watch`" in done.stderr


def test_a_second_one_with_sources_changes_nothing_of_the_first(tmp_path: Path) -> None:
    (tmp_path / "sources.yaml").write_text("cameras: []\n")
    with closing(locked(tmp_path)):
        done = CliRunner().invoke(app, ["watch", "rtsp://127.0.0.1:9/x", "--live", str(tmp_path)])
    assert done.exit_code == 1
    assert (tmp_path / "sources.yaml").read_text() == "cameras: []\n"


def test_a_page_that_is_open_to_others_keeps_its_token_when_its_settings_lose_it(tmp_path: Path) -> None:
    settings = tmp_path / "cameras.yaml"
    settings.write_text("page: {host: 0.0.0.0, port: 0, token: a-long-token-indeed}\n")
    with closing(locked(tmp_path / "live")) as lock:
        supervisor = Supervisor(tmp_path / "live", settings, lock)
        settings.write_text("page: {port: 8081}\n")
        supervisor.follow()
        assert supervisor.settings.page.token == "a-long-token-indeed"


@pytest.mark.parametrize("option", [["--as-live"], ["--context", "street"]])
def test_what_is_said_of_sources_is_not_silently_dropped_beside_a_file(
    tmp_path: Path, option: list[str]
) -> None:
    (tmp_path / "cameras.yaml").write_text("cameras: [{name: a}]\n")  # it would be refused as well
    done = CliRunner().invoke(app, ["watch", str(tmp_path / "cameras.yaml"), *option])
    assert done.exit_code == 2
    assert "says it of each camera" in re.sub(r"[│\s]+", " ", done.output)


def test_the_page_says_why_the_settings_were_left_as_they_were(tmp_path: Path) -> None:
    settings = tmp_path / "cameras.yaml"
    settings.write_text("page: {port: 0}\n")
    with closing(locked(tmp_path / "live")) as lock:
        supervisor = Supervisor(tmp_path / "live", settings, lock)
        for content, said in (
            ("cameras: [{name: gate}]\n", "cameras.yaml:1: cameras.0.source"),
            ("page: {port: 8081}\n", "count from the next start on"),
            ("page: {port: 0}\n", ""),
        ):
            settings.write_text(content)
            os.utime(settings, ns=(time.time_ns(), time.time_ns()))
            supervisor.follow()
            assert said in supervisor.problem
            assert bool(said) == bool(supervisor.problem)


def test_an_engine_that_is_killed_while_the_settings_have_a_mistake_is_back_once_it_is_mended(
    installed: Installation,
) -> None:
    good = installed.settings.read_text()
    installed.settings.write_text("cameras: [{name: gate}]")
    [doomed] = installed.children()["engine"]
    os.kill(doomed, signal.SIGKILL)
    time.sleep(10)
    installed.settings.write_text(good)
    at_s = time.time()
    waited_for(lambda: installed.ledger.cameras()[0].updated_s > at_s)
    assert installed.process.poll() is None


@pytest.mark.parametrize("victim", ["decoder", "engine"])
def test_whoever_is_killed_is_running_again(installed: Installation, victim: str) -> None:
    waited_for(lambda: installed.states()["gate"] == "running")
    [doomed, *_] = installed.children()[victim]
    scored, killed_s = installed.ledger.cameras()[0].facts["scored"], time.time()
    os.kill(doomed, signal.SIGKILL)
    waited_for(lambda: doomed not in installed.children()[victim] and installed.children()[victim])

    def is_running() -> bool:
        [gate] = [one for one in installed.ledger.cameras() if one.name == "gate"]
        return gate.state == "running" and gate.updated_s > killed_s + 2

    waited_for(is_running, 60)
    if victim == "decoder":
        waited_for(lambda: installed.ledger.cameras()[0].facts["scored"] > scored + 4)
    below = psutil.Process(installed.process.pid)
    waited_for(
        lambda: not any(one.status() == psutil.STATUS_ZOMBIE for one in below.children(recursive=True)), 10
    )


def test_an_installation_whose_supervisor_is_killed_leaves_no_process(installed: Installation) -> None:
    waited_for(lambda: installed.states()["gate"] == "running")
    left = [pid for some in installed.children().values() for pid in some]
    installed.process.kill()
    installed.process.wait(20)
    waited_for(lambda: not any(psutil.pid_exists(pid) for pid in left), 40)


def test_a_detector_that_was_never_made_ends_the_command_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("corpus: {contexts: [street]}\n")
    (tmp_path / "cameras.yaml").write_text("cameras: []\npage: {port: 0}\n")
    environment = {**os.environ, "TRACES_ROOT": str(tmp_path), "TRACES_DATA": str(tmp_path / "data")}
    command = [sys.executable, "-m", "traces_core.commands.main", "watch", "cameras.yaml"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert done.returncode == 1
    assert "make demo" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_engine_that_is_told_to_end_ends_without_being_aborted() -> None:
    waits = (
        "import threading, time, types;"
        "from traces_core.live.engine import _stop_with_the_supervisor as wait;"
        "engine = types.SimpleNamespace(stopping=threading.Event());"
        "threading.Thread(target=wait, args=(engine,), daemon=True).start(); time.sleep(0.5)"
    )
    command = [sys.executable, "-c", waits]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE) as one:
        assert one.stderr is not None
        assert (one.wait(60), one.stderr.read()) == (0, b"")
