"""Runs that wait: MLflow is away, slow or locked, and gets every run later, once, and no log a password."""

from __future__ import annotations

import logging
import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import dagster as dg
import polars as pl
import pytest
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from mlflow_server import tracking_server
from sqlalchemy.exc import OperationalError

from pipelines import tracking
from pipelines.mlflow_links import WAITS, mlflow_run
from pipelines.mlflow_store import PASSWORD, URI
from pipelines.tracked_run import RunLog, TrackedRun
from pipelines.tracking import BENCHMARKS, AwayError, LoggedRun, Tracker, WaitingRun

SECRET = "s3cret-horse"


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (URI, "MLFLOW_TRACKING_USERNAME", PASSWORD):
        monkeypatch.setenv(name, "")


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        return int(server.getsockname()[1])


def _fill(run: RunLog) -> None:
    run.params({"scoring": {"k": 5}})
    run.metrics({"late": {"auc": 0.9}})
    run.content("plots/auc.png", b"png")
    run.dataset("set", pl.DataFrame({"video": ["a"]}), digest="d", source=Path("/tmp"), context="benchmark")


def _log(tracker: Tracker, recipe: str = "r1") -> LoggedRun:
    run = tracker.once("benchmark", {"recipe": recipe, "kind": "benchmark"}, _fill)
    rows = [{"title": "k=1", "params": {"k": 1}, "metrics": {"auc": 0.5}, "tags": {"kind": "ablation"}}]
    tracker.add(recipe, ("rows.k", "a1"), lambda draft: draft.children("k", "a1", rows))
    return run


def _runs(tracker: Tracker) -> list[tuple[str, str]]:
    client = MlflowClient(tracking_uri=tracker.uri)
    experiment = client.get_experiment_by_name(BENCHMARKS).experiment_id
    found = client.search_runs([experiment])
    return sorted((run.data.tags["kind"], run.info.status) for run in found)


EACH_ONCE = [("ablation", "FINISHED"), ("benchmark", "FINISHED")]


@contextmanager
def _lock(database: Path) -> Iterator[None]:
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


@pytest.fixture(scope="module")
def made_database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with tables: making them takes seconds."""
    tracker = Tracker(tmp_path_factory.mktemp("made"))
    tracker.experiment(BENCHMARKS)
    return tracker.database


@pytest.fixture
def sqlite(made_database: Path, tmp_path: Path) -> Tracker:
    (tmp_path / "mlruns.db").write_bytes(made_database.read_bytes())
    return Tracker(tmp_path)


def test_while_its_file_is_locked_runs_wait_and_are_logged_later_exactly_once(
    sqlite: Tracker, caplog: pytest.LogCaptureFixture
) -> None:
    began = time.monotonic()
    with _lock(sqlite.database):
        assert isinstance(_log(sqlite), WaitingRun)
        assert isinstance(_log(sqlite), WaitingRun)  # asked again: it waits already
    assert time.monotonic() - began < 10
    assert len(caplog.records) == 1
    assert "locked" in caplog.text
    assert sqlite.log_waiting() == 2
    assert sqlite.log_waiting() == 0
    assert _runs(sqlite) == EACH_ONCE
    assert isinstance(_log(sqlite), TrackedRun)
    assert _runs(sqlite) == EACH_ONCE


def test_what_a_run_holds_is_the_same_when_it_waited(sqlite: Tracker) -> None:
    with _lock(sqlite.database):
        _log(sqlite)
    sqlite.log_waiting()
    run = sqlite.client.get_run(_log(sqlite).run_id)
    assert run.data.params == {"scoring.k": "5"}
    assert run.data.metrics == {"late/auc": 0.9}
    assert [one.dataset.digest for one in run.inputs.dataset_inputs] == ["d"]
    assert [one.path for one in sqlite.client.list_artifacts(run.info.run_id, "plots")] == ["plots/auc.png"]
    [child] = sqlite.client.search_runs([run.info.experiment_id], "tags.kind = 'ablation'")
    assert child.data.tags["mlflow.parentRunId"] == run.info.run_id


def test_a_run_that_broke_off_is_taken_up_where_it_was_left(
    sqlite: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ConnectionResetError("the cable")

    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, "log_artifact", fail)
        assert isinstance(_log(sqlite), WaitingRun)
    assert _runs(sqlite) == [("benchmark", "RUNNING")]
    assert sqlite.log_waiting() == 2
    assert _runs(sqlite) == EACH_ONCE
    [point] = sqlite.client.get_metric_history(_log(sqlite).run_id, "late/auc")
    assert point.value == 0.9


def test_what_mlflow_refuses_is_an_error_and_keeps_nobody_else_waiting(
    sqlite: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MlflowException.invalid_parameter_value("no such thing")

    with monkeypatch.context() as broken:
        broken.setattr(MlflowClient, "log_inputs", fail)
        with pytest.raises(MlflowException, match="no such thing"):
            _log(sqlite, "bad")
        sqlite.once("other", {"recipe": "good", "kind": "benchmark"}, lambda run: None)
    assert ("benchmark", "FINISHED") in _runs(sqlite)
    assert len(sqlite.spool.waiting()) == 1


def test_two_that_log_one_recipe_at_once_make_one_run(sqlite: Tracker) -> None:
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: _log(Tracker(sqlite.root)), range(4)))
    assert len({run.run_id for run in runs}) == 1
    assert _runs(sqlite) == EACH_ONCE


def test_a_server_that_never_answers_costs_seconds_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with closing(socket.create_server(("127.0.0.1", 0), backlog=8)) as silent:
        monkeypatch.setenv(URI, f"http://me:{SECRET}@127.0.0.1:{silent.getsockname()[1]}")
        began = time.monotonic()
        for number in range(5):
            assert isinstance(_log(Tracker(tmp_path), f"r{number}"), WaitingRun)
    assert time.monotonic() - began < 12
    assert len(caplog.records) == 1
    assert len(Tracker(tmp_path).spool.waiting()) == 10


def test_a_store_that_is_no_web_server_gets_its_runs_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """MLflow's client opens folders and databases itself: they have no page to ask."""
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    monkeypatch.setenv(URI, f"file://{tmp_path / 'mlruns'}")
    assert isinstance(_log(Tracker(tmp_path)), TrackedRun)


