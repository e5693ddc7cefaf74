"""Steps that show: the benchmark's page, and a page for each of its videos."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from traces_core.detector.explanation import Explainer
from traces_core.detector.loading import bank_and_fusion
from traces_core.detector.page import video_report
from traces_core.detector.scored import ScoredVideo
from traces_core.project import Project
from traces_core.report import (
    POCKET_NOTICE,
    BenchmarkReport,
    Figure,
    score_curve,
    training_curves,
    write_benchmark_report,
    write_video_report,
)
from traces_core.steps.benchmark import baseline_rows, truth_of
from traces_core.steps.features import load_features
from traces_core.steps.footage import clocks_of, joined, set_folder, shard_of
from traces_core.steps.scores import by_video, fingerprints_of
from traces_core.store import Artifact
from traces_core.store.code import step
from traces_core.streams.calibration import Calibration, with_late
from traces_core.streams.episodes import episodes_in
from traces_core.streams.table import LATE
from traces_core.types import Episode, ScoreTrack
from traces_core.video import frames_at


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
        write_benchmark_report(folder / "index.html", _benchmark_report(benchmark_metrics, adapters))
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


def _benchmark_report(benchmark_metrics: Artifact, adapters: Artifact) -> BenchmarkReport:
    metrics = benchmark_metrics.read()
    training = json.loads((adapters.path / "training.json").read_text())
    figures = []
    if training["curve"]:
        figures.append(Figure("Training of the fusion", training_picture(training)))
    rows = metrics["rows"]
    return BenchmarkReport(
        title="Practice benchmark",
        rows=rows,
        baselines=baseline_rows(rows),
        per_class={row["stream"]: {name: c["auc"] for name, c in row["per_class"].items()} for row in rows},
        provenance=metrics["provenance"],
        notices=[POCKET_NOTICE] if "pocket" in metrics["provenance"]["space"] else [],
        figures=figures,
    )


def training_picture(training: dict[str, Any]) -> bytes:
    """The curves of a training: what it lost in training and in validation, as PNG."""
    later = training["curve"][1:]  # nothing was trained before step 0
    names = ("training_loss", "validation_info_nce")
    return training_curves(
        {name: [point[name] for point in later] for name in names}, steps=[point["step"] for point in later]
    )


def example_picture(project: Project) -> bytes:
    """A score curve over the benchmark video with most events, its frames above: the README's picture."""
    current = project.store.current
    videos, annotations = current("videos"), current("annotations")
    truth, calibration = truth_of(videos, annotations), Calibration.load(current("thresholds"))
    video = max(truth.videos, key=lambda name: len({one.label for one in truth.intervals[name]}))
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


@step
def results(
    project: Project, benchmark_metrics: Artifact, adapters: Artifact, ablations: list[Artifact]
) -> Artifact:
    """A folder with `index.html`: every stream, every baseline, every ablation."""

    def write(folder: Path) -> tuple[Path, dict[str, Any]]:
        folder.mkdir()
        report = _benchmark_report(benchmark_metrics, adapters)
        rows = {one.key: one.read()["rows"] for one in ablations}
        write_benchmark_report(folder / "index.html", replace(report, ablations=rows))
        return folder, {"ablations": len(rows)}

    made_from = {
        "metrics": benchmark_metrics.fingerprint,
        "ablations": {one.key: one.fingerprint for one in ablations},
    }
    return project.store.remember_path("results", made_from=made_from, write=write)
