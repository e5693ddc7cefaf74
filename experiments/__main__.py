"""Run an experiment and write its page: `python -m experiments ped2 | real_captions`.

Numbers go to docs/results-ped2.md and docs/results-real.md; rows, and pictures that show frames of a data
set, to the reports folder, which is never committed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Callable, Mapping, Sequence

import dagster as dg

from experiments.ped2.report import ped2_markdown, ped2_picture
from experiments.ped2.results import ped2_moments
from experiments.real_captions.report import real_markdown
from pipelines import versioning
from pipelines.run import materialize
from pipelines.walk import GraphError
from traces_core.printing import out, styled
from traces_core.project import Project
from traces_core.settings import project_root


def write_real_captions(project: Project) -> Mapping[str, str]:
    """The page and the rows of real captions; what was written, by name."""
    results = project.store.current("real_results").read()
    page = real_markdown(results["rows"], results["baselines"], results["provenance"])
    return _written(project, "real", results, page)


def write_ped2(project: Project) -> Mapping[str, str]:
    """The page, the numbers and the picture of Ped2; what was written and its AUC, by name."""
    results = project.store.current("ped2_results").read()
    scores = project.store.current("ped2_foreground_scores", str(results["seeds"][0]))
    files = _written(project, "ped2", results, ped2_markdown(results))
    picture = project.machine.reports / "ped2.png"
    picture.write_bytes(ped2_picture(ped2_moments(scores)))
    auc = "{auc:.3f} ({auc_low:.3f} to {auc_high:.3f})".format(**results)
    return {"frame AUC": auc, **files, "surprise": str(picture)}


def _written(project: Project, name: str, results: Mapping[str, object], page: str) -> dict[str, str]:
    docs, numbers = project_root() / "docs" / f"results-{name}.md", project.machine.reports / f"{name}.json"
    for file, text in ((docs, page), (numbers, json.dumps(results, indent=1))):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return {"numbers": str(numbers), "results": str(docs)}


WRITERS: dict[str, Callable[[Project], Mapping[str, str]]] = {
    "ped2": write_ped2,
    "real_captions": write_real_captions,
}
"""What writes the page of each experiment, by its chapter."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Make the chapter of one experiment, write its page, say where things are."""
    parser = argparse.ArgumentParser(prog="python -m experiments", description=__doc__)
    parser.add_argument("experiment", choices=list(WRITERS))
    name = parser.parse_args(arguments).experiment
    os.environ.setdefault("DAGSTER_HOME", str(project_root() / ".dagster"))  # where `make` has it, too
    console = out
    try:
        versioning.check_stage(Project.here())
        materialize(f"tag:chapter={name}", instance=dg.DagsterInstance.get(), console=console)
    except (GraphError, versioning.VersioningError) as error:
        console.print(styled("stopped", "bold red"))
        console.print(str(error))
        return 1
    for what, value in WRITERS[name](Project.here()).items():
        console.print(f"{what:<20}{value}", soft_wrap=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
