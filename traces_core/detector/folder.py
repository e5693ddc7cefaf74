"""A folder of scored videos: what is done is on disk, and is not done again.

    DIR/scores.parquet  episodes.parquet  NAME.html     of every video that was scored into it
    DIR/.videos/                                        each video's part of them, beside its recipe

A part is kept once its video is over, so whatever comes after, a file that breaks the decoder or the end of
the process, costs nobody else's. What `traces score` prints is not decided here.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from traces_core.datasets.table import UNREADABLE, read_parquet
from traces_core.detector.detector import Detector
from traces_core.detector.page import video_report
from traces_core.detector.scored import SCORES
from traces_core.detector.sinks import PageSink, TableSink
from traces_core.disk import aside, locked, storage_error, writable_folder
from traces_core.errors import EvaluationError
from traces_core.store import Artifact, Store
from traces_core.store.code import code_of
from traces_core.store.digest import digest
from traces_core.streams.episodes import EPISODES
from traces_core.streams.table import LATE
from traces_core.types import as_text
from traces_core.video.identity import content_id

TABLES = {"scores.parquet": SCORES, "episodes.parquet": EPISODES}
_PART = "scored_video"
_JOINING_SHARE = 0.05
"""Share of the time that may go into writing the tables of all videos again and again."""


class ScoreFolder:
    """Scores videos into a folder.

    Parameters
    ----------
    folder
        Made if it is not there. What it holds of other videos is kept.
    detector
        What scores; another one scores a video again.

    Raises
    ------
    EvaluationError
        A table in the folder is no such table: it is left as it is.
    StorageError
        The folder cannot be written.
    """

    def __init__(self, folder: Path, detector: Detector) -> None:
        self.folder, self._detector = folder, detector
        writable_folder(folder)  # before anything is decoded
        self._store = Store(folder / ".videos")
        self._tables = {name: _read(folder / name, schema) for name, schema in TABLES.items()}
        self._made_with, self._code = digest(detector.identity), code_of(Detector)
        self._written_at, self._writing_s = 0.0, 0.0
        self._scored: set[str] = set()

    def others(self, videos: list[Path]) -> tuple[int, int]:
        """How many other videos the folder holds scores of, and how many of these by another detector."""
        others = set(self._tables["scores.parquet"]["video"].unique()) - {as_text(one) for one in videos}
        return len(others), sum(not self._is_mine(video) for video in others)

    def _is_mine(self, video: str) -> bool:
        """Whether this detector scored a video that is in the tables."""
        if self._store.pointer(_PART, digest(video)) is None:
            return False
        about = self._store.recipe_of_current(_PART, digest(video))
        return (about["code"], about["made_from"].get("detector")) == (self._code, self._made_with)

    def score(
        self,
        video: Path,
        page: str,
        context: str | None,
        progress: Callable[[float], None] | None = None,
        *,
        stream: int | None = None,
    ) -> Artifact:
        """One video's part of the tables and its page, found where it was scored before.

        Parameters
        ----------
        stream
            Which video stream of the file; None chooses as FFmpeg does.

        Returns
        -------
        Artifact
            `facts` has `end_s`, the `episodes` of the stream that alarms are taken from, why it is `broken`,
            and the `notes` about it.

        Raises
        ------
        VideoError
            If no frame can be read.
        """
        text = as_text(video)
        part = self._store.remember_path(
            _PART,
            digest(text),
            made_from={
                "video": content_id(video),
                "stream": stream,
                "context": context,
                "detector": self._made_with,
            },
            write=partial(self._write, video, context, progress, stream),
            code=self._code,
        )
        _publish(part.path / "index.html", self.folder / f"{page}.html")
        self._scored.add(text)
        for name, table in self._tables.items():
            fresh = pl.read_parquet(part.path / name, glob=False)
            self._tables[name] = pl.concat([table.filter(pl.col("video") != text), fresh])
        if time.monotonic() - self._written_at > self._writing_s / _JOINING_SHARE:
            self.write()
        return part

    def write(self) -> list[Path]:
        """Write the tables of all videos; where they are. None where nothing was ever scored.

        What another process scored into the folder meanwhile stays.
        """
        if self._tables["scores.parquet"].is_empty():
            return []
        started = time.monotonic()
        with locked(self.folder):  # another run may have written scores of its videos meanwhile
            for name, table in self._tables.items():
                is_mine = pl.col("video").is_in(list(self._scored))
                others = _read(self.folder / name, TABLES[name]).filter(~is_mine)
                self._tables[name] = pl.concat([others, table.filter(is_mine)])
                with aside(self.folder / name) as half:
                    self._tables[name].write_parquet(half)
        self._written_at = time.monotonic()
        self._writing_s = self._written_at - started
        return [self.folder / name for name in self._tables]

    def _write(
        self,
        video: Path,
        context: str | None,
        progress: Callable[[float], None] | None,
        stream: int | None,
        target: Path,
    ) -> tuple[Path, dict[str, Any]]:
        target.mkdir()
        episodes = TableSink()
        page = PageSink(target / "index.html", partial(video_report, self._detector.explainer))
        scored = self._detector.score(
            video, context, sinks=[episodes, page], progress=progress, stream=stream
        )
        scored.table().write_parquet(target / "scores.parquet")
        episodes.table().write_parquet(target / "episodes.parquet")
        late = [[one.start_s, one.end_s] for one in scored.episodes[LATE]]
        about = {"broken": scored.broken, "notes": list(scored.notes)}
        return target, {"end_s": scored.end_s, "episodes": late, **about}


def _read(path: Path, schema: pl.Schema) -> pl.DataFrame:
    try:
        table = read_parquet(path)
    except FileNotFoundError:
        return schema.to_frame()
    except UNREADABLE as error:
        problem = EvaluationError(f"{path}: cannot be read ({error}). Name another folder with --out.")
        raise storage_error(error, path) or problem from error
    if table.schema != schema:
        columns = ", ".join(schema)
        raise EvaluationError(
            f"{path}: its columns are {', '.join(table.columns)}, but scores of videos have {columns}. It is "
            "left as it is; name another folder with --out."
        )
    return table


def _publish(page: Path, target: Path) -> None:
    """The page where a person looks for it; one file under two names where the disk can."""
    with aside(target) as half:
        try:
            os.link(page, half)
        except OSError:
            shutil.copyfile(page, half)
