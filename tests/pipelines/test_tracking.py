"""The tracker: MLflow runs with explicit ids, in a real SQLite file."""

from __future__ import annotations

import json
import math
import shutil
import sqlite3
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier
from typing import TYPE_CHECKING

import dagster as dg
import polars as pl
import pytest

from pipelines import system_metrics
from pipelines.mlflow_links import mlflow_run
from pipelines.tracked_run import RunLog
from pipelines.tracking import BENCHMARKS, TRAININGS, TrackedRun, Tracker, flattened

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    """One database for all tests here: making its tables takes seconds."""
    return Tracker(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def _client(tracker: Tracker) -> MlflowClient:
    from mlflow.tracking import MlflowClient

    return MlflowClient(tracking_uri=tracker.uri)


def _run(tracker: Tracker, run_id: str) -> Run:
    return _client(tracker).get_run(run_id)


def test_a_run_that_ends_is_finished_and_holds_what_was_logged(tracker: Tracker, tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text("<p>")
    with tracker.run("training", {"git": "abc"}) as run:
        for step in (0, 20):
            run.metrics({"loss": 2.0 - step / 20, "undefined": None, "shipped": True, "name": "x"}, step)
        run.metrics({"late": {"auc": 0.5, "undefined": math.nan}})
        run.params({"fusion": {"kind": "mean", "heads": 4}})
        run.tags({"shipped": "no"})
        run.file(tmp_path / "page.html")
        run.file(tmp_path, "pages")
        run.content("rows.json", {"rows": [1]})
        run.content("plots/picture.png", b"png")
        run.table("table.parquet", pl.DataFrame({"x": [1.0]}))
    stored = _run(tracker, run.run_id)
    assert stored.info.status == "FINISHED"
    assert stored.data.metrics == {"loss": 1.0, "late/auc": 0.5}
    history = _client(tracker).get_metric_history(run.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(0, 2.0), (20, 1.0)]
    assert stored.data.params == {"fusion.kind": "mean", "fusion.heads": "4"}
    assert (stored.data.tags["git"], stored.data.tags["shipped"]) == ("abc", "no")
    kept = {path.relative_to(tracker.root / "mlartifacts").as_posix().split("artifacts/")[-1]: path
            for path in (tracker.root / "mlartifacts").rglob("*") if path.is_file()}  # fmt: skip
    assert set(kept) == {
        "page.html", "pages/page.html", "rows.json", "plots/picture.png", "table.parquet",
    }  # fmt: skip
    assert json.loads(kept["rows.json"].read_text()) == {"rows": [1]}
    assert kept["plots/picture.png"].read_bytes() == b"png"


_FIRST = """
from pathlib import Path
import sys
from pipelines.tracking import Tracker
Tracker(Path(sys.argv[1])).client
"""


def test_a_process_killed_while_it_makes_the_tables_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", _FIRST, str(tmp_path)], cwd=ROOT)
    database, mark = tmp_path / "mlruns.db", tmp_path / "mlruns.db.making"
    try:
        while not (database.exists() and database.stat().st_size > 100_000):  # some tables, not all
            assert process.poll() is None, "it came to the end"
            time.sleep(0.002)
    finally:
        process.kill()
        process.wait()
    tracker = Tracker(tmp_path)
    with tracker.run("training", {}) as run:
        run.metrics({"loss": 1.0})
    assert not mark.exists()
    assert _run(tracker, run.run_id).data.metrics == {"loss": 1.0}
    again = Tracker(tmp_path)
    assert again.client.get_run(run.run_id).info.status == "FINISHED"


def test_a_run_that_raises_is_failed_and_the_error_comes_through(tracker: Tracker) -> None:
    opened = []

    def fail() -> None:
        with tracker.run("training", {}) as run:
            opened.append(run.run_id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert _run(tracker, opened[0]).info.status == "FAILED"


def test_a_run_inside_another_names_its_parent_and_both_are_of_one_experiment(tracker: Tracker) -> None:
    with tracker.run("ablations", {}) as outer, tracker.run("one", {}, parent=outer.run_id) as inner:
        inner.metrics({"auc": 0.5})
    both = [_run(tracker, run.run_id) for run in (outer, inner)]
    assert both[1].data.tags["mlflow.parentRunId"] == outer.run_id
    assert both[0].info.experiment_id == both[1].info.experiment_id
    assert _client(tracker).get_experiment(both[0].info.experiment_id).name == BENCHMARKS
    assert "auc" not in both[0].data.metrics


def test_the_environment_says_where_runs_go_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    tracker = Tracker(tmp_path)
    assert tracker.database == tmp_path / "mlruns.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere.db")
    assert tracker.uri == "sqlite:///elsewhere.db"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:5000/")
    assert tracker.database is None
    assert tracker.place == "http://127.0.0.1:5000"


def test_nested_names_are_joined_by_dots() -> None:
    assert flattened({"a": {"b": {"c": 1}, "d": None}, "e": [1]}) == {"a.b.c": 1, "a.d": None, "e": [1]}


def test_a_recipe_has_one_finished_run_and_one_that_failed_is_filled_again(tracker: Tracker) -> None:
    filled = []

    def fill(run: RunLog) -> None:
        filled.append(run)
        run.metrics({"filling": len(filled)})
        if len(filled) == 1:
            raise ZeroDivisionError

    def ask(recipe: str) -> str:
        return tracker.once("fusion", {"recipe": recipe}, fill, experiment=TRAININGS).run_id

    with pytest.raises(ZeroDivisionError):
        ask("a1")
    first = ask("a1")
    assert ask("a1") == first
    second = ask("b2")
    assert len(filled) == 3
    assert [_run(tracker, one).data.metrics["filling"] for one in (first, second)] == [2, 3]
    assert {_run(tracker, one).info.status for one in (first, second)} == {"FINISHED"}
    assert len(tracker.client.search_runs([tracker.experiment(TRAININGS)])) == 2
    assert not list(tracker.spool.folder.glob("*-*"))


def test_more_parameters_than_a_server_takes_at_once_are_all_kept(tracker: Tracker) -> None:
    with tracker.run("many", {}) as run:
        run.params({f"p{number}": number for number in range(230)})
        run.metrics({f"m{number}": number for number in range(230)})
    data = _run(tracker, run.run_id).data
    assert len(data.params) == len(data.metrics) == 230


def test_a_data_set_is_logged_under_the_fingerprint_it_has_here(tracker: Tracker, tmp_path: Path) -> None:
    with tracker.run("inputs", {}) as run:
        table = pl.DataFrame({"video": ["a.mp4"], "duration_s": [3.0]})
        run.dataset("benchmark set", table, digest="b292e2d85e72bcd8", source=tmp_path, context="benchmark")
    [given] = _run(tracker, run.run_id).inputs.dataset_inputs
    assert (given.dataset.name, given.dataset.digest) == ("benchmark set", "b292e2d85e72bcd8")
    assert str(tmp_path) in given.dataset.source
    assert {tag.key: tag.value for tag in given.tags} == {"mlflow.data.context": "benchmark"}


def test_an_experiment_that_somebody_deleted_comes_back(tracker: Tracker) -> None:
    with tracker.run("one", {}, experiment="gone") as run:
        run.metrics({"auc": 0.5})
    where = tracker.experiment("gone")
    tracker.client.delete_experiment(where)
    assert tracker.experiment("gone") == where
    with tracker.run("two", {}, experiment="gone") as run:
        run.metrics({"auc": 0.6})
    assert _run(tracker, run.run_id).info.status == "FINISHED"


def test_a_materialization_links_to_its_run_and_asks_mlflow_once_a_recipe(tracker: Tracker) -> None:
    asked = []

    def reported(recipe: str) -> dict[str, object]:
        @dg.asset
        def fusion(context) -> dg.MaterializeResult:
            def log(tags: dict[str, str]) -> TrackedRun:
                asked.append(tags)
                run = tracker.once("fusion", {**tags, "recipe": recipe}, lambda run: None)
                return TrackedRun(run.client, run.run_id, {"gate": "passed"})

            links = mlflow_run(context, tracker, recipe, log)
            return dg.MaterializeResult(metadata={"recipe": recipe, **links})

        done = dg.materialize([fusion], instance=instance)
        metadata = done.asset_materializations_for_node("fusion")[0].metadata
        return {name: value.value for name, value in metadata.items()}

    with dg.DagsterInstance.ephemeral() as instance:
        first, again, other = (reported(recipe) for recipe in ("r1", "r1", "r2"))
    assert first["mlflow_run"] == again["mlflow_run"] != other["mlflow_run"]
    assert again["mlflow_gate"] == "passed"
    assert len(asked) == 2
    assert asked[0]["dagster_run"]
    page, _, run_id = str(first["mlflow_run"]).rpartition("/runs/")
    assert page.startswith("http://127.0.0.1:5000/#/experiments/")
    tags = _run(tracker, run_id).data.tags
    assert tags["recipe"] == "r1"
    assert tags["dagster_url"] == f"http://127.0.0.1:3000/runs/{tags['dagster_run']}"


def test_two_runs_that_name_one_data_set_at_once_both_have_it(tracker: Tracker) -> None:
    def name_it(number: int) -> list[str]:
        with tracker.run("benchmark", {"recipe": str(number)}) as run:
            for digest in "abcdefgh":
                together.wait()
                run.dataset("set", table, digest=digest, source=tracker.root, context="benchmark")
        return sorted(one.dataset.digest for one in _run(tracker, run.run_id).inputs.dataset_inputs)

    table, together = pl.DataFrame({"video": ["a.mp4"]}), Barrier(4, timeout=60)
    tracker.experiment(BENCHMARKS)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(name_it, range(4))) == [list("abcdefgh")] * 4


def test_a_copied_checkout_reads_and_writes_its_own_artifacts(tracker: Tracker, tmp_path: Path) -> None:
    """The old one is still there, and nothing of it is read or written any more."""
    (tmp_path / "old").mkdir()
    shutil.copyfile(tracker.database, tmp_path / "old" / "mlruns.db")
    old = Tracker(tmp_path / "old")
    first = old.once("one", {"recipe": "moved1"}, lambda run: run.content("a.json", {"from": "old"}))
    card = {"space": "s"}
    model = tmp_path / "model"
    _save_model(model)
    old.add(
        "moved1", ("detector", "c1"),
        lambda run: run.model(model, name="t", about="", card=card, tags={"recipe": "c1"}),
    )  # fmt: skip
    shutil.copytree(tmp_path / "old", tmp_path / "new")
    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "old").rglob("*")}
    (tmp_path / "old").chmod(0o000)
    new = Tracker(tmp_path / "new")
    new.once("two", {"recipe": "moved2"}, lambda run: run.content("b.json", {"from": "new"}))
    assert [one.path for one in new.client.list_artifacts(first.run_id)] == ["a.json"]
    uri = new.client.get_model_version_download_uri("t", "1")
    (tmp_path / "old").chmod(0o755)
    assert uri.startswith((tmp_path / "new" / "mlartifacts").as_uri())
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "old").rglob("*")} == before
    assert list((tmp_path / "new" / "mlartifacts").rglob("b.json"))
    with closing(sqlite3.connect(tmp_path / "new" / "mlruns.db")) as connection:
        dump = "\n".join(connection.iterdump())
    assert str(tmp_path / "new") in dump
    assert str(tmp_path / "old") not in dump


