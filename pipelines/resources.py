"""What assets are handed: the project (store, settings, encoders) and the tracker.

Fields belong to the machine and change no result; what does is in params.yaml.
"""

import subprocess
from pathlib import Path

import dagster as dg
from pydantic import Field

from pipelines.tracking import Tracker
from traces_core.project import Project
from traces_core.settings import Machine, Settings, project_root
from traces_core.store.packs import opened


class ProjectResource(dg.ConfigurableResource):
    """The store, the settings and the encoders. Empty fields take the environment's or the checkout's."""

    data: str = Field("", description="Root of the store (TRACES_DATA; data/).")
    catalog: str = Field("", description="Folder of the catalog (TRACES_CATALOG; catalog/).")
    reports: str = Field("", description="Where reports for people go (TRACES_REPORTS; reports/).")
    device: str = Field("", description="Torch device, such as cpu or cuda:0 (TRACES_DEVICE; cpu).")
    params: str = Field("", description="Folder of params.yaml; the checkout.")

    def open(self) -> Project:
        """The project: settings are read now, so an edited params.yaml counts for the next step."""
        here = Machine.here()
        chosen = {
            "data": Path(self.data) if self.data else here.data,
            "catalog": Path(self.catalog) if self.catalog else here.catalog,
            "reports": Path(self.reports) if self.reports else here.reports,
            "device": self.device or here.device,
        }
        machine = Machine(**chosen)
        return Project(opened(machine.data), Settings.load(self.params or None), machine)


class TrackerResource(dg.ConfigurableResource):
    """Where MLflow runs go; the environment variable MLFLOW_TRACKING_URI goes first."""

    root: str = Field("", description="Folder of mlruns.db and mlartifacts/; the checkout.")

    def open(self) -> Tracker:
        """The tracker."""
        return Tracker(Path(self.root) if self.root else project_root())


def git_commit() -> str:
    """The commit of the checkout, with `+changes` where files differ from it; `unknown` outside git."""
    try:
        commit = _git("rev-parse", "--short=12", "HEAD")
        return commit + ("+changes" if _git("status", "--porcelain", "--untracked-files=no") else "")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def last_commit(folder: Path) -> str:
    """The last commit that changed a folder; `unknown` outside git."""
    try:
        return _git("log", "-1", "--format=%h", "--", str(folder.resolve())) or "unknown"
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", "-C", str(project_root()), *arguments], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()
