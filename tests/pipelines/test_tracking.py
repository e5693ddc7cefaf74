"""The tracker: MLflow runs with explicit ids, in a real SQLite file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pipelines.tracking import EXPERIMENT, Tracker, flattened

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.tracking import MlflowClient


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
        run.params({"fusion": {"kind": "mean", "heads": 4}})
        run.tags({"shipped": "no"})
        run.file(tmp_path / "page.html")
        run.file(tmp_path, "pages")
        run.content("rows.json", {"rows": [1]})
        run.content("picture.png", b"png")
    found = _run(tracker, run.run_id)
    assert found.info.status == "FINISHED"
    assert found.data.metrics == {"loss": 1.0}
    history = _client(tracker).get_metric_history(run.run_id, "loss")
    assert [(point.step, point.value) for point in history] == [(0, 2.0), (20, 1.0)]
    assert found.data.params == {"fusion.kind": "mean", "fusion.heads": "4"}
    assert (found.data.tags["git"], found.data.tags["shipped"]) == ("abc", "no")
    kept = {path.relative_to(tracker.root / "mlartifacts").as_posix().split("artifacts/")[-1]: path
            for path in (tracker.root / "mlartifacts").rglob("*") if path.is_file()}  # fmt: skip
    assert set(kept) == {"page.html", "pages/page.html", "rows.json", "picture.png"}
    assert json.loads(kept["rows.json"].read_text()) == {"rows": [1]}
    assert kept["picture.png"].read_bytes() == b"png"


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
    assert _client(tracker).get_experiment(both[0].info.experiment_id).name == EXPERIMENT
    assert "auc" not in both[0].data.metrics


def test_the_environment_says_where_runs_go_first(tracker: Tracker, monkeypatch: pytest.MonkeyPatch) -> None:
    assert tracker.uri == f"sqlite:///{tracker.root / 'mlruns.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///elsewhere.db")
    assert tracker.uri == "sqlite:///elsewhere.db"


def test_nested_names_are_joined_by_dots() -> None:
    assert flattened({"a": {"b": {"c": 1}, "d": None}, "e": [1]}) == {"a.b.c": 1, "a.d": None, "e": [1]}
