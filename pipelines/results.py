"""Where people look for results: the result table and the pages, copied out of the store into reports/."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from pipelines.resources import git_commit
from traces_core.disk import writable_folder, write_whole
from traces_core.steps.benchmark import baseline_rows
from traces_core.store import Store


def write_results(store: Store, reports: Path) -> dict[str, Any]:
    """`reports/benchmark.json` and the pages, as copies that stay where people look for them."""
    measured = store.current("benchmark_metrics").read()
    rows = measured["rows"]
    provenance = {**measured["provenance"], "git_commit": git_commit()}
    results = {**measured, "baselines": baseline_rows(rows), "provenance": provenance}
    writable_folder(reports)
    target = reports / "benchmark"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(store.current("benchmark_report").path, target)
    write_whole(reports / "benchmark.json", json.dumps(results, indent=1))
    return results
