"""Steps of the inbox: one dropped video becomes features, scores, episodes and a page.

It is judged by the detector that the graph made last. Which videos are ready is known to
`traces_core.detector.inbox`.
"""

from __future__ import annotations

import shutil
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from traces_core.detector.detector import Detector
from traces_core.detector.inbox import file_named, inbox_folder, set_aside
from traces_core.detector.page import video_report
from traces_core.detector.sinks import PageSink, TableSink
from traces_core.encoders.features import Features
from traces_core.errors import VideoError
from traces_core.project import Project
from traces_core.steps import features as features_step
from traces_core.store import Artifact
from traces_core.store.running import step
from traces_core.streams.table import LATE
from traces_core.video.identity import content_id


@step
def inbox_scores(
    project: Project, name: str, trace_index: Artifact, adapters: Artifact, thresholds: Artifact
) -> Artifact:
    """A folder with `scores.parquet`, `episodes.parquet` and `index.html` of one video of the inbox.

    A video that is read in part is scored up to there and set aside; `facts["broken"]` says why.

    Raises
    ------
    VideoError
        If no such video is in the inbox, or nothing of it can be read; it is set aside then.
    """
    folder = inbox_folder(project.machine)
    path = file_named(folder, name)
    if path is None:
        raise VideoError(folder / name, "there is no such video in the inbox", do="Drop it there again.")
    context = _context(project, path.relative_to(folder))
    try:
        made = _scored(project, name, path, context, [trace_index, adapters, thresholds])
    except VideoError as error:
        set_aside(folder, path, f"Nothing of it could be scored: {error}")
        raise
    if made.facts["broken"]:
        until = f"Scored to {made.facts['length_s']:.2f} s, then: {made.facts['broken']}"
        set_aside(folder, path, until)
    _publish(made, project.machine.reports / "inbox" / name)
    return made


def _context(project: Project, within: Path) -> str | None:
    """The kind of place that a sub-folder of the inbox names."""
    known = project.settings.corpus.contexts
    return next((part for part in within.parts[:-1] if part in known), None)


def _scored(project: Project, name: str, path: Path, context: str | None, parts: list[Artifact]) -> Artifact:
    video_id = content_id(path)
    seen = features_step.features_of(project.variant(), video_id, path)  # of no video of the footage

    def write(target: Path) -> tuple[Path, dict[str, Any]]:
        detector, episodes = Detector.of(project, *parts), TableSink()
        target.mkdir()
        scored = detector.judged(
            path,
            Features.load(seen.path),
            context,
            length_s=seen.facts["length_s"],
            broken=seen.facts["broken"],
            sinks=[episodes, PageSink(target / "index.html", partial(video_report, detector.explainer))],
        )
        scored.table().write_parquet(target / "scores.parquet")
        episodes.table().with_columns(video=pl.lit(name)).write_parquet(target / "episodes.parquet")
        late = scored.tracks[LATE].values
        return target, {
            "length_s": scored.end_s,
            "episodes": len(scored.episodes[LATE]),
            "highest": float(late.max()),
            "threshold": scored.thresholds[LATE],
            "broken": scored.broken,
        }

    made_from = {
        **{part.name: part.fingerprint for part in parts},
        "features": seen.fingerprint,
        "file": path.name,
        "context": context,
        "scoring": project.settings.scoring.model_dump(),
    }
    return project.store.remember_path("inbox_scores", name, made_from=made_from, write=write)


def _publish(made: Artifact, target: Path) -> None:
    """A copy where people look for it, whole or not at all."""
    target.parent.mkdir(parents=True, exist_ok=True)
    fresh = target.with_name(f".{target.name}")
    shutil.rmtree(fresh, ignore_errors=True)
    shutil.copytree(made.path, fresh)
    shutil.rmtree(target, ignore_errors=True)
    fresh.replace(target)
