"""The ledger: what a running installation must not forget, in one SQLite file.

States of cameras, alarms with what people said of them, the outbox of every sink, scores by ten seconds, the
highest score of every minute. The engine writes, the page reads and marks, the sender works through the
outbox, each through a connection of its own: write-ahead logging lets them. Clips, frames and evidence are
files beside it. A ledger of an older version is upgraded in place when it is opened.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from threading import RLock
from typing import Any, Literal

from traces_core.errors import TracesError

State = Literal[
    "starting",
    "running",
    "removed",
    "stalled",
    "no picture",
    "frozen",
    "black",
    "moved",
    "clock jumped",
    "behind",
    "failed",
]
"""Of a camera. Only `running` and `behind` give scores; in every other state the score is unknown."""
Mark = Literal["real", "false", "unsure"]
"""What a person said of an alarm."""

BUCKET_S = 10
"""Scores are kept as the highest of so many seconds."""
BLOCK_S = 60
"""Length of a block, whose highest score is what thresholds are made of (seconds)."""

LONGEST_WAIT_S = 86400.0
"""No letter is made to wait for longer (seconds)."""

_VERSIONS = (
    """
    CREATE TABLE camera (
        name TEXT PRIMARY KEY, source TEXT NOT NULL, state TEXT NOT NULL, since_s REAL NOT NULL,
        detail TEXT NOT NULL DEFAULT '', facts TEXT NOT NULL DEFAULT '{}', updated_s REAL NOT NULL);
    CREATE TABLE health (
        camera TEXT NOT NULL, state TEXT NOT NULL, start_s REAL NOT NULL, end_s REAL, detail TEXT NOT NULL);
    CREATE INDEX health_by_camera ON health (camera, start_s);
    CREATE TABLE alarm (
        id TEXT PRIMARY KEY, camera TEXT NOT NULL, stream TEXT NOT NULL, is_open INTEGER NOT NULL,
        start_s REAL NOT NULL, end_s REAL NOT NULL, peak_s REAL NOT NULL, peak_score REAL NOT NULL,
        threshold REAL NOT NULL, label TEXT, reasons TEXT NOT NULL DEFAULT '{}',
        versions TEXT NOT NULL DEFAULT '{}', frame TEXT, clip TEXT, mark TEXT, note TEXT NOT NULL DEFAULT '',
        marked_s REAL);
    CREATE INDEX alarm_by_time ON alarm (start_s);
    CREATE TABLE outbox (
        id INTEGER PRIMARY KEY AUTOINCREMENT, sink TEXT NOT NULL, alarm TEXT NOT NULL, kind TEXT NOT NULL,
        message TEXT NOT NULL, created_s REAL NOT NULL, due_s REAL NOT NULL, tries INTEGER NOT NULL DEFAULT 0,
        error TEXT NOT NULL DEFAULT '', delivered_s REAL, UNIQUE (sink, alarm, kind));
    CREATE INDEX outbox_due ON outbox (delivered_s, due_s);
    CREATE TABLE score (
        camera TEXT NOT NULL, stream TEXT NOT NULL, at_s INTEGER NOT NULL, highest REAL NOT NULL,
        PRIMARY KEY (camera, stream, at_s)) WITHOUT ROWID;
    CREATE TABLE block (
        camera TEXT NOT NULL, stream TEXT NOT NULL, at_s INTEGER NOT NULL, highest REAL NOT NULL,
        PRIMARY KEY (camera, stream, at_s)) WITHOUT ROWID;
    CREATE TABLE threshold (
        camera TEXT NOT NULL, stream TEXT NOT NULL, value REAL NOT NULL, why TEXT NOT NULL,
        at_s REAL NOT NULL, PRIMARY KEY (camera, stream));
    CREATE TABLE looked (at_s REAL NOT NULL, who TEXT NOT NULL, what TEXT NOT NULL);
    CREATE INDEX looked_by_time ON looked (at_s);
    """,
    """
    ALTER TABLE outbox ADD COLUMN camera TEXT NOT NULL DEFAULT '';
    ALTER TABLE outbox ADD COLUMN refused INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE outbox ADD COLUMN held INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE outbox ADD COLUMN ended TEXT;
    ALTER TABLE outbox ADD COLUMN tried_s REAL NOT NULL DEFAULT 0;
    UPDATE outbox SET camera = COALESCE(json_extract(message, '$.camera'), '');
    CREATE INDEX outbox_waiting ON outbox (sink, tries) WHERE delivered_s IS NULL AND ended IS NULL;
    CREATE INDEX outbox_by_camera ON outbox (sink, camera, delivered_s);
    CREATE TABLE sink (
        name TEXT PRIMARY KEY, title TEXT NOT NULL, error TEXT NOT NULL DEFAULT '');
    """,
)
"""What each version adds to the one before, the first to an empty file."""


class LedgerError(TracesError, RuntimeError):
    """The ledger cannot be used: it is of a later version, or is none."""


@dataclass(frozen=True, slots=True)
class CameraState:
    """How a camera is."""

    name: str
    """The camera."""
    source: str
    """Its source, without secrets."""
    state: State
    """How it is."""
    since_s: float
    """Since when (seconds since 1970)."""
    detail: str = ""
    """Why, in words."""
    facts: Mapping[str, Any] = field(default_factory=dict)
    """Numbers: `width`, `height`, `fps`, `sampled`, `scored`, `dropped`, `restarts`, `score`, `latency_s`,
    `threshold`."""
    updated_s: float = 0.0
    """When this was last said (seconds since 1970)."""


@dataclass(frozen=True, slots=True)
class Alarm:
    """An episode of a camera, as people are told of it."""

    id: str
    """The same for whoever hears of it, however often."""
    camera: str
    """Where."""
    stream: str
    """The stream above its threshold."""
    is_open: bool
    """Whether it still lasts."""
    start_s: float
    """Begin (seconds since 1970)."""
    end_s: float
    """End, or where it has come to."""
    peak_s: float
    """When the score was highest."""
    peak_score: float
    """The highest score."""
    threshold: float
    """What it rose above."""
    label: str | None = None
    """The class it is taken for."""
    reasons: Mapping[str, Any] = field(default_factory=dict)
    """`anomalous` and `normal`: the nearest traces at the peak, each `[text, similarity, class]`;
    `because`: the streams that mismatch."""
    versions: Mapping[str, Any] = field(default_factory=dict)
    """What raised it: fingerprints of bank, fusion and thresholds, the code's version."""
    frame: str | None = None
    """Its picture, a path within the folder of the ledger."""
    clip: str | None = None
    """Its clip, a path within the folder of the ledger; None until it is cut."""
    mark: Mark | None = None
    """What a person said of it."""
    note: str = ""
    """What else they said."""
    marked_s: float | None = None
    """When (seconds since 1970)."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One message to one sink that is not delivered yet."""

    id: int
    """In the order in which they were written."""
    sink: str
    """The sink's name."""
    alarm: str
    """The alarm it is about; with `kind` the idempotency key."""
    kind: str
    """`opened`, `closed`, `health:<state>:<since>`, or `summary:<letters>` of alarms that were merged."""
    message: Mapping[str, Any]
    """What is said; see `traces_core.live.messages`."""
    created_s: float
    """When (seconds since 1970)."""
    tries: int
    """How often it was sent in vain."""
    camera: str = ""
    """The camera it is about."""
    refused: int = 0
    """How often the sink said that it will never take it."""
    held: int = 0
    """Whether it had to wait for the end of a cooldown."""

    @property
    def key(self) -> str:
        """Idempotency key: the same however often it is sent."""
        return f"{self.alarm}:{self.kind}"


