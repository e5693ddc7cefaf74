"""MLflow: where runs go, and how each recipe comes to have exactly one.

`dagster-mlflow`'s hook ends the run at the first step and caps pandas; this does neither: it names every run
by its id. What a run of a benchmark, a training or an ablation holds belongs in `mlflow_runs`.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    import polars as pl
    from mlflow.tracking import MlflowClient

BENCHMARKS = "traces"
"""The experiment of benchmarks, with their ablations as children."""
TRAININGS = "traces training"
"""That of trainings."""

_AT_ONCE = 100  # tracking servers take no more parameters in one request


@dataclass(frozen=True)
class TrackedRun:
    """One MLflow run."""

    client: MlflowClient
    run_id: str
    facts: Mapping[str, str] = field(default_factory=dict)
    """What a materialization should say of it, by name."""

    def metrics(self, values: Mapping[str, Any], step: int = 0) -> None:
        """Log every finite number among the values; what is undefined is not logged as a number."""
        from mlflow.entities import Metric

        now = int(time.time() * 1000)
        points = [
            Metric(name, float(value), now, step) for name, value in flattened(values, "/").items()
            if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        ]  # fmt: skip
        for some in _parts(points):
            self.client.log_batch(self.run_id, metrics=some)

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters, nested names joined by dots."""
        from mlflow.entities import Param

        for some in _parts([Param(name, str(value)) for name, value in flattened(values).items()]):
            self.client.log_batch(self.run_id, params=some)

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        for name, value in values.items():
            self.client.set_tag(self.run_id, name, value)

    def dataset(self, name: str, table: pl.DataFrame, *, digest: str, source: Path, context: str) -> None:
        """Log a table as a data set that went into the run, under the fingerprint it has here."""
        import mlflow.data
        from mlflow.data.sources import LocalArtifactDatasetSource
        from mlflow.entities import DatasetInput, InputTag
        from mlflow.exceptions import MlflowException

        place = LocalArtifactDatasetSource(str(source))
        made = mlflow.data.from_polars(table, source=place, name=name, digest=digest)
        tags = [InputTag("mlflow.data.context", context)]
        given = [DatasetInput(made._to_mlflow_entity(), tags)]
        try:
            self.client.log_inputs(self.run_id, datasets=given)
        except MlflowException:  # another run has just named the same one: now it is found
            self.client.log_inputs(self.run_id, datasets=given)

    def file(self, path: Path, folder: str | None = None) -> None:
        """Keep a file, or every file of a folder, as an artifact."""
        keep = self.client.log_artifacts if path.is_dir() else self.client.log_artifact
        keep(self.run_id, str(path), folder)

    def table(self, name: str, table: pl.DataFrame) -> None:
        """Keep a table as Parquet."""
        with tempfile.TemporaryDirectory() as folder:
            table.write_parquet(Path(folder) / name)
            self.client.log_artifact(self.run_id, str(Path(folder) / name))

    def content(self, name: str, content: bytes | Mapping[str, Any] | Sequence[Any]) -> None:
        """Keep bytes, or JSON, as an artifact of that name, which may lie in a folder."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / Path(name).name
            data = content if isinstance(content, bytes) else json.dumps(content, indent=1).encode()
            path.write_bytes(data)
            self.client.log_artifact(self.run_id, str(path), str(Path(name).parent).lstrip(".") or None)


@dataclass(frozen=True)
class Tracker:
    """Where runs go: MLFLOW_TRACKING_URI, else a SQLite file in the checkout."""

    root: Path

    @property
    def uri(self) -> str:
        """The tracking store."""
        return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{self.root / 'mlruns.db'}"

    @property
    def database(self) -> Path | None:
        """The file of a SQLite store; None for a server."""
        return Path(self.uri.removeprefix("sqlite:///")) if self.uri.startswith("sqlite:///") else None

    @property
    def artifacts(self) -> Path:
        """The folder of what runs keep: beside a SQLite file, else in the checkout."""
        beside = self.root if self.database is None else self.database.resolve().parent
        return beside / "mlartifacts"

    @cached_property
    def client(self) -> MlflowClient:
        """The client of the store."""
        from mlflow.tracking import MlflowClient  # four seconds: only for those who log

        with self._alone(), self._whole():  # the first client makes the tables
            return MlflowClient(tracking_uri=self.uri)

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Within, no other run makes what two cannot make at once in one file: its tables, an experiment."""
        if self.database is None:
            yield
            return
        self.database.parent.mkdir(parents=True, exist_ok=True)
        with self.database.with_name(f"{self.database.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def _whole(self) -> Iterator[None]:
        """Within, tables are made from nothing to the end, or anew: MLflow cannot take up half of them.

        A mark lies beside a file whose tables are not all there. Nothing was ever logged to such a file.
        """
        if self.database is None:
            yield
            return
        mark = self.database.with_name(f"{self.database.name}.making")
        if mark.exists():
            for suffix in ("", "-journal", "-wal", "-shm"):
                self.database.with_name(self.database.name + suffix).unlink(missing_ok=True)
        if not self.database.exists():
            mark.touch()
        yield
        mark.unlink(missing_ok=True)

    @property
    def place(self) -> str:
        """The tracking store as it may be shown: without a name and password."""
        parts = urlsplit(self.uri)
        public = parts._replace(netloc=parts.netloc.rpartition("@")[2])
        return public.geturl().rstrip("/")

    def link(self, run_id: str) -> str:
        """The page of a run where a server shows it; else its id."""
        if not self.place.startswith("http"):
            return run_id
        experiment = self.client.get_run(run_id).info.experiment_id
        return f"{self.place}/#/experiments/{experiment}/runs/{run_id}"

    @contextlib.contextmanager
    def run(
        self, name: str, tags: Mapping[str, str], *, experiment: str = BENCHMARKS, parent: str | None = None
    ) -> Iterator[TrackedRun]:
        """A new run: FINISHED when the block ends, FAILED when it raises."""
        nested = {} if parent is None else {"mlflow.parentRunId": parent}
        made = self.client.create_run(
            self.experiment(experiment),
            run_name=name,
            tags={**tags, **nested, "mlflow.source.name": "TRACES"},
        )
        try:
            yield TrackedRun(self.client, made.info.run_id)
        except BaseException:
            self.client.set_terminated(made.info.run_id, "FAILED")
            raise
        self.client.set_terminated(made.info.run_id, "FINISHED")

    def once(
        self,
        name: str,
        tags: Mapping[str, str],
        fill: Callable[[TrackedRun], None],
        *,
        experiment: str = BENCHMARKS,
    ) -> TrackedRun:
        """The run of the recipe that the tags name: the one that is there, else a new one, filled.

        A process that died while it filled one leaves a run that is not finished, and it is filled anew.
        """
        existing = self.client.search_runs(
            [self.experiment(experiment)],
            f"tags.recipe = '{tags['recipe']}' and attributes.status = 'FINISHED'",
            max_results=1,
        )
        if existing:
            return TrackedRun(self.client, existing[0].info.run_id)
        with self.run(name, tags, experiment=experiment) as run:
            fill(run)
        return run

    def experiment(self, name: str) -> str:
        """The id of an experiment, made or brought back where it is needed.

        Artifacts of a SQLite store lie beside its file; those of a server where the server wants them.
        """
        client = self.client
        with self._alone():
            return self._experiment(client, name)

    def _experiment(self, client: MlflowClient, name: str) -> str:
        existing = client.get_experiment_by_name(name)
        if existing is None:
            beside = self.database and self.artifacts.as_uri()
            kind = {"mlflow.experimentKind": "custom_model_development"}  # else the UI shows it as a chat's
            return str(client.create_experiment(name, artifact_location=beside, tags=kind))
        if existing.lifecycle_stage == "deleted":
            client.restore_experiment(existing.experiment_id)
        return str(existing.experiment_id)


def flattened(tree: Mapping[str, Any], joint: str = ".", prefix: str = "") -> dict[str, Any]:
    """A nested mapping with joined names.

    >>> flattened({"scoring": {"k": 5}})
    {'scoring.k': 5}
    """
    flat: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, joint, f"{prefix}{name}{joint}")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _parts(values: Sequence[Any]) -> Iterator[list[Any]]:
    return (list(values[start : start + _AT_ONCE]) for start in range(0, len(values), _AT_ONCE))
