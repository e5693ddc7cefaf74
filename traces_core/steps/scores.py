"""Step of the scores: how anomalous each moment is, one track a stream; and tables as tracks."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from traces_core.bank.folder import parts_in
from traces_core.detector.loading import bank_scorer
from traces_core.project import Project
from traces_core.steps.features import load_features
from traces_core.store import Artifact
from traces_core.store.code import made_with
from traces_core.store.digest import file_digest
from traces_core.store.running import step
from traces_core.streams.scorer import BankScorer
from traces_core.streams.table import STREAMS, streams_of
from traces_core.types import Interval, ScoreTrack

SCORES = pl.Schema(
    {
        "video_id": pl.String(),
        "stream": pl.String(),
        "time_s": pl.Float64(),
        "score": pl.Float32(),
        "causal": pl.Boolean(),
    }
)
"""One row a score; a row without one: from there on nothing is known, until the next score of any stream."""


@step
def anomaly_scores(
    project: Project,
    videos: Artifact,
    video_features: Artifact,
    trace_index: Artifact,
    adapters: Artifact,
    *,
    which: str = "fusion",
) -> Artifact:
    """The scores of one shard's videos, every stream; columns as in `SCORES`. One recipe a video."""
    usable = video_features.read().filter(pl.col("fingerprint").is_not_null())
    contexts = _contexts_asked(project, videos)
    answers = _answers(trace_index)
    judge: BankScorer | None = None

    def score(video_id: str) -> pl.DataFrame:
        nonlocal judge
        judge = judge or bank_scorer(project, trace_index, adapters, which)
        seen = load_features(project, video_id).pieces()
        return scores_table(video_id, judge.score(seen, contexts[video_id]))

    parts = [
        project.store.remember(
            "video_scores",
            video_id,
            made_from={
                "features": fingerprint,
                "context": contexts[video_id],
                "bank": answers.get(contexts[video_id], trace_index.fingerprint),
                "fusion": file_digest(adapters.path / f"{which}.safetensors"),
                "scoring": project.settings.scoring.model_dump(),
                "text_encoder": made_with(project.clip),
                "labels": list(project.windows.labels),
                "streams": [name for name in streams_of("traces") if STREAMS[name].start is not None],
            },
            make=partial(score, video_id),
        )
        for video_id, fingerprint in usable.select("video_id", "fingerprint").rows()
    ]
    scored = {part.key: part.fingerprint for part in parts}

    def join(path: Path) -> tuple[Path, dict[str, Any]]:
        path = path.with_suffix(".parquet")
        pl.concat([SCORES.to_frame(), *(part.read() for part in parts)]).write_parquet(path)
        return path, {"videos": scored}

    made_from = {"videos": scored}
    return project.store.remember_path("anomaly_scores", video_features.key, made_from=made_from, write=join)


def _contexts_asked(project: Project, videos: Artifact) -> dict[str, str | None]:
    """By video id: the context whose traces answer; None where all do."""
    by_context = project.settings.scoring.by_context
    rows = videos.read().select("video_id", "context").rows()
    return {video_id: context if by_context else None for video_id, context in rows}


def _answers(index: Artifact) -> dict[str | None, Any]:
    """By context: what a bank says there rests on. A search in one context is exact, and reads no other."""
    settings = json.loads((index.path / "bank.json").read_text(encoding="utf-8"))["settings"]
    return {name: [parts, settings] for name, parts in parts_in(index.path).items()}


def fingerprints_of(scores: Iterable[Artifact], videos: Iterable[str]) -> dict[str, str]:
    """Fingerprints of the scores of some videos, out of those of all shards."""
    known = {video: one for entry in scores for video, one in entry.facts["videos"].items()}
    return {video: known[video] for video in sorted(videos) if video in known}


def scores_table(video_id: str, tracks: Mapping[str, ScoreTrack]) -> pl.DataFrame:
    """The tracks of one video as rows of `SCORES`."""
    tables = []
    for stream, track in tracks.items():
        starts_s = [gap.start_s for gap in track.unknown]
        times_s = {"time_s": [*track.times_s, *starts_s]}
        scores = {"score": [*np.asarray(track.values, np.float32), *(None for _ in starts_s)]}
        same = {"video_id": video_id, "stream": stream, "causal": track.causal}
        rows = pl.DataFrame({**times_s, **scores}, schema={one: SCORES[one] for one in ("time_s", "score")})
        rows = rows.with_columns(**{name: pl.lit(value) for name, value in same.items()})
        tables.append(rows.select(list(SCORES)).sort("time_s", maintain_order=True))
    return pl.concat([SCORES.to_frame(), *tables])


def tracks_of(scores: pl.DataFrame) -> dict[str, dict[str, ScoreTrack]]:
    """Tracks by stream, then by video id, from rows of `SCORES`."""
    by_stream: dict[str, dict[str, ScoreTrack]] = {}
    unknown = _unknown(scores)
    for (stream, video_id), rows in scores.drop_nulls("score").group_by(
        "stream", "video_id", maintain_order=True
    ):
        track = ScoreTrack(
            rows["time_s"].to_numpy(),
            rows["score"].to_numpy(),
            stream=str(stream),
            causal=bool(rows["causal"][0]),
            unknown=unknown.get(str(video_id), ()),
        )
        by_stream.setdefault(str(stream), {})[str(video_id)] = track
    return by_stream


def _unknown(scores: pl.DataFrame) -> dict[str, tuple[Interval, ...]]:
    """By video id: its stretches of which nothing is known."""
    gaps: dict[str, tuple[Interval, ...]] = {}
    silent = scores.filter(pl.col("score").is_null()).select("video_id", "time_s").unique().sort("time_s")
    for video_id, start_s in silent.rows():
        after = scores.filter(pl.col("video_id") == video_id, pl.col("time_s") > start_s).drop_nulls("score")
        end_s = after["time_s"].min()
        gaps[video_id] = (
            *gaps.get(video_id, ()),
            Interval(start_s, start_s if end_s is None else float(end_s)),  # type: ignore[arg-type]
        )
    return gaps


def by_video(scores: pl.DataFrame) -> dict[str, dict[str, ScoreTrack]]:
    """Tracks by video id, then by stream, from rows of `SCORES`."""
    by_id: dict[str, dict[str, ScoreTrack]] = {}
    for stream, tracks in tracks_of(scores).items():
        for video_id, track in tracks.items():
            by_id.setdefault(video_id, {})[stream] = track
    return by_id
