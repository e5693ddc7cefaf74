"""Small results, drawn by code: what a detector and a benchmark would hand over."""

from __future__ import annotations

from typing import Any

import numpy as np

from traces_core.report import BenchmarkReport, ExplainedMoment, VideoReport
from traces_core.types import Episode, Interval, ScoreTrack


def make_track(stream: str = "fused", *, seconds: float = 20.0, causal: bool = True) -> ScoreTrack:
    times = np.arange(0, seconds, 0.25)
    scores = 0.05 * np.cos(times - 12) + 0.4 * np.exp(-(((times - 12) / 1.5) ** 2))
    return ScoreTrack(times, scores.astype(np.float32), stream=stream, causal=causal)


def make_moment(**changes: Any) -> ExplainedMoment:
    y, x = np.mgrid[0:24, 0:32]
    values: dict[str, Any] = {
        "time_s": 12.0,
        "stream": "fused",
        "score": 0.41,
        "frame": np.stack([8 * x, 8 * y, 0 * x], -1).astype(np.uint8),
        "anomalous": (("two people are fighting", 0.44, "fight"), ("a man falls", 0.31, "fall")),
        "normal": (("two people are talking", 0.21, ""),),
        "attention": np.eye(4),
        "window_attention": np.arange(16) / 120,
    }
    return ExplainedMoment(**values | changes)


def make_video_report(**changes: Any) -> VideoReport:
    values: dict[str, Any] = {
        "title": "A clip",
        "video": "clip.mp4",
        "context": "car_park",
        "duration_s": 20.0,
        "tracks": {"fused": make_track(), "smooth offline": make_track("smooth offline", causal=False)},
        "thresholds": {"fused": 0.2},
        "episodes": {"fused": [Episode(10.75, 13.5, 12.0, 0.41)]},
        "truth": [Interval(10.0, 14.0, "fight"), Interval(17.0, 18.0, "bag_snatched")],
        "moments": [make_moment()],
        "provenance": {"space": "open_clip:pocket:1a2b3c4d"},
        "notices": ["Read this first."],
    }
    return VideoReport(**values | changes)


def make_row(stream: str, auc: float | None, **changes: Any) -> dict[str, Any]:
    row = {
        "stream": stream,
        "causal": True,
        "auc": auc,
        "auc_low": None if auc is None else auc - 0.05,
        "auc_high": None if auc is None else auc + 0.04,
        "auc_anomalous": 0.71,
        "average_precision": 0.62,
        "false_alarms_per_hour_at_recall": 14.25,
        "detection_delay_s": None,
        "per_class": {"fight": 0.81, "fall": None},
        "data_set": "practice",
    }
    return row | changes


def make_benchmark_report(**changes: Any) -> BenchmarkReport:
    values: dict[str, Any] = {
        "title": "A benchmark",
        "rows": [
            make_row("smooth offline", 0.95, causal=False),
            make_row("appearance", 0.836),
            make_row("fused", 0.912),
        ],
        "baselines": [{"stream": "oracle: video label", "auc": 0.816, "note": "knows the label"}],
        "ablations": {
            "fusion": [{"variant": "none", "seed": seed, "auc": 0.8 + seed / 50} for seed in range(3)]
        },
        "provenance": {"ground_truth": "7b3d21a9"},
    }
    return BenchmarkReport(**values | changes)
