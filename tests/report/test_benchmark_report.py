from __future__ import annotations

from pathlib import Path
from typing import Any

from drawn_reports import make_benchmark_report, make_row
from html_reading import Page

from traces_core.report import BenchmarkReport, Figure, sparkline, write_benchmark_report


def write(folder: Path, report: BenchmarkReport) -> Page:
    return Page(write_benchmark_report(folder / "benchmark.html", report))


def test_a_benchmark_page_asks_nothing_of_the_network(tmp_path: Path) -> None:
    figure = Figure("A curve", sparkline([0.0, 1.0, 0.5]))
    page = write(tmp_path, make_benchmark_report(figures=[figure]))
    assert all(address.startswith("data:") for address in page.addresses())
    assert not page.named("script")
    assert "http" not in page.source.replace("http-equiv", "")
    assert page.named("img")[0]["alt"] == "A curve"


def test_causal_streams_come_first_then_offline_ones_then_baselines(tmp_path: Path) -> None:
    text = write(tmp_path, make_benchmark_report()).text
    order = [
        "appearance",
        "fused 0.912",
        "Offline: these",
        "smooth offline",
        "Baselines: what",
        "oracle: video label",
    ]
    table = text[text.index("Causal streams first") :]
    places = [table.index(words) for words in order]
    assert places == sorted(places)


def test_the_summary_names_the_best_causal_stream_and_its_gain_over_appearance(tmp_path: Path) -> None:
    text = write(tmp_path, make_benchmark_report()).text
    assert "Best causal stream: fused, frame AUC 0.912 (0.862–0.952), 0.076 above appearance alone." in text


def test_what_is_undefined_is_a_dash_and_never_zero(tmp_path: Path) -> None:
    blank: dict[str, Any] = dict.fromkeys(make_row("fused", 0.9))
    rows = [blank | {"stream": "fused"}, make_row("appearance", 0.75, per_class={})]
    report = make_benchmark_report(rows=rows, baselines=[{"stream": "centre prior"}], ablations={})
    page = write(tmp_path, report)
    assert "fused – – – –" in page.text
    assert "centre prior – – – –" in page.text
    assert "None" not in page.text
    assert "0.000" not in page.text


def test_a_column_that_no_row_fills_is_left_out(tmp_path: Path) -> None:
    text = write(tmp_path, make_benchmark_report()).text
    assert "Average precision" in text
    assert "Detection delay" not in text


def test_several_data_sets_get_a_column_and_each_its_own_best(tmp_path: Path) -> None:
    rows = [make_row("fused", 0.9), make_row("fused", 0.7, data_set="UCSD Ped2"), make_row("appearance", 0.8)]
    page = write(tmp_path, make_benchmark_report(rows=rows))
    assert "UCSD Ped2" in page.text
    assert len([a for a in page.named("td") if a.get("class") == "n best"]) == 2


def test_a_class_that_no_trace_names_is_marked(tmp_path: Path) -> None:
    text = write(tmp_path, make_benchmark_report(open_set=["fall"])).text
    assert "fall no trace names it" in text
    assert "fight no trace names it" not in text


def test_a_table_of_classes_may_hold_tables(tmp_path: Path) -> None:
    rows = [make_row("fused", 0.9, per_class={"fight": {"auc": 0.25, "events": 3}, "fall": {"auc": None}})]
    page = write(tmp_path, make_benchmark_report(rows=rows))
    cells = [a for a in page.named("td") if "--weight" in (a.get("style") or "")]
    assert [a["class"] for a in cells] == ["bad", "good"]
    assert "fight 0.25 fall –" in page.text


def test_an_ablation_shows_the_mean_over_its_seeds(tmp_path: Path) -> None:
    page = write(tmp_path, make_benchmark_report())
    assert "none 0.820" in page.text
    assert len(page.named("u")) == 3


def test_a_variant_without_a_number_keeps_its_place(tmp_path: Path) -> None:
    rows = [{"variant": 8, "auc": None}, {"variant": 16, "auc": 0.9, "auc_std": 0.01}]
    text = write(tmp_path, make_benchmark_report(ablations={"window": rows})).text
    assert "Window length" in text
    assert "8 – 16 0.900" in text


def test_an_ablation_nobody_foresaw_is_shown_under_its_name(tmp_path: Path) -> None:
    rows = [{"ablation": "night_time", "variant": "dark", "stream": s, "auc": 0.4} for s in ("late", "fused")]
    assert (
        "Night time dark · late 0.400 dark · fused 0.400"
        in write(tmp_path, make_benchmark_report(ablations={"night_time": rows})).text
    )


def test_bars_of_two_meanings_never_stand_in_one_ablation(tmp_path: Path) -> None:
    seeds = [make_row("fused", 0.9 + seed / 100, variant="trained", seed=seed) for seed in range(3)]
    mixed = [make_row("fused", 0.8, variant="identity"), *seeds]
    page = write(tmp_path, make_benchmark_report(rows=[], baselines=[], ablations={"fusion": mixed}))
    assert "Bar: one standard deviation over seeds, each a tick." in page.text
    assert len([a for a in page.named("i") if "width" in (a.get("style") or "")]) == 1
    page = write(tmp_path, make_benchmark_report(rows=[], baselines=[], ablations={"fusion": mixed[:1]}))
    assert "Bar: 95 % interval over videos." in page.text


def test_a_class_left_out_stands_beside_the_same_class_in_the_bank(tmp_path: Path) -> None:
    rows = [{"variant": "without fall", "stream": "fused", "auc": 0.6, "auc_with": 0.9}]
    page = write(tmp_path, make_benchmark_report(ablations={"left_out_class": rows}))
    assert len([a for a in page.named("b") if a.get("class") == "reference"]) == 1
    assert "Hollow: with the class in the bank." in page.text


def test_an_empty_benchmark_says_that_nothing_was_measured(tmp_path: Path) -> None:
    text = write(tmp_path, BenchmarkReport("Nothing", [])).text
    assert "No stream was measured." in text


def test_a_hostile_stream_is_shown_and_not_obeyed(tmp_path: Path) -> None:
    hostile = "<img src=http://evil onerror=alert(1)>"
    rows = [make_row(hostile, 0.9, per_class={hostile: 0.4}, data_set=hostile)]
    report = make_benchmark_report(
        rows=rows, title=hostile, baselines=[{"stream": hostile, "note": hostile}], notices=[hostile],
        ablations={hostile: [{"variant": hostile, "auc": 0.5, hostile: hostile}]}, provenance={"a": hostile},
    )  # fmt: skip
    page = write(tmp_path, report)
    assert not page.named("img")
    assert hostile in page.text


def test_the_same_benchmark_gives_the_same_bytes(tmp_path: Path) -> None:
    pages = [write(tmp_path, make_benchmark_report()).source for _ in range(2)]
    assert pages[0] == pages[1]
