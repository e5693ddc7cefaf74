"""Steps of the ablations: the rows of each, and the page with all of them beside the benchmark."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from traces_core.project import Project
from traces_core.report import write_benchmark_report
from traces_core.steps.ablations import ladder, rows
from traces_core.steps.ablations.rows import Row
from traces_core.steps.benchmark import benchmark_page
from traces_core.store import Artifact
from traces_core.store.code import code_of, made_with
from traces_core.store.running import step

ABLATIONS: dict[str, Callable[[Project], list[Row]]] = {
    "encoder_seeds": rows.encoder_seeds,
    "fusion": rows.fusion,
    "window": rows.window,
    "neighbours": rows.neighbours,
    "scorers": rows.scorers,
    "bank_size": rows.bank_size,
    "scene": rows.scene,
    "training_corpus": rows.training_corpus,
    "left_out_class": rows.left_out_class,
    **ladder.ABLATIONS,
}
"""Every ablation by name."""


@step
def ablation(
    project: Project,
    name: str,
    compare: Callable[[Project], list[Row]],
    benchmark_metrics: Artifact,
    trace_index: Artifact,
) -> Artifact:
    """The rows of one ablation; rebuilt when the main result, the settings or its code changed."""
    made_from = {
        "settings": project.settings.model_dump(),
        "main": benchmark_metrics.fingerprint,
        "bank": trace_index.fingerprint,
        "code": code_of(compare, deep=True),
        "encoders": [made_with(project.clip), made_with(project.windows)],
    }
    return project.store.remember(
        "ablations", name, made_from=made_from, make=lambda: {"rows": compare(project)}
    )


@step
def results(
    project: Project, benchmark_metrics: Artifact, adapters: Artifact, ablations: list[Artifact]
) -> Artifact:
    """A folder with `index.html`: every stream, every baseline, every ablation."""

    def write(folder: Path) -> tuple[Path, dict[str, Any]]:
        folder.mkdir()
        page = benchmark_page(benchmark_metrics, adapters)
        by_ablation = {one.key: one.read()["rows"] for one in ablations}
        write_benchmark_report(folder / "index.html", replace(page, ablations=by_ablation))
        return folder, {"ablations": len(by_ablation)}

    made_from = {
        "metrics": benchmark_metrics.fingerprint,
        "ablations": {one.key: one.fingerprint for one in ablations},
    }
    return project.store.remember_path("results", made_from=made_from, write=write)
