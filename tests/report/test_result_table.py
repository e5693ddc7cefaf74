from __future__ import annotations

import io
from typing import Any

import pytest
from drawn_reports import make_benchmark_report, make_row
from rich.console import Console

from traces_core.errors import NotFiniteError
from traces_core.report import result_table


def printed(rows: list[dict[str, Any]], baselines: list[dict[str, Any]] | None = None) -> str:
    console = Console(width=200, file=io.StringIO(), force_terminal=False)
    console.print(result_table(rows, baselines or []))
    return console.file.getvalue()  # type: ignore[attr-defined, no-any-return]


def line_of(text: str, name: str) -> str:
    return next(line for line in text.splitlines() if name in line)


def test_the_table_holds_every_row_with_its_interval() -> None:
    report = make_benchmark_report()
    text = printed(list(report.rows), list(report.baselines))  # type: ignore[arg-type]
    assert "0.912 0.862–0.952" in line_of(text, "fused")
    assert "14.2" in line_of(text, "fused")
    places = [
        text.index(n) for n in ("appearance", "fused", "smooth offline", "baselines", "oracle: video label")
    ]
    assert places == sorted(places)


def test_the_table_fits_a_hundred_columns_however_long_the_names() -> None:
    rows = [
        make_row("a stream with a very long name indeed " * 2, 0.9, data_set="x" * 40),
        make_row("b", 0.8),
    ]
    assert max(map(len, printed(rows, rows).splitlines())) <= 100


def test_an_undefined_number_is_a_dash_in_the_terminal_too() -> None:
    line = line_of(printed([{"stream": "fused", "auc": None}]), "fused")
    assert line.count("–") == 5
    assert "0" not in line


def test_an_offline_row_says_so_even_where_its_name_does_not() -> None:
    assert "smoothed (offline)" in printed([make_row("smoothed", 0.9, causal=False)])


def test_a_name_in_brackets_is_no_mark_up() -> None:
    assert "[bold]fused[/bold]" in printed([make_row("[bold]fused[/bold]", 0.9)])


def test_nan_is_refused_before_it_is_printed() -> None:
    with pytest.raises(NotFiniteError, match="fused"):
        result_table([make_row("fused", float("nan"))])


def test_an_empty_benchmark_prints_an_empty_table() -> None:
    assert "AUC" in printed([])
