"""The numbers of a row of the result table: the one list of what is kept, compared and shown.

A row is what `evaluation` makes of a stream, with what a benchmark or an ablation adds. Who shows only some
of the numbers names them (`columns_of`); their headings and digits are here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class RowNumber:
    """One number of a row."""

    name: str
    """Its key in the row."""
    title: str
    """Heading of its column."""
    digits: int
    """Digits after the point that are shown."""


ROW_NUMBERS = (
    RowNumber("auc", "AUC", 3),
    RowNumber("auc_low", "AUC, lower end", 3),
    RowNumber("auc_high", "AUC, upper end", 3),
    RowNumber("auc_anomalous", "AUC, anomalous videos", 3),
    RowNumber("auc_macro", "macro AUC", 3),
    RowNumber("auc_with", "AUC with", 3),
    RowNumber("average_precision", "average precision", 3),
    RowNumber("false_alarms_per_hour_at_recall", "false alarms/h at 80 % event recall", 1),
    RowNumber("event_recall", "event recall", 2),
    RowNumber("detection_delay_s", "delay, s", 1),
    RowNumber("pr_auc_trapezoid", "trapezoid PR-AUC", 3),
    RowNumber("tie_share", "tied pairs", 3),
)
_BY_NAME = {number.name: number for number in ROW_NUMBERS}


def numbers_of(row: Mapping[str, Any]) -> dict[str, Any]:
    """The numbers that a row has, by name; None where one is undefined.

    Examples
    --------
    >>> numbers_of({"stream": "late", "auc": 0.5, "detection_delay_s": None, "frames": 9})
    {'auc': 0.5, 'detection_delay_s': None}
    """
    return {name: row[name] for name in _BY_NAME if name in row}


def columns_of(*names: str) -> tuple[tuple[str, str, int], ...]:
    """Columns of a table: heading, key of the row, digits.

    Examples
    --------
    >>> columns_of("auc", "detection_delay_s")
    (('AUC', 'auc', 3), ('delay, s', 'detection_delay_s', 1))
    """
    return tuple((_BY_NAME[name].title, name, _BY_NAME[name].digits) for name in names)
