"""What the commonest changes cost: seconds of `make demo`, and what it computed.

    make benchmark-changes

A site of its own, as large as the practice world of params.yaml: its first run makes everything, then one
thing changes at a time and the graph runs again, in a process of its own as `make demo` does. What was
computed is counted from the recipe files that were written. Writes reports/changes.json.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from benchmarks import looks
from traces_core.practice import plan_video, world
from traces_core.settings import BASE_FILE, Machine, Settings, project_root
from traces_core.steps.footage import SETS
from traces_core.store import Store

COUNTED = ("trace_corpus", "trace_embeddings", "features", "video_scores")
"""Artifacts whose parts are contexts and videos; the others are named."""


@dataclass(frozen=True)
class Site:
    """A folder with settings, catalog, footage and store of its own."""

    folder: Path

    @property
    def store(self) -> Store:
        """Its store."""
        return Store(self.folder / "data")

    @property
    def environment(self) -> dict[str, str]:
        """What has everything done here, and nothing in the checkout."""
        own = {
            "DAGSTER_HOME": str(self.folder),
            "TRACES_PARAMS": str(self.folder),
            "TRACES_DATA": str(self.folder / "data"),
            "TRACES_CATALOG": str(self.folder / "catalog"),
            "TRACES_REPORTS": str(self.folder / "reports"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder / 'mlruns.db'}",
            "PYTHONPATH": f"{self.folder / 'code'}{os.pathsep}{project_root()}",
        }
        return {**os.environ, **own}

    def run(self) -> float:
        """`python -m pipelines.run demo`; seconds."""
        started = time.monotonic()
        done = subprocess.run(
            [sys.executable, "-m", "pipelines.run", "demo"],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
        )
        if done.returncode:
            raise SystemExit(done.stdout[-3000:] + done.stderr[-3000:])
        return time.monotonic() - started

    def written(self) -> dict[Path, int]:
        """Every recipe file, and when it was written."""
        return {file: file.stat().st_mtime_ns for file in self.store.root.glob("*/*/*.recipe.json")}


def drawn(folder: Path) -> Site:
    """A site with the practice world's footage as if it were somebody's own, all of it made."""
    root = project_root()
    shutil.copytree(Machine.here().catalog, folder / "catalog")
    own_code = shutil.ignore_patterns("pocket", "__pycache__")
    shutil.copytree(root / "traces_core", folder / "code" / "traces_core", ignore=own_code)
    pocket = Path("encoders") / "pocket"
    (folder / "code" / "traces_core" / pocket).symlink_to(root / "traces_core" / pocket)
    shutil.copy(root / ".dagster" / "dagster.yaml", folder)
    params = Settings.load().model_dump(mode="json")
    for name in SETS:
        params["footage"][name] = str(folder / "footage" / name)
    from traces_core.practice.sets import practice_plans

    for name, plans in practice_plans(Settings.load().practice).items():
        world.write_corpus(folder / "footage" / name, plans, workers=os.cpu_count() or 1)
    nothing = {"training_clips": 0, "training_videos": 0, "calibration_minutes": 0.0, "benchmark_videos": 0}
    params["practice"] |= nothing
    (folder / BASE_FILE).write_text(yaml.safe_dump(params), encoding="utf-8")
    return Site(folder)


def nothing(site: Site) -> None:
    """The same again."""


def one_sentence(site: Site) -> None:
    """One normal sentence of the context `shop` says something else."""
    file = site.folder / "catalog" / "shop.yaml"
    content = file.read_text(encoding="utf-8")
    sentence = yaml.safe_load(content)["normal"][0]
    file.write_text(content.replace(sentence, f"{sentence} slowly", 1), encoding="utf-8")


def new_video(site: Site) -> None:
    """Another normal video of 52 s among those of the benchmark."""
    plan = plan_video("shop", pool="held_out", seed=world.FIRST_SEED + 9, duration_s=52.0)
    beside = site.folder / "beside"
    world.write_corpus(beside, [plan])
    [video] = beside.rglob("*.mp4")
    (site.folder / "footage" / "benchmark" / "shop").mkdir(exist_ok=True)
    shutil.move(video, site.folder / "footage" / "benchmark" / "shop" / "new.mp4")


def k(site: Site) -> None:
    """`scoring.k` from 5 to 3."""
    params = yaml.safe_load((site.folder / BASE_FILE).read_text(encoding="utf-8"))
    params["scoring"]["k"] = 3
    (site.folder / BASE_FILE).write_text(yaml.safe_dump(params), encoding="utf-8")


def annotation(site: Site) -> None:
    """One event of the benchmark ends a quarter of a second sooner."""
    table = next((site.folder / "footage" / "benchmark").glob("annotations.*"))
    events = pl.read_parquet(table) if table.suffix == ".parquet" else pl.read_csv(table)
    sooner = pl.when(pl.int_range(pl.len()) == 0).then(0.25).otherwise(0.0)
    events = events.with_columns(end_s=pl.col("end_s") - sooner)
    events.write_parquet(table) if table.suffix == ".parquet" else events.write_csv(table)


def code_comment(site: Site) -> None:
    """A comment in the code of the scorers."""
    file = site.folder / "code" / "traces_core" / "scoring" / "neighbours.py"
    file.write_text(file.read_text(encoding="utf-8") + "\n# A comment.\n", encoding="utf-8")


CHANGES: dict[str, Callable[[Site], None]] = {
    "nothing": nothing,
    "one sentence": one_sentence,
    "a new video": new_video,
    "k": k,
    "an annotation": annotation,
    "a comment in scoring code": code_comment,
}


def measured(site: Site, name: str) -> dict[str, Any]:
    """Make one change, run, and say what it took."""
    CHANGES[name](site)
    before = site.written()
    seconds = site.run()
    new = [file for file, at in site.written().items() if before.get(file) != at]
    computed = Counter(file.parts[-3] for file in new)
    return {"change": name, "seconds": round(seconds, 1), "computed": dict(sorted(computed.items()))}


def main() -> None:
    """Measure all changes, print and write them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, help="work here, and leave it there")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = (chosen.folder or Path(temporary) / "site").resolve()
        folder.mkdir(parents=True)
        site = drawn(folder)
        first = {"change": "the first run", "seconds": round(site.run(), 1)}
        parts = {name: len(site.store.keys(name)) for name in COUNTED}
        rows = [first | {"computed": parts}, *(measured(site, name) for name in CHANGES)]
        show(parts, rows)
        look_at_growth(site)


def show(parts: dict[str, int], rows: list[dict[str, Any]]) -> None:
    """Print and write what the changes took."""
    for row in rows:
        made = ", ".join(f"{count} {name}" for name, count in row["computed"].items()) or "nothing"
        print(f"{row['change']:28}{row['seconds']:8.1f} s   {made}")
    reports = Machine.here().reports
    reports.mkdir(parents=True, exist_ok=True)
    measured = {"parts": parts, "rows": rows, "cores": os.cpu_count()}
    (reports / "changes.json").write_text(json.dumps(measured, indent=1) + "\n", encoding="utf-8")


def look_at_growth(site: Site) -> None:
    """What a look costs, then with ten times the footage, then with every context."""
    rows = {"as it was": looks.looks(site.folder, site.environment)}
    videos = (looks.TIMES - 1) * len(site.store.current("videos").read())
    looks.add_videos(site.folder, videos)
    site.run()
    rows["videos"] = looks.looks(site.folder, site.environment)
    contexts = looks.use_every_context(site.folder)
    site.run()
    rows["contexts"] = looks.looks(site.folder, site.environment)
    looks.write(rows, looks.growth(rows, videos, contexts))


if __name__ == "__main__":
    main()
