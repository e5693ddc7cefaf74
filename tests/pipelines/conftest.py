"""A site that a sensor can look at: a small graph with the partitions of these definitions, in a folder."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import dagster as dg
import pytest

from traces_core.project import Project

ROOT = Path(__file__).resolve().parents[2]
SILENT = {"telemetry": {"enabled": False}}
"""An instance that is not that of the checkout would count its steps in the checkout's folder."""


@dataclass(frozen=True)
class Site:
    """A folder with a graph that was made, and an instance that has not heard of it."""

    project: Project
    catalog: Path
    inbox: Path
    instance: dg.DagsterInstance

    @property
    def reports(self) -> Path:
        return self.project.machine.data.parent / "reports"


@pytest.fixture(scope="session")
def made_project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The small graph in the partitions that this process has read from params.yaml."""
    from small_graph import make_graph

    from pipelines.partitions import CONTEXTS, SHARDS

    contexts, shards = CONTEXTS.get_partition_keys(), SHARDS.get_partition_keys()
    return make_graph(tmp_path_factory.mktemp("made"), contexts, len(shards))


@pytest.fixture
def site(made_project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """The graph with a catalog and an inbox of the test's own, as the environment names them."""
    home = made_project.machine.data.parent
    catalog, inbox = tmp_path / "catalog", tmp_path / "inbox"
    shutil.copytree(ROOT / "catalog", catalog)
    inbox.mkdir()
    places = {"DATA": home / "data", "PARAMS": home, "CATALOG": catalog, "INBOX": inbox}
    for name, place in {**places, "REPORTS": home / "reports"}.items():
        monkeypatch.setenv(f"TRACES_{name}", str(place))
    for name in ("DEVICE", "PROFILE"):
        monkeypatch.delenv(f"TRACES_{name}", raising=False)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlruns.db'}")
    with dg.DagsterInstance.local_temp(str(tmp_path), SILENT) as instance:
        yield Site(made_project, catalog, inbox, instance)
