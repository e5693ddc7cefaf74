"""The rows of the outbox: which letter is next, which waits, which is merged or given up, and how sinks are.

A letter is queued until it is delivered or has `ended` otherwise: `merged` into a summary, `given up` after
its sink refused it for good, or `not wanted` by a sink that hears of beginnings alone. When a letter is sent
belongs in `traces_core.live.outbox`, who writes it is the engine.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from traces_core.live.ledger import Ledger, Letter, about_camera, write_letters
from traces_core.live.messages import summary_message

End = Literal["merged", "given up", "not wanted"]
"""How a letter ends that is not delivered."""
_GROUPS = {"opened": ("opened", "summary"), "health": ("health",)}
"""What a cooldown counts together, by the first part of a kind; the end of an alarm is not held up."""
NO_SINK = "nobody hears of an alarm: give cameras.yaml one or more sinks (apprise, webhook, mqtt, folder)"


@dataclass(frozen=True, slots=True)
class SinkState:
    """How a sink is."""

    name: str
    """Its name in the ledger; empty where no sink is configured at all."""
    title: str
    """What people are shown."""
    is_configured: bool
    """Whether it is in cameras.yaml; letters to a sink that was taken out stay queued and are shown."""
    queued: int = 0
    """Letters that wait."""
    oldest_s: float | None = None
    """Since when the oldest of them does (seconds since 1970)."""
    failures: int = 0
    """Attempts that failed, of all letters that are kept."""
    error: str = ""
    """What is wrong: said last of a letter that waits or was given up, or of the sink itself."""
    delivered: int = 0
    """Letters that arrived, of all that are kept."""
    delivered_s: float | None = None
    """When the last one did (seconds since 1970)."""
    given_up: int = 0
    """Letters that the sink refused for good."""
    merged: int = 0
    """Letters that a summary stands for."""

    @property
    def is_fault(self) -> bool:
        """Whether somebody should look at it."""
        return not self.name or bool(self.error or self.given_up or (self.queued and not self.is_configured))


def declare_sinks(ledger: Ledger, titles: Mapping[str, str]) -> None:
    """Say which sinks are configured now, all of them: their names, and what people are shown."""
    with ledger.writing() as put:
        put.execute("DELETE FROM sink")
        put.executemany("INSERT INTO sink (name, title) VALUES (?, ?)", list(titles.items()))


def note_error(ledger: Ledger, sink: str, error: str) -> None:
    """What is wrong with a sink apart from its letters; an empty text where nothing is."""
    with ledger.writing() as put:
        put.execute("UPDATE sink SET error = ? WHERE name = ?", (error, sink))


def sink_states(ledger: Ledger) -> list[SinkState]:
    """How all sinks are, by name; without any, one state whose `error` says that nobody hears of an alarm."""
    rows = ledger.read(
        "SELECT sink AS name, SUM(delivered_s IS NULL AND ended IS NULL) AS queued, "
        "MIN(CASE WHEN delivered_s IS NULL AND ended IS NULL THEN created_s END) AS oldest_s, "
        "SUM(tries) AS failures, SUM(delivered_s IS NOT NULL) AS delivered, MAX(delivered_s) AS delivered_s, "
        "SUM(ended IS 'given up') AS given_up, SUM(ended IS 'merged') AS merged FROM outbox GROUP BY sink"
    )
    counts = {row["name"]: dict(row) for row in rows}
    declared = ledger.read("SELECT * FROM sink")
    titles = {row["name"]: row["title"] for row in declared}
    errors = {row["name"]: row["error"] for row in declared}
    none = [] if titles else [SinkState("", "no sink", is_configured=False, error=NO_SINK)]
    gone = [name for name, count in counts.items() if name not in titles and count["queued"]]
    return none + [
        SinkState(
            title=titles.get(name, f"{name}, not in cameras.yaml any more"),
            is_configured=name in titles,
            error=_last_error(ledger, name) or errors.get(name, ""),
            **counts.get(name, {"name": name}),
        )
        for name in sorted([*titles, *gone])
    ]


def _last_error(ledger: Ledger, sink: str) -> str:
    rows = ledger.read(
        "SELECT error FROM outbox WHERE sink = ? AND delivered_s IS NULL AND error != '' "
        "ORDER BY ended IS NOT NULL, tried_s DESC LIMIT 1",
        (sink,),
    )
    return str(rows[0]["error"]) if rows else ""


def end(ledger: Ledger, letter: Letter, how: End) -> None:
    """A letter is not to be sent any more."""
    with ledger.writing() as put:
        put.execute("UPDATE outbox SET ended = ? WHERE id = ?", (how, letter.id))


def hold(ledger: Ledger, letter: Letter, until_s: float) -> None:
    """A letter has to wait for the end of a cooldown."""
    with ledger.writing() as put:
        put.execute("UPDATE outbox SET due_s = ?, held = 1 WHERE id = ?", (until_s, letter.id))


def failed(
    ledger: Ledger, letter: Letter, now_s: float, due_s: float | None, error: str, *, refused: bool
) -> None:
    """A letter did not arrive: it is sent again at `due_s`, or given up where that is None."""
    with ledger.writing() as put:
        put.execute(
            "UPDATE outbox SET due_s = COALESCE(?, due_s), error = ?, tries = tries + 1, tried_s = ?, "
            "refused = refused + ?, ended = ? WHERE id = ?",
            (due_s, error, now_s, refused, "given up" if due_s is None else None, letter.id),
        )


def is_opening_merged(ledger: Ledger, letter: Letter) -> bool:
    """Whether the beginning of a letter's alarm was never told singly."""
    rows = ledger.read(
        "SELECT ended FROM outbox WHERE sink = ? AND alarm = ? AND kind = 'opened'",
        (letter.sink, letter.alarm),
    )
    return bool(rows) and rows[0]["ended"] == "merged"


