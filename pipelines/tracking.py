"""MLflow runs with explicit ids: a small tracker over `MlflowClient`.

`dagster-mlflow`'s hook ends the run at the first step and caps pandas; this does neither. What is worth
logging is decided by the assets.
"""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "traces"


@dataclass(frozen=True)
class TrackedRun:
    """One MLflow run that is open."""

    client: MlflowClient
    run_id: str

    def metrics(self, values: Mapping[str, Any], step: int = 0) -> None:
        """Log every number among the values; None is undefined and is not logged as one."""
        for name, value in values.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                self.client.log_metric(self.run_id, name, float(value), step=step)

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters, nested names joined by dots."""
        for name, value in flattened(values).items():
            self.client.log_param(self.run_id, name, value)

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        for name, value in values.items():
            self.client.set_tag(self.run_id, name, value)

    def file(self, path: Path, folder: str | None = None) -> None:
        """Keep a file, or every file of a folder, as an artifact."""
        keep = self.client.log_artifacts if path.is_dir() else self.client.log_artifact
        keep(self.run_id, str(path), folder)

    def content(self, name: str, content: bytes | Mapping[str, Any] | Sequence[Any]) -> None:
        """Keep bytes, or JSON, as an artifact of that name."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / name
            data = content if isinstance(content, bytes) else json.dumps(content, indent=1).encode()
            path.write_bytes(data)
            self.client.log_artifact(self.run_id, str(path))


@dataclass(frozen=True)
class Tracker:
    """Where runs go: MLFLOW_TRACKING_URI, else a SQLite file in the checkout."""

    root: Path

    @property
    def uri(self) -> str:
        """The tracking store."""
        return os.environ.get("MLFLOW_TRACKING_URI", f"sqlite:///{self.root / 'mlruns.db'}")

    @contextlib.contextmanager
    def run(self, name: str, tags: Mapping[str, str], parent: str | None = None) -> Iterator[TrackedRun]:
        """An MLflow run: FINISHED when the block ends, FAILED when it raises."""
        from mlflow.tracking import MlflowClient  # five seconds: only for those who log

        client = MlflowClient(tracking_uri=self.uri)
        found = client.get_experiment_by_name(EXPERIMENT)
        where = found.experiment_id if found else self._create(client)
        nested = {} if parent is None else {"mlflow.parentRunId": parent}
        run_id = client.create_run(where, run_name=name, tags={**tags, **nested}).info.run_id
        try:
            yield TrackedRun(client, run_id)
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        client.set_terminated(run_id, "FINISHED")

    def _create(self, client: MlflowClient) -> str:
        local = "MLFLOW_TRACKING_URI" not in os.environ
        return client.create_experiment(
            EXPERIMENT, artifact_location=(self.root / "mlartifacts").as_uri() if local else None
        )


def flattened(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """A nested mapping with dotted names.

    >>> flattened({"scoring": {"k": 5}})
    {'scoring.k': 5}
    """
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat
