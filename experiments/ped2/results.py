"""UCSD Ped2 against its labels, which no other module reads: numbers, baselines, the moments of the picture.

What is judged is made in `coding.steps` and `foreground`; the page is in `report`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch

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
from traces_core.store.digest import file_digest
from traces_core.store.running import step
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


def ped2_baselines(settings: Ped2Settings, ped2_motion: Sequence[Artifact]) -> dict[str, dict[str, Any]]:
    """What costs nothing, by name: change between frames, carried motion without any coder, no content.

    `ped2_motion` is that of the training clips, then that of the test clips.
    """
    clips = ped2_data()
    normal, speeds = (motion.read() for motion in ped2_motion)
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
def ped2_results(
    project: Project,
    settings: Ped2Settings,
    ped2_foreground: list[Artifact],
    ped2_foreground_scores: list[Artifact],
    ped2_motion: list[Artifact],
    ped2_predictor: list[Artifact],
    ped2_expectation: list[Artifact],
    ped2_scores: list[Artifact],
) -> Artifact:
    """The numbers of all seeds together, as `reports/ped2.json` holds them.

    Lists are in the order of the seeds, `ped2_motion` in that of `PARTS`.
    """
    seeds = settings.seeds

    def gather() -> dict[str, Any]:
        foreground = list(zip(seeds, ped2_foreground_scores, strict=True))
        rows = [ped2_row(seed, scores, FOREGROUND) for seed, scores in foreground]
        coded_rows = [ped2_row(seed, scores, CODED) for seed, scores in zip(seeds, ped2_scores, strict=True)]
        slowest_s = max(scores.facts["cpu_s"] for scores in ped2_foreground_scores)
        return {
            **_together(rows),
            "train_minutes": _cpu_s(ped2_foreground) / 60,
            "frames_per_cpu_s": rows[0]["frames"] / slowest_s,
            "seeds": list(seeds),
            "rows": rows,
            "evidence": {
                name: _together([judged(_tracks(scores, FOREGROUND, n)) for _, scores in foreground])
                for n, name in enumerate(EVIDENCE)
            },
            "dense_predictive_coding": {
                **_together(coded_rows),
                "rows": coded_rows,
                "train_minutes": _cpu_s([ped2_motion[0], *ped2_predictor, *ped2_expectation]) / 60,
            },
            "baselines": ped2_baselines(settings, ped2_motion),
            "settings": settings.model_dump(mode="json"),
            "causal": True,
        }

    above = {
        "foreground": ped2_foreground,
        "foreground_scores": ped2_foreground_scores,
        "motion": ped2_motion,
        "predictor": ped2_predictor,
        "expectation": ped2_expectation,
        "scores": ped2_scores,
    }
    return project.store.remember(
        "ped2_results",
        made_from={
            **{name: {one.key: one.fingerprint for one in parts} for name, parts in above.items()},
            "clips": ped2_data().fingerprint,
            "labels": file_digest(ped2_data().folder / LABELS),
            "settings": settings.model_dump(mode="json"),
        },
        make=gather,
    )


def _cpu_s(artifacts: Sequence[Artifact]) -> float:
    """Processor time that they took to make, in seconds."""
    return sum(float(one.facts["cpu_s"]) for one in artifacts)


def _together(rows: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Means over the seeds; the interval spans theirs."""
    means = ("auc", "auc_macro", "average_precision")
    return {
        **{name: float(np.mean([row[name] for row in rows])) for name in means},
        "auc_low": min(row["auc_low"] for row in rows),
        "auc_high": max(row["auc_high"] for row in rows),
    }


def ped2_moments(ped2_foreground_scores: Artifact) -> list[ClipPeak]:
    """The most surprising moment of each test clip, by one seed's scores."""
    clips, kept = ped2_data(), ped2_foreground_scores.read()
    tracks = _tracks(ped2_foreground_scores, FOREGROUND)
    truth = clips.truth({name: len(track) for name, track in tracks.items()})
    moments = []
    for name, path in clips.test.items():
        track = tracks[name]
        at = int(np.argmax(track.values))
        picture, _ = frame_at(path, float(track.times_s[at]))
        surprise: Array = kept[f"{name}/maps"][at].astype(np.float32)
        moments.append(ClipPeak(name, picture, surprise, track, at, truth.intervals[name]))
    return moments