def cooling_until(ledger: Ledger, letter: Letter, cooldown_s: float, now_s: float) -> float | None:
    """When the cooldown ends in which a letter may not be sent; None where it may.

    What counts is what was delivered: of the same camera and sink, and of the same group of kinds.
    """
    group = _GROUPS.get(_kind(letter))
    if group is None or not cooldown_s:
        return None
    rows = ledger.read(
        "SELECT delivered_s, kind FROM outbox WHERE sink = ? AND camera = ? AND delivered_s > ? "
        "AND delivered_s <= ? ORDER BY delivered_s DESC",  # a clock that was put back holds nothing up
        (letter.sink, letter.camera, now_s - cooldown_s, now_s),
    )
    for row in rows:
        if row["kind"].partition(":")[0] in group:
            return float(row["delivered_s"]) + cooldown_s
    return None


def merged(ledger: Ledger, letter: Letter, now_s: float) -> bool:
    """Merge a letter that had to wait for the end of a cooldown with others like it; whether there were any.

    Beginnings of alarms become a summary, a letter of its own; of the states of a camera the last one stays.
    """
    rows = ledger.read(
        "SELECT id, message FROM outbox WHERE sink = ? AND camera = ? AND delivered_s IS NULL "
        "AND ended IS NULL AND (kind = ? OR kind LIKE ?) ORDER BY id",
        (letter.sink, letter.camera, _kind(letter), f"{_kind(letter)}:%"),
    )
    if len(rows) < 2:
        return False
    with ledger.writing() as put:
        told = rows[:-1] if _kind(letter) == "health" else rows
        put.executemany("UPDATE outbox SET ended = 'merged' WHERE id = ?", [(row["id"],) for row in told])
        if _kind(letter) != "health":
            _write_summary(put, letter, rows, now_s)
    return True


def _write_summary(
    put: sqlite3.Connection, letter: Letter, rows: Sequence[sqlite3.Row], now_s: float
) -> None:
    message = summary_message(letter.camera, [json.loads(row["message"]) for row in rows])
    kind = f"summary:{rows[0]['id']}-{rows[-1]['id']}"
    write_letters(put, about_camera(letter.camera), letter.camera, now_s, [(letter.sink, kind, message)])


def _kind(letter: Letter) -> str:
    return letter.kind.partition(":")[0]
