"""From an artifact to what Dagster shows of it: data version, recipe, counts, pictures, tables.

What a picture looks like is decided in `traces_core.report`; here it becomes metadata.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
import polars as pl
from PIL import Image

from pipelines.content import content_metadata
from pipelines.versioning import dvc_revision
from traces_core.errors import VideoError
from traces_core.printing import markdown
from traces_core.project import Project
from traces_core.report import data_uri, dots, score_curve
from traces_core.report.coverage import coverage_markdown, coverage_picture
from traces_core.report.formatting import clock
from traces_core.report.images import contact_sheet, frame_uri, laid_over
from traces_core.report.model import Pixels, Weights
from traces_core.steps import footage as footage_step
from traces_core.steps.scores import by_video
from traces_core.store import Artifact
from traces_core.text.coverage import Coverage
from traces_core.video import frame_at

WIDEST = 960
"""Pixels that a dialog of Dagster's UI has for a picture."""

Rows = Sequence[Mapping[str, Any]]


def report(artifact: Artifact, **metadata: Any) -> dg.MaterializeResult:
    """The materialization of an artifact; its fingerprint is the data version: equal content tells nobody."""
    return dg.MaterializeResult(
        data_version=dg.DataVersion(artifact.fingerprint),
        metadata={
            "computed": artifact.computed,
            "seconds": artifact.seconds,
            "recipe": artifact.recipe,
            "dvc_revision": dvc_revision(artifact.path),
            "file": dg.MetadataValue.path(artifact.path),
            **content_metadata(artifact),
            **metadata,
        },
    )


def picture(png: bytes, alt: str) -> dg.MarkdownMetadataValue:
    """A picture that Dagster's UI shows in a dialog."""
    return dg.MetadataValue.md(f"![{markdown(alt)}]({data_uri(_fitted(png))})")


def _fitted(png: bytes) -> bytes:
    """A picture no wider than a dialog of the UI, which cuts off the rest."""
    image = Image.open(io.BytesIO(png))
    if image.width <= WIDEST:
        return png
    size = (WIDEST, round(image.height * WIDEST / image.width))
    written = io.BytesIO()
    image.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(written, "PNG")
    return written.getvalue()


def table(rows: Rows, columns: Sequence[str]) -> dg.MarkdownMetadataValue:
    """Rows as a table, numbers with three digits; what a row lacks stays empty."""
    lines = [columns, ["---"] * len(columns), *([_cell(row.get(name)) for name in columns] for row in rows)]
    return dg.MetadataValue.md("\n".join(f"| {' | '.join(line)} |" for line in lines))


def _cell(value: Any) -> str:
    return "" if value is None else f"{value:.3f}" if isinstance(value, float) else markdown(str(value))


def bullets(texts: Iterable[str]) -> dg.MarkdownMetadataValue:
    """A list, an entry each."""
    return dg.MetadataValue.md("\n".join(f"- {markdown(text)}" for text in texts) or "none")


