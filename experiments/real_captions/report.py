"""The results on real captions as a page of Markdown: what `make benchmark-real` writes.

Rows come in ready; published numbers stand here with what each may be compared with.
"""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from traces_core.metrics import columns_of
from traces_core.report.markdown import number_columns, table
from traces_core.report.model import Row

_MEANING = """\
The UCF-Crime test set (290 videos, 13 classes) from captions that others' VLMs wrote, judged by the shipped
catalog: no video, no caption and no label of it took part in writing a sentence or fitting a scorer, and both
tables are judged with one set of parameters. Frame AUC ranks every frame of every video at once; an interval
is the middle 95 % of 1,000 bootstrap draws of whole videos. Average precision is step-wise; the trapezoid
area, which many papers call AP or PR-AUC, stands beside it: ties inflate it. UCF-Crime has no official
validation split, so every choice is at risk of having been made on this set; what was tried, and the losers,
are in `docs/decisions`.
"""

_NUMBERS = columns_of("auc", "auc_anomalous", "average_precision", "pr_auc_trapezoid", "tie_share")

PUBLISHED = (
    (
        "VADTree, raw answers of a 14B judge",
        "75.7, trapezoid 31.5",
        "our causal rows on its coarse captions: same captions, frames, marks. Its row comes from its file.",
        "the second table: other captions.",
    ),
    (
        "VADTree, refined",
        "82.8, trapezoid 32.5",
        "our offline rows on its coarse captions.",
        "causal rows: the refinement knows the whole video.",
    ),
    (
        "VADTree, final ensemble",
        "84.7, trapezoid 41.9",
        "our offline rows, as a system; its trapezoid with our trapezoid.",
        "row by row: it is offline and joins captions of several lengths that are not here. Its 41.9 is no "
        "average precision.",
    ),
    (
        "LAVAD",
        "80.3",
        "offline rows, as a system.",
        "row by row: other captions; each score draws on the whole video.",
    ),
    (
        "NOVA",
        "89.9 ± 0.4",
        "offline rows, as a system that is told the classes.",
        "captions: it reads the frames with PE-Core-L; its smoothing looks ahead.",
    ),
    (
        "VERA",
        "86.6",
        "rows judged by VERA's marks, offline.",
        "rows on the official marks: its re-annotation alone is worth up to 1.2 points; it multiplies by the "
        "middle of the video.",
    ),
)
"""Method; AUC and what else was published; what it may be compared with; what it may not."""

_STRETCHES = """\
A caption tells of a whole stretch, and its score is compared with every frame of the stretch, the first one,
too: everybody's numbers on these captions are made so, the judges' below among them. Half of the coarse
stretches are shorter than 6 s, one in ten is longer than 40 s. A live camera has a score only when its
stretch is over: the row "from the end of each stretch on" counts it only from there. The captions of the
second table are answers that open with the VLM's own verdict ("Anomalous scenes. ..."): to the bank it is
one sentence among the others.
"""

_SMALL = """\
Drawn from the whole catalog they stand alone. Drawn from every second context they stand alone, or have the
other half of the catalog behind them, as a catalog of one's own has the shipped one (decision 0023).
"""

_QUESTIONS = {
    "scorers": "Scorers: each formula, its parameters as set",
    "scene": "The scene sentence on the normal side",
}


def real_markdown(
    rows: Sequence[Row], baselines: Mapping[str, Mapping[str, Any]], provenance: Mapping[str, Any]
) -> str:
    """The whole page.

    Parameters
    ----------
    rows
        With `experiment`, `table`, `variant` and numbers, as `rows` gives them.
    baselines
        Numbers of what knows nothing, or was told the truth, by name.
    provenance
        Where the numbers come from, name by name.
    """
    of = _by_experiment(rows)
    system = [row for name in ("headline", "judges", "over_time") for row in of.get(name, ())]
    plain = [_TABLE, _VARIANT, *number_columns(_NUMBERS)]
    parts = [
        "# Results on real captions",
        "Made by `make benchmark-real`; do not edit by hand. Practice footage: [results.md](results.md).",
        _MEANING,
        "## Causal: a score rests on captions up to its own",
        _STRETCHES,
        table([row for row in system if row["causal"]], plain),
        "## Offline: knows the whole video, no live camera can have it",
        table([row for row in system if not row["causal"]], plain),
        "## Published, and what may be compared with what",
        _published(),
        "## The same ground truth without any content, or with the answer",
        table(
            [{"variant": name, **row} for name, row in baselines.items()],
            [_VARIANT, *number_columns(_NUMBERS[:-1])],
        ),
        "## False alarms of the causal rows",
        table(of.get("headline", ()), [_TABLE, _VARIANT, *number_columns(_ALARMS)]),
        "## Classes, against all normal frames",
        table(list(_classes(of.get("headline", ()))), [_TABLE, _VARIANT, *number_columns(_PER_CLASS)]),
        "## A class left out of the bank: its videos and the normal ones",
        table(of.get("left_out_class", ()), [_TABLE, _VARIANT, *number_columns(_LEFT_OUT)]),
        "## Size of the bank: mean and spread of three draws",
        _SMALL,
        table(_pooled(of.get("bank_size", ())), [_TABLE, _VARIANT, *number_columns(_DRAWS)]),
        *(
            part
            for name, title in _QUESTIONS.items()
            for part in (f"## {title}", table(of.get(name, ()), plain))
        ),
        "## Speed and cost",
        _COST,
        table(of.get("speed", ()), [_TABLE, *number_columns(_SPEED), _DEVICE]),
        "## Provenance",
        "\n".join(f"- {name}: `{value}`" for name, value in provenance.items()),
    ]
    return "\n\n".join(part.strip() for part in parts) + "\n"


