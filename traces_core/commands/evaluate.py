"""`traces evaluate`: scores of a file against the ground truth of a data set.

Words only: reading belongs in `traces_core.datasets` and `traces_core.metrics.score_table`, the numbers in
`traces_core.metrics`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from traces_core.commands.consoles import err, fail, out, say
from traces_core.disk import writable_folder, write_whole
from traces_core.errors import TracesError

if TYPE_CHECKING:
    from traces_core.datasets import GroundTruth


class Format(Enum):
    """Layouts of annotations."""

    UCF_CRIME = "ucf-crime"
    XD_VIOLENCE = "xd-violence"
    MSAD = "msad"
    FRAMES = "frames"


class EndMark(Enum):
    """What an end mark means."""

    INCLUSIVE = "inclusive"
    EXCLUSIVE = "exclusive"


Scores = Annotated[Path, typer.Argument(help="Table of scored stretches.")]
Annotations = Annotated[
    Path, typer.Option(help="The data set's annotation; for 'frames' a table video, frame, anomalous.")
]
Layout = Annotated[Format, typer.Option("--format", help="Layout of the annotation.")]
Lengths = Annotated[
    Path | None,
    typer.Option(
        help="Frames of each video: lines 'name 0 last_frame' (included), or a table video, frames, fps. "
        "VERA's .json and 'frames' go without."
    ),
]
Ends = Annotated[
    EndMark,
    typer.Option(
        help="Whether an end mark is the last anomalous frame (inclusive, for every format) or the first "
        "after it. 'frames' has no end marks."
    ),
]
Fps = Annotated[
    str | None,
    typer.Option(
        help="Frames per second, such as 25 or 30000/1001, of videos whose length does not say it; if not "
        "given 30, for XD-Violence 24."
    ),
]
Tolerance = Annotated[
    float, typer.Option(help="An alarm this close to an event finds it (seconds).", min=0.0, max=3600.0)
]
AllowMissing = Annotated[
    bool, typer.Option("--allow-missing", help="Judge the scored videos alone where some have no score.")
]
Causal = Annotated[
    bool | None,
    typer.Option("--causal/--offline", help="Say whether the scores look ahead, where their file does not."),
]
Resamples = Annotated[int, typer.Option(help="Draws of videos for the intervals (count).", min=0)]
Seed = Annotated[int, typer.Option(help="Seed of these draws.", min=0)]
Json = Annotated[Path | None, typer.Option("--json", help="Write every number there, too.")]


def evaluate(
    scores: Scores,
    annotations: Annotations,
    layout: Layout,
    lengths: Lengths = None,
    ends: Ends = EndMark.INCLUSIVE,
    fps: Fps = None,
    tolerance: Tolerance = 0.0,
    allow_missing: AllowMissing = False,
    causal: Causal = None,
    resamples: Resamples = 1000,
    seed: Seed = 0,
    json_path: Json = None,
) -> None:
    """Judge scores by a ground truth: AUC, average precision, alarms, baselines, intervals.

    SCORES is a table (.parquet, .csv) with a row for each stretch: video, score and first_frame, last_frame
    (both included) or start_s, end_s with fps. What is odd in it is counted, what is wrong refused.
    """
    import numpy as np

    from traces_core import metrics
    from traces_core.datasets.names import RULE
    from traces_core.metrics.score_table import RULES

    try:
        if json_path is not None:
            writable_folder(json_path.parent)
        truth = _truth(annotations, lengths, layout, ends, fps)
        table = metrics.read_scores(scores, truth, allow_missing=allow_missing)
        with err.status(f"judging {len(table.truth.videos)} videos"):
            judged = metrics.evaluate(
                table.tracks,
                table.truth,
                rng=np.random.default_rng(seed),
                tolerance_s=tolerance,
                resamples=resamples,
            )
    except TracesError as error:
        fail(str(error))
    row: dict[str, Any] = {
        **judged.to_dict(),
        "causal": _stated_causality(scores) if causal is None else causal,  # only their maker knows
        "ground_truth": {**judged.ground_truth, "format": layout.value, "ends": _end_mark(layout, ends)},
        "scores": {"file": scores.name, **table.counts, "rules": [RULE, *RULES]},
    }
    _print(row)
    if json_path is not None:
        try:
            _write_json(row, json_path)
        except TracesError as error:
            fail(str(error))


def _stated_causality(scores: Path) -> bool | None:
    """Whether a table says of itself that it is causal, as those of `traces captions score` do."""
    from traces_core.captions.provenance import read_provenance
    from traces_core.errors import CorruptArtifactError

    try:
        causal = read_provenance(scores).get("causal")
    except CorruptArtifactError:  # scores of other programs do not state it
        return None
    return causal if isinstance(causal, bool) else None


def _truth(
    annotations: Path, lengths: Path | None, layout: Format, ends: EndMark, fps: str | None
) -> GroundTruth:
    from traces_core import datasets

    sizes = datasets.read_lengths(lengths) if lengths is not None else None
    clock = {} if fps is None else {"rate": datasets.parse_rate(fps, where="--fps")}
    match layout:
        case Format.FRAMES:
            return datasets.read_frame_table(annotations, sizes, **clock)
        case Format.XD_VIOLENCE:
            return datasets.read_xd_violence(annotations, sizes, ends=ends.value, **clock)
        case Format.MSAD:
            return datasets.read_msad(annotations, sizes, ends=ends.value, **clock)
        case Format.UCF_CRIME:
            return datasets.read_ucf_crime(annotations, sizes, ends=ends.value, **clock)


def _end_mark(layout: Format, ends: EndMark) -> str | None:
    return None if layout is Format.FRAMES else ends.value


def _print(row: Mapping[str, Any]) -> None:
    truth, counts = row["ground_truth"], row["scores"]
    looks = {True: "causal", False: "OFFLINE: they look ahead", None: "whether they look ahead was not said"}
    ends = f", {truth['ends']} ends, {truth['clamped']} clamped" if truth["ends"] else ""
    say(f"ground truth  {truth['name']} ({truth['fingerprint']}{ends})")
    say(
        f"judged        {row['videos']} videos, {row['anomalous_videos']} anomalous; {row['frames']:,} "
        f"frames, {row['anomalous_share']:.3%} anomalous; {row['hours']:.1f} h"
    )
    say(f"scores        {counts['file']}, {counts['rows']:,} rows; {looks[row['causal']]}")
    applied = [f"{name} {n:,}" for name, n in counts.items() if name not in ("file", "rows", "rules") and n]
    say(f"rules applied {', '.join(applied) or 'none'}")
    say("")
    out.print(_frame_table(row))
    say(
        f"AUC {_bounds(row, 'auc')}, average precision {_bounds(row, 'average_precision')} "
        f"(95 % over videos, {row['bootstrap']['resamples']} draws)"
    )
    say(f"macro AUC {_number(row['auc_macro'])}, tied pairs {_number(row['tie_share'])}")
    say("")
    say(f"events, found with a tolerance of {row['events']['tolerance_s']:g} s")
    out.print(_event_table(row))
    where = ", ".join(f"{name} {_number(value, 3)}" for name, value in row["localisation"].items())
    say(f"average precision of episodes at tIoU {where}")
    if row["per_class"]:
        say("")
        say("classes, each against all normal frames")
        out.print(_class_table(row))


def _frame_table(row: Mapping[str, Any]) -> Table:
    names = ("auc", "auc_anomalous", "average_precision", "pr_auc_trapezoid")
    table = _table("frames", "AUC", "AUC anom.", "AP", "PR trapezoid")
    table.add_row("scores", *(_number(row[name]) for name in names), style="bold")
    for baseline, values in row["baselines"].items():
        table.add_row(baseline.replace("_", " "), *(_number(values[name]) for name in names))
    return table


def _event_table(row: Mapping[str, Any]) -> Table:
    columns = ("recall", "precision", "F1", "false/h", "false/day", "delay s", "time in false")
    table = _table("at least", *columns)
    for recall, values in row["events"]["at_recall"].items():
        if values is None:
            table.add_row(f"{float(recall):.0%}", *["–"] * len(columns))
            continue
        cells = [_number(values[name], 3) for name in ("recall", "precision", "f1")]
        cells += [_number(values[f"false_alarms_per_{unit}"], 1) for unit in ("hour", "day")]
        cells += [_number(values["detection_delay_s"], 1), f"{values['time_in_false_alarm']:.1%}"]
        table.add_row(f"{float(recall):.0%}", *cells)
    return table


def _class_table(row: Mapping[str, Any]) -> Table:
    table = _table("class", "AUC", "95 %", "AP", "frames", "events", "found at 0.8")
    for name, values in row["per_class"].items():
        detected = values["found_at_80_recall"]
        table.add_row(
            name,
            _number(values["auc"], 3),
            _bounds(values, "auc", 3),
            _number(values["average_precision"], 3),
            f"{values['frames']:,}",
            str(values["events"]),
            "–" if detected is None else str(detected),
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if number else "left")
    return table


def _bounds(row: Mapping[str, Any], name: str, digits: int = 4) -> str:
    return f"{_number(row[f'{name}_low'], digits)} to {_number(row[f'{name}_high'], digits)}"


def _number(value: float | None, digits: int = 4) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _write_json(row: Mapping[str, Any], path: Path) -> None:
    write_whole(path, json.dumps(row, indent=1, allow_nan=False) + "\n")
    say(f"written       {path}")
