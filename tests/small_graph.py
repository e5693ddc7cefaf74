"""A whole small graph on disk, made by the steps themselves: two contexts, fifteen short videos.

Clips here are written without loss, so that a clip and its first part hold the same pictures.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import yaml

from traces_core.bank.bank import Bank
from traces_core.practice import frames, plan_clip, plan_video, world
from traces_core.project import Project
from traces_core.settings import Machine, Settings
from traces_core.steps import footage as footage_step
from traces_core.steps.wiring import Artifacts
from traces_core.store import Artifact, Store

ROOT = Path(__file__).resolve().parents[1]
RATE = Fraction(8)
PARAMS = {
    "practice": {
        "training_clips": 0,
        "training_videos": 0,
        "calibration_minutes": 0.0,
        "benchmark_videos": 0,
    },
    "footage": {"training": "training", "calibration": "calibration", "benchmark": "benchmark", "shards": 2},
    "sampling": {"sample_fps": 4.0, "hop_frames": 2},
    "timesformer": {"window_frames": 8},
    "corpus": {"contexts": ["street", "corridor"]},
    "training": {"fusion": {"steps": 4, "evaluate_every": 2, "batch": 8, "hidden": 8}},
    "scoring": {"k": 3},
    "calibration": {"false_alarms_per_hour": 600.0, "block_s": 2.0},
    "benchmark": {"bootstrap": 10},
}


def write_footage(folder: Path) -> None:
    """Three sets: twelve captioned clips, one normal video, two that the numbers would be measured on."""
    how = {"rate": RATE, "pool": "generic", "duration_s": 2.0}
    clips = [
        plan_clip(kind, "street", seed=world.FIRST_SEED + 10 * number + turn, **how)
        for number, kind in enumerate(("walk", "empty", "fight", "fall"))
        for turn in range(3)
    ]
    long = {"rate": RATE, "pool": "held_out", "duration_s": 12.0}
    normal = plan_video("street", seed=world.FIRST_SEED + 100, **long)
    judged = [
        plan_video("street", seed=world.FIRST_SEED + 101, anomalies=("fight",), **long),
        plan_video("corridor", seed=world.FIRST_SEED + 102, **long),
    ]
    for name, plans in (("training", clips), ("calibration", [normal]), ("benchmark", judged)):
        world.write_corpus(folder / name, plans)


def make_graph(home: Path, contexts: Sequence[str] = ("street", "corridor"), shards: int = 2) -> Project:
    """Write footage and params.yaml to a folder and make everything up to the thresholds there."""
    write_footage(home)
    sets = {name: str(home / name) for name in footage_step.SETS}
    params = {**PARAMS, "corpus": {"contexts": list(contexts)}, "footage": {**sets, "shards": shards}}
    (home / "params.yaml").write_text(yaml.safe_dump(params))
    machine = Machine(data=home / "data", catalog=ROOT / "catalog", reports=home / "reports", device="cpu")
    project = Project(Store(machine.data), Settings.load(home, profile=""), machine)
    made = Artifacts(project)
    made["adapters"]  # before the scores, so that a mistake in training is met where it is
    made["thresholds"]
    return project


def made_bank(project: Project) -> tuple[Artifact, Bank]:
    """The bank of these settings, found or made."""
    index = Artifacts(project)["trace_index"]
    return index, Bank.load(index.path)


def write_lossless(path: Path, pictures: Iterable[np.ndarray], rate: Fraction = RATE) -> Path:
    """Pictures as FFV1 in Matroska: each picture stands alone and comes back bit by bit."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=rate)
        stream.pix_fmt = "bgr0"
        for number, picture in enumerate(pictures):
            if number == 0:
                stream.height, stream.width = picture.shape[:2]
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24").reformat(format="bgr0")
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def street_fight(count: int) -> list[np.ndarray]:
    """The first pictures of one fight, eight a second."""
    plan = plan_clip("fight", "street", pool="held_out", seed=world.FIRST_SEED + 7, duration_s=6.0, rate=RATE)
    return [pixels for pixels, _ in islice(frames(plan), count)]
