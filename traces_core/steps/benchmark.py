"""Steps of the benchmark: the rows of the result table with the baselines beside them, and the pages.

    benchmark_metrics ──> benchmark_report

What two versions of it are compared by, and the README's picture, are read from current artifacts here and
are none themselves.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from traces_core.datasets import AnnotationRow, GroundTruth
from traces_core.detector import own_footage
from traces_core.detector.explanation import Explainer
from traces_core.detector.loading import bank_and_fusion
from traces_core.detector.page import video_report
from traces_core.detector.scored import ScoredVideo
from traces_core.metrics import evaluate
from traces_core.metrics.curves import precision_curves, score_curves
from traces_core.project import Project
from traces_core.report import (
    BenchmarkReport,
    Figure,
    score_curve,
    write_benchmark_report,
    write_video_report,
)
from traces_core.steps.adapters import training_picture
from traces_core.steps.features import load_features
from traces_core.steps.footage import clocks_of, joined, set_folder, shard_names, shard_of
from traces_core.steps.scores import by_video, fingerprints_of
from traces_core.store import Artifact
from traces_core.store.code import code_of
from traces_core.store.running import step
from traces_core.streams.calibration import Calibration, with_late
from traces_core.streams.episodes import episodes_in
from traces_core.streams.table import LATE, in_order
from traces_core.types import Episode, ScoreTrack
from traces_core.video import frames_at

BENCHMARK = "benchmark"
"""The set that the numbers are measured on."""


def truth_of(videos: Artifact, annotations: Artifact, name: str = BENCHMARK) -> GroundTruth:
    """The checked ground truth of a set, from the artifacts that hold it, under the name of the data set."""
    clocks = videos.read().filter((pl.col("set") == BENCHMARK) & pl.col("reason").is_null())
    return GroundTruth.from_rows(
        name,
        [AnnotationRow(*row) for row in annotations.read().rows()],
        durations_s=dict(clocks.select("video", "duration_s").rows()),
        rates={video: Fraction(rate) for video, rate in clocks.select("video", "rate").rows()},
    )


def tracks_of_set(
    videos: Artifact, scores: list[Artifact], calibration: Calibration, name: str
) -> dict[str, dict[str, ScoreTrack]]:
    """Tracks by stream, then by path in the set, the late fusion among the streams."""
    paths = dict(videos.read().filter(pl.col("set") == name).select("video_id", "video").rows())
    by_stream: dict[str, dict[str, ScoreTrack]] = {}
    for video_id, tracks in by_video(pl.concat([entry.read() for entry in scores])).items():
        if video_id in paths:
            for stream, track in with_late(calibration.scales, tracks).items():
                by_stream.setdefault(stream, {})[paths[video_id]] = track
    return by_stream


@step
def benchmark_metrics(
    project: Project,
    videos: Artifact,
    annotations: Artifact,
    anomaly_scores: list[Artifact],
    thresholds: Artifact,
) -> Artifact:
    """Every stream's row of the result table, with its provenance."""
    settings = project.settings.benchmark
    clocks = clocks_of(videos, BENCHMARK)
    name = own_footage.data_set_name(project.settings, BENCHMARK)

    def measure() -> dict[str, Any]:
        truth = truth_of(videos, annotations, name)
        calibration = Calibration.load(thresholds)
        rows = []
        by_stream = tracks_of_set(videos, anomaly_scores, calibration, BENCHMARK)
        for stream in in_order(by_stream):
            tracks = by_stream[stream]
            threshold = calibration.thresholds[stream]
            row = evaluate(
                tracks,
                truth,
                rng=np.random.default_rng(settings.seed),  # the same videos are drawn for every stream
                threshold=threshold.value,
                rules=threshold.rules,
                recalls=(settings.event_recall,),
                resamples=settings.bootstrap,
            ).to_dict()
            rows.append({"data_set": truth.name, **row, **at_recall(row, settings.event_recall)})
        is_drawn = project.settings.footage.benchmark is None
        return {
            "title": "Practice benchmark" if is_drawn else name,
            "notices": own_footage.notices(project.settings, by_stream, of_practice=is_drawn),
            "rows": rows,
            "provenance": _provenance(project, truth, thresholds),
        }

    made_from = {
        "data_set": name,
        "truth": annotations.fingerprint,
        "videos": clocks,
        "scores": fingerprints_of(anomaly_scores, [video_id for _, video_id, _, _ in clocks]),
        "thresholds": thresholds.fingerprint,
        "settings": settings.model_dump(exclude={"pretraining_seeds"}),
    }
    return project.store.remember("benchmark_metrics", made_from=made_from, make=measure)


