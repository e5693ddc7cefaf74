"""MLflow: where runs go, and how each recipe comes to have exactly one.

`dagster-mlflow`'s hook ends the run at the first step and caps pandas; this does neither: it names every run
by its id. A run is written down in the spool and logged from there, now or when MLflow answers again. What a
run of a benchmark, a training or an ablation holds belongs in `mlflow_runs`.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from pipelines import links
from pipelines.mlflow_store import (
    SqliteFile,
    check_database,
    is_database,
    load_mlflow,
    public,
    sqlite_path,
    sqlite_uri,
    uri_from_environment,
)
from pipelines.spool import Draft, Spool, Waiting
from pipelines.system_metrics import SystemMetrics
from pipelines.tracked_run import TrackedRun, WaitingRun, flattened
from traces_core.errors import TracesError
from traces_core.printing import printable
from traces_core.redaction import redacted
from traces_core.store.digest import digest

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

__all__ = ["BENCHMARKS", "TRAININGS", "LoggedRun", "TrackedRun", "Tracker", "WaitingRun", "flattened"]

BENCHMARKS = "traces"
"""The experiment of benchmarks, with their ablations as children."""
TRAININGS = "traces training"
"""That of trainings."""

RETRY_S = 120.0
"""For so long after an outage began, steps do not try again: each try costs them seconds."""
PATIENCE_S = 30.0
"""What a step spends on logging at most, give or take one request; a slow server gets the rest later."""

_AWAY = {
    "INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED", "UNAUTHENTICATED",
    "CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED",
}  # fmt: skip
"""Errors of MLflow that may pass; any other is ours."""

LoggedRun = TrackedRun | WaitingRun
Answer = TypeVar("Answer")
_log = logging.getLogger(__name__)


class AwayError(TracesError):
    """MLflow does not answer within seconds."""


@dataclass(frozen=True)
class Tracker:
    """Where runs go: MLFLOW_TRACKING_URI, else a SQLite file in the checkout."""

    root: Path
    system: SystemMetrics = field(default_factory=SystemMetrics, compare=False)
    """What the step that logs has taken of the machine."""

    @property
    def uri(self) -> str:
        """The tracking store."""
        return uri_from_environment() or sqlite_uri(self.root / "mlruns.db")

    @property
    def database(self) -> Path | None:
        """The file of a SQLite store; None for a server."""
        return sqlite_path(self.uri)

    @property
    def is_gone(self) -> bool:
        """Whether a SQLite file that held runs is not there any more."""
        return self.database is not None and not self.database.exists()

    @property
    def _file(self) -> SqliteFile | None:
        return None if self.database is None else SqliteFile(self.database)

    @property
    def artifacts(self) -> Path:
        """The folder of what runs keep: beside a SQLite file, else in the checkout."""
        return self.root / "mlartifacts" if self._file is None else self._file.artifacts

    @property
    def place(self) -> str:
        """The tracking store as it may be shown: without a name and password."""
        return public(self.uri)

    @property
    def spool(self) -> Spool:
        """What waits for this store: beside a SQLite file, else in the checkout."""
        if self.database is not None:
            return Spool(self.database.with_name(f"{self.database.name}.waiting"))
        return Spool(self.root / ".dagster" / "mlflow_waiting" / digest(self.place))

    @cached_property
    def client(self) -> MlflowClient:
        """The client of the store."""
        load_mlflow()
        from mlflow.tracking import MlflowClient

        if self._file is None:
            return MlflowClient(tracking_uri=self.uri)
        with self._file.alone(), self._file.whole():  # the first client makes the tables
            client = MlflowClient(tracking_uri=self.uri)
        self._file.bring_along()
        return client

    def check(self) -> None:
        """Ask in seconds whether the store answers; its error where it does not."""
        if self._file is not None:
            self._file.check()
        elif self.place.startswith("http"):
            self._check_server()
        elif is_database(self.uri):
            check_database(self.uri)

    def _check_server(self) -> None:
        from mlflow.utils.credentials import get_default_host_creds
        from mlflow.utils.rest_utils import http_request

        asked = {"timeout": 5, "max_retries": 0, "raise_on_status": False}
        answer = http_request(get_default_host_creds(self.uri), "/health", "GET", **asked)
        if answer.status_code >= 500:
            raise ConnectionError(f"{self.place} answers {answer.status_code}")

    def ask(self, question: Callable[[MlflowClient], Answer], *, is_patient: bool = True) -> Answer:
        """What MLflow answers.

        Parameters
        ----------
        is_patient
            Whether to try although it was away a moment ago.

        Raises
        ------
        AwayError
            If it does not answer, or answers that it cannot. The first time somebody is warned.
        """
        away = self.spool.away_since()
        if away is not None and away[0] < RETRY_S and not is_patient:
            raise AwayError(away[1])
        load_mlflow()
        try:
            self.check()
            answer = question(self.client)
        except Exception as error:
            if not (isinstance(error, AwayError) or _may_pass(error)):
                raise
            words = str(error).splitlines() or [type(error).__name__]
            why = printable(redacted(words[0]), is_line=True)
            if self.spool.begin_outage(why):
                _log.warning(
                    "MLflow (%s) is away: %s. Runs wait on disk and are logged later.", self.place, why
                )
            raise AwayError(why) from None
        self.spool.end_outage()
        return answer

    def link(self, run_id: str) -> str:
        """The page of a run; its id where MLflow does not say what experiment it is of."""
        try:
            experiment = self.ask(lambda client: client.get_run(run_id)).info.experiment_id
        except AwayError:
            return run_id
        return links.mlflow_run(self.place, experiment, run_id)

    @contextlib.contextmanager
    def run(
        self, name: str, tags: Mapping[str, str], *, experiment: str = BENCHMARKS, parent: str | None = None
    ) -> Iterator[TrackedRun]:
        """A new run, logged as it goes: FINISHED when the block ends, FAILED when it raises."""
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
        fill: Callable[[Draft], None],
        *,
        experiment: str = BENCHMARKS,
    ) -> LoggedRun:
        """The run of the recipe that the tags name: the one that is there, else a new one, filled.

        Where MLflow does not answer, it waits, and is logged later, exactly once.
        """

        def filled(run: Draft) -> None:
            fill(run)
            self.system.log(run)

        return self._written(Waiting(name, experiment, dict(tags)), filled)

    def add(
        self,
        recipe: str,
        mark: tuple[str, str],
        fill: Callable[[Draft], None],
        *,
        experiment: str = BENCHMARKS,
    ) -> LoggedRun:
        """The run of a recipe with something added to it, unless it has that already.

        Parameters
        ----------
        mark
            The tag, and its value, that the run has once it was added.
        """
        return self._written(Waiting(mark[0], experiment, {"recipe": recipe}, mark), fill)

    def _written(self, waiting: Waiting, fill: Callable[[Draft], None]) -> LoggedRun:
        """Write down what MLflow does not have, and log it if it answers."""
        known = self._known(waiting)
        if known is None:
            if not self.spool.waiting(waiting.key):
                with self.spool.draft(waiting) as draft:
                    fill(draft)
            self.log_waiting(waiting.key, is_patient=False)
            known = self._known(waiting)
        return known or WaitingRun()

    def _known(self, waiting: Waiting) -> TrackedRun | None:
        """What MLflow has of it already; None also where it does not answer."""
        with contextlib.suppress(AwayError):
            return self.ask(lambda _: self._logged(waiting), is_patient=False)
        return None

    def log_waiting(self, key: str | None = None, *, is_patient: bool = True) -> int:
        """Log what waits, oldest first; how many runs and additions that were.

        Parameters
        ----------
        key
            Of the one that the caller asks for: where MLflow refuses that one, its error is raised.
        """
        if not self.spool.waiting():
            return 0
        logged, until = 0, time.monotonic() + PATIENCE_S
        with self.spool.alone(), contextlib.suppress(AwayError):
            for folder in self.spool.waiting():
                waiting = Waiting.read(folder)
                try:
                    logged += self.ask(partial(self._log, folder, waiting, until), is_patient=is_patient)
                except AwayError:
                    raise
                except Exception as error:
                    waiting.why = str(error)
                    waiting.write(folder)
                    if waiting.key == key:
                        raise
                    _log.warning("MLflow refuses %s (%s): %s", waiting.name, folder, waiting.why)
        return logged

    def _log(self, folder: Path, waiting: Waiting, until: float, _: MlflowClient) -> bool:
        """Log what waits in a folder, from where it was left; False where its run is not there yet."""
        if self._logged(waiting):
            self.spool.drop(folder)
            return True
        run = self._begun(waiting)
        if run is None:
            return False
        waiting.run_id = run.run_id
        while waiting.logged < len(waiting.calls):
            waiting.write(folder)
            if time.monotonic() > until:
                raise AwayError(f"it is slow: {waiting.name} is not logged after {PATIENCE_S:.0f} s")
            if self._file is not None:
                self._file.check()  # MLflow itself would wait 20 s for another writer
            call = dict(waiting.calls[waiting.logged])
            getattr(run, call.pop("do"))(**_opened(call, folder))
            waiting.logged += 1
        if waiting.mark is not None:
            run.tags(dict([waiting.mark]))
        else:
            self.client.set_terminated(run.run_id, "FINISHED")
        self.spool.drop(folder)
        return True

    def _logged(self, waiting: Waiting) -> TrackedRun | None:
        """The finished run of a recipe, with the addition where that is meant; the first of two."""
        run = self._found(waiting, "attributes.status = 'FINISHED'")
        if run is None or waiting.mark is None:
            return run
        name, value = waiting.mark
        return run if self.client.get_run(run.run_id).data.tags.get(name) == value else None

    def _begun(self, waiting: Waiting) -> TrackedRun | None:
        """The run that is to be filled; None where an addition is to one that is not finished."""
        if waiting.mark is not None:
            return self._found(waiting, "attributes.status = 'FINISHED'")
        began = {**waiting.tags, "written_down": f"{waiting.at_ms}-{waiting.key}"}
        mine = self._found(waiting, f"tags.written_down = '{began['written_down']}'")
        if mine is not None:  # begun by a process that died, or by one whose server went away
            return mine
        made = self.client.create_run(
            self.experiment(waiting.experiment),
            start_time=waiting.at_ms,
            run_name=waiting.name,
            tags={**began, "mlflow.source.name": "TRACES"},
        )
        return TrackedRun(self.client, made.info.run_id)

    def _found(self, waiting: Waiting, which: str) -> TrackedRun | None:
        experiment = self.client.get_experiment_by_name(waiting.experiment)
        if experiment is None:
            return None
        wanted = f"tags.recipe = '{waiting.tags['recipe']}' and {which}"
        found = self.client.search_runs(
            [experiment.experiment_id], wanted, max_results=1000, order_by=["attributes.end_time ASC"]
        )
        own = [run for run in found if "mlflow.parentRunId" not in run.data.tags]  # children carry it, too
        return TrackedRun(self.client, own[0].info.run_id) if own else None

    def experiment(self, name: str) -> str:
        """The id of an experiment, made or brought back where it is needed.

        Artifacts of a database lie in `artifacts`; those of a server where the server wants them.
        """
        client = self.client
        with contextlib.nullcontext() if self._file is None else self._file.alone():
            return self._experiment(client, name)

    def _experiment(self, client: MlflowClient, name: str) -> str:
        existing = client.get_experiment_by_name(name)
        if existing is None:
            beside = self.artifacts.as_uri() if is_database(self.uri) else None
            kind = {"mlflow.experimentKind": "custom_model_development"}  # else the UI shows it as a chat's
            return str(client.create_experiment(name, artifact_location=beside, tags=kind))
        if existing.lifecycle_stage == "deleted":
            client.restore_experiment(existing.experiment_id)
        return str(existing.experiment_id)


def _opened(call: Mapping[str, Any], folder: Path) -> dict[str, Any]:
    """The arguments of a call, with the files that were kept for it."""
    import polars as pl

    given = dict(call)
    if "table" in given:
        given["table"] = pl.read_parquet(folder / given["table"], glob=False)
    if "path" in given:
        given["path"] = folder / given["path"]
    if "source" in given:
        given["source"] = Path(given["source"])
    return given


def _may_pass(error: Exception) -> bool:
    """Whether an error is of a server that is away, too busy or refuses the password."""
    import sqlite3

    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import OperationalError

    if isinstance(error, MlflowException):
        return error.error_code in _AWAY
    passing = OSError | sqlite3.OperationalError | OperationalError
    return isinstance(error, passing) and not isinstance(error, FileNotFoundError)
