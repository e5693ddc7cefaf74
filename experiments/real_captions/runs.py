"""What MLflow holds of the experiments on real captions: a run each, a child for each row."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.mlflow_runs import artifact_tags, class_aucs, seed_suffix
from pipelines.tracked_run import RunLog
from pipelines.tracking import LoggedRun, Tracker
from traces_core.store import Artifact

EXPERIMENT = "traces real captions"
"""MLflow's experiment."""


def real_run(tracker: Tracker, name: str, artifact: Artifact, tags: Mapping[str, str]) -> LoggedRun:
    """The run of one experiment on real captions, with a child for each row."""

    own = artifact_tags(artifact, tags)

    def fill(run: RunLog) -> None:
        rows = []
        for row in artifact.read()["rows"]:
            params = {key: row[key] for key in ("experiment", "table", "variant", "seed") if key in row}
            numbers = {key: value for key, value in row.items() if key not in params and _is_number(value)}
            title = f"{name}: {row['variant']}{seed_suffix(row)}"
            numbers["class"] = class_aucs(row)
            rows.append(
                {"title": title, "params": params, "metrics": numbers, "tags": {**own, "kind": "row"}}
            )
        run.params({"experiment": name})
        run.content("rows.json", artifact.read()["rows"])
        run.children(name, artifact.recipe, rows)

    return tracker.once(f"real: {name}", own, fill, experiment=EXPERIMENT)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
