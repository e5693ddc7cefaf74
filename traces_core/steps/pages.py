"""Steps that show: the benchmark's page, and a page for each of its videos."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from traces_core.detector.detector import Detector
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
from traces_core.steps.detection import by_video, fingerprints_of
from traces_core.steps.footage import clocks_of, load_features, set_folder, shard_names, shard_of
from traces_core.store import Artifact
from traces_core.store.code import step
from traces_core.streams.calibration import with_late
from traces_core.streams.episodes import episodes_in
from traces_core.streams.table import LATE
from traces_core.types import Episode
from traces_core.video import frames_at


@step
def benchmark_pages(project: Project) -> Artifact:
    """A folder of pages: `index.html` for the benchmark, `videos/<video>.html` for its videos."""
    store = project.store
    measured, listed = store.current("benchmark_metrics", "benchmark"), store.current("videos")
    annotated, calibrated = store.current("annotations", "benchmark"), store.current("thresholds")
    shards = shard_names(project.settings.footage.shards)
    scores = [store.current("anomaly_scores", name) for name in shards]
    alarms = [store.current("alarms", name) for name in shards]
    clocks = clocks_of(listed, "benchmark")

    def write(folder: Path) -> tuple[Path, dict[str, Any]]:
        (folder / "videos").mkdir(parents=True)
        detector = Detector.load(project)
        truth = truth_of(listed, annotated)
        episodes = episodes_in(pl.concat([entry.read() for entry in alarms]))
        rows = listed.read().filter((pl.col("set") == "benchmark") & pl.col("reason").is_null())
        for row in rows.iter_rows(named=True):
            scored = _scored(project, detector, row, episodes.get(row["video_id"], {}))
            page = video_report(
                detector,
                scored,
                truth=truth.intervals[row["video"]],
                provenance={"ground truth": truth.fingerprint, "video": row["video_id"]},
            )
            write_video_report(folder / "videos" / f"{row['video'].replace('/', '__')}.html", page)
        write_benchmark_report(folder / "index.html", _benchmark_report(project, measured))
        return folder, {"pages": len(rows) + 1}

    made_from = {
        "metrics": measured.fingerprint,
        "videos": clocks,
        "scores": fingerprints_of(scores, [video_id for _, video_id, _, _ in clocks]),
        "alarms": {entry.key: entry.fingerprint for entry in alarms},
        "scoring": project.settings.scoring.model_dump(),
        "truth": annotated.fingerprint,
        "thresholds": calibrated.fingerprint,
        "bank": store.current("trace_index").fingerprint,
        "fusion": store.current("adapters").fingerprint,
    }
    return store.remember_path("benchmark_report", made_from=made_from, write=write)


def _scored(
    project: Project, detector: Detector, row: dict[str, Any], episodes: Mapping[str, tuple[Episode, ...]]
) -> ScoredVideo:
    """A video of the benchmark as the graph scored it, nothing computed anew."""
    store = project.store
    shard = shard_of(row["video_id"], project.settings.footage.shards)
    scores = store.current("anomaly_scores", shard).read()
    tracks = with_late(detector.calibration.scales, by_video(scores)[row["video_id"]])
    return ScoredVideo(
        path=set_folder(project, store.current("practice_footage"), row["set"]) / row["video"],
        context=row["context"] if project.settings.scoring.by_context else None,
        tracks=tracks,
        thresholds={name: detector.thresholds[name].value for name in tracks},
        episodes={name: episodes.get(name, ()) for name in tracks},
        features=load_features(project, row["video_id"]),
        broken=None,
    )


def _benchmark_report(project: Project, measured: Artifact) -> BenchmarkReport:
    said = measured.read()
    training = json.loads((project.store.current("adapters").path / "training.json").read_text())
    figures = []
    if training["curve"]:
        figures.append(Figure("Training of the fusion", training_picture(training)))
    rows = said["rows"]
    return BenchmarkReport(
        title="Practice benchmark",
        rows=rows,
        baselines=baseline_rows(rows),
        per_class={row["stream"]: {name: c["auc"] for name, c in row["per_class"].items()} for row in rows},
        provenance=said["provenance"],
        notices=[POCKET_NOTICE] if "pocket" in said["provenance"]["space"] else [],
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
    listed, annotated = project.store.current("videos"), project.store.current("annotations", "benchmark")
    truth = truth_of(listed, annotated)
    video = max(truth.videos, key=lambda name: len({one.label for one in truth.intervals[name]}))
    row = listed.read().filter((pl.col("set") == "benchmark") & (pl.col("video") == video)).row(0, named=True)
    detector = Detector.load(project)
    scored = _scored(project, detector, row, {})
    middles = [(one.start_s + one.end_s) / 2 for one in truth.intervals[video]]
    times = sorted([*middles, *np.linspace(2.0, truth.durations_s[video] - 2.0, 8 - len(middles))])
    shown = frames_at(scored.path, times)
    return score_curve(
        {LATE: scored.tracks[LATE]},
        {LATE: scored.thresholds[LATE]},
        truth.intervals[video],
        frames=list(zip(shown.times_s.tolist(), shown.pixels, strict=True)),
        duration_s=truth.durations_s[video],
    )


@step
def results_page(project: Project) -> Artifact:
    """A folder with `index.html`: every stream, every baseline, every ablation."""
    measured = project.store.current("benchmark_metrics", "benchmark")
    compared = {name: project.store.current("ablations", name) for name in project.store.keys("ablations")}

    def write(folder: Path) -> tuple[Path, dict[str, Any]]:
        folder.mkdir()
        report = _benchmark_report(project, measured)
        rows = {name: artifact.read()["rows"] for name, artifact in compared.items()}
        write_benchmark_report(folder / "index.html", replace(report, ablations=rows))
        return folder, {"ablations": len(rows)}

    made_from = {
        "metrics": measured.fingerprint,
        "ablations": {name: artifact.fingerprint for name, artifact in compared.items()},
    }
    return project.store.remember_path("results", made_from=made_from, write=write)
