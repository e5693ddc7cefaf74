"""Steps over the experiments on real captions: the rows of each, and all of them as the page shows them.

What is measured is in `rows`, reading and remembering in `bench`.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from experiments.real_captions.bench import Bench, real_data
from experiments.real_captions.rows import SETTINGS, Row
from traces_core.captions.provenance import catalog_digest, judged_by
from traces_core.project import Project
from traces_core.store import Artifact
from traces_core.store.code import code_of, made_with
from traces_core.store.running import step


@step
def real_rows(
    project: Project,
    name: str,
    measure: Callable[[Bench], list[Row]],
    real_sentences: list[Artifact],
) -> Artifact:
    """The rows of one experiment on both tables.

    `measure` gives those of one table; `real_sentences` has the tables in the order of `TABLES`.
    """
    material = real_data()
    made_from = {
        "data": material.fingerprints,
        "sentences": {one.key: one.fingerprint for one in real_sentences},
        "text_encoder": made_with(project.sentences),
        "catalog": catalog_digest(project.machine.catalog),
        "settings": project.settings.captions.model_dump(),
        "scene": project.settings.corpus.scene,
        "varied": SETTINGS.model_dump(mode="json"),
        "code": code_of(measure, deep=True),
    }

    def rows() -> dict[str, Any]:
        benches = [Bench(project, material, one.key, one) for one in real_sentences]
        return {
            "rows": [
                {"experiment": name, "table": bench.name, **row}
                for bench in benches
                for row in measure(bench)
            ]
        }

    return project.store.remember("real", name, made_from=made_from, make=rows)


@step
def real_results(project: Project, commit: str, real_rows: list[Artifact]) -> Artifact:
    """`rows`, `baselines` and `provenance` of all experiments, as the results page shows them."""

    def gather() -> dict[str, Any]:
        rows = [row for part in real_rows for row in part.read()["rows"]]
        return {
            "rows": [{key: value for key, value in row.items() if key != "baselines"} for row in rows],
            "baselines": next(row["baselines"] for row in rows if "baselines" in row),
            "provenance": {
                "date": time.strftime("%Y-%m-%d"),
                "commit": commit,
                "space": project.sentences.space,
                "text encoder": project.sentences.fingerprint,
                "catalog": catalog_digest(project.machine.catalog),
                **real_data().fingerprints,
                **_judged_with(project),
            },
        }

    made_from = {
        "commit": commit,
        "rows": [part.fingerprint for part in real_rows],
        "data": real_data().fingerprints,
        "text_encoder": made_with(project.sentences),
        "catalog": catalog_digest(project.machine.catalog),
        "judged_by": _judged_with(project),
    }
    return project.store.remember("real_results", made_from=made_from, make=gather)


def _judged_with(project: Project) -> dict[str, str]:
    """The settings that every row has that does not say otherwise, as text."""
    judged = judged_by(project.settings.captions)
    return {name: str(value) for name, value in judged.items() if name not in ("contexts", "classes")}