def test_a_database_server_that_is_away_is_asked_for_its_runs_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(uri: str) -> None:
        raise OperationalError("connect", None, ConnectionRefusedError("refused"))

    monkeypatch.setattr(tracking, "check_database", refuse)
    monkeypatch.setenv(URI, f"postgresql://me:{SECRET}@127.0.0.1:1/mlflow")
    assert isinstance(_log(Tracker(tmp_path)), WaitingRun)
    assert SECRET not in caplog.text


def _contents(folder: Path) -> Iterator[tuple[Path, bytes]]:
    return ((path, path.read_bytes()) for path in folder.rglob("*") if path.is_file())


def test_a_graph_goes_on_without_its_server_and_no_file_or_log_has_the_password(
    made_database: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The server is away, then there, then refuses a run; the whole way nobody writes the password down."""
    port, tracker = _free_port(), Tracker(tmp_path / "checkout")
    monkeypatch.setenv(URI, f"http://me:{SECRET}@127.0.0.1:{port}")
    (tmp_path / "server.db").write_bytes(made_database.read_bytes())
    caplog.set_level(logging.DEBUG)

    @dg.asset
    def benchmark(context) -> dg.MaterializeResult:
        links = mlflow_run(context, tracker, "r1", lambda tags: _log(tracker))
        return dg.MaterializeResult(metadata={"recipe": "r1", **links})

    @dg.asset(deps=[benchmark])
    def refused(context) -> dg.MaterializeResult:
        tracker.once("x", {"recipe": "bad"}, lambda run: run.metrics({"bad name: \0": 1.0}))

    with dg.DagsterInstance.local_temp(str(tmp_path), {"telemetry": {"enabled": False}}) as instance:
        began = time.monotonic()
        first = dg.materialize([benchmark], instance=instance)
        assert first.success
        assert time.monotonic() - began < 20
        assert _metadata(first) == WAITS
        with tracking_server(tmp_path, port):
            assert tracker.log_waiting() == 2
            assert _runs(tracker) == EACH_ONCE
            second = dg.materialize([benchmark], instance=instance)
            assert _metadata(second).startswith(f"http://127.0.0.1:{port}/#/experiments/")
            assert _runs(tracker) == EACH_ONCE
            dg.materialize([benchmark, refused], instance=instance, raise_on_error=False)
    out = capfd.readouterr()
    assert len([one for one in caplog.records if one.name == tracking.__name__]) == 1
    for text in (out.out, out.err, caplog.text, *os.environ[URI].split()):
        assert SECRET not in text
    assert not [path for path, content in _contents(tmp_path) if SECRET.encode() in content]


def _metadata(result: dg.ExecuteInProcessResult) -> str:
    return str(result.asset_materializations_for_node("benchmark")[0].metadata["mlflow_run"].value)


@pytest.mark.parametrize(
    ("error", "shown"),
    [(ConnectionError("gone\x1b[2J\nand more"), r"gone\x1b[2J"), (TimeoutError(), "TimeoutError")],
)
def test_whatever_a_server_says_of_its_outage_is_shown_as_a_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, shown: str
) -> None:
    def fail(_: Tracker) -> None:
        raise error

    monkeypatch.setattr(Tracker, "check", fail)
    with pytest.raises(AwayError) as away:
        Tracker(tmp_path).ask(lambda client: None)
    assert str(away.value) == shown
