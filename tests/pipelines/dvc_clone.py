"""A checkout with Git and DVC of its own, in which the real commands run."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from small_graph import PARAMS, write_footage

from traces_core.steps.footage import SETS

ROOT = Path(__file__).resolve().parents[2]


def name_of(key: dg.AssetKey) -> str:
    """Of an asset, as its folder in the store is called."""
    return "/".join(key.path)


CHECKOUT = (
    *("assets", "catalog", "experiments", "pipelines", "traces_core", ".dvc", ".dvcignore", ".gitignore"),
    *("constraints.txt", "dvc.yaml", "params.yaml"),
)
"""What of this checkout the clone gets."""


@dataclass(frozen=True)
class Clone:
    """A checkout with a repository of its own, and what was printed and computed there, step by step."""

    root: Path
    output: dict[str, str] = field(default_factory=dict)
    computed: dict[str, set[str]] = field(default_factory=dict)
    logged: list[int] = field(default_factory=list)
    """The last record of Dagster's log after each step."""
    scores: dict[str, dict[str, str | None]] = field(default_factory=dict)
    """Which scores were current, after some steps."""

    def call(self, *command: str, **variables: str) -> str:
        """Run a command there; what it wrote of its work."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRACES_", "DVC_"))}
        kept |= {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "DAGSTER_HOME": str(self.root / ".dagster"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.root / 'mlruns.db'}",
            "DVC_SITE_CACHE_DIR": str(self.root.parent / "site"),
            **variables,
        }
        done = subprocess.run(
            command, cwd=self.root, env=kept, capture_output=True, text=True, timeout=900, check=False
        )
        assert done.returncode == 0, f"{command}\n{done.stdout[-3000:]}\n{done.stderr[-3000:]}"
        return done.stdout

    def dvc(self, *arguments: str) -> str:
        return self.call(sys.executable, "-m", "dvc", *arguments)

    def git(self, *arguments: str) -> str:
        return self.call("git", *arguments)

    def run(self, *arguments: str, **variables: str) -> str:
        return self.call(sys.executable, "-m", "pipelines.run", *arguments, **variables)

    def make(self, **variables: str) -> str:
        """What `make demo` runs, with one `dvc commit` at its end."""
        return self.run("demo", **variables)

    def note(self, step: str, output: str) -> None:
        """Keep what a step printed, and which assets it computed."""
        self.output[step] = output
        since = self.logged[-1] if self.logged else 0
        self.computed[step] = {name for name, made in self.materialized(since).items() if made["computed"]}
        with dg.DagsterInstance.from_config(str(self.root / ".dagster")) as instance:
            self.logged.append(instance.event_log_storage.get_maximum_record_id() or 0)

    def materialized(self, since: int = 0) -> dict[str, dict[str, Any]]:
        """The metadata of each asset's latest materialization, of those after a record of the log."""
        with dg.DagsterInstance.from_config(str(self.root / ".dagster")) as instance:
            records = {
                name_of(key): instance.fetch_materializations(key, limit=1).records
                for key in instance.get_asset_keys()
            }
        return {
            name: {key: value.value for key, value in events[0].asset_materialization.metadata.items()}
            for name, events in records.items()
            if events and events[0].storage_id > since
        }


def checkout(root: Path) -> Clone:
    """A checkout in a repository of its own, with footage of seconds that the stage `features` depends on."""
    root.mkdir(parents=True)
    for name in CHECKOUT:
        if (ROOT / name).is_dir():
            # With the bytecode, which else the first process there has to make again.
            shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("tmp", "cache"))
        else:
            shutil.copy(ROOT / name, root / name)
    (root / ".dagster").mkdir()
    shutil.copy(ROOT / ".dagster" / "dagster.yaml", root / ".dagster")
    write_footage(root / "footage")
    tiny = {**PARAMS, "training": {"fusion": {"kind": "mean"}}, "corpus": {"contexts": ["corridor"]}}
    tiny["footage"] = {name: f"footage/{name}" for name in SETS} | {"shards": 1}
    shipped = yaml.safe_load((root / "params.yaml").read_text())
    merged = {name: {**section, **tiny.get(name, {})} for name, section in shipped.items()}
    (root / "params.yaml").write_text(yaml.safe_dump(merged, sort_keys=False))
    stages_file = yaml.safe_load((root / "dvc.yaml").read_text())
    stages_file["stages"]["features"]["deps"] += [f"footage/{name}" for name in SETS]
    (root / "dvc.yaml").write_text(yaml.safe_dump(stages_file, sort_keys=False))
    clone = Clone(root)
    clone.git("init", "-q")
    clone.git("config", "user.name", "Somebody")
    clone.git("config", "user.email", "somebody@example.org")
    clone.git("add", ".")
    clone.git("commit", "-q", "-m", "A checkout")
    return clone