class Ledger:
    """One connection to the ledger of a folder; may be used by several threads.

    Parameters
    ----------
    folder : Path
        Holds `live.sqlite`; made where it is missing.

    Raises
    ------
    LedgerError
        If the file is of a later version, or is no ledger.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._lock = RLock()
        path = folder / "live.sqlite"
        self._connection = sqlite3.connect(path, timeout=60, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        try:
            self._connection.execute("PRAGMA journal_mode=WAL")
            self._connection.execute("PRAGMA synchronous=NORMAL")
            self._upgrade(path)
        except sqlite3.DatabaseError as error:
            self._connection.close()
            raise LedgerError(
                f"{path} is no ledger of TRACES ({error}). Move it away and start again."
            ) from error

    def _upgrade(self, path: Path) -> None:
        with self.writing():
            version = self._connection.execute("PRAGMA user_version").fetchone()[0]
            if version > len(_VERSIONS):
                known = len(_VERSIONS)
                raise LedgerError(
                    f"{path} is of version {version}, this program knows {known}: install a later one."
                )
            for number, change in enumerate(_VERSIONS[version:], version + 1):
                for statement in filter(str.strip, change.split(";")):
                    self._connection.execute(statement)
                self._connection.execute(f"PRAGMA user_version = {number}")

    def close(self) -> None:
        """Let go of the file."""
        self._connection.close()

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All that is written within is there, or nothing of it; within another one, it is part of that."""
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
            except BaseException:
                self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")

    def read(self, query: str, values: Sequence[Any] | Mapping[str, Any] = ()) -> list[sqlite3.Row]:
        """The rows of a query."""
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    # Cameras.

    def tell_state(self, state: CameraState, letters: Sequence[tuple[str, str, Mapping[str, Any]]]) -> None:
        """Write letters about how a camera is: sink, kind (`health:<state>:<since>`) and message of each."""
        with self.writing() as put:
            write_letters(put, about_camera(state.name), state.name, state.since_s, letters)

    def say_state(self, state: CameraState) -> None:
        """How a camera is; where that changed, the history of its states gets a row."""
        with self.writing() as put:
            before = put.execute("SELECT state FROM camera WHERE name = ?", (state.name,)).fetchone()
            put.execute(
                "INSERT INTO camera VALUES (:name, :source, :state, :since_s, :detail, :facts, :updated_s) "
                "ON CONFLICT (name) DO UPDATE SET source = :source, detail = :detail, facts = :facts, "
                "updated_s = :updated_s, state = :state, "
                "since_s = CASE WHEN state = :state THEN since_s ELSE :since_s END",
                {**asdict(state), "facts": json.dumps(dict(state.facts))},
            )
            if before is None or before["state"] != state.state:
                put.execute(
                    "UPDATE health SET end_s = ? WHERE camera = ? AND end_s IS NULL",
                    (state.since_s, state.name),
                )
                put.execute(
                    "INSERT INTO health VALUES (?, ?, ?, NULL, ?)",
                    (state.name, state.state, state.since_s, state.detail),
                )

    def cameras(self) -> list[CameraState]:
        """How all cameras are, by name."""
        rows = self.read("SELECT * FROM camera ORDER BY name")
        return [CameraState(**{**row, "facts": json.loads(row["facts"])}) for row in map(dict, rows)]

    def forget_camera(self, name: str) -> None:
        """Remove all that is known of a camera, its alarms among it; files are the caller's."""
        with overwriting(self._connection), self.writing() as put:
            put.execute("DELETE FROM outbox WHERE alarm IN (SELECT id FROM alarm WHERE camera = ?)", (name,))
            for table in ("health", "alarm", "score", "block", "threshold", "outbox"):
                put.execute(f"DELETE FROM {table} WHERE camera = ?", (name,))
            put.execute("DELETE FROM camera WHERE name = ?", (name,))

    # Alarms and the outbox.

    def put_alarm(
        self,
        alarm: Alarm,
        letters: Sequence[tuple[str, str, Mapping[str, Any]]] = (),
        *,
        due_s: float = 0.0,
    ) -> None:
        """Write an alarm as it is now, and messages about it, in one transaction.

        What people said of it, and its clip and frame once they are there, stay.

        Parameters
        ----------
        alarm
            The alarm.
        letters
            Sink, kind and message of each; one that is there already is not written twice.
        due_s
            When they are sent, unless the clip is there before (seconds since 1970).
        """
        row = {**asdict(alarm), "reasons": json.dumps(dict(alarm.reasons))}
        row["versions"] = json.dumps(dict(alarm.versions))
        with self.writing() as put:
            put.execute(
                "INSERT INTO alarm VALUES (:id, :camera, :stream, :is_open, :start_s, :end_s, :peak_s, "
                ":peak_score, :threshold, :label, :reasons, :versions, :frame, :clip, :mark, :note, "
                ":marked_s) ON CONFLICT (id) DO UPDATE SET is_open = :is_open, end_s = :end_s, "
                "peak_s = :peak_s, peak_score = :peak_score, label = :label, reasons = :reasons, "
                "frame = COALESCE(:frame, frame), clip = COALESCE(:clip, clip)",
                row,
            )
            write_letters(put, alarm.id, alarm.camera, alarm.end_s, letters, due_s=due_s)

    def alarm(self, alarm_id: str) -> Alarm | None:
        """One alarm; None where there is none of this id."""
        rows = self.read("SELECT * FROM alarm WHERE id = ?", (alarm_id,))
        return _alarm(rows[0]) if rows else None

    def alarms(
        self,
        *,
        camera: str | None = None,
        since_s: float = 0.0,
        until_s: float = 1e12,
        mark: Mark | Literal["none"] | None = None,
        most: int = 500,
        skip: int = 0,
    ) -> list[Alarm]:
        """Alarms that begin in a stretch of time (seconds since 1970), the newest first.

        Parameters
        ----------
        mark
            Only those of this mark; `none` is those that nobody has marked.
        """
        rows = self.read(
            "SELECT * FROM alarm WHERE start_s >= ? AND start_s < ? AND (? IS NULL OR camera = ?) "
            "AND (? IS NULL OR COALESCE(mark, 'none') = ?) ORDER BY start_s DESC, id LIMIT ? OFFSET ?",
            (since_s, until_s, camera, camera, mark, mark, most, skip),
        )
        return [_alarm(row) for row in rows]

    def open_alarms(self, camera: str | None = None) -> list[Alarm]:
        """Alarms that still last."""
        rows = self.read(
            "SELECT * FROM alarm WHERE is_open = 1 AND (? IS NULL OR camera = ?)", (camera, camera)
        )
        return [_alarm(row) for row in rows]

    def close_alarm(self, alarm_id: str, letters: Sequence[tuple[str, str, Mapping[str, Any]]] = ()) -> None:
        """An alarm ends where it had come to."""
        alarm = self.alarm(alarm_id)
        if alarm is not None:
            self.put_alarm(replace(alarm, is_open=False), letters)

    def alarms_without_clip(self, since_s: float) -> list[Alarm]:
        """Alarms that are over since a time (seconds) and have no clip yet."""
        rows = self.read(
            "SELECT * FROM alarm WHERE is_open = 0 AND clip IS NULL AND end_s >= ? ORDER BY end_s", (since_s,)
        )
        return [_alarm(row) for row in rows]

    def set_clip(self, alarm_id: str, path: str | None) -> None:
        """The clip of an alarm is there, or is gone; letters that waited for it need not any more."""
        with self.writing() as put:
            put.execute("UPDATE alarm SET clip = ? WHERE id = ?", (path, alarm_id))
            put.execute(
                "UPDATE outbox SET due_s = 0 WHERE alarm = ? AND kind = 'closed' AND tries = 0", (alarm_id,)
            )

    def mark(self, alarm_id: str, mark: Mark | None, note: str, now_s: float) -> bool:
        """What a person said of an alarm; whether there is such an alarm."""
        with self.writing() as put:
            done = put.execute(
                "UPDATE alarm SET mark = ?, note = ?, marked_s = ? WHERE id = ?",
                (mark, note, now_s, alarm_id),
            )
            return done.rowcount == 1

    def due_letters(self, sink: str, now_s: float, most: int = 100) -> list[Letter]:
        """Messages to a sink that are to be sent now: of every alarm the first that waits, in their order.

        Those that failed come last, or a few that always fail would let no other through. What is due later
        than `LONGEST_WAIT_S` was written before the clock was put back, and does not wait for it.
        """
        rows = self.read(
            "SELECT id, sink, alarm, kind, message, created_s, tries, camera, refused, held FROM outbox "
            "WHERE sink = ? AND delivered_s IS NULL AND ended IS NULL AND (due_s <= ? OR due_s > ?) "
            "AND NOT EXISTS (SELECT 1 FROM outbox AS earlier WHERE earlier.sink = outbox.sink "
            "AND earlier.alarm = outbox.alarm AND earlier.id < outbox.id "
            "AND earlier.delivered_s IS NULL AND earlier.ended IS NULL) ORDER BY tries, id LIMIT ?",
            (sink, now_s, now_s + LONGEST_WAIT_S, most),
        )
        return [Letter(**{**row, "message": json.loads(row["message"])}) for row in map(dict, rows)]

    def delivered(self, letter: int, now_s: float) -> None:
        """A message has arrived."""
        with self.writing() as put:
            put.execute("UPDATE outbox SET delivered_s = ?, error = '' WHERE id = ?", (now_s, letter))

    # Scores.

    def put_scores(self, camera: str, stream: str, scores: Mapping[int, float]) -> None:
        """The highest score of some stretches of `BUCKET_S`, by their first second."""
        self._put_highest("score", camera, stream, scores)

    def put_blocks(self, camera: str, stream: str, highest: Mapping[int, float]) -> None:
        """The highest score of some blocks of `BLOCK_S` that were seen whole, by their first second."""
        self._put_highest("block", camera, stream, highest)

    def _put_highest(self, table: str, camera: str, stream: str, values: Mapping[int, float]) -> None:
        with self.writing() as put:
            put.executemany(
                f"INSERT INTO {table} VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
                "highest = MAX(highest, excluded.highest)",
                [(camera, stream, at_s, value) for at_s, value in values.items()],
            )

    def scores(
        self, camera: str, stream: str, since_s: float, until_s: float = 1e12
    ) -> list[tuple[int, float]]:
        """First second and highest score of each stretch of `BUCKET_S`, in the order of time."""
        return self._highest("score", camera, stream, since_s, until_s)

    def blocks(
        self, camera: str, stream: str, since_s: float, until_s: float = 1e12
    ) -> list[tuple[int, float]]:
        """First second and highest score of each block of `BLOCK_S`, in the order of time."""
        return self._highest("block", camera, stream, since_s, until_s)

    def _highest(
        self, table: str, camera: str, stream: str, since_s: float, until_s: float
    ) -> list[tuple[int, float]]:
        rows = self.read(
            f"SELECT at_s, highest FROM {table} WHERE camera = ? AND stream = ? AND at_s >= ? AND at_s < ? "
            "ORDER BY at_s",
            (camera, stream, since_s, until_s),
        )
        return [(row["at_s"], row["highest"]) for row in rows]

    # Thresholds that a person set, and who looked.

    def set_threshold(self, camera: str, stream: str, value: float | None, why: str, now_s: float) -> None:
        """A threshold of a camera's own; None takes it back."""
        with self.writing() as put:
            put.execute("DELETE FROM threshold WHERE camera = ? AND stream = ?", (camera, stream))
            if value is not None:
                put.execute(
                    "INSERT INTO threshold VALUES (?, ?, ?, ?, ?)", (camera, stream, value, why, now_s)
                )

    def thresholds(self, camera: str) -> dict[str, float]:
        """The thresholds that were set for a camera, by stream."""
        rows = self.read("SELECT stream, value FROM threshold WHERE camera = ?", (camera,))
        return {row["stream"]: row["value"] for row in rows}

    def note_look(self, who: str, what: str, now_s: float) -> None:
        """Somebody looked at something."""
        with self.writing() as put:
            put.execute("INSERT INTO looked VALUES (?, ?, ?)", (now_s, who, what))

    def forget_before(self, before_s: float, blocks_before_s: float | None = None) -> list[str]:
        """Delete what ended before a time; paths, within the folder, of its pictures and clips.

        The highest scores of blocks may be kept longer, but for those of alarms that were real.
        """
        with self.writing() as put:
            old = "is_open = 0 AND end_s < ?"
            real = put.execute(
                f"SELECT camera, start_s, end_s FROM alarm WHERE mark = 'real' AND {old}", (before_s,)
            ).fetchall()
            put.executemany(
                f"DELETE FROM block WHERE camera = ? AND at_s > ? - {BLOCK_S} AND at_s <= ?", map(tuple, real)
            )
            forgotten_s = before_s if blocks_before_s is None else blocks_before_s
            put.execute("DELETE FROM block WHERE at_s < ?", (forgotten_s,))
            rows = put.execute(
                f"SELECT frame, clip, json_extract(reasons, '$.map') FROM alarm WHERE {old}", (before_s,)
            ).fetchall()
            put.execute(f"DELETE FROM outbox WHERE alarm IN (SELECT id FROM alarm WHERE {old})", (before_s,))
            put.execute(f"DELETE FROM alarm WHERE {old}", (before_s,))
            put.execute("DELETE FROM health WHERE end_s < ?", (before_s,))
            put.execute("DELETE FROM outbox WHERE delivered_s < ?", (before_s,))
            gone = "ended IS NOT NULL OR alarm NOT IN (SELECT id FROM alarm)"
            put.execute(f"DELETE FROM outbox WHERE created_s < ? AND ({gone})", (before_s,))
            for table in ("score", "looked"):
                put.execute(f"DELETE FROM {table} WHERE at_s < ?", (before_s,))
        return [path for row in rows for path in row if path]


