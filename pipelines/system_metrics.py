"""What a step takes of the machine while it computes: MLflow's system metrics, of a run that comes later.

MLflow samples a run that is going on; here a run is logged when its step is done. So its own monitors are
asked beside the step, and what they saw is logged with the run, under the names that MLflow's page of system
metrics looks for.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from typing import Any

from pipelines.mlflow_store import load_mlflow
from pipelines.tracked_run import RunLog

_EVERY_S = 10.0
"""As often as MLflow samples."""


class SystemMetrics:
    """Samples of one step, with their times."""

    def __init__(self) -> None:
        self._samples: list[tuple[int, dict[str, Any]]] = []
        self._monitors: list[Any] = []
        self._is_watched = False
        self._lock = threading.Lock()

    @contextlib.contextmanager
    def sampled(self) -> Iterator[None]:
        """Within, the machine is watched; MLflow is loaded only where that takes longer than a sample."""
        self._is_watched, done = True, threading.Event()

        def watch() -> None:
            while not done.wait(_EVERY_S):
                self._sample()

        watcher = threading.Thread(target=watch, daemon=True, name="system metrics")
        watcher.start()
        try:
            yield
        finally:
            done.set()
            watcher.join()

    def _sample(self) -> None:
        with self._lock:
            self._monitors = self._monitors or _monitors()
            seen: dict[str, Any] = {}
            for monitor in self._monitors:
                monitor.collect_metrics()
                seen |= monitor.aggregate_metrics()
                monitor.clear_metrics()
            self._samples.append((int(time.time() * 1000), seen))

    def log(self, run: RunLog) -> None:
        """Log what was seen so far, with this moment as the last sample."""
        if self._is_watched:
            self._sample()
        for step, (at_ms, seen) in enumerate(self._samples):
            run.metrics({"system": seen}, step, at_ms)


def _monitors() -> list[Any]:
    """MLflow's own."""
    load_mlflow()
    from mlflow.system_metrics.metrics.cpu_monitor import CPUMonitor
    from mlflow.system_metrics.metrics.disk_monitor import DiskMonitor
    from mlflow.system_metrics.metrics.gpu_monitor import GPUMonitor
    from mlflow.system_metrics.metrics.network_monitor import NetworkMonitor

    monitors: list[Any] = [CPUMonitor(), DiskMonitor(), NetworkMonitor()]
    with contextlib.suppress(Exception):  # no NVIDIA driver here, which it says in several ways
        monitors.append(GPUMonitor())
    return monitors
