"""A checkout under any path, and what Dagster keeps of a step: nothing outside, nothing secret."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
from mlflow.tracking import MlflowClient

from pipelines.mlflow_store import PASSWORD, URI
from pipelines.public import errors_visible, public
from pipelines.tracking import BENCHMARKS, Tracker
from traces_core.store import Store

ROOT = Path(__file__).resolve().parents[2]
NAME = "a b%20c?d#e [x] ü & 100%"
SECRET = "s3cret-horse"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with tables: making them takes seconds."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(URI, "")
        tracker = Tracker(tmp_path_factory.mktemp("made"))
        tracker.experiment(BENCHMARKS)
    return tracker.database


def test_a_graph_runs_under_any_path_and_writes_nothing_outside(
    made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster's databases, MLflow's and the store, under a path that means something else in an address."""
    root = tmp_path / NAME
    home = root / ".dagster"
    home.mkdir(parents=True)
    shutil.copy(ROOT / ".dagster" / "dagster.yaml", home)
    shutil.copy(made, root / "mlruns.db")
    for name, value in {URI: "", PASSWORD: "", "DAGSTER_HOME": str(home)}.items():
        monkeypatch.setenv(name, value)
    tracker, store = Tracker(root), Store(root / "data")
    values = {"table": pl.DataFrame({"a": [1]}), "arrays": {"a": np.ones(2)}, "facts": {"a": 1}}

    @dg.asset
    def numbers() -> None:
        for name, value in values.items():
            store.remember(name, made_from={}, make=lambda value=value: value, code="1")
        tracker.once("n", {"recipe": "r", "kind": "benchmark"}, lambda run: run.content("a/b.json", {"a": 1}))

    with dg.DagsterInstance.get() as instance:
        assert instance.get_settings("run_monitoring")["enabled"]  # dagster.yaml was read
        assert dg.materialize([numbers], instance=instance).success
    with dg.DagsterInstance.get() as again:
        [run] = again.get_runs()
        assert list(again.event_log_storage.get_all_run_ids()) == [run.run_id]
    assert store.current("table").read().equals(values["table"])
    assert store.current("arrays").read()["a"].tolist() == [1.0, 1.0]
    assert store.current("facts").read() == {"a": 1}
    client = MlflowClient(tracking_uri=tracker.uri)
    [logged] = client.search_runs([client.get_experiment_by_name(BENCHMARKS).experiment_id])
    assert [one.path for one in client.list_artifacts(logged.info.run_id, "a")] == ["a/b.json"]
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert {path.name for path in root.iterdir()} == {
        ".dagster", "data", "mlartifacts", "mlruns.db", "mlruns.db.lock", "mlruns.db.waiting"
    }  # fmt: skip


def test_dagster_keeps_no_secret_of_an_error_of_metadata_or_of_a_log(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    camera = f"rtsp://me:{SECRET}@10.0.0.7/live"

    @dg.asset
    def shown(context) -> dg.MaterializeResult:
        context.log.info(f"looking at {camera}")
        logging.getLogger("some.library").error("lost %s", camera)
        values = {"text": camera, "url": dg.MetadataValue.url(camera), "json": {"deep": [camera]}}
        return public(dg.MaterializeResult(metadata={**values, "page": dg.MetadataValue.md(camera)}))

    @dg.asset
    def refused() -> None:
        with errors_visible():
            try:
                raise KeyError(f"Authorization: Bearer {SECRET}")
            except KeyError as error:
                raise ConnectionError(f"nothing answers at {camera}") from error

    with dg.DagsterInstance.local_temp(str(tmp_path), {"telemetry": {"enabled": False}}) as instance:
        done = dg.materialize([shown, refused], instance=instance, raise_on_error=False)
        [failed] = done.get_step_failure_events()
    assert "nothing answers at rtsp://***@10.0.0.7/live" in str(failed.step_failure_data.error)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) > 3
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []
    assert SECRET not in "".join(capfd.readouterr())


def test_every_asset_is_shown_without_secrets() -> None:
    """`pipelines.asset` wraps each, `pipelines.public` each check: what they return and raise is `public`."""
    source = (ROOT / "pipelines" / "asset.py").read_text()
    assert source.count("errors_visible()") == source.count("public(body(") == source.count("body(**")
    chapters = [*ROOT.glob("assets/*.py"), *ROOT.glob("experiments/**/*.py")]
    assert [path.name for path in chapters if "dg.asset_check(" in path.read_text()] == []
