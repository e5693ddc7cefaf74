"""The paper's own ladder: the Context-Aware system with one part more at a time; and controls of its gate.

What each rung means, and what came out, is in docs/decisions/0021. Rows report what was trained even where it
would not have shipped: a training that does harm must look harmful.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from traces_core.metrics import evaluate, numbers_of
from traces_core.project import Project
from traces_core.steps import context_scores
from traces_core.steps.benchmark import at_recall, truth_of
from traces_core.steps.wiring import Artifacts
from traces_core.streams.table import ALIGNMENT, CONTEXT_AWARE, SURPRISE
from traces_core.types import ScoreTrack

_BARE = {"joint__evidence": ("time",), "joint__alpha": 1.0, "context_gate__kind": "none"}
_PREDICTED = {"joint__evidence": ("time", "prediction"), "context_gate__kind": "none"}
RUNGS: dict[str, dict[str, Any]] = {
    "CLIP only": {**_BARE, "joint__head": "none"},
    "+ TimeSformer": {**_BARE, "joint__head": "linear"},
    "+ DPC": {**_PREDICTED, "joint__head": "linear"},
    "+ residual MLP": {**_PREDICTED, "joint__head": "residual_mlp"},
    "+ gate": {"joint__evidence": ("time", "prediction"), "joint__head": "residual_mlp"},
}
"""What each rung changes in the settings; what it does not name is as set."""

CONTROLS: dict[str, dict[str, Any]] = {
    "no gate": {"context_gate__kind": "none"},
    **{
        f"{kind}, {sides}, {scene}": {
            "context_gate__kind": kind,
            "context_gate__sides": sides,
            "context_gate__scene": scene,
        }
        for kind in ("sigmoid", "film")
        for sides in ("normal", "both")
        for scene in ("matched", "generic", "mismatched")
    },
}
"""The gate's forms, sides and scenes. Sides and scenes train nothing: the same weights answer."""

Row = dict[str, Any]


def streams_of(project: Project, which: str = "candidate") -> dict[str, Row]:
    """Rows of the benchmark by stream for these settings: the whole graph, from the store or made.

    `alignment` and `surprise` are judged by their own scores; `context_aware` is the two of them by
    calibrated p-values, or the one there is.
    """
    tracks, thresholds, truth = _tracks(project, which)
    settings = project.settings.benchmark
    rows = {}
    for stream, some in sorted(tracks.items()):
        threshold = thresholds.get(stream)
        row = evaluate(
            some,
            truth,
            rng=np.random.default_rng(settings.seed),
            threshold=None if threshold is None else threshold.value,
            **({} if threshold is None else {"rules": threshold.rules}),
            recalls=(settings.event_recall,),
            resamples=settings.bootstrap,
        ).to_dict()
        rows[stream] = {**row, **at_recall(row, settings.event_recall)}
    return rows


def _tracks(project: Project, which: str) -> tuple[dict[str, dict[str, ScoreTrack]], dict[str, Any], Any]:
    """Tracks by stream and video of the benchmark, the threshold of the fused stream, the ground truth."""
    made = Artifacts(project, options={"context_aware_scores": {"which": which}})
    scores, calibrated = made["context_aware_scores"], made["context_aware_thresholds"]
    truth = truth_of(made["videos"], made["annotations"])
    return (*context_scores.benchmark_tracks(made["videos"], scores, calibrated), truth)


def _row(variant: str, row: Mapping[str, Any], settings: Mapping[str, Any], **more: Any) -> Row:
    changed = {name.replace("__", "."): value for name, value in settings.items()}
    return {"variant": variant, "stream": row["stream"], **numbers_of(row), "settings": changed, **more}


def ladder(project: Project) -> list[Row]:
    """The paper's ladder: CLIP only, + TimeSformer, + DPC, + residual MLP, + gate; each seed from scratch."""
    rows = []
    for seed, model in enumerate(project.settings.benchmark.pretraining_seeds):
        seeded = {
            "clip__model": model,
            "timesformer__model": model,
            "predictor__seed": seed,
            "joint__seed": seed,
        }
        for rung, changed in RUNGS.items():
            streams = streams_of(project.variant(**seeded, **changed))
            parts = {f"auc_{name}": streams[name]["auc"] for name in (ALIGNMENT, SURPRISE) if name in streams}
            rows.append(_row(rung, streams[CONTEXT_AWARE], {**seeded, **changed}, seed=seed, **parts))
    return rows


def gate_controls(project: Project) -> list[Row]:
    """The context gate: its forms, on the normal side or both; its own scene, a generic one, another's."""
    return [
        _row(name, streams_of(project.variant(**changed))[ALIGNMENT], changed)
        for name, changed in CONTROLS.items()
    ]


ABLATIONS = {"ladder": ladder, "context_gate": gate_controls}
"""Both by name."""


def ladder_report(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[Row]]:
    """`reports/ladder.json`: each rung once, mean and standard deviation over its seeds.

    Examples
    --------
    >>> rows = [{"variant": "CLIP only", "seed": seed, "auc": auc} for seed, auc in enumerate((0.8, 0.9))]
    >>> [(row["rung"], round(row["auc_mean"], 3), row["seeds"]) for row in ladder_report(rows)["rows"]]
    [('CLIP only', 0.85, 2)]
    """
    rungs: list[Row] = []
    for rung in dict.fromkeys(row["variant"] for row in rows):
        some = [row for row in rows if row["variant"] == rung]
        numbers: Row = {"rung": rung, "seeds": len(some)}
        for name in ("auc", "average_precision", f"auc_{ALIGNMENT}", f"auc_{SURPRISE}"):
            values = [row[name] for row in some if row.get(name) is not None]
            if values:
                numbers[f"{name}_mean"] = statistics.fmean(values)
                numbers[f"{name}_std"] = statistics.stdev(values) if len(values) > 1 else None
        numbers["auc_by_seed"] = [row["auc"] for row in some]
        rungs.append(numbers)
    for before, row in pairwise(rungs):
        row["gain"] = row["auc_mean"] - before["auc_mean"]
    return {"rows": rungs}
