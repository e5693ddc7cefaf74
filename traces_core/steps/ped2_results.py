"""UCSD Ped2 against its labels, which no other module reads: numbers, baselines, the moments of the picture.

What is judged is made in `ped2` and `ped2_foreground`; the page is in `traces_core.report.ped2`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from traces_core.context_aware.predictive.expectation import MotionExpectation
from traces_core.context_aware.predictive.luminance import read_luminance
from traces_core.context_aware.predictive.surprise import window_scores
from traces_core.foreground.surprise import EVIDENCE
from traces_core.metrics import evaluate
from traces_core.project import Project
from traces_core.report.ped2 import ClipPeak
from traces_core.steps import ped2, ped2_foreground
from traces_core.steps.ped2 import LABELS, ped2_data
from traces_core.store import Artifact
from traces_core.store.digest import code_digest, digest, file_digest
from traces_core.types import Array, ScoreTrack
from traces_core.video import frame_at

JUDGING = digest(
    [
        code_digest(["traces_core.metrics", "traces_core.datasets", "traces_core.steps.ped2_results"]),
        code_digest(["traces_core.streams.episodes"]),
        code_digest(
            [
                "traces_core.context_aware.predictive.expectation",
                "traces_core.context_aware.predictive.surprise",
            ]
        ),
    ]
)

FOREGROUND, CODED = "foreground", "surprise"
"""The two streams: what the foreground says, and dense predictive coding."""


def ped2_row(project: Project, seed: int, scores: Artifact, stream: str) -> dict[str, Any]:
    """Every number of one seed's scores against the labels of the test clips."""
    return {"seed": seed, **judged(project, _tracks(scores, stream))}


def _tracks(scores: Artifact, stream: str, evidence: int | None = None) -> dict[str, ScoreTrack]:
    """The tracks of the test clips: the scores, or one kind of evidence by itself."""
    kept = scores.read()

    def track(clip: str) -> ScoreTrack:
        values = kept[f"{clip}/scores"] if evidence is None else kept[f"{clip}/evidence"][:, evidence]
        return ScoreTrack(kept[f"{clip}/times_s"], values, stream, causal=True)

    return {clip: track(clip) for clip in ped2_data().test}


def judged(project: Project, tracks: Mapping[str, ScoreTrack]) -> dict[str, Any]:
    """The row of scores of all test clips: the only place where their labels are read."""
    truth = ped2_data().truth({name: len(track) for name, track in tracks.items()})
    benchmark = project.settings.benchmark
    rng = np.random.default_rng(benchmark.seed)
    return evaluate(tracks, truth, rng=rng, resamples=benchmark.bootstrap, is_stratified=False).to_dict()


def ped2_baselines(project: Project) -> dict[str, dict[str, Any]]:
    """What costs nothing, by name: change between frames, carried motion without any coder, no content."""
    clips, settings = ped2_data(), project.settings.ped2
    normal, speeds = ped2.ped2_motion(project, "train").read(), ped2.ped2_motion(project, "test").read()
    moved = [torch.from_numpy(normal[name]) for name in clips.training]
    nothing_expected = settings.motion.model_copy(update={"expected_share": 0.0})
    blank = [torch.zeros_like(speed)[:, None] for speed in moved]
    alone = MotionExpectation.fit(blank, moved, nothing_expected)
    difference, carried = {}, {}
    for name, path in clips.test.items():
        luminance, times_s = read_luminance(path, settings.shrink)
        change = luminance.diff(dim=0, prepend=luminance[:1]).abs().mean(dim=(1, 2)).double().numpy()
        difference[name] = ScoreTrack(times_s, change, "frame_difference", causal=True)
        speed = torch.from_numpy(speeds[name])
        maps = alone.maps(torch.zeros_like(speed)[:, None], speed)
        scores = window_scores(maps, settings.motion.top_share)
        carried[name] = ScoreTrack(times_s, scores.double().numpy(), "carried_motion", causal=True)
    tracks = {"frame_difference": difference, "carried_motion_without_coder": carried}
    rows = {name: judged(project, found) for name, found in tracks.items()}
    free = rows["frame_difference"].pop("baselines")
    names = ("auc", "auc_low", "auc_high", "auc_macro", "average_precision")
    return {name: {key: row.get(key) for key in names} for name, row in {**rows, **free}.items()}


def ped2_results(project: Project) -> Artifact:
    """The numbers of all seeds together, as `reports/ped2.json` holds them."""
    seeds = project.settings.ped2.seeds
    learned = [ped2_foreground.ped2_foreground(project, seed) for seed in seeds]
    scores = {seed: ped2_foreground.ped2_foreground_scores(project, seed) for seed in seeds}
    motion = {part: ped2.ped2_motion(project, part) for part in ("train", "test")}
    coders = [step(project, seed) for seed in seeds for step in (ped2.ped2_predictor, ped2.ped2_expectation)]
    coded = {seed: ped2.ped2_scores(project, seed) for seed in seeds}

    def gather() -> dict[str, Any]:
        rows = [ped2_row(project, seed, found, FOREGROUND) for seed, found in scores.items()]
        coded_rows = [ped2_row(project, seed, found, CODED) for seed, found in coded.items()]
        coding_s = motion["train"].facts["cpu_s"] + sum(one.facts["cpu_s"] for one in coders)
        return {
            **_together(rows),
            "train_minutes": sum(one.facts["cpu_s"] for one in learned) / 60,
            "frames_per_cpu_s": rows[0]["frames"] / max(one.facts["cpu_s"] for one in scores.values()),
            "seeds": list(seeds),
            "rows": rows,
            "evidence": {
                name: _together([judged(project, _tracks(one, FOREGROUND, n)) for one in scores.values()])
                for n, name in enumerate(EVIDENCE)
            },
            "dense_predictive_coding": _together(coded_rows)
            | {"rows": coded_rows, "train_minutes": coding_s / 60},
            "baselines": ped2_baselines(project),
            "settings": project.settings.ped2.model_dump(mode="json"),
            "causal": True,
        }

    return project.store.remember(
        "ped2_results",
        code=JUDGING,
        made_from={
            "scores": {str(seed): found.fingerprint for seed, found in scores.items()},
            "dense_predictive_coding": {str(seed): found.fingerprint for seed, found in coded.items()},
            "motion": {part: found.fingerprint for part, found in motion.items()},
            "labels": file_digest(ped2_data().folder / LABELS),
            "benchmark": project.settings.benchmark.model_dump(include={"bootstrap", "seed"}),
        },
        make=gather,
    )


def _together(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Means over the seeds; the interval spans theirs."""
    means = ("auc", "auc_macro", "average_precision")
    return {
        **{name: float(np.mean([row[name] for row in rows])) for name in means},
        "auc_low": min(row["auc_low"] for row in rows),
        "auc_high": max(row["auc_high"] for row in rows),
    }


def ped2_moments(project: Project, seed: int) -> list[ClipPeak]:
    """The most surprising moment of each test clip, by one seed."""
    clips, scores = ped2_data(), ped2_foreground.ped2_foreground_scores(project, seed)
    tracks, kept = _tracks(scores, FOREGROUND), scores.read()
    truth = clips.truth({name: len(track) for name, track in tracks.items()})
    moments = []
    for name, path in clips.test.items():
        track = tracks[name]
        at = int(np.argmax(track.values))
        shown, _ = frame_at(path, float(track.times_s[at]))
        surprise: Array = kept[f"{name}/maps"][at].astype(np.float32)
        moments.append(ClipPeak(name, shown, surprise, track, at, truth.intervals[name]))
    return moments