@contextmanager
def overwriting(connection: sqlite3.Connection) -> Iterator[None]:
    """What is deleted within is overwritten: SQLite else leaves it in free pages and in its log."""
    connection.execute("PRAGMA secure_delete=ON")
    try:
        yield
    finally:
        connection.execute("PRAGMA secure_delete=OFF")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def about_camera(camera: str) -> str:
    """What stands for the alarm in letters about a camera itself."""
    return f"camera:{camera}"


def write_letters(
    put: sqlite3.Connection,
    about: str,
    camera: str,
    created_s: float,
    letters: Sequence[tuple[str, str, Mapping[str, Any]]],
    *,
    due_s: float = 0.0,
) -> None:
    """Put letters into the outbox within a transaction: sink, kind and message of each."""
    put.executemany(
        "INSERT OR IGNORE INTO outbox (sink, alarm, kind, message, created_s, due_s, camera) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (sink, about, kind, json.dumps(dict(message)), created_s, due_s, camera)
            for sink, kind, message in letters
        ],
    )


def _alarm(row: sqlite3.Row) -> Alarm:
    values = dict(row)
    values["is_open"] = bool(values["is_open"])
    values["reasons"], values["versions"] = json.loads(values["reasons"]), json.loads(values["versions"])
    return Alarm(**values)