_TABLE = ("captions", lambda row: row["table"].removeprefix("captions_"))
_VARIANT = ("variant", lambda row: str(row["variant"]))
_DEVICE = ("device", lambda row: str(row["device"]))
_ALARMS = (
    ("false alarms/h at 80 % event recall", "false_alarms_per_hour_at_80_recall", 1),
    ("share of time in false alarm", "time_in_false_alarm_at_80_recall", 3),
    ("delay, s", "detection_delay_s", 1),
    ("macro AUC", "auc_macro", 3),
)
_PER_CLASS = (
    ("AUC", "auc", 3),
    ("average precision", "average_precision", 3),
    ("frames", "frames", 0),
    ("events", "events", 0),
    ("found at 80 % event recall", "found_at_80_recall", 0),
)
_LEFT_OUT = (
    ("AUC without", "auc", 3),
    ("AUC with", "auc_with", 3),
    ("average precision without", "average_precision", 3),
    ("with", "average_precision_with", 3),
)
_DRAWS = (
    ("traces", "traces", 0),
    ("AUC, mean", "auc", 3),
    ("standard deviation", "auc_std", 3),
    ("average precision, mean", "average_precision", 3),
    ("standard deviation", "average_precision_std", 3),
)
_SPEED = (
    ("captions", "captions", 0),
    ("sentences", "sentences", 0),
    ("traces", "traces", 0),
    ("fit of the bank, s", "fit_s", 1),
    ("embedding, s", "embedding_s", 1),
    ("scores, s", "scoring_s", 1),
    ("over time, s", "over_time_s", 1),
    ("captions/s", "captions_per_s", 0),
    ("threads", "threads", 0),
    ("weights, MiB", "weights_mib", 0),
)
_COST = """\
Measured here, on the device and with the threads named below, from text to causal score, while other work
may have run: the bank is fitted once, then each sentence that was not said before is embedded and scored. No
language model is asked. Equal sentences are embedded once, so a table that repeats itself is faster. The
captions themselves cost what the VLM costs, for any judge. A 14B judge was **not** run here and its time is
not published with these captions: what can be said is arithmetic. Its weights alone are 28 GB in 16 bits, and
it reads the whole prompt and writes its reasoning at about 28 billion operations a token; this encoder reads
each sentence once.
Published: LAVAD takes half an hour for one long video on an A100.
"""


def _by_experiment(rows: Iterable[Row]) -> dict[str, list[Row]]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(str(row["experiment"]), []).append(row)
    return groups


def _published() -> str:
    keys = ("method", "published AUC, %", "compare with", "do not compare with")
    named = [dict(zip(keys, entry, strict=True)) for entry in PUBLISHED]
    return table(named, [(key, lambda row, key=key: row[key]) for key in keys])


def _classes(rows: Iterable[Row]) -> Iterable[Row]:
    """The classes of the first row of each table: the headline's."""
    seen = set()
    for row in rows:
        if row["table"] not in seen:
            seen.add(row["table"])
            yield from (
                {"table": row["table"], "variant": name, **numbers}
                for name, numbers in row["per_class"].items()
            )


def _pooled(rows: Iterable[Row]) -> list[Row]:
    """One row a table and variant: means over the seeds, and their standard deviations."""
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        groups.setdefault((row["table"], row["variant"]), []).append(row)
    means: list[Row] = []
    for (name, variant), some in groups.items():
        pooled: dict[str, Any] = {"table": name, "variant": variant}
        for key in ("traces", "auc", "average_precision"):
            values = [float(row[key]) for row in some]
            pooled |= {
                key: statistics.fmean(values),
                f"{key}_std": statistics.stdev(values) if len(values) > 1 else None,
            }
        means.append(pooled)
    return means
