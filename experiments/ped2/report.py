"""UCSD Ped2 for readers: the page of numbers, and the most surprising moment of each test clip as a picture.

The picture shows frames of the data set, so it goes to the reports folder and is never committed; the page
holds numbers alone.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from traces_core.metrics import columns_of
from traces_core.report.markdown import number_columns, table
from traces_core.report.model import Pixels
from traces_core.report.plots import canvas
from traces_core.types import Array, Interval, ScoreTrack

_MEANING = """\
UCSD Ped2: 12 test clips, 2,010 frames, 10 frames a second. Learned from the 16 normal training clips alone,
with one set of parameters for all clips; no label of a test clip takes part in learning, scaling or
smoothing. Causal: a score rests on frames up to its own, and nothing is normalised over a clip. Frame AUC
ranks every frame of every clip at once (micro); macro is the mean over the clips that hold both kinds of
frames. An interval is the middle 95 % of 1,000 bootstrap draws of whole clips, which are only twelve; that of
a mean spans those of its seeds.

The method and its constants were designed on the normal clips by an agent that had seen no test clip and no
label, as were those of dense predictive coding. Four such blind choices were run on the test, and all are
told in [decision 0022](decisions/0022-surprise-on-ped2.md), with what lost. Later, dense predictive coding
got the foreground's optical flow in place of one of its own; no constant was chosen again.
"""
_EVIDENCE = """\
Each kind by itself, mean of the seeds: the motion as predicted from the picture of a place, from its row
alone, the picture as predicted from its code, and how seldom foreground is there. The score is their sum.
"""
_NUMBERS = columns_of("auc", "auc_macro", "average_precision")


@dataclass(frozen=True)
class ClipPeak:
    """The most surprising moment of a clip."""

    clip: str
    """Its name."""
    frame: Pixels
    """uint8 (H, W, 3)."""
    surprise: Array
    """float32 (G, G): the map of that frame."""
    track: ScoreTrack
    """The scores of the whole clip."""
    at: int
    """Place of the frame in the track."""
    events: Sequence[Interval]
    """What is marked as anomalous."""


def ped2_markdown(results: Mapping[str, Any]) -> str:
    """The page, from what `reports/ped2.json` holds."""
    coded = results["dense_predictive_coding"]
    rows = [
        {"name": f"foreground, mean of {len(results['seeds'])} seeds", **results},
        *({"name": f"seed {row['seed']}", **row} for row in results["rows"]),
        {"name": "dense predictive coding, mean", **coded},
        *({"name": f"seed {row['seed']}", **row} for row in coded["rows"]),
    ]
    evidence = [{"name": name, **row} for name, row in results["evidence"].items()]
    baselines = [{"name": name, **row} for name, row in results["baselines"].items()]
    cost = (
        f"Training takes {results['train_minutes']:.1f} minutes of processor time for all "
        f"{len(results['seeds'])} seeds together, dense predictive coding {coded['train_minutes']:.1f} "
        f"more. Scoring does {results['frames_per_cpu_s']:.0f} frames in a second of one core; "
        "a second of the footage has ten."
    )
    columns = [("", lambda row: str(row["name"])), *number_columns(_NUMBERS)]
    parts = [
        "# Results on UCSD Ped2",
        "Made by `make benchmark-ped2`; do not edit by hand.",
        _MEANING,
        table(rows, columns),
        "## Evidence",
        _EVIDENCE,
        table(evidence, columns),
        "## Baselines on the same frames",
        table(baselines, columns),
        "## Cost",
        cost,
        "## Settings",
        "\n".join(f"- {name}: `{value}`" for name, value in results["settings"].items()),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def ped2_picture(moments: Sequence[ClipPeak]) -> bytes:
    """A PNG: of each clip a frame, its surprise laid over it, and the scores of the clip with its marks."""
    rows = -(-len(moments) // 3)
    figure = canvas(figsize=(16, 4.4 * rows), layout="constrained")
    highest = max(float(moment.surprise.max()) for moment in moments)
    top = max(float(np.max(moment.track.values)) for moment in moments)
    grid = figure.subplots(2 * rows, 3, height_ratios=[3.6, 1] * rows, squeeze=False)
    for axes in grid.flat:
        axes.set_axis_off()
    for place, moment in enumerate(moments):
        row, column = divmod(place, 3)
        _frame(grid[2 * row, column], moment, highest)
        _curve(grid[2 * row + 1, column], moment, top)
    written = io.BytesIO()
    figure.savefig(written, format="png", dpi=80, metadata={"Software": None})
    return written.getvalue()


def _frame(axes: Any, moment: ClipPeak, highest: float) -> None:
    height, width = moment.frame.shape[:2]
    heat = np.clip(moment.surprise / highest, 0.0, 1.0)
    axes.imshow(moment.frame, extent=(0, width, height, 0))
    axes.imshow(heat, extent=(0, width, height, 0), cmap="inferno", vmin=0, vmax=1, alpha=_opacity(heat))
    time_s = float(moment.track.times_s[moment.at])
    is_marked = any(event.start_s <= time_s < event.end_s for event in moment.events)
    label = "anomalous" if is_marked else "normal"
    axes.set_title(f"{moment.clip} at {time_s:.1f} s, score {moment.track.values[moment.at]:.2f} ({label})")


def _opacity(heat: Array) -> Array:
    opacity: Array = np.clip(1.2 * heat, 0.0, 0.65)
    return opacity


def _curve(axes: Any, moment: ClipPeak, top: float) -> None:
    axes.set_axis_on()
    times_s = moment.track.times_s
    for event in moment.events:
        axes.axvspan(event.start_s, event.end_s, color="#e0a11b", alpha=0.25, lw=0)
    axes.plot(times_s, moment.track.values, color="#0e6877", lw=1.5)
    axes.axvline(times_s[moment.at], color="#b93c0b", lw=1)
    axes.set(xlim=(float(times_s[0]), float(times_s[-1])), ylim=(0, 1.05 * top), xlabel="seconds")