def at_recall(row: Mapping[str, Any], recall: float) -> dict[str, float | None]:
    """False alarms and the recall reached, at the stated event recall; None where it is never reached."""
    reached = row["events"]["at_recall"][f"{recall:g}"] or {}
    return {
        "event_recall": reached.get("recall"),
        "false_alarms_per_hour_at_recall": reached.get("false_alarms_per_hour"),
    }


def baseline_rows(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The baselines beside the streams, as rows: they belong to the ground truth, not to a stream."""
    if not rows:
        return []
    return [
        {"baseline": name, "causal": "offline" not in name, "data_set": rows[0]["data_set"], **values}
        for name, values in rows[0]["baselines"].items()
    ]


def _provenance(project: Project, truth: GroundTruth, calibrated: Artifact) -> dict[str, str]:
    return {
        "data set": truth.name,
        "ground truth": truth.fingerprint,
        "space": project.clip.space,
        "window encoder": project.windows.fingerprint,
        "thresholds": calibrated.fingerprint,
        "measuring code": code_of(benchmark_metrics),
    }


@step
def benchmark_report(
    project: Project,
    benchmark_metrics: Artifact,
    practice_footage: Artifact,
    videos: Artifact,
    annotations: Artifact,
    anomaly_scores: list[Artifact],
    alarms: list[Artifact],
    trace_index: Artifact,
    adapters: Artifact,
    thresholds: Artifact,
) -> Artifact:
    """A folder of pages: `index.html` for the benchmark, `videos/<video>.html` for its videos."""
    clocks = clocks_of(videos, "benchmark")

    def write(folder: Path) -> tuple[Path, dict[str, Any]]:
        (folder / "videos").mkdir(parents=True)
        explainer = Explainer(project, *bank_and_fusion(project, trace_index, adapters))
        calibration = Calibration.load(thresholds)
        truth, episodes = truth_of(videos, annotations), episodes_in(joined(alarms))
        tracks = by_video(joined(anomaly_scores))
        rows = videos.read().filter((pl.col("set") == "benchmark") & pl.col("reason").is_null())
        for row in rows.iter_rows(named=True):
            path = set_folder(project, practice_footage, row["set"]) / row["video"]
            known = (tracks[row["video_id"]], episodes.get(row["video_id"], {}))
            scored = _scored(project, calibration, row, path, *known)
            page = video_report(
                explainer,
                scored,
                truth=truth.intervals[row["video"]],
                provenance={"ground truth": truth.fingerprint, "video": row["video_id"]},
            )
            write_video_report(folder / "videos" / f"{row['video'].replace('/', '__')}.html", page)
        write_benchmark_report(folder / "index.html", benchmark_page(benchmark_metrics, adapters))
        return folder, {"pages": len(rows) + 1}

    made_from = {
        "metrics": benchmark_metrics.fingerprint,
        "videos": clocks,
        "scores": fingerprints_of(anomaly_scores, [video_id for _, video_id, _, _ in clocks]),
        "alarms": {entry.key: entry.fingerprint for entry in alarms},
        "scoring": project.settings.scoring.model_dump(),
        "truth": annotations.fingerprint,
        "thresholds": thresholds.fingerprint,
        "bank": trace_index.fingerprint,
        "fusion": adapters.fingerprint,
    }
    return project.store.remember_path("benchmark_report", made_from=made_from, write=write)


def _scored(
    project: Project,
    calibration: Calibration,
    row: Mapping[str, Any],
    path: Path,
    tracks: Mapping[str, ScoreTrack],
    episodes: Mapping[str, tuple[Episode, ...]],
) -> ScoredVideo:
    """A video of the benchmark as the graph scored it: nothing is computed again."""
    tracks = with_late(calibration.scales, tracks)
    return ScoredVideo(
        path=path,
        context=row["context"] if project.settings.scoring.by_context else None,
        tracks=tracks,
        thresholds={name: calibration.thresholds[name].value for name in tracks},
        episodes={name: episodes.get(name, ()) for name in tracks},
        features=load_features(project, row["video_id"]),
        broken=None,
    )


def benchmark_page(benchmark_metrics: Artifact, adapters: Artifact) -> BenchmarkReport:
    """The page of the benchmark, before the ablations."""
    metrics = benchmark_metrics.read()
    training = json.loads((adapters.path / "training.json").read_text())
    figures = []
    if training["curve"]:
        figures.append(Figure("Training of the fusion", training_picture(training)))
    rows = metrics["rows"]
    return BenchmarkReport(
        title=metrics["title"],
        rows=rows,
        baselines=baseline_rows(rows),
        per_class={row["stream"]: {name: c["auc"] for name, c in row["per_class"].items()} for row in rows},
        provenance=metrics["provenance"],
        notices=metrics["notices"],
        figures=figures,
    )


def late_row(benchmark_metrics: Artifact) -> Mapping[str, Any]:
    """The row of the stream by which a promotion is decided."""
    return next(row for row in benchmark_metrics.read()["rows"] if row["stream"] == LATE)


def curve_tables(project: Project) -> dict[str, pl.DataFrame]:
    """Tables by name: `precision` (stream, recall, precision) and `scores` (stream, time_s, score, video).

    The scores are those of the most eventful video.

    Raises
    ------
    MissingArtifactError
        If the benchmark has not been made.
    """
    store = project.store
    videos, annotations = store.current("videos"), store.current("annotations")
    scores = [
        store.current("anomaly_scores", shard) for shard in shard_names(project.settings.footage.shards)
    ]
    calibration = Calibration.load(store.current("thresholds"))
    tracks = tracks_of_set(videos, scores, calibration, "benchmark")
    truth = truth_of(videos, annotations)
    return {"precision": precision_curves(tracks, truth), "scores": score_curves(tracks, truth)}


def example_picture(project: Project) -> bytes:
    """A score curve over the most eventful video, its frames above: the README's picture."""
    current = project.store.current
    videos, annotations = current("videos"), current("annotations")
    truth, calibration = truth_of(videos, annotations), Calibration.load(current("thresholds"))
    video = truth.most_eventful
    row = videos.read().filter((pl.col("set") == "benchmark") & (pl.col("video") == video)).row(0, named=True)
    path = set_folder(project, current("practice_footage"), row["set"]) / row["video"]
    scores = current("anomaly_scores", shard_of(row["video_id"], project.settings.footage.shards))
    scored = _scored(project, calibration, row, path, by_video(scores.read())[row["video_id"]], {})
    middles = [(one.start_s + one.end_s) / 2 for one in truth.intervals[video]]
    times = sorted([*middles, *np.linspace(2.0, truth.durations_s[video] - 2.0, 8 - len(middles))])
    frames = frames_at(scored.path, times)
    return score_curve(
        {LATE: scored.tracks[LATE]},
        {LATE: scored.thresholds[LATE]},
        truth.intervals[video],
        frames=list(zip(frames.times_s.tolist(), frames.pixels, strict=True)),
        duration_s=truth.durations_s[video],
    )
