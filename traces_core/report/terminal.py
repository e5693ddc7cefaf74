"""The result table in a terminal: what `make demo` and `traces benchmark` print, 100 columns at most."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from traces_core.printing import styled
from traces_core.report.benchmark import best_auc, group_rows
from traces_core.report.formatting import number, span, words
from traces_core.report.model import Row, label, refuse_nan
from traces_core.report.model import number as metric

_Columns = tuple[tuple[str, str, int], ...]
_COLUMNS: _Columns = (
    ("auc_anomalous", "AUC\nanom. videos", 3),
    ("average_precision", "average\nprecision", 3),
    ("false_alarms_per_hour_at_recall", "false alarms/h\n80 % recall", 1),
    ("detection_delay_s", "delay\ns", 1),
)


def result_table(rows: Sequence[Row], baselines: Sequence[Row] = ()) -> Table:
    """The rows of a benchmark, causal streams first, offline ones and baselines apart and dimmed.

    Parameters
    ----------
    rows, baselines : as in `BenchmarkReport`

    Returns
    -------
    A table for `rich`, at most 100 columns wide; what is undefined is a dash.

    Raises
    ------
    NotFiniteError
        If a row holds NaN.
    """
    for row in (*rows, *baselines):
        refuse_nan(row)
    data_sets = list(dict.fromkeys(str(row["data_set"]) for row in rows if row.get("data_set")))
    table = Table(
        title=styled(data_sets[0]) if len(data_sets) == 1 else None, title_justify="left", title_style="bold"
    )
    several = len(data_sets) > 1
    table.add_column("stream", overflow="fold", min_width=10, max_width=16 if several else 24)
    if several:
        table.add_column("data set", overflow="fold", max_width=13)
    table.add_column("AUC\n95 % interval", justify="right", no_wrap=True)
    columns = _COLUMNS[:-1] if several else _COLUMNS  # the delay gives its room to the data set
    for _, heading, _ in columns:
        table.add_column(heading, justify="right", no_wrap=True)
    groups = group_rows(rows, baselines)
    for group, kind in zip(groups, ("", "offline", "baseline"), strict=True):
        best = best_auc(group[1]) if not kind else None
        if kind == "baseline" and group[1]:
            table.add_row("baselines", style="dim italic")
        for row in group[1]:
            table.add_row(
                *_cells(row, kind, best, columns=columns, several=several), style="dim" if kind else ""
            )
        if group[1]:
            table.add_section()
    return table


def _cells(row: Row, kind: str, best: float | None, *, columns: _Columns, several: bool) -> list[Text]:
    auc = metric(row, "auc")
    interval = span(row.get("auc_low"), row.get("auc_high"))
    value = styled(number(auc), "bold" if auc is not None and auc == best else "")
    name = words(label(row))
    named = name if not kind or kind in name or kind == "baseline" else f"{name} ({kind})"
    cells = [styled(named), *([styled(str(row.get("data_set") or ""))] if several else [])]
    cells.append(value.append(f" {interval}") if interval else value)
    return cells + [styled(number(metric(row, key), digits)) for key, _, digits in columns]
