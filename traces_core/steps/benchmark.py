"""Steps that measure: the rows of the result table, with what content-free and oracle scores get beside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import polars as pl

from traces_core.datasets import AnnotationRow, GroundTruth
from traces_core.metrics import evaluate
from traces_core.project import Project
from traces_core.steps.footage import clocks_of
from traces_core.steps.scores import by_video, fingerprints_of
from traces_core.store import Artifact
from traces_core.store.code import code_of, step
from traces_core.streams.calibration import Calibration, with_late
from traces_core.streams.table import in_order
from traces_core.types import ScoreTrack

BENCHMARK = "benchmark"
"""The set that the numbers are measured on."""


def truth_of(listed: Artifact, annotated: Artifact) -> GroundTruth:
    """The checked ground truth of a set, from the artifacts that hold it."""
    name = BENCHMARK
    clocks = listed.read().filter((pl.col("set") == name) & pl.col("reason").is_null())
    return GroundTruth.from_rows(
        f"{name} set",
        [AnnotationRow(*row) for row in annotated.read().rows()],
        durations_s=dict(clocks.select("video", "duration_s").rows()),
        rates={video: Fraction(rate) for video, rate in clocks.select("video", "rate").rows()},
    )


def tracks_of_set(
    listed: Artifact, scores: list[Artifact], calibration: Calibration, name: str
) -> dict[str, dict[str, ScoreTrack]]:
    """Tracks by stream, then by path in the set, the late fusion among the streams."""
    paths = dict(listed.read().filter(pl.col("set") == name).select("video_id", "video").rows())
    found: dict[str, dict[str, ScoreTrack]] = {}
    for video_id, tracks in by_video(pl.concat([entry.read() for entry in scores])).items():
        if video_id in paths:
            for stream, track in with_late(calibration.scales, tracks).items():
                found.setdefault(stream, {})[paths[video_id]] = track
    return found


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

    def measure() -> dict[str, Any]:
        truth = truth_of(videos, annotations)
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
        return {"rows": rows, "provenance": _provenance(project, truth, thresholds)}

    made_from = {
        "truth": annotations.fingerprint,
        "videos": clocks,
        "scores": fingerprints_of(anomaly_scores, [video_id for _, video_id, _, _ in clocks]),
        "thresholds": thresholds.fingerprint,
        "settings": settings.model_dump(exclude={"pretraining_seeds"}),
    }
    return project.store.remember("benchmark_metrics", made_from=made_from, make=measure)


def at_recall(row: Mapping[str, Any], recall: float) -> dict[str, float | None]:
    """False alarms and the recall reached, at the stated event recall; None where it is never reached."""
    found = row["events"]["at_recall"][f"{recall:g}"] or {}
    return {
        "event_recall": found.get("recall"),
        "false_alarms_per_hour_at_recall": found.get("false_alarms_per_hour"),
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
