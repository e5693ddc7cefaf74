"""`make ui`: Dagster and MLflow side by side on 127.0.0.1, until Ctrl-C."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

from pipelines.links import HOST, dagster_port, mlflow_port
from pipelines.origin import LOCATION
from pipelines.resources import TrackerResource
from traces_core.errors import SettingsError
from traces_core.settings import Settings, project_root


def main() -> int:
    """Start both servers, say where they are, end both when one ends or the user does.

    MLflow is not started where its runs go to a server that somebody else runs.
    """
    os.environ.setdefault("DAGSTER_HOME", str(project_root() / ".dagster"))  # where `make` has it, too
    scripts = Path(sys.executable).parent
    tracker = TrackerResource().open()
    dagster = [str(scripts / "dg"), "dev", "--host", HOST, "--port", dagster_port()]
    commands = [(dagster, dict(os.environ))]
    print(f"Dagster  http://{HOST}:{dagster_port()}   (ready in about 20 s)")
    if tracker.place.startswith("http"):
        print(f"MLflow   {tracker.place}   (runs already, by MLFLOW_TRACKING_URI)", flush=True)
    else:
        _ = tracker.client  # makes the tables, and brings along what was moved
        where = ["--host", HOST, "--port", mlflow_port(), "--artifacts-destination", str(tracker.artifacts)]
        own = {
            **os.environ,
            "MLFLOW_BACKEND_STORE_URI": tracker.uri,  # on the command line everybody would see it
            "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # 2 processes instead of 15
        }
        commands.append(([str(scripts / "mlflow"), "server", *where, "--workers", "1"], own))
        print(f"MLflow   http://{HOST}:{mlflow_port()}   (ready in about 20 s)", flush=True)
    running = [subprocess.Popen(command, env=own) for command, own in commands]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    split = _split()
    try:
        while all(process.poll() is None for process in running):
            try:
                running[0].wait(timeout=5)
            except subprocess.TimeoutExpired:
                now = _split()
                if now not in (None, split) and _reload():
                    split = now
        return 1
    except (KeyboardInterrupt, SystemExit):
        return 0
    finally:
        for process in running:
            process.send_signal(signal.SIGINT)
        for process in running:
            process.wait(timeout=30)


def _split() -> object:
    """How the settings split the graph; None while nobody can read them."""
    try:
        settings = Settings.load()
    except SettingsError:
        return None
    return sorted(settings.corpus.contexts), settings.footage.shards


def _reload() -> bool:
    """Have Dagster load the graph again: partitions are read once. Whether it answered."""
    mutation = (
        "mutation ($name: String!) { reloadRepositoryLocation(repositoryLocationName: $name) { __typename } }"
    )
    request = urllib.request.Request(
        f"http://{HOST}:{dagster_port()}/graphql",
        json.dumps({"query": mutation, "variables": {"name": LOCATION}}).encode(),
        {"Content-Type": "application/json"},
    )
    try:
        return bool(urllib.request.urlopen(request, timeout=60).read())
    except OSError:  # it is starting
        return False


if __name__ == "__main__":
    raise SystemExit(main())
