"""Run the graph from the command line: `python -m pipelines.run demo | benchmark | real`.

Assets of one run share their partitions, so the graph is walked in waves: one run for each partition of a
wave. The runs are ordinary Dagster runs, in the instance that the UI shows.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import dagster as dg
import rich
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from pipelines.definitions import defs
from pipelines.resources import WorkshopResource, git_commit
from traces_core.report import POCKET_NOTICE, result_table
from traces_core.report.markdown import results_markdown
from traces_core.report.real import real_markdown
from traces_core.settings import project_root
from traces_core.steps import pages
from traces_core.steps.ablations import ABLATIONS
from traces_core.steps.benchmark import baseline_rows
from traces_core.steps.pages import STREAM_ORDER
from traces_core.store import Shelf

DEMO = "+key:benchmark_report"
BENCHMARK = "+key:results"
REAL = "group:real"
EVERYTHING = "* and not group:real"  # real captions are on few machines


class GraphError(RuntimeError):
    """A run failed: which assets, and why."""


def waves(selection: str) -> Iterator[tuple[list[dg.AssetKey], list[str | None]]]:
    """Assets that can share a run, in the order of the graph, with the partitions to run them for."""
    graph = defs.resolve_asset_graph()
    chosen = dg.AssetSelection.from_string(selection).resolve(graph)
    ready = [key for key in graph.toposorted_asset_keys if key in chosen and graph.get(key).is_materializable]
    while ready:
        first = graph.get(ready[0]).partitions_def
        wave: list[dg.AssetKey] = []
        left: list[dg.AssetKey] = []
        for key in ready:
            waits = any(parent in left for parent in graph.get(key).parent_keys)
            (left if waits or graph.get(key).partitions_def != first else wave).append(key)
        yield wave, list(first.get_partition_keys()) if first else [None]
        ready = left


def materialize(selection: str, *, instance: dg.DagsterInstance, console: Console) -> int:
    """Walk the graph; the number of runs, or an error with the reason at the first that fails."""
    plan = [(wave, key) for wave, keys in waves(selection) for key in keys]
    with _progress(console) as progress:
        bar = progress.add_task("", total=len(plan))
        for wave, partition in plan:
            names = ", ".join(key.to_user_string() for key in wave)
            progress.update(bar, description=f"{names}{f' [{partition}]' if partition else ''}")
            _one_run(wave, partition, instance)
            progress.advance(bar)
        progress.update(bar, description="done")
    return len(plan)


def _one_run(wave: Sequence[dg.AssetKey], partition: str | None, instance: dg.DagsterInstance) -> None:
    result = defs.resolve_implicit_global_asset_job_def().execute_in_process(
        asset_selection=list(wave),
        partition_key=partition,
        instance=instance,
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed and check.blocking]
    if not result.success or any(check.severity == dg.AssetCheckSeverity.ERROR for check in failed):
        raise GraphError(
            "\n".join([*_reasons(result), *(f"{c.check_name}: {c.description}" for c in failed)])
        )


def _reasons(result: dg.ExecuteInProcessResult) -> list[str]:
    said = []
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None and "Dagster" in (error.cls_name or ""):
                error = error.cause  # Dagster's wrapper says nothing that the error itself does not
            said.append(f"{event.step_key}: {error.message.strip() if error else 'failed'}")
    return said


def _progress(console: Console) -> Progress:
    columns = (
        MofNCompleteColumn(),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.description}"),
    )
    return Progress(*columns, console=console)


def write_results(shelf: Shelf, reports: Path) -> dict[str, Any]:
    """`reports/benchmark.json` and the pages, as copies that stay where people look for them."""
    measured = shelf.current("benchmark_metrics", "benchmark").read()
    rows = sorted(measured["rows"], key=lambda row: STREAM_ORDER.index(row["stream"]))
    provenance = {**measured["provenance"], "git_commit": git_commit()}
    said = {"rows": rows, "baselines": baseline_rows(rows), "provenance": provenance}
    reports.mkdir(parents=True, exist_ok=True)
    target = reports / "benchmark"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(shelf.current("benchmark_report").path, target)
    (reports / "benchmark.json").write_text(json.dumps(said, indent=1), encoding="utf-8")
    return said


def main(arguments: Sequence[str] | None = None) -> int:
    """`demo`: the result table; `benchmark`: ablations, too; `real`: real captions; `assets`: a selection."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.run", description=__doc__)
    parser.add_argument("what", choices=["demo", "benchmark", "real", "assets"])
    parser.add_argument("--select", default=EVERYTHING, help="Dagster's asset selection, for `assets`")
    chosen = parser.parse_args(arguments)
    console, started = rich.get_console(), time.monotonic()
    selection = {"demo": DEMO, "benchmark": BENCHMARK, "real": REAL}.get(chosen.what, chosen.select)
    try:
        runs = materialize(selection, instance=dg.DagsterInstance.get(), console=console)
    except GraphError as error:
        console.print(f"[bold red]stopped[/bold red]\n{error}", highlight=False)
        return 1
    if chosen.what == "real":
        write_real(console)
    elif chosen.what != "assets":
        said = show_results(console)
        if chosen.what == "benchmark":
            write_docs(said, console)
    console.print(f"{runs} runs in {time.monotonic() - started:.0f} s", highlight=False)
    return 0


def show_results(console: Console) -> dict[str, Any]:
    """Write the results where people look for them, print the table and where the rest is."""
    shop = WorkshopResource().open()
    said = write_results(shop.shelf, shop.machine.reports)
    console.print(result_table(said["rows"], said["baselines"]))
    if "pocket" in said["provenance"]["space"]:
        console.print(POCKET_NOTICE)
    console.print(
        f"pages               {shop.machine.reports / 'benchmark' / 'index.html'}\n"
        f"numbers             {shop.machine.reports / 'benchmark.json'}\n"
        "Dagster and MLflow  make ui\n"
        "a video of yours    .venv/bin/traces score VIDEO",
        highlight=False,
        soft_wrap=True,
    )
    return said


def write_docs(said: dict[str, Any], console: Console) -> None:
    """docs/results.md and docs/score-curve.png, which the README shows; and the page with every ablation."""
    shop = WorkshopResource().open()
    compared = {name: shop.shelf.current("ablations", name).read()["rows"] for name in ABLATIONS}
    titles = {name: (step.__doc__ or name).splitlines()[0] for name, step in ABLATIONS.items()}
    docs = project_root() / "docs"
    provenance = {"date": time.strftime("%Y-%m-%d"), **said["provenance"]}
    page = results_markdown(said["rows"], said["baselines"], compared, provenance, titles)
    (docs / "results.md").write_text(page, encoding="utf-8")
    (docs / "score-curve.png").write_bytes(pages.example_picture(shop))
    shutil.copy(shop.shelf.current("results").path / "index.html", shop.machine.reports / "results.html")
    console.print(f"results             {docs / 'results.md'}", highlight=False, soft_wrap=True)


def write_real(console: Console) -> None:
    """docs/results-real.md, and reports/real.json with its rows."""
    shop, docs = WorkshopResource().open(), project_root() / "docs"
    said = shop.shelf.current("real_results").read()
    docs.mkdir(exist_ok=True)
    page = real_markdown(said["rows"], said["baselines"], said["provenance"])
    (docs / "results-real.md").write_text(page, encoding="utf-8")
    shop.machine.reports.mkdir(parents=True, exist_ok=True)
    (shop.machine.reports / "real.json").write_text(json.dumps(said, indent=1), encoding="utf-8")
    console.print(f"results             {docs / 'results-real.md'}", highlight=False, soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
