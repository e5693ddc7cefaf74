"""The spool: runs that are written down on disk, and wait until MLflow has them.

Every run goes this way, whether MLflow answers or not: a folder with `run.json` (what is to be logged, call
by call) and the files that go with it. So the graph never waits for a server, and what was written down is
logged exactly once, by whoever comes first. How it is logged is in `tracking`.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.tracked_run import RunLog, finite, flattened
from traces_core.disk import litter_name, locked, sweep, write_whole
from traces_core.printing import printable, visible
from traces_core.store.digest import digest

if TYPE_CHECKING:
    import polars as pl

_FILE = "run.json"


@dataclass
class Waiting:
    """A run, or an addition to one, that is to be logged."""

    name: str
    experiment: str
    tags: dict[str, str]
    """With `recipe`: a recipe has one run."""
    mark: tuple[str, str] | None = None
    """Of an addition: the tag that the run has once it was made. None for a run."""
    at_ms: int = field(default_factory=lambda: int(time.time() * 1000))
    calls: list[dict[str, Any]] = field(default_factory=list)
    """What is logged: a method of `TrackedRun` under `do`, and its arguments."""
    run_id: str = ""
    """MLflow's, once it was begun."""
    logged: int = 0
    """How many calls MLflow has."""
    why: str = ""
    """Why it was refused, if it was."""

    @property
    def key(self) -> str:
        """Equal for what must not be logged twice."""
        return digest([self.experiment, self.tags["recipe"], self.mark])

    @classmethod
    def read(cls, folder: Path) -> Waiting:
        """What waits in a folder."""
        kept = json.loads((folder / _FILE).read_text(encoding="utf-8"))
        return cls(**{**kept, "mark": kept["mark"] and tuple(kept["mark"])})

    def write(self, folder: Path) -> None:
        """Keep how far it came, with `visible` text: all that MLflow gets was written here."""
        write_whole(folder / _FILE, json.dumps(visible(asdict(self))))


class Draft(RunLog):
    """A run that is being written down."""

    def __init__(self, waiting: Waiting, folder: Path) -> None:
        self._waiting, self._folder = waiting, folder

    def _note(self, do: str, **given: Any) -> None:
        self._waiting.calls.append({"do": do, **given})

    def metrics(self, values: Mapping[str, Any], step: int = 0, at_ms: int | None = None) -> None:
        """Note numbers, with the time that it is now."""
        at_ms = int(time.time() * 1000) if at_ms is None else at_ms
        self._note("metrics", values=finite(values), step=step, at_ms=at_ms)

    def params(self, values: Mapping[str, Any]) -> None:
        """Note parameters."""
        self._note("params", values={name: str(value) for name, value in flattened(values).items()})

    def tags(self, values: Mapping[str, str]) -> None:
        """Note tags."""
        self._note("tags", values=dict(values))

    def dataset(self, name: str, table: pl.DataFrame, *, digest: str, source: Path, context: str) -> None:
        """Keep a table until it is logged as a data set."""
        path = self._place() / "table.parquet"
        table.write_parquet(path)
        kept = str(path.relative_to(self._folder))
        self._note("dataset", name=name, table=kept, digest=digest, source=str(source), context=context)

    def file(self, path: Path, folder: str | None = None) -> None:
        """Keep a copy of a file or folder until it is logged."""
        kept = self._place() / printable(Path(path.name))
        (shutil.copytree if path.is_dir() else shutil.copyfile)(path, kept)
        self._note("file", path=str(kept.relative_to(self._folder)), folder=folder)

    def children(self, name: str, recipe: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Note a child for each row: `title`, `params`, `metrics`, `tags`."""
        kept = [
            {**row, "params": {one: str(value) for one, value in flattened(row["params"]).items()},
             "metrics": finite(row["metrics"])} for row in rows
        ]  # fmt: skip
        self._note("children", name=name, recipe=recipe, rows=kept)

    def model(
        self, path: Path, *, name: str, about: str, card: Mapping[str, Any], tags: Mapping[str, str]
    ) -> None:
        """Keep a copy of a model until it is registered."""
        kept = self._place() / printable(Path(path.name))
        shutil.copytree(path, kept)
        given = {"name": name, "about": about, "card": dict(card), "tags": dict(tags)}
        self._note("model", path=str(kept.relative_to(self._folder)), **given)

    def _place(self) -> Path:
        place = self._folder / str(len(self._waiting.calls))
        place.mkdir()
        return place


@dataclass(frozen=True)
class Spool:
    """The folder of what waits for one tracking store."""

    folder: Path

    @contextlib.contextmanager
    def draft(self, waiting: Waiting) -> Iterator[Draft]:
        """Write a run down; it waits from the end of the block on, as a whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        folder = self.folder / litter_name("draft")
        folder.mkdir()
        try:
            yield Draft(waiting, folder)
            waiting.write(folder)
            folder.rename(self.folder / f"{time.time_ns()}-{waiting.key}")
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise

    def waiting(self, key: str = "*") -> list[Path]:
        """The folders of what waits, oldest first."""
        return sorted(self.folder.glob(f"[0-9]*-{key}"))

    def drop(self, folder: Path) -> None:
        """Forget what was logged: first its name, so that nobody takes up half of it."""
        gone = folder.with_name(litter_name(folder.name))
        folder.rename(gone)
        shutil.rmtree(gone)

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Within, nobody else on this machine logs what waits."""
        self.folder.mkdir(parents=True, exist_ok=True)
        with locked(self.folder):
            sweep(self.folder)
            yield

    # An outage: between two tries nobody loses time, and it is told once.

    @property
    def _outage(self) -> Path:
        return self.folder / "outage"

    def away_since(self) -> tuple[float, str] | None:
        """Seconds since MLflow was last tried in vain, and why; None where it answered."""
        try:
            age_s = time.time() - self._outage.stat().st_mtime
            return age_s, self._outage.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None

    def begin_outage(self, why: str) -> bool:
        """Note that MLflow was tried in vain; whether that is news."""
        is_news = not self._outage.exists()
        self.folder.mkdir(parents=True, exist_ok=True)
        write_whole(self._outage, visible(why))
        return is_news

    def end_outage(self) -> None:
        """Note that MLflow answers."""
        self._outage.unlink(missing_ok=True)
