"""A site that a sensor can look at: a small graph with the partitions of these definitions, in a folder."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import dagster as dg
import pytest

from traces_core.project import Project
from traces_core.store import Store

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


@pytest.fixture(scope="session")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An instance that has heard of nothing: making its tables takes longer than most tests of it."""
    folder = tmp_path_factory.mktemp("blank")
    with dg.DagsterInstance.local_temp(str(folder), SILENT):
        return folder


@pytest.fixture
def site(made_project: Project, blank: Path, tmp_path: Path) -> Iterator[Site]:
    """The graph with a catalog and an inbox of the test's own, as the environment names them."""
    shutil.copytree(blank, tmp_path / "dagster")
    with _site(made_project, tmp_path, made_project.machine.data.parent / "data") as site:
        yield site


@contextlib.contextmanager
def _site(made: Project, folder: Path, data: Path) -> Iterator[Site]:
    home = made.machine.data.parent
    catalog, inbox = folder / "catalog", folder / "inbox"
    shutil.copytree(ROOT / "catalog", catalog)
    inbox.mkdir()
    places = {"DATA": data, "PARAMS": home, "CATALOG": catalog, "INBOX": inbox, "REPORTS": home / "reports"}
    (folder / "dagster").mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        for name, place in places.items():
            patch.setenv(f"TRACES_{name}", str(place))
        for name in ("DEVICE", "PROFILE"):
            patch.delenv(f"TRACES_{name}", raising=False)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder / 'mlruns.db'}")
        with dg.DagsterInstance.local_temp(str(folder / "dagster"), SILENT) as instance:
            yield Site(replace(made, store=Store(data)), catalog, inbox, instance)


@pytest.fixture(scope="session")
def shown(made_project: Project, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of its own and an instance that shows all of it, up to the alarms."""
    from pipelines.walk import walk

    folder = tmp_path_factory.mktemp("shown")
    data = shutil.copytree(made_project.store.root, folder / "data")
    with _site(made_project, folder, data) as site:
        walk("+key:alarms", instance=site.instance, tell=lambda *_: None)
    return folder


@pytest.fixture
def synced(made_project: Project, shown: Path, tmp_path: Path) -> Iterator[Site]:
    """A site with a store of its own, whose instance shows all that is there, up to the alarms."""
    for name in ("data", "dagster"):
        shutil.copytree(shown / name, tmp_path / name)
    with _site(made_project, tmp_path, tmp_path / "data") as site:
        yield site
