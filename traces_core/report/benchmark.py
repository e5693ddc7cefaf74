"""The page of a benchmark: streams, baselines beside them, classes, ablations.

What it shows of one video belongs in `video`; the numbers come from `traces_core.metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from traces_core.metrics import columns_of
from traces_core.report.formatting import UNDEFINED, number, span, words
from traces_core.report.images import data_uri
from traces_core.report.model import BenchmarkReport, Row, is_causal, label
from traces_core.report.model import number as metric
from traces_core.report.page import write_page
from traces_core.report.strips import Scale, digits_of, value_ticks
from traces_core.streams.table import APPEARANCE

COLUMNS = tuple(
    (name, f"{title[0].upper()}{title[1:]}", digits)
    for title, name, digits in columns_of(
        *("auc", "auc_anomalous", "average_precision", "false_alarms_per_hour_at_recall"),
        *("event_recall", "detection_delay_s", "pr_auc_trapezoid", "tie_share"),
    )
)
"""Key, heading and digits of each column of the main table; a column without values is left out."""

OFFLINE_NOTE = "Offline: these use the whole video, which no live camera can."
BASELINE_NOTE = "Baselines: what an oracle, or a guess that sees no picture, would score."

_ABLATIONS: Mapping[str, tuple[str, str]] = {
    "encoder_seeds": ("Pre-training seed", "The same streams with encoders pre-trained from other seeds."),
    "fusion": ("Fusion", "How appearance and motion are brought together."),
    "window": ("Window length", "Frames in a window, W."),
    "neighbours": ("Nearest traces", "How many traces of each side a score averages, k."),
    "scorers": ("Scorer", "How similarities with the traces become a score."),
    "bank_size": ("Size of the bank", "Traces per context and side."),
    "scene": ("Scene sentence", "Which sentence about the place joins the normal side."),
    "training_corpus": ("Training corpus", "What the adapters were trained on."),
    "left_out_class": ("One class left out", "AUC of a class once the bank no longer names it."),
}
_PLACED = ("value", "low", "high", "reference")
_SEEDS = "Bar: one standard deviation over seeds, each a tick."
_VIDEOS = "Bar: 95 % interval over videos."
_REFERENCE = "Hollow: with the class in the bank."


def write_benchmark_report(path: Path | str, report: BenchmarkReport) -> Path:
    """Write the benchmark's page as a single HTML file that needs no network.

    Returns
    -------
    The path. The same report always gives the same bytes.
    """
    groups = group_rows(report.rows, report.baselines)
    data_sets = list(dict.fromkeys(str(r["data_set"]) for r in report.rows if r.get("data_set")))
    values = {
        "report": report,
        "summary": _summary(groups[0][1]),
        "data_sets": data_sets,
        "anomalous_share": next(
            (metric(r, "anomalous_share") for r in report.rows if "anomalous_share" in r), None
        ),
        "columns": [c for c in COLUMNS if any(r.get(c[0]) is not None for _, rows in groups for r in rows)],
        "groups": [(note, [_line(r, groups[0][1]) for r in rows]) for note, rows in groups if rows],
        "chart": _dots([(note, [_dot(r, bool(note)) for r in rows]) for note, rows in groups if rows]),
        "heat": _heat(report),
        "ablations": [_ablation(name, rows) for name, rows in report.ablations.items()],
        "figures": [(figure, data_uri(figure.png)) for figure in report.figures],
    }
    return write_page(path, "benchmark.html", values)


def group_rows(rows: Sequence[Row], baselines: Sequence[Row]) -> list[tuple[str, list[Row]]]:
    """Causal streams first, offline ones apart, baselines last; each group with the sentence above it."""
    return [
        ("", [row for row in rows if is_causal(row)]),
        (OFFLINE_NOTE, [row for row in rows if not is_causal(row)]),
        (BASELINE_NOTE, list(baselines)),
    ]


def best_auc(rows: Iterable[Row]) -> float | None:
    """The highest AUC that is defined."""
    return max((value for row in rows if (value := metric(row, "auc")) is not None), default=None)


def class_auc(value: Any) -> float | None:
    """The AUC of a cell of a per-class table, which is the number itself or a table that holds it."""
    value = value.get("auc") if isinstance(value, Mapping) else value
    return None if value is None else float(value)


def _summary(causal: Sequence[Row]) -> str:
    best = best_auc(causal)
    if best is None:
        return "No causal stream has an AUC on this footage."
    row = next(row for row in causal if metric(row, "auc") == best)
    interval = span(row.get("auc_low"), row.get("auc_high"))
    text = f"Best causal stream: {words(label(row))}, frame AUC {number(best)}" + (
        f" ({interval})" if interval else ""
    )
    alone = next((metric(r, "auc") for r in causal if label(r) == APPEARANCE and _same_set(r, row)), None)
    if alone is None or label(row) == APPEARANCE:
        return text + "."
    return text + f", {number(best - alone)} above {APPEARANCE} alone."


def _same_set(one: Row, other: Row) -> bool:
    return bool(one.get("data_set") == other.get("data_set"))


def _line(row: Row, causal: Sequence[Row]) -> dict[str, Any]:
    best = best_auc(r for r in causal if _same_set(r, row))
    return {
        "name": words(label(row)),
        "note": str(row.get("note") or ""),
        "data_set": row.get("data_set"),
        "interval": span(row.get("auc_low"), row.get("auc_high")),
        "best": row in causal and metric(row, "auc") is not None and metric(row, "auc") == best,
        "cells": {key: number(metric(row, key), digits) for key, _, digits in COLUMNS},
    }


def _dot(row: Row, hollow: bool) -> dict[str, Any]:
    auc, low, high = (metric(row, key) for key in ("auc", "auc_low", "auc_high"))
    return _point(words(label(row)), auc, low, high) | {"hollow": hollow}


def _point(name: str, value: float | None, low: float | None, high: float | None) -> dict[str, Any]:
    known = {"value": value, "low": low, "high": high, "reference": None}
    return {"name": name, "hollow": False, "seeds": (), **known}


def _dots(groups: Sequence[tuple[str, list[dict[str, Any]]]], *, close: bool = False) -> dict[str, Any]:
    """Place dots, whiskers and ticks on one scale, in shares of its width.

    The scale runs from chance, or the lowest point, to 1; where `close`, over the points alone.
    """
    points = [point for _, group in groups for point in group]
    placed = [value for p in points for value in (*(p[key] for key in _PLACED), *p["seeds"])]
    known = [value for value in placed if value is not None]
    low, high = min(known, default=0.5), max(known, default=1.0)
    if close:
        air = max(0.02, 0.2 * (high - low))
        low, high = low - air, high + air
    else:
        low, high = min(0.5, math.floor(10 * low + 1e-9) / 10), max(1.0, high)
    scale = Scale(low, high)
    for point in points:
        for key in _PLACED:
            point[f"{key}_at"] = None if point[key] is None else scale.share(point[key])
        point["seeds_at"] = [scale.share(value) for value in point["seeds"]]
    ticks = value_ticks(scale, most=3 if close else 5)
    named = [(scale.share(tick), number(tick, digits_of(ticks))) for tick in ticks]
    return {"groups": groups, "chance": scale.share(0.5) if low <= 0.5 <= high else None, "ticks": named}


def _heat(report: BenchmarkReport) -> dict[str, Any]:
    """Classes down, streams across: the rows' own tables where the report brings none."""
    own = {label(row): row["per_class"] for row in report.rows if row.get("per_class")}
    table = {stream: classes for stream, classes in (report.per_class or own).items() if classes}
    classes = list(dict.fromkeys(name for cells in table.values() for name in cells))
    rows = [
        (name, name in report.open_set, [_cell(table[stream].get(name)) for stream in table])
        for name in classes
    ]
    return {"streams": list(table), "rows": rows}


