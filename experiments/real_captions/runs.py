"""What MLflow holds of the experiments on real captions: a run each, a child for each row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.mlflow_runs import artifact_tags, child_runs, class_aucs, seed_suffix
from pipelines.tracking import TrackedRun, Tracker
from traces_core.store import Artifact

EXPERIMENT = "traces real captions"
"""MLflow's experiment."""


def real_run(tracker: Tracker, name: str, artifact: Artifact, tags: Mapping[str, str]) -> TrackedRun:
    """The run of one experiment on real captions, with a child for each row."""

    def fill(run: TrackedRun) -> None:
        rows = []
        for row in artifact.read()["rows"]:
            params = {key: row[key] for key in ("experiment", "table", "variant", "seed") if key in row}
            numbers = {key: value for key, value in row.items() if key not in params and _is_number(value)}
            title = f"{name}: {row['variant']}{seed_suffix(row)}"
            rows.append((title, params, {**numbers, "class": class_aucs(row)}))
        run.params({"experiment": name})
        run.content("rows.json", artifact.read()["rows"])
        child_runs(tracker, run, name, rows, {**artifact_tags(artifact, tags), "kind": "row"}, EXPERIMENT)

    return tracker.once(f"real: {name}", artifact_tags(artifact, tags), fill, experiment=EXPERIMENT)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
