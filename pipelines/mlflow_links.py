"""From a materialization to its MLflow run: what the assets report as `mlflow_run`.

MLflow is asked once a recipe. Where the last materialization was of the same recipe and went to the same
store, its link is repeated, so that a run of the graph that computes nothing does not load MLflow. A run that
waits in the spool has no link yet.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import dagster as dg

from pipelines.links import dagster_run
from pipelines.resources import git_commit
from pipelines.tracking import LoggedRun, Tracker, WaitingRun

Log = Callable[[Mapping[str, str]], LoggedRun]
"""Finds or makes the run, which gets these tags."""

WAITS = "waits on disk: MLflow does not answer, and gets it later"


def mlflow_run(
    context: dg.AssetExecutionContext, tracker: Tracker, recipe: str, log: Log
) -> dict[str, dg.MetadataValue]:
    """Metadata that name the MLflow run of a recipe: a link to its page, as `make ui` shows it.

    Parameters
    ----------
    recipe
        Of the artifact that is being reported.
    log
        Called unless the last materialization tells that it was done.
    """
    before = latest_metadata(context.instance, context.asset_key)
    is_there = before.get("mlflow_run", WAITS) != WAITS and not tracker.is_gone
    if is_there and before.get("recipe") == recipe and before.get("mlflow_store") == tracker.place:
        metadata = {name: text for name, text in before.items() if name.startswith("mlflow_")}
    else:
        came_from = {
            "dagster_run": context.run.run_id,
            "dagster_url": dagster_run(context.run.run_id),
            "git_commit": git_commit(),
        }
        run = log(came_from)
        link = WAITS if isinstance(run, WaitingRun) else tracker.link(run.run_id)
        metadata = {"mlflow_run": link, "mlflow_store": tracker.place}
        metadata |= {f"mlflow_{name}": text for name, text in run.facts.items()}
    return {name: _as_link(text) for name, text in metadata.items()}


def _as_link(text: str) -> dg.MetadataValue:
    return dg.MetadataValue.url(text) if text.startswith("http") else dg.MetadataValue.text(text)


def latest_metadata(instance: dg.DagsterInstance, asset: dg.AssetKey) -> dict[str, str]:
    """The metadata of the last materialization of an asset, as text; empty where there is none."""
    event = instance.get_latest_materialization_event(asset)
    made = event.asset_materialization if event is not None else None
    return {name: str(value.value) for name, value in made.metadata.items()} if made is not None else {}
