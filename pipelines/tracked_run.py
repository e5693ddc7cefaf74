"""One MLflow run: what is logged to it, and how.

A run is written down first (`spool.Draft`) and then logged (`TrackedRun`); both take the same words. Which
run a recipe has, and when it is logged, is in `tracking`.
"""

from __future__ import annotations

import json
import math
import re
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from traces_core.disk import temporary_folder

if TYPE_CHECKING:
    import polars as pl
    from mlflow.entities import LoggedModel
    from mlflow.tracking import MlflowClient

_AT_ONCE = 100  # tracking servers take no more parameters in one request


class RunLog(ABC):
    """What a run can be told."""

    @abstractmethod
    def metrics(self, values: Mapping[str, Any], step: int = 0, at_ms: int | None = None) -> None:
        """Log every finite number among the values; what is undefined is not logged as a number."""

    @abstractmethod
    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters, nested names joined by dots."""

    @abstractmethod
    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""

    @abstractmethod
    def dataset(self, name: str, table: pl.DataFrame, *, digest: str, source: Path, context: str) -> None:
        """Log a table as a data set that went into the run, under the fingerprint it has here."""

    @abstractmethod
    def file(self, path: Path, folder: str | None = None) -> None:
        """Keep a file, or every file of a folder, as an artifact."""

    @abstractmethod
    def children(self, name: str, recipe: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """One child a row; earlier ones of this name, or those of a process that died, go first.

        Parameters
        ----------
        rows
            Each with `title`, `params`, `metrics` and `tags`.
        """

    @abstractmethod
    def model(
        self, path: Path, *, name: str, about: str, card: Mapping[str, Any], tags: Mapping[str, str]
    ) -> None:
        """Register a model as a version, unless one of its recipe is there.

        Parameters
        ----------
        path
            The folder of a model, as MLflow saves it.
        name, about
            Of the registered model: its name, and what it is.
        card
            What tells the model from others, kept as its metadata.
        tags
            Of the version, with `recipe`.
        """

    def table(self, name: str, table: pl.DataFrame) -> None:
        """Keep a table as Parquet."""
        with temporary_folder() as folder:
            table.write_parquet(Path(folder) / name)
            self.file(Path(folder) / name)

    def content(self, name: str, content: bytes | Mapping[str, Any] | Sequence[Any]) -> None:
        """Keep bytes, or JSON, as an artifact of that name, which may lie in a folder."""
        with temporary_folder() as folder:
            path = Path(folder) / Path(name).name
            data = content if isinstance(content, bytes) else json.dumps(content, indent=1).encode()
            path.write_bytes(data)
            self.file(path, str(Path(name).parent).lstrip(".") or None)


@dataclass(frozen=True)
class WaitingRun:
    """A run that MLflow does not have yet: it is logged later."""

    facts: Mapping[str, str] = field(default_factory=dict)
    """What a materialization should say of it, by name."""


@dataclass(frozen=True)
class TrackedRun(RunLog):
    """One MLflow run."""

    client: MlflowClient
    run_id: str
    facts: Mapping[str, str] = field(default_factory=dict)
    """What a materialization should say of it, by name."""

    def metrics(self, values: Mapping[str, Any], step: int = 0, at_ms: int | None = None) -> None:
        """Log every finite number among the values."""
        from mlflow.entities import Metric

        at_ms = int(time.time() * 1000) if at_ms is None else at_ms
        points = [Metric(name, value, at_ms, step) for name, value in finite(values).items()]
        for some in _parts(points):
            self.client.log_batch(self.run_id, metrics=some)

    def params(self, values: Mapping[str, Any]) -> None:
        """Log parameters."""
        from mlflow.entities import Param

        for some in _parts([Param(name, str(value)) for name, value in flattened(values).items()]):
            self.client.log_batch(self.run_id, params=some)

    def tags(self, values: Mapping[str, str]) -> None:
        """Set tags."""
        from mlflow.entities import RunTag

        for some in _parts([RunTag(name, value) for name, value in values.items()]):
            self.client.log_batch(self.run_id, tags=some)

    def dataset(self, name: str, table: pl.DataFrame, *, digest: str, source: Path, context: str) -> None:
        """Log a table as a data set."""
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

    def children(self, name: str, recipe: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """One child a row."""
        parent = self.client.get_run(self.run_id)
        if parent.data.tags.get(f"rows.{name}") == recipe:
            return
        experiment = parent.info.experiment_id
        mine = f"tags.mlflow.parentRunId = '{self.run_id}' and tags.rows = '{name}'"
        for old in self.client.search_runs([experiment], mine, max_results=1000):
            self.client.delete_run(old.info.run_id)
        for row in rows:
            tags = {**row["tags"], "rows": name, "mlflow.parentRunId": self.run_id}
            made = self.client.create_run(experiment, run_name=row["title"], tags=tags)
            child = TrackedRun(self.client, made.info.run_id)
            child.params(row["params"])
            child.metrics(row["metrics"])
            self.client.set_terminated(child.run_id, "FINISHED")
        self.tags({f"rows.{name}": recipe})

    def model(
        self, path: Path, *, name: str, about: str, card: Mapping[str, Any], tags: Mapping[str, str]
    ) -> None:
        """Register a model as a version, an output of this run."""
        client, named = self.client, f"name = '{name}'"
        if client.search_model_versions(f"{named} and tags.recipe = '{tags['recipe']}'", max_results=1):
            return
        if not client.search_registered_models(named, max_results=1):
            client.create_registered_model(name, description=about)
        run = self
        if client.search_model_versions(f"{named} and run_id = '{self.run_id}'", max_results=1):
            run = self._copied(tags["recipe"])
        logged = run._logged_model(path, card, tags["recipe"])
        client.create_model_version(
            name,
            source=logged.artifact_location,  # `models:/<id>` would be looked up in MLflow's global store
            run_id=run.run_id,
            model_id=logged.model_id,
            tags=dict(tags),
        )

    def _copied(self, recipe: str) -> TrackedRun:
        """A child with the parameters and numbers of this run, for another model that it measured."""
        measured = self.client.get_run(self.run_id)
        made = self.client.create_run(
            measured.info.experiment_id,
            run_name=f"detector {recipe[:6]}",
            tags={"kind": "detector", "recipe": recipe, "mlflow.parentRunId": self.run_id},
        )
        copied = TrackedRun(self.client, made.info.run_id)
        copied.params(measured.data.params)
        copied.metrics(measured.data.metrics)
        self.client.set_terminated(copied.run_id, "FINISHED")
        return copied

    def _logged_model(self, path: Path, card: Mapping[str, Any], recipe: str) -> LoggedModel:
        from mlflow.entities import LoggedModelOutput
        from mlflow.models import Model

        client = self.client
        experiment = client.get_run(self.run_id).info.experiment_id
        params = {name: str(value) for name, value in card.items() if not isinstance(value, Mapping)}
        logged = client.create_logged_model(
            experiment, name="detector", source_run_id=self.run_id, tags={"recipe": recipe},
            params=params, model_type="video anomaly",
        )  # fmt: skip
        about = Model.load(str(path))
        about.run_id, about.model_id, about.model_uuid = self.run_id, logged.model_id, logged.model_id
        about.metadata = dict(card)
        about.save(str(path / "MLmodel"))
        try:
            client.log_model_artifacts(logged.model_id, str(path))
        except BaseException:
            client.finalize_logged_model(logged.model_id, "FAILED")
            raise
        client.finalize_logged_model(logged.model_id, "READY")
        client.log_outputs(self.run_id, [LoggedModelOutput(logged.model_id, step=0)])
        return logged


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


def field_name(name: str) -> str:
    """A stranger's name as MLflow takes it in the name of a metric: what it refuses becomes its code.

    >>> field_name("gate [north]"), field_name("..")
    ('gate _5b_north_5d_', '_2e__2e_')
    """
    allowed = r"[^\w. :-]" if name.strip(".") else r"."
    return re.sub(allowed, lambda one: f"_{ord(one[0]):x}_", name, flags=re.DOTALL) or "_"


def finite(values: Mapping[str, Any]) -> dict[str, float]:
    """The finite numbers of a nested mapping, names joined by slashes.

    >>> finite({"late": {"auc": 0.5, "class": None, "shipped": True}})
    {'late/auc': 0.5}
    """
    return {
        name: float(value) for name, value in flattened(values, "/").items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }  # fmt: skip


def _parts(values: Sequence[Any]) -> Iterator[list[Any]]:
    return (list(values[start : start + _AT_ONCE]) for start in range(0, len(values), _AT_ONCE))