def _save_model(folder: Path) -> None:
    from mlflow.models import Model

    folder.mkdir()
    Model().save(str(folder / "MLmodel"))


_BOTH_LOAD = """
import sys, threading, time
from pathlib import Path
from pipelines.system_metrics import SystemMetrics
from pipelines.tracking import Tracker
metrics, tracker, failed = SystemMetrics(), Tracker(Path(sys.argv[1])), []
threading.excepthook = lambda given: failed.append(given.exc_value)
watcher = threading.Thread(target=metrics._sample)
watcher.start()
while "mlflow" not in sys.modules:
    time.sleep(0.001)
tracker.ask(lambda client: client.search_experiments())
watcher.join()
assert not failed, failed
"""


def test_a_step_may_log_while_its_watcher_loads_mlflow(tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-c", _BOTH_LOAD, str(tmp_path)], cwd=ROOT, check=True, timeout=120)


def test_a_run_says_what_its_step_took_of_the_machine(
    tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(system_metrics, "_EVERY_S", 0.1)
    watched = Tracker(tracker.root)
    began = time.time() * 1000
    with watched.system.sampled():
        time.sleep(0.35)
        run = watched.once("watched", {"recipe": "watched"}, lambda run: run.metrics({"auc": 0.5}))
    metrics = _run(tracker, run.run_id).data.metrics
    assert {
        "auc",
        "system/cpu_utilization_percentage",
        "system/system_memory_usage_megabytes",
    } <= metrics.keys()
    seen = _client(tracker).get_metric_history(run.run_id, "system/cpu_utilization_percentage")
    assert [point.step for point in seen] == list(range(len(seen)))
    assert len(seen) >= 3
    assert began <= min(point.timestamp for point in seen)
