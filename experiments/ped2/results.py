"""UCSD Ped2 against its labels, which no other module reads: numbers, baselines, the moments of the picture.

What is judged is made in `coding.steps` and `foreground`; the page is in `report`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

from experiments.ped2 import foreground
from experiments.ped2.coding import steps as coding
from experiments.ped2.coding.expectation import MotionExpectation
from experiments.ped2.dataset import LABELS, ped2_data
from experiments.ped2.luminance import read_luminance
from experiments.ped2.report import ClipPeak
from experiments.ped2.settings import Ped2Settings
from traces_core.context_aware.predictive.surprise import window_scores
from traces_core.foreground.surprise import EVIDENCE
from traces_core.metrics import evaluate, numbers_of
from traces_core.project import Project
from traces_core.store import Artifact
from traces_core.store.code import step
from traces_core.store.digest import file_digest
from traces_core.types import Array, ScoreTrack
from traces_core.video import frame_at

RESAMPLES = 1000
"""Bootstrap draws of whole test clips for the intervals."""
FOREGROUND, CODED = "foreground", "surprise"
"""The two streams: what the foreground says, and dense predictive coding."""


def ped2_row(seed: int, scores: Artifact, stream: str) -> dict[str, Any]:
    """Every number of one seed's scores against the labels of the test clips."""
    return {"seed": seed, **judged(_tracks(scores, stream))}


def _tracks(scores: Artifact, stream: str, evidence: int | None = None) -> dict[str, ScoreTrack]:
    """The tracks of the test clips: the scores, or one kind of evidence by itself."""
    kept = scores.read()

    def track(clip: str) -> ScoreTrack:
        values = kept[f"{clip}/scores"] if evidence is None else kept[f"{clip}/evidence"][:, evidence]
        return ScoreTrack(kept[f"{clip}/times_s"], values, stream, causal=True)

    return {clip: track(clip) for clip in ped2_data().test}


def judged(tracks: Mapping[str, ScoreTrack]) -> dict[str, Any]:
    """The row of scores of all test clips: the only place where their labels are read."""
    truth = ped2_data().truth({name: len(track) for name, track in tracks.items()})
    rng = np.random.default_rng(0)
    return evaluate(tracks, truth, rng=rng, resamples=RESAMPLES, is_stratified=False).to_dict()


def ped2_baselines(project: Project, settings: Ped2Settings) -> dict[str, dict[str, Any]]:
    """What costs nothing, by name: change between frames, carried motion without any coder, no content."""
    clips = ped2_data()
    normal, speeds = (coding.ped2_motion(project, settings, part).read() for part in ("train", "test"))
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
    rows = {name: judged(some) for name, some in tracks.items()}
    free = rows["frame_difference"].pop("baselines")
    return {name: numbers_of(row) for name, row in {**rows, **free}.items()}


@step
def ped2_results(project: Project, settings: Ped2Settings) -> Artifact:
    """The numbers of all seeds together, as `reports/ped2.json` holds them."""
    seeds = settings.seeds
    learned = [foreground.ped2_foreground(project, settings, seed) for seed in seeds]
    scores = {seed: foreground.ped2_foreground_scores(project, settings, seed) for seed in seeds}
    motion = {part: coding.ped2_motion(project, settings, part) for part in ("train", "test")}
    steps = (coding.ped2_predictor, coding.ped2_expectation)
    coders = [step(project, settings, seed) for seed in seeds for step in steps]
    coded = {seed: coding.ped2_scores(project, settings, seed) for seed in seeds}

    def gather() -> dict[str, Any]:
        rows = [ped2_row(seed, one, FOREGROUND) for seed, one in scores.items()]
        coded_rows = [ped2_row(seed, one, CODED) for seed, one in coded.items()]
        coding_s = motion["train"].facts["cpu_s"] + sum(one.facts["cpu_s"] for one in coders)
        return {
            **_together(rows),
            "train_minutes": sum(one.facts["cpu_s"] for one in learned) / 60,
            "frames_per_cpu_s": rows[0]["frames"] / max(one.facts["cpu_s"] for one in scores.values()),
            "seeds": list(seeds),
            "rows": rows,
            "evidence": {
                name: _together([judged(_tracks(one, FOREGROUND, n)) for one in scores.values()])
                for n, name in enumerate(EVIDENCE)
            },
            "dense_predictive_coding": _together(coded_rows)
            | {"rows": coded_rows, "train_minutes": coding_s / 60},
            "baselines": ped2_baselines(project, settings),
            "settings": settings.model_dump(mode="json"),
            "causal": True,
        }

    return project.store.remember(
        "ped2_results",
        made_from={
            "scores": {str(seed): one.fingerprint for seed, one in scores.items()},
            "dense_predictive_coding": {str(seed): one.fingerprint for seed, one in coded.items()},
            "motion": {part: one.fingerprint for part, one in motion.items()},
            "labels": file_digest(ped2_data().folder / LABELS),
            "settings": settings.model_dump(mode="json"),
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


def ped2_moments(project: Project, settings: Ped2Settings, seed: int) -> list[ClipPeak]:
    """The most surprising moment of each test clip, by one seed."""
    clips, scores = ped2_data(), foreground.ped2_foreground_scores(project, settings, seed)
    tracks, kept = _tracks(scores, FOREGROUND), scores.read()
    truth = clips.truth({name: len(track) for name, track in tracks.items()})
    moments = []
    for name, path in clips.test.items():
        track = tracks[name]
        at = int(np.argmax(track.values))
        picture, _ = frame_at(path, float(track.times_s[at]))
        surprise: Array = kept[f"{name}/maps"][at].astype(np.float32)
        moments.append(ClipPeak(name, picture, surprise, track, at, truth.intervals[name]))
    return moments
