"""`make ui`: Dagster and MLflow side by side on 127.0.0.1, until Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from pipelines.links import HOST, dagster_port, mlflow_port
from pipelines.resources import TrackerResource


def main() -> int:
    """Start both servers, say where they are, end both when one ends or the user does.

    MLflow is not started where its runs go to a server that somebody else runs.
    """
    scripts = Path(sys.executable).parent
    tracker = TrackerResource().open()
    store = {"MLFLOW_BACKEND_STORE_URI": tracker.uri}  # not on the command line, where everybody sees it
    quiet = {
        **os.environ,
        **store,
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }  # 2 processes instead of 15
    dagster = [str(scripts / "dg"), "dev", "--host", HOST, "--port", dagster_port()]
    commands = [(dagster, quiet)]
    print(f"Dagster  http://{HOST}:{dagster_port()}   (ready in about 20 s)")
    if tracker.place.startswith("http"):
        print(f"MLflow   {tracker.place}   (runs already, by MLFLOW_TRACKING_URI)", flush=True)
    else:
        server = [
            str(scripts / "mlflow"),
            "server",
            "--host",
            HOST,
            "--port",
            mlflow_port(),
            "--workers",
            "1",
        ]
        _ = tracker.client  # makes the tables, and brings along what was moved
        store = {"MLFLOW_BACKEND_STORE_URI": tracker.uri}  # on the command line everybody would see it
        command = [*server, "--artifacts-destination", str(tracker.artifacts)]
        commands.append((command, {**quiet, **store}))
        print(f"MLflow   http://{HOST}:{mlflow_port()}   (ready in about 20 s)", flush=True)
    running = [subprocess.Popen(command, env=own) for command, own in commands]
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        while all(process.poll() is None for process in running):
            try:
                running[0].wait(timeout=1)
            except subprocess.TimeoutExpired:
                continue
        return 1
    except (KeyboardInterrupt, SystemExit):
        return 0
    finally:
        for process in running:
            process.send_signal(signal.SIGINT)
        for process in running:
            process.wait(timeout=30)


if __name__ == "__main__":
    raise SystemExit(main())
