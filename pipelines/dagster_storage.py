"""Dagster's databases, under whatever path the checkout lies.

Dagster does not quote their addresses: under `a%20b` or `what?` SQLAlchemy opens another file, which may lie
outside the checkout. `.dagster/dagster.yaml` names this class, so that every process of Dagster has it. The
path of that file itself is taken for a pattern: under `cams [north]` none is read, but by processes that have
imported this module. There is no public way to say so; a test opens a real instance.
"""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
from dagster._core.instance import config
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from dagster._core.storage.schedules.sqlite import sqlite_schedule_storage
from dagster_shared.yaml_utils import load_yaml_from_globs
from sqlalchemy import URL


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


config.load_yaml_from_globs = _yaml
for _module in (sqlite_event_log, sqlite_run_storage, sqlite_schedule_storage):
    _module.create_db_conn_string = _address
sqlite_event_log.SqliteEventLogStorage.get_all_run_ids = _run_ids
