"""Dagster's databases of runs: copies of one that Dagster made, which nothing tells from it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.storage.event_log.sqlite.sqlite_event_log import SqliteEventLogStorage
from sqlalchemy import NullPool, create_engine

from pipelines import dagster_storage

SILENT = {"telemetry": {"enabled": False}}
RUNS = Path("history", "runs")


@dg.asset
def number() -> None:
    """Something to run."""


def about(path: Path) -> list[object]:
    """The tables, the migration it is at, and the journal."""
    with closing(sqlite3.connect(path)) as connection:
        asked = ("SELECT sql FROM sqlite_master ORDER BY name", "SELECT * FROM alembic_version")
        return [connection.execute(one).fetchall() for one in (*asked, "PRAGMA journal_mode")]


def events_of(folder: Path) -> list[list[str | None]]:
    """Of each run, as an instance that is opened anew reads them."""
    with dg.DagsterInstance.local_temp(str(folder), SILENT) as instance:
        ids = sorted(run.run_id for run in instance.get_runs())
        return [[one.dagster_event_type for one in instance.all_logs(run)] for run in ids]


@pytest.fixture
def by_dagster(tmp_path: Path) -> Path:
    """The database of a run, made by Dagster's own code."""
    path = tmp_path / "own.db"
    engine = create_engine(f"sqlite:///{path}", poolclass=NullPool)
    dagster_storage._make_tables(object.__new__(SqliteEventLogStorage), engine)
    return path


def test_every_run_has_a_database_like_those_that_dagster_makes(by_dagster: Path, tmp_path: Path) -> None:
    folder = tmp_path / "home"
    folder.mkdir()
    with dg.DagsterInstance.local_temp(str(folder), SILENT) as instance:
        runs = [dg.materialize([number], instance=instance).run_id for _ in range(3)]
    files = sorted((folder / RUNS).glob("*.db"))
    assert [file.stem for file in files] == sorted([*runs, "index"])
    assert all(about(folder / RUNS / f"{run}.db") == about(by_dagster) for run in runs)
    assert not list((folder / RUNS).glob("*.new"))
    first, *others = events_of(folder)
    assert dg.DagsterEventType.RUN_SUCCESS in first
    assert others == [first] * 2


def test_a_database_that_another_process_made_meanwhile_is_kept(by_dagster: Path, tmp_path: Path) -> None:
    there = tmp_path / "there.db"
    there.write_bytes(b"its events")
    assert dagster_storage._is_linked(b"none", there)
    assert there.read_bytes() == b"its events"


def test_dagster_makes_them_itself_on_a_disk_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError("no links here")

    monkeypatch.setattr(os, "link", refused)
    with dg.DagsterInstance.local_temp(str(tmp_path), SILENT) as instance:
        assert dg.materialize([number], instance=instance).success
    [events] = events_of(tmp_path)
    assert dg.DagsterEventType.RUN_SUCCESS in events
