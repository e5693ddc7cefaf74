"""Where `make ui` shows what: pages that Dagster and MLflow name in each other."""

from __future__ import annotations

import os

HOST = "127.0.0.1"


def dagster_port() -> str:
    """The port of Dagster's page."""
    return os.environ.get("DAGSTER_PORT", "3000")


def mlflow_port() -> str:
    """The port of MLflow's page."""
    return os.environ.get("MLFLOW_PORT", "5000")


def dagster_run(run_id: str) -> str:
    """The page of a Dagster run."""
    return f"http://{HOST}:{dagster_port()}/runs/{run_id}"


def mlflow_run(place: str, experiment: str, run_id: str) -> str:
    """The page of an MLflow run: of the server that runs go to, else of that of `make ui`."""
    server = place if place.startswith("http") else f"http://{HOST}:{mlflow_port()}"
    return f"{server}/#/experiments/{experiment}/runs/{run_id}"
