"""Run the graph from the command line: `python -m pipelines.run demo | benchmark`.

How the graph is walked is in `pipelines.walk`; here is what a terminal shows of it, and what is written where
people look for it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

import pipelines.definitions  # noqa: F401  the graph that is run
from pipelines import versioning
from pipelines.mlflow_links import latest_metadata
from pipelines.plan import Run, look
from pipelines.resources import ProjectResource
from pipelines.results import write_results
from pipelines.walk import BENCHMARK, DEMO, EVERYTHING, GraphError, walk
from traces_core.disk import write_whole
from traces_core.errors import DamagedPackError
from traces_core.printing import out, printable, styled
from traces_core.project import Project
from traces_core.report import result_table
from traces_core.report.markdown import results_markdown
from traces_core.settings import project_root
from traces_core.steps.ablations import ABLATIONS, ladder_report
from traces_core.steps.benchmark import example_picture


def materialize(selection: str, *, instance: dg.DagsterInstance, console: Console) -> int:
    """Walk the graph; the number of runs, or an error with the reason at the first that fails."""
    with _progress(console) as progress:
        bar = progress.add_task("")

        def tell(run: Run, done: int, of: int) -> None:
            progress.update(bar, description=printable(str(run)), completed=done, total=of)

        runs = walk(selection, instance=instance, tell=tell)
        progress.update(bar, description="done", completed=runs, total=runs)
    return runs


def _progress(console: Console) -> Progress:
    columns = (
        MofNCompleteColumn(),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
        TextColumn("{task.description}", markup=False),
    )
    return Progress(*columns, console=console)


def main(arguments: Sequence[str] | None = None) -> int:
    """`demo`: the result table; `benchmark`: ablations, too; `assets`: a selection; `status`: what is out of
    date and why, nothing computed.
    """
    parser = argparse.ArgumentParser(prog="python -m pipelines.run", description=__doc__)
    parser.add_argument("what", choices=["demo", "benchmark", "assets", "status"])
    parser.add_argument("--select", default=EVERYTHING, help="Dagster's asset selection, for `assets`")
    parser.add_argument("--results", action="store_true", help="then show the results, as `demo` does")
    chosen = parser.parse_args(arguments)
    os.environ.setdefault("DAGSTER_HOME", str(project_root() / ".dagster"))  # where `make` has it, too
    console, started = out, time.monotonic()
    selection = {"demo": DEMO, "benchmark": BENCHMARK}.get(chosen.what, chosen.select)
    try:
        if chosen.what == "status":
            show_status(console)
            return 0
        versioning.check_stage(Project.here())
        runs = materialize(selection, instance=dg.DagsterInstance.get(), console=console)
        if chosen.what != "assets" or chosen.results:
            results = show_results(console)
            if chosen.what == "benchmark":
                write_docs(results, console)
        project = Project.here()
        versioning.end_stage(project)
        recorded = versioning.record(project)
        if recorded is not None:
            console.print(recorded)
    except (GraphError, DamagedPackError, versioning.VersioningError) as error:
        console.print(styled("stopped", "bold red"))
        console.print(str(error))
        return 1
    console.print(f"{runs} runs in {time.monotonic() - started:.0f} s")
    return 0


def show_status(console: Console) -> None:
    """What is out of date and why; its dependents follow when it is made."""
    plan = look(ProjectResource().open(), dg.DagsterInstance.get())
    reasons = {part: reason for part, reason in plan.known.items() if part not in plan.unrecorded}
    table = Table("asset", "part", "why", box=None)
    for part, reason in reasons.items():
        table.add_row(part.asset.to_user_string(), part.partition or "", reason)
    console.print(table if reasons else "Everything is up to date.")
    if plan.unrecorded:  # after `dvc pull`, or when an older version was checked out
        console.print(
            f"Dagster shows other versions of {len(plan.unrecorded)} parts: the next run tells it, and "
            "computes nothing.",
        )


def show_results(console: Console) -> dict[str, Any]:
    """Write the results where people look for them, print the table and where the rest is."""
    project = ProjectResource().open()
    results = write_results(project.store, project.machine.reports)
    versioning.write_comparable(project)
    console.print(result_table(results["rows"], results["baselines"]))
    for notice in results["notices"]:
        console.print(notice, highlight=False, markup=False)
    gate = latest_metadata(dg.DagsterInstance.get(), dg.AssetKey("detector_model")).get("mlflow_gate")
    if gate is not None:  # whether it is the champion, and why not
        console.print(f"this detector       {gate}", soft_wrap=True)
    console.print(
        f"pages               {project.machine.reports / 'benchmark' / 'index.html'}\n"
        f"numbers             {project.machine.reports / 'benchmark.json'}\n"
        "Dagster and MLflow  make ui\n"
        "a video of yours    .venv/bin/traces score VIDEO",
        soft_wrap=True,
    )
    return results


def write_docs(results: dict[str, Any], console: Console) -> None:
    """docs/results.md and docs/score-curve.png, which the README shows; and the page with every ablation."""
    project = ProjectResource().open()
    compared = {name: project.store.current("ablations", name).read()["rows"] for name in ABLATIONS}
    titles = {name: (step.__doc__ or name).splitlines()[0] for name, step in ABLATIONS.items()}
    docs = project_root() / "docs"
    provenance = {"date": time.strftime("%Y-%m-%d"), **results["provenance"]}
    is_drawn = project.settings.footage.benchmark is None
    about = None if is_drawn else " ".join([results["title"] + ".", *results["notices"]])
    page = results_markdown(results["rows"], results["baselines"], compared, provenance, titles, about)
    write_whole(docs / "results.md", page)
    (docs / "score-curve.png").write_bytes(example_picture(project))
    rungs = json.dumps(ladder_report(compared["ladder"]), indent=1)
    write_whole(project.machine.reports / "ladder.json", rungs)
    shutil.copy(
        project.store.current("results").path / "index.html", project.machine.reports / "results.html"
    )
    console.print(f"results             {docs / 'results.md'}", soft_wrap=True)


if __name__ == "__main__":
    sys.exit(main())
