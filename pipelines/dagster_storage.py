"""Dagster's databases: under whatever path the checkout lies, and without work done twice.

Dagster does not quote their addresses: under `a%20b` or `what?` SQLAlchemy opens another file, which may lie
outside the checkout. `.dagster/dagster.yaml` names this class, so that every process of Dagster has it. The
path of that file itself is taken for a pattern: under `cams [north]` none is read, but by processes that have
imported this module.

Each run has a database of its own, for which Dagster reads ninety migrations; and it writes each event by an
engine of its own, which compiles each statement anew. Here the first database of a process is copied for the
others, and a file keeps its engine; connections are as short as before. There is no public way to say any of
this; a test opens a real instance.
"""

from __future__ import annotations

import glob
import os
import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress
from functools import cache, lru_cache
from pathlib import Path

import dagster as dg
from dagster._core.instance import config
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from dagster._core.storage.sqlite import SQLITE_BUSY_TIMEOUT_SECONDS
from dagster_shared.yaml_utils import load_yaml_from_globs
from sqlalchemy import URL, Engine, NullPool, create_engine

from traces_core.disk import litter_name, remove, temporary_folder


class QuotedInstance(dg.DagsterInstance):
    """Dagster's instance: that it is read from here is all that is new."""

    @classmethod
    def config_schema(cls) -> dict[str, dg.Field]:
        """No settings of its own."""
        return {}

    @classmethod
    def config_defaults(cls, base_dir: str) -> object:
        """Those of Dagster."""
        return InstanceRef.config_defaults(base_dir)


def _address(base_dir: str, db_name: str) -> str:
    path = os.path.join(os.path.abspath(base_dir), f"{db_name}.db")
    return URL.create("sqlite", database=path).render_as_string(hide_password=False)


def _run_ids(events: sqlite_event_log.SqliteEventLogStorage) -> Sequence[str]:
    """What the files of events are called; Dagster's own takes the folder's name for a pattern."""
    shards = glob.glob("*.db", root_dir=events._base_dir)
    return [name for name in (Path(one).stem for one in shards) if name != sqlite_event_log.INDEX_SHARD_NAME]


def _yaml(path: str) -> object:
    return load_yaml_from_globs(glob.escape(path))


def _engine(address: str, **_: object) -> Engine:
    """The engine of a file. It holds no connection, so it may be shared by threads and outlive a fork."""
    return _kept_engine(address)


@lru_cache(maxsize=64)  # runs of a process that lives for months
def _kept_engine(address: str) -> Engine:
    return create_engine(address, poolclass=NullPool, connect_args={"timeout": SQLITE_BUSY_TIMEOUT_SECONDS})


_make_tables = sqlite_event_log.SqliteEventLogStorage._initdb


def _initdb(
    events: sqlite_event_log.SqliteEventLogStorage, engine: Engine, for_index_shard: bool = False
) -> None:
    """Give a new run the tables of an empty one, in one step; all others are Dagster's own business."""
    path = Path(str(engine.url.database))
    is_index = for_index_shard or path.stem == sqlite_event_log.INDEX_SHARD_NAME
    if is_index or path.exists() or not _is_linked(empty_run(), path):
        _make_tables(events, engine, for_index_shard)


def _is_linked(content: bytes, path: Path) -> bool:
    """Whether a file is there, by us or by a process that was first; False where there are no hard links."""
    made = path.with_name(litter_name(path.name))
    try:
        made.write_bytes(content)
        with suppress(OSError):
            os.link(made, path)
    finally:
        remove(made)
    return path.exists()


@cache
def empty_run() -> bytes:
    """The database of a run without events, as Dagster makes it."""
    with temporary_folder() as folder:
        address = _address(str(folder), "run")
        _make_tables(None, create_engine(address, poolclass=NullPool))  # it asks for no more
        path = folder / "run.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        return path.read_bytes()


config.load_yaml_from_globs = _yaml
for _module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
    _module.create_db_conn_string = _address
    _module.create_engine = _engine
sqlite_event_log.SqliteEventLogStorage.get_all_run_ids = _run_ids
sqlite_event_log.SqliteEventLogStorage._initdb = _initdb
