"""A tiny site: footage, catalog, settings, store and Dagster instance in one folder, and what a run computed.

The graph is the real one. What a run computed is read off the disk, from the recipe files it wrote, not from
what the code under test says about itself.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import polars as pl
import yaml

from traces_core.practice import plan_clip, plan_video, world
from traces_core.steps import footage as footage_step
from traces_core.store import Store

ROOT = Path(__file__).resolve().parents[2]
RATE = Fraction(8)
PARAMS: dict[str, Any] = {
    "practice": {
        "training_clips": 0,
        "training_videos": 0,
        "calibration_minutes": 0.0,
        "benchmark_videos": 0,
    },
    "footage": {name: f"footage/{name}" for name in footage_step.SETS} | {"shards": 2},
    "sampling": {"sample_fps": 4.0, "hop_frames": 2},
    "timesformer": {"window_frames": 8},
    "corpus": {"contexts": ["corridor", "street"], "traces_per_side": 12},
    "training": {"fusion": {"steps": 2, "evaluate_every": 2, "batch": 8, "hidden": 8}},
    "scoring": {"k": 3},
    "calibration": {"false_alarms_per_hour": 600.0, "block_s": 2.0},
    "benchmark": {"bootstrap": 10},
}
Parts = Mapping[str, set[str]]
"""Keys of parts by the name of what they are parts of; videos by their path, shards by their number."""


@dataclass(frozen=True)
class Site:
    """One folder that holds everything."""

    folder: Path
    data: str = "data"
    """Name of the folder of the store."""

    @classmethod
    def drawn(cls, folder: Path) -> Site:
        """A site where nothing has been made."""
        how: dict[str, Any] = {"rate": RATE, "pool": "generic", "duration_s": 2.0}
        clips = [
            plan_clip(kind, "street", seed=world.FIRST_SEED + 10 * number + turn, **how)
            for number, kind in enumerate(("walk", "empty", "fight", "fall"))
            for turn in range(3)
        ]
        long: dict[str, Any] = {"rate": RATE, "pool": "held_out", "duration_s": 11.0}
        judged = [
            plan_video("street", seed=world.FIRST_SEED + 101, anomalies=("fight",), **long),
            plan_video("corridor", seed=world.FIRST_SEED + 102, **long),
        ]
        calm = [plan_video("street", seed=world.FIRST_SEED + 100, **long)]
        for name, plans in (("training", clips), ("calibration", calm), ("benchmark", judged)):
            world.write_corpus(folder / "footage" / name, plans)
        (folder / "catalog").mkdir()
        for context in ("corridor", "shop", "street"):
            shutil.copy(ROOT / "catalog" / f"{context}.yaml", folder / "catalog")
        site = cls(folder)
        site.write(PARAMS)
        return site

    def copy(self, folder: Path) -> Site:
        """The same site in another place."""
        shutil.copytree(self.folder, folder)
        return Site(folder)

    @property
    def environment(self) -> dict[str, str]:
        """Of a process that works here."""
        return {
            "DAGSTER_HOME": str(self.folder),
            "TRACES_PARAMS": str(self.folder),
            "TRACES_DATA": str(self.store.root),
            "TRACES_CATALOG": str(self.folder / "catalog"),
            "TRACES_REPORTS": str(self.folder / "reports"),
            "MLFLOW_TRACKING_URI": f"sqlite:///{self.folder / 'mlruns.db'}",
        }

    @property
    def store(self) -> Store:
        """Its store."""
        return Store(self.folder / self.data)

    @property
    def params(self) -> dict[str, Any]:
        """The content of params.yaml."""
        params: dict[str, Any] = yaml.safe_load((self.folder / "params.yaml").read_text())
        return params

    def write(self, params: Mapping[str, Any]) -> None:
        """Write params.yaml."""
        (self.folder / "params.yaml").write_text(yaml.safe_dump(dict(params)))

    def set(self, **dotted: Any) -> None:
        """Change settings in params.yaml: `site.set(scoring__k=5)`."""
        params = self.params
        for name, value in dotted.items():
            *sections, leaf = name.split("__")
            branch = params
            for section in sections:
                branch = branch.setdefault(section, {})
            branch[leaf] = value
        self.write(params)

    def edit(self, context: str, old: str, new: str) -> None:
        """Replace the first occurrence of a text in a catalog file."""
        file = self.folder / "catalog" / f"{context}.yaml"
        content = file.read_text()
        assert old in content
        file.write_text(content.replace(old, new, 1))

    def sentence(self, context: str) -> str:
        """A normal sentence of a context that is among the traces."""
        corpus = self.store.current("trace_corpus", context).read()
        normal = yaml.safe_load((self.folder / "catalog" / f"{context}.yaml").read_text())["normal"]
        return next(text for text in normal if text in set(corpus["text"]))

    def videos(self, name: str = "benchmark", context: str = "") -> list[Path]:
        """Files of a set, sorted; of one context only where it is given."""
        return sorted((self.folder / "footage" / name / context).rglob("*.mp4"))

    def listing(self) -> pl.DataFrame:
        """The videos as the graph lists them."""
        table: pl.DataFrame = self.store.current("videos").read()
        return table

    def artifacts(self) -> dict[tuple[str, str], set[tuple[str, int]]]:
        """Every artifact by name and key: recipe, and when it was written."""
        artifacts: dict[tuple[str, str], set[tuple[str, int]]] = {}
        for file in self.store.root.glob("*/*/*.recipe.json"):
            recipe = file.name.removesuffix(".recipe.json")
            artifacts.setdefault((file.parts[-3], file.parts[-2]), set()).add(
                (recipe, file.stat().st_mtime_ns)
            )
        return artifacts

    def contents(self) -> dict[str, tuple[str, str]]:
        """Recipe and digest of every current artifact, as their files say; by path."""
        contents = {}
        for pointer in self.store.root.glob("*/*/current"):
            recipe = pointer.read_text().partition("\n")[0]
            about = json.loads((pointer.parent / f"{recipe}.recipe.json").read_text())
            contents["/".join(pointer.parts[-3:-1])] = (recipe, about["sha256"])
        return contents

    def names(self) -> dict[str, str]:
        """What to call each video id: its set and its path in the set, without the suffix."""
        rows = self.listing().select("video_id", "set", "video").rows()
        return {video_id: f"{kind}/{Path(video).with_suffix('')}" for video_id, kind, video in rows}


def computed(
    before: Mapping[tuple[str, str], set[tuple[str, int]]],
    after: Mapping[tuple[str, str], set[tuple[str, int]]],
    names: Mapping[str, str],
) -> dict[str, set[str]]:
    """Which parts of which artifacts were written in between."""
    parts: dict[str, set[str]] = {}
    for (name, key), files in after.items():
        if files - before.get((name, key), set()):
            parts.setdefault(name, set()).add(names.get(key, key))
    return parts
