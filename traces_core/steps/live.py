"""Steps of the live cameras: what the ledger knows of each, as artifacts like any other.

    ledger ──> camera_scores, camera_episodes, camera_marks

A camera's past is read up to its last finished day, so that what was read stays as it was until a day is over
or somebody marks an alarm. What writes the ledger belongs in `traces_core.live`. Neither DVC nor MLflow gets
any of it; what was read of a camera that is erased is current no longer, and gone with `traces prune`.
"""

from __future__ import annotations

import os
from collections.abc import Collection
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from traces_core.detector.detector import Detector
from traces_core.live import FOLDER_VARIABLE
from traces_core.live.evidence import EvidenceStore
from traces_core.live.ledger import Ledger
from traces_core.live.replay import replay
from traces_core.live.settings import Camera
from traces_core.project import Project
from traces_core.settings import Machine
from traces_core.store import Artifact, Store
from traces_core.store.digest import digest
from traces_core.store.running import step
from traces_core.streams.episodes import EPISODES

HISTORY = ("camera_scores", "camera_episodes", "camera_marks")
"""What is read of a camera."""
DAY_S = 86400

BLOCKS = pl.Schema({"day": pl.Date(), "stream": pl.String(), "at_s": pl.Int64(), "highest": pl.Float64()})
"""One row a minute that was seen whole: its first second (since 1970) and the highest score in it."""
MARKS = pl.Schema(
    {
        "day": pl.Date(),
        "alarm": pl.String(),
        "stream": pl.String(),
        "start_s": pl.Float64(),
        "end_s": pl.Float64(),
        "mark": pl.String(),
        "note": pl.String(),
    }
)
"""One row an alarm that a person marked: `real`, `false` or `unsure`, and what else was said."""


def live_folder(machine: Machine) -> Path:
    """Where the ledger of this machine lies: TRACES_LIVE, else `live` beside the store."""
    return Path(os.environ.get(FOLDER_VARIABLE, "") or machine.data.parent / "live")


def cameras_known(machine: Machine) -> list[str]:
    """The cameras that the ledger knows, by name; none where nothing was ever watched."""
    folder = live_folder(machine)
    if not (folder / "live.sqlite").is_file():
        return []
    ledger = Ledger(folder)
    try:
        return [one.name for one in ledger.cameras()]
    finally:
        ledger.close()


def history_stamp(machine: Machine, camera: str, now_s: float) -> str:
    """Changes when a day is over or an alarm was marked: what a sensor asks for another reading by."""
    ledger = Ledger(live_folder(machine))
    try:
        until_s = _last_midnight(now_s)
        marked = [
            (one.id, one.mark, one.note) for one in ledger.alarms(camera=camera, until_s=until_s, most=10**6)
        ]
    finally:
        ledger.close()
    return digest([until_s, marked])


def forget_cameras(store: Store, known: Collection[str]) -> None:
    """Make what was read of other cameras than these current no longer: they were erased."""
    for name in HISTORY:
        store.keep_only(name, known)


def replayed(detector: Detector, machine: Machine, now_s: float) -> list[dict[str, Any]]:
    """What the evidence that is kept of each camera would have raised by another detector.

    Parameters
    ----------
    detector
        Such as the one with a new bank, before that is taken.
    machine
        Says where the ledger is.
    now_s
        The time (seconds since 1970).

    Returns
    -------
    list of dict
        A row for each camera that this bank would judge (one with a catalog of its own it would not):
        `camera`, `hours`, `did`, `would`, and `real_kept` of `real`, `false_kept` of `false` alarms.
    """
    folder, rows = live_folder(machine), []
    if not (folder / "evidence.sqlite").is_file():
        return []
    with closing(Ledger(folder)) as ledger, closing(EvidenceStore(folder)) as kept:
        for state in ledger.cameras():
            if state.facts.get("has_catalog"):
                continue
            contexts = tuple(one for one in state.facts.get("contexts", ()) if one in detector.contexts)
            camera = Camera(name=state.name, source="replayed", context=contexts)
            past = replay(detector, ledger, kept, camera, 0.0, now_s)
            if past.hours:
                row = {"camera": state.name, "hours": round(past.hours, 2)}
                row |= {"did": len(past.did), "would": len(past.would)}
                for mark in ("real", "false"):
                    row[f"{mark}_kept"], row[mark] = past.count(mark)
                rows.append(row)
    return rows


@step
def camera_scores(project: Project, camera: str, *, now_s: float) -> Artifact:
    """The highest score of every minute of a camera that was seen whole; columns as in `BLOCKS`."""
    rows = _read(
        project,
        "SELECT stream, at_s, highest FROM block WHERE camera = ? AND at_s < ? ORDER BY at_s, stream",
        (camera, _last_midnight(now_s)),
    )
    days = [_day(at_s) for _, at_s, _ in rows]
    table = pl.DataFrame(
        [(day, *row) for day, row in zip(days, rows, strict=True)], schema=BLOCKS, orient="row"
    )
    return _kept(project, "camera_scores", camera, table)


@step
def camera_episodes(project: Project, camera: str, *, now_s: float) -> Artifact:
    """The alarms of a camera, with times in seconds since 1970; columns `day` and those of `EPISODES`."""
    rows = _read(
        project,
        "SELECT camera, stream, start_s, end_s, peak_s, peak_score, label, NULL FROM alarm "
        "WHERE camera = ? AND is_open = 0 AND start_s < ? ORDER BY start_s, stream",
        (camera, _last_midnight(now_s)),
    )
    schema = pl.Schema({"day": pl.Date(), **EPISODES})
    table = pl.DataFrame([(_day(row[2]), *row) for row in rows], schema=schema, orient="row")
    return _kept(project, "camera_episodes", camera, table)


@step
def camera_marks(project: Project, camera: str, *, now_s: float) -> Artifact:
    """What people said of a camera's alarms; columns as in `MARKS`."""
    rows = _read(
        project,
        "SELECT id, stream, start_s, end_s, mark, note FROM alarm "
        "WHERE camera = ? AND mark IS NOT NULL AND start_s < ? ORDER BY start_s, stream",
        (camera, _last_midnight(now_s)),
    )
    table = pl.DataFrame([(_day(row[2]), *row) for row in rows], schema=MARKS, orient="row")
    return _kept(project, "camera_marks", camera, table)


def _read(project: Project, query: str, values: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    ledger = Ledger(live_folder(project.machine))
    try:
        return [tuple(row) for row in ledger.read(query, values)]
    finally:
        ledger.close()


def _kept(project: Project, name: str, camera: str, table: pl.DataFrame) -> Artifact:
    """The table, made from its days: each has a digest in the recipe."""
    days = {
        str(day): digest(part.drop("day").rows())
        for (day,), part in table.group_by("day", maintain_order=True)
    }
    made_from = {"camera": camera, "days": days}
    return project.store.remember(name, camera, made_from=made_from, make=lambda: table)


def _last_midnight(now_s: float) -> int:
    return int(now_s // DAY_S) * DAY_S


def _day(at_s: float) -> Any:
    """The day, in UTC, of a time (seconds since 1970)."""
    return datetime.fromtimestamp(at_s, UTC).date()
