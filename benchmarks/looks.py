"""What a look with nothing changed costs, and how it grows: per video, and per context.

    make benchmark-changes

The site of `benchmarks.changes` once all is made, then with ten times the footage (clips of a second), then
with every shipped context in use. Processor seconds of `python -m pipelines.run status` as a process, and of
one look within it. Writes reports/looks.json.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from traces_core.practice import plan_video, world
from traces_core.settings import BASE_FILE, Machine

TIMES = 10
"""How much more footage."""
TRIES = 3
_LOOK = """\
import time
import dagster as dg
import pipelines.definitions
from pipelines.plan import look
from pipelines.resources import ProjectResource
with dg.DagsterInstance.get() as instance:
    for _ in range(3):
        started = time.process_time()
        plan = look(ProjectResource().open(), instance)
        print(time.process_time() - started, len(plan.due))
"""


def looks(folder: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Processor seconds of a look at a site: of the command, and of the look itself, warm."""
    status = [sys.executable, "-m", "pipelines.run", "status"]
    commands = [_cpu_s(status, folder, environment) for _ in range(TRIES)]
    done = subprocess.run(
        [sys.executable, "-c", _LOOK], cwd=folder, env=environment, capture_output=True, text=True, check=True
    )
    warm = [line.split() for line in done.stdout.splitlines()][1:]
    due = {int(count) for _, count in warm}
    return {"status_cpu_s": min(commands), "look_cpu_s": min(float(one) for one, _ in warm), "due": max(due)}


def _cpu_s(command: list[str], folder: Path, environment: dict[str, str]) -> float:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, cwd=folder, env=environment, capture_output=True, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def add_videos(folder: Path, count: int) -> None:
    """So many normal clips of a second more, among those of the calibration."""
    clips = [
        plan_video("shop", pool="held_out", seed=world.FIRST_SEED + 10_000 + number, duration_s=1.0)
        for number in range(count)
    ]
    world.write_corpus(folder / "footage" / "more", clips, workers=os.cpu_count() or 1)
    target = folder / "footage" / "calibration" / "shop" / "more"
    target.mkdir(parents=True)
    for number, video in enumerate(sorted((folder / "footage" / "more").rglob("*.mp4"))):
        video.rename(target / f"{number:05d}.mp4")


def use_every_context(folder: Path) -> int:
    """All contexts of the catalog in use; how many more than before."""
    file = folder / BASE_FILE
    params = yaml.safe_load(file.read_text(encoding="utf-8"))
    every = sorted(one.stem for one in (folder / "catalog").glob("*.yaml"))
    more = len(every) - len(params["corpus"]["contexts"])
    params["corpus"]["contexts"] = every
    file.write_text(yaml.safe_dump(params), encoding="utf-8")
    return more


def growth(rows: dict[str, dict[str, Any]], videos: int, contexts: int) -> dict[str, float]:
    """Milliseconds of a look for each video and each context more."""
    base, wider, deeper = (rows[name]["look_cpu_s"] for name in ("as it was", "videos", "contexts"))
    return {"ms_a_video": 1000 * (wider - base) / videos, "ms_a_context": 1000 * (deeper - wider) / contexts}


def write(rows: dict[str, dict[str, Any]], grown: dict[str, float]) -> None:
    """The table on the terminal, and all of it as a file."""
    for name, row in rows.items():
        print(f"{name:28}{row['status_cpu_s']:8.2f} CPU s {row['look_cpu_s']:8.3f} warm   due {row['due']}")
    print(", ".join(f"{name} {value:.2f}" for name, value in grown.items()))
    file = Machine.here().reports / "looks.json"
    file.write_text(json.dumps({"rows": rows, **grown}, indent=1) + "\n", encoding="utf-8")
