"""The commands that Dagster's users type, as they type them: in a checkout, against its [tool.dg]."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
DG = Path(sys.executable).with_name("dg")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an instance, and settings of one context: nothing of the checkout is written to."""
    folder = tmp_path_factory.mktemp("dg")
    shutil.copy(ROOT / ".dagster" / "dagster.yaml", folder)
    (folder / "params.yaml").write_text(yaml.safe_dump({"corpus": {"contexts": ["street"]}}))
    return folder


def _dg(home: Path, *arguments: str, cwd: Path = ROOT) -> str:
    done = subprocess.run(
        [str(DG), *arguments],
        cwd=cwd,
        env={
            **os.environ,
            "DAGSTER_HOME": str(home),
            "TRACES_PARAMS": str(home),
            "TRACES_DATA": str(home / "data"),
            "TRACES_REPORTS": str(home / "reports"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{home / 'mlruns.db'}",
        },
        capture_output=True,
        text=True,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


def test_every_definition_is_listed(home: Path) -> None:
    defs = json.loads(_dg(home, "list", "defs", "--json"))
    names = {kind: {one.get("name") or one["asset_key"] for one in some} for kind, some in defs.items()}
    assert {"trace_corpus", "anomaly_scores", "inbox_scores"} <= names["assets"]
    assert {"demo", "rebuild_bank", "score_footage", "benchmark", "pretrain_pocket"} <= names["jobs"]
    assert names["sensors"] == {"when_out_of_date", "inbox", "cameras", "mlflow_is_back"}
    assert names["schedules"] == {"observe_sources_nightly", "regenerate_bank_weekly"}


def test_a_job_that_walks_the_graph_is_launched_by_its_name(home: Path) -> None:
    _dg(home, "launch", "--job", "rebuild_bank")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        runs = instance.get_runs()
        assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
        assert [run.job_name for run in runs].count("rebuild_bank") == 1
        index = instance.get_latest_materialization_event(dg.AssetKey("trace_index"))
        assert index.asset_materialization.metadata["contexts"].value == 1
        seen = instance.fetch_observations(dg.AssetKey(["settings", "corpus"]), limit=1).records
        assert seen[0].asset_observation.data_version


def test_one_partition_of_one_asset_is_launched_from_any_folder_of_the_checkout(home: Path) -> None:
    _dg(home, "launch", "--assets", "trace_corpus", "--partition", "street", cwd=ROOT / "docs")
    with dg.DagsterInstance.from_config(str(home)) as instance:
        made = instance.fetch_materializations(dg.AssetKey("trace_corpus"), limit=5).records
        assert made[0].partition_key == "street"