def rows_metadata(
    rows: Sequence[Mapping[str, Any]], baselines: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """Rows of a result table, as metadata: a picture of each AUC with its interval, and the table."""
    labelled = [
        {**row, "stream": ", ".join(str(row[key]) for key in ("variant", "stream") if key in row)}
        for row in rows
    ]
    columns = ["stream", "seed", "auc", "auc_low", "auc_high", "average_precision"]
    used = [name for name in columns if any(name in row for row in labelled)]
    return {
        "picture": picture(dots(labelled, baselines), "AUC with its interval"),
        "table": table(labelled, used),
    }


def sound_scores(table: pl.DataFrame) -> dg.AssetCheckResult:
    """Whether scores are finite and no stream gives mostly one value: masses of ties flatter a ranking."""
    tied = {
        stream: 1 - rows["score"].n_unique() / len(rows)
        for (stream,), rows in table.group_by("stream", maintain_order=True)
        if len(rows) > 1
    }
    finite = bool(table["score"].is_finite().all())
    shares = ", ".join(f"{stream} {share:.1%}" for stream, share in sorted(tied.items())) or "none"
    return dg.AssetCheckResult(
        passed=finite and all(share < 0.5 for share in tied.values()),
        metadata={f"ties_{stream}": share for stream, share in tied.items()},
        description=f"{len(table)} scores, {'all finite' if finite else 'not all finite'}; ties {shares}",
    )


def peak_metadata(
    project: Project, practice_footage: Artifact, videos: Artifact, scores: Artifact, stream: str
) -> dict[str, Any]:
    """The most anomalous moment of some videos, as metadata: where it is, its frame, the scores around it."""
    tracks = {video: one[stream] for video, one in by_video(scores.read()).items() if stream in one}
    if not tracks:
        return {}
    video_id = max(tracks, key=lambda one: float(tracks[one].values.max()))
    track = tracks[video_id]
    at_s = float(track.times_s[int(track.values.argmax())])
    row, frame = _row_and_frame(project, practice_footage, videos, video_id, at_s)
    curve = score_curve({stream: track}, duration_s=row["duration_s"])
    where = f"{row['set']}/{row['video']} at {clock(at_s, 1)}, {stream} {track.values.max():+.3f}"
    pictures = f"![the frame]({frame_uri(frame)})\n\n![{stream} over time]({data_uri(_fitted(curve))})"
    text = f"{markdown(where)}\n\n{pictures}"
    return {"most_anomalous": where, "its_moment": dg.MetadataValue.md(text)}


def footage_metadata(project: Project, practice_footage: Artifact, videos: Artifact) -> dict[str, Any]:
    """A frame out of the middle of videos of every set and context, as metadata."""
    readable = videos.read().filter(pl.col("reason").is_null() & (pl.col("duration_s") > 0))
    each = readable.unique(["set", "context"], keep="first", maintain_order=True).head(12)
    frames, names = [], []
    for row in each.iter_rows(named=True):
        path = footage_step.set_folder(project, practice_footage, row["set"]) / row["video"]
        try:
            frames.append(frame_at(path, row["duration_s"] / 2)[0])
            names.append(f"{row['set']}/{row['video']}")
        except VideoError as error:  # the page of its features says more
            names.append(f"{row['set']}/{row['video']} (no picture: {error.problem})")
    if not frames:
        return {}
    sheet = data_uri(contact_sheet(frames), "image/jpeg")
    return {"picture": dg.MetadataValue.md(f"{markdown(', '.join(names))}\n\n![a frame of each]({sheet})")}


def alarm_metadata(
    project: Project,
    practice_footage: Artifact,
    videos: Artifact,
    alarm: Mapping[str, Any],
    surprise: Weights | None,
) -> dict[str, Any]:
    """One alarm of the Context-Aware system (a row of `EPISODES`), as metadata: which streams mismatch, and
    its frame with the surprise map over it."""
    row, frame = _row_and_frame(project, practice_footage, videos, alarm["video"], alarm["peak_s"])
    peak = f"{alarm['peak_score']:.2f} at {clock(alarm['peak_s'], 1)}"
    where = f"{row['set']}/{row['video']}, {peak}; mismatch: {alarm['because']}"
    seen = frame if surprise is None else laid_over(frame, surprise)
    text = f"{markdown(where)}\n\n![bright where the frame was not as predicted]({frame_uri(seen)})"
    return {"strongest": where, "its_surprise": dg.MetadataValue.md(text)}


def _row_and_frame(
    project: Project, practice_footage: Artifact, videos: Artifact, video_id: str, at_s: float
) -> tuple[dict[str, Any], Pixels]:
    """A video's row in `videos`, and its frame at a time."""
    row = videos.read().filter(pl.col("video_id") == video_id).row(0, named=True)
    frame, _ = frame_at(footage_step.set_folder(project, practice_footage, row["set"]) / row["video"], at_s)
    return row, frame


def coverage_metadata(coverage: Coverage, of: str) -> dict[str, Any]:
    """What a corpus covers, as metadata: its smallest gap as a number to follow, its table, its picture."""
    return {
        "smallest_gap": coverage.smallest_gap,
        "coverage": dg.MetadataValue.md(coverage_markdown(coverage)),
        "picture": picture(coverage_picture(coverage), f"What the classes of {of} cover"),
    }
