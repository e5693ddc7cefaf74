"""Databases of tests need not outlive a loss of power: Dagster and MLflow commit each of their events."""

from __future__ import annotations

import sqlite3

from sqlalchemy import event
from sqlalchemy.engine import Engine


@event.listens_for(Engine, "connect")
def do_not_wait_for_the_disk(connection: object, _: object) -> None:
    """A commit ends when the system has what was written."""
    if isinstance(connection, sqlite3.Connection):
        connection.execute("PRAGMA synchronous = OFF")