def _cell(value: Any) -> dict[str, Any]:
    auc = class_auc(value)
    distance = 0.0 if auc is None else auc - 0.5
    return {
        "text": number(auc, 2),
        "hue": "good" if distance >= 0 else "bad",
        "weight": round(88 * abs(distance)),
    }


def _ablation(name: str, rows: Sequence[Row]) -> dict[str, Any]:
    title, text = _ABLATIONS.get(name, (words(name).capitalize(), ""))
    variants = _variants(rows)
    seeded = any(len(of) > 1 or of[0].get("auc_std") is not None for of in variants.values())
    points = [_pooled(variant, of, seeded=seeded) for variant, of in variants.items()]
    bars = [_SEEDS if seeded else _VIDEOS] if any(point["low"] is not None for point in points) else []
    legend = [*bars, *([_REFERENCE] if any(point["reference"] is not None for point in points) else [])]
    keys = [k for k in dict.fromkeys(k for row in rows for k in row) if k != "ablation"]
    keys = [k for k in keys if not any(isinstance(row.get(k), Mapping) for row in rows)]
    return {
        "title": title,
        "text": " ".join([text, *legend]).strip(),
        "dots": _dots([("", points)], close=True),
        "is_long": len(points) > 14,
        "headings": keys,
        "lines": [[_plain(row.get(key)) for key in keys] for row in rows],
    }


def _variants(rows: Sequence[Row]) -> dict[str, list[Row]]:
    """Rows that differ in their seed only, together; the stream is named where a variant has several."""
    streams: dict[str, set[Any]] = {}
    for row in rows:
        streams.setdefault(str(row.get("variant")), set()).add(row.get("stream"))
    variants: dict[str, list[Row]] = {}
    for row in rows:
        name = str(row.get("variant", label(row)))
        several = len(streams[str(row.get("variant"))]) > 1
        variants.setdefault(words(f"{name} · {row['stream']}" if several else name), []).append(row)
    return variants


def _pooled(variant: str, rows: Sequence[Row], *, seeded: bool) -> dict[str, Any]:
    """One variant: the mean over its seeds, with a tick for each, and its bar."""
    values = [v for row in rows if (v := metric(row, "auc")) is not None]
    mean = float(np.mean(values)) if values else None
    low, high = (None, None) if seeded else (metric(rows[0], "auc_low"), metric(rows[0], "auc_high"))
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else metric(rows[0], "auc_std")
    if deviation is not None and mean is not None:
        low, high = mean - deviation, mean + deviation
    point = _point(variant, mean, low, high)
    seeds = tuple(values) if len(values) > 1 else ()
    return point | {"seeds": seeds, "reference": metric(rows[0], "auc_with")}


def _plain(value: Any) -> str:
    if value is None:
        return UNDEFINED
    if isinstance(value, (float, np.floating)):
        return number(float(value))
    return ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else str(value)
