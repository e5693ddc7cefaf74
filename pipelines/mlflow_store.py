"""Where MLflow keeps runs: its address without a password, and the SQLite file of a checkout.

What is logged there belongs in `tracking`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from traces_core.redaction import redacted

URI, USER, PASSWORD = "MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"

BOUNDS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
"""How long MLflow's client waits, unless the environment says otherwise. By itself it takes minutes to give
up; what waits here is logged later (`spool`)."""

_PATIENCE_S = 3.0
"""For another writer of a SQLite file. MLflow's own is 20 s a request, and cannot be set."""


_LOADING = threading.Lock()


def load_mlflow() -> None:
    """Import MLflow, which takes seconds. One thread at a time, or each finds what the other only began."""
    with _LOADING:
        for name, value in BOUNDS.items():
            os.environ.setdefault(name, value)
        import mlflow.tracking  # noqa: F401


def uri_from_environment() -> str | None:
    """The tracking server that the environment names, if any.

    A password in it moves to MLflow's own variable for one: MLflow quotes its address in errors, which
    Dagster keeps.
    """
    uri = os.environ.get(URI)
    if not uri:
        return None
    parts = urlsplit(uri)
    if parts.scheme not in ("http", "https") or "@" not in parts.netloc:
        return uri
    os.environ[USER], os.environ[PASSWORD] = unquote(parts.username or ""), unquote(parts.password or "")
    os.environ[URI] = public(uri)
    return os.environ[URI]


def public(uri: str) -> str:
    """An address as it may be shown.

    >>> public("http://me:secret@127.0.0.1:5000/")
    'http://127.0.0.1:5000'
    """
    if sqlite_path(uri) is not None:
        return uri  # a path, whatever is in it
    parts = urlsplit(uri)
    return redacted(parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl().rstrip("/"))


_QUOTED = "%?#"
"""What in a path means something else in an address."""


def sqlite_uri(path: Path) -> str:
    """The tracking store in a SQLite file, wherever it lies.

    MLflow makes the folder of an address as it is written, unless that names the driver.

    >>> sqlite_uri(Path("/srv/traces/mlruns.db"))
    'sqlite:////srv/traces/mlruns.db'
    >>> sqlite_uri(Path("/srv/what?/mlruns.db"))
    'sqlite+pysqlite:////srv/what%3F/mlruns.db'
    """
    if not any(letter in str(path) for letter in _QUOTED):
        return f"sqlite:///{path}"
    from sqlalchemy import URL

    return URL.create("sqlite+pysqlite", database=str(path)).render_as_string(hide_password=False)


def sqlite_path(uri: str) -> Path | None:
    """The file of a SQLite store, by its address; None for any other store.

    >>> sqlite_path("sqlite+pysqlite:////srv/what%3F/mlruns.db")
    PosixPath('/srv/what?/mlruns.db')
    >>> sqlite_path("http://127.0.0.1:5000") is None
    True
    """
    driver, _, place = uri.partition(":///")
    if driver.partition("+")[0] != "sqlite":
        return None
    if not any(letter in place for letter in _QUOTED):
        return Path(place)
    from sqlalchemy import make_url

    return Path(make_url(uri).database or "")


def is_database(uri: str) -> bool:
    """Whether an address is that of a database, which MLflow's client opens itself.

    >>> is_database("postgresql+psycopg2://127.0.0.1/mlflow"), is_database("http://127.0.0.1:5000")
    (True, False)
    """
    return urlsplit(uri).scheme.partition("+")[0] in ("sqlite", "postgresql", "mysql", "mssql")


def check_database(uri: str) -> None:
    """Find out in seconds whether a database server answers; MLflow itself would try for minutes.

    Raises
    ------
    sqlalchemy.exc.OperationalError
        If it does not, or refuses the password.
    """
    from sqlalchemy import NullPool, create_engine

    wait = "timeout" if uri.startswith("mssql") else "connect_timeout"
    create_engine(uri, poolclass=NullPool, connect_args={wait: 5}).connect().close()


@dataclass(frozen=True)
class SqliteFile:
    """The database of a tracking store without a server."""

    path: Path

    @property
    def artifacts(self) -> Path:
        """What its runs keep lies beside it."""
        return self.path.resolve().parent / "mlartifacts"

    def check(self) -> None:
        """Find out in seconds whether it can be written.

        Raises
        ------
        sqlite3.OperationalError
            If somebody else holds it.
        """
        if self.path.exists():
            with contextlib.closing(sqlite3.connect(self.path, timeout=_PATIENCE_S)) as connection:
                connection.execute("BEGIN IMMEDIATE")
                connection.rollback()

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Within, no other run makes what two cannot make at once in one file: its tables, an experiment."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.with_name(f"{self.path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield

    @contextlib.contextmanager
    def whole(self) -> Iterator[None]:
        """Within, tables are made from nothing to the end, or anew: MLflow cannot take up half of them.

        A mark lies beside a file whose tables are not all there. Nothing was ever logged to such a file.
        """
        mark = self.path.with_name(f"{self.path.name}.making")
        if mark.exists():
            for suffix in ("", "-journal", "-wal", "-shm"):
                self.path.with_name(self.path.name + suffix).unlink(missing_ok=True)
        if not self.path.exists():
            mark.touch()
        yield
        mark.unlink(missing_ok=True)

    def bring_along(self) -> None:
        """Let what its runs keep lie beside it, wherever the file was moved or copied to.

        MLflow stores absolute locations, and offers no call that changes one. Those that end in our folder,
        and those that its server names relative to it, become that of this file; any other stays.
        """
        here = self.artifacts.as_uri()
        with self.alone(), contextlib.closing(sqlite3.connect(self.path, timeout=_PATIENCE_S)) as connection:
            connection.create_function("moved", 1, partial(_moved, here=here), deterministic=True)
            with connection:
                for table, column in _LOCATIONS:
                    where = f"{column} <> moved({column})"
                    if connection.execute(f"SELECT 1 FROM {table} WHERE {where} LIMIT 1").fetchone():
                        connection.execute(f"UPDATE {table} SET {column} = moved({column}) WHERE {where}")


_LOCATIONS = (
    ("experiments", "artifact_location"),
    ("runs", "artifact_uri"),
    ("logged_models", "artifact_location"),
    ("model_versions", "source"),
    ("model_versions", "storage_location"),
)
"""Where MLflow stores where an artifact lies."""


def _moved(location: str | None, here: str) -> str | None:
    """A location of ours as it is beside the file that names it.

    >>> _moved("file:///old/mlartifacts/1f/artifacts", "file:///new/mlartifacts")
    'file:///new/mlartifacts/1f/artifacts'
    >>> _moved("mlflow-artifacts:/1/1f/artifacts", "file:///new/mlartifacts")
    'file:///new/mlartifacts/1/1f/artifacts'
    >>> _moved("s3://bucket/mlartifacts/1f", "file:///new/mlartifacts")
    's3://bucket/mlartifacts/1f'
    """
    if location is None or location == here or location.startswith(f"{here}/"):
        return location
    if location.startswith("mlflow-artifacts:/"):
        return f"{here}/{location.removeprefix('mlflow-artifacts:').lstrip('/')}"
    before, folder, below = location.partition("/mlartifacts")
    is_ours = before.startswith(("file:", "/")) and folder and below[:1] in ("", "/")
    return f"{here}{below}" if is_ours else location
