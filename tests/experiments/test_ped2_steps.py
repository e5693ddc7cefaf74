"""The chapter of UCSD Ped2 on drawn clips in its layout: every step, and what is read when."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from drawn_walkway import SMALL, Walker, draw, normal_video

from experiments.material import VARIABLE
from experiments.ped2 import foreground, results
from experiments.ped2.dataset import LABELS
from experiments.ped2.report import ped2_markdown, ped2_picture
from experiments.ped2.settings import Ped2Settings
from traces_core.project import Project
from traces_core.settings import Machine, Settings
from traces_core.store import Store
from traces_core.video import write_video

SHIPPED = Ped2Settings.load()
TINY = SHIPPED.model_copy(
    update={
        "predictor": SHIPPED.predictor.model_copy(
            update={"steps": 2, "evaluate_every": 2, "batch": 2}
            | {"blocks": 3, "steps_ahead": 1, "candidates": 50}
        ),
        "crop_rows": 16,
        "crop_columns": 16,
        "foreground": SMALL.model_copy(update={"epochs": 2}),
        "seeds": (0, 1),
    }
)


def _write(path: Path, video: np.ndarray) -> None:
    pictures = [(np.repeat(frame[..., None], 3, axis=2), number / 10) for number, frame in enumerate(video)]
    write_video(path, pictures, rate=Fraction(10))


@pytest.fixture(scope="module")
def real_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Five normal clips; two test clips in which somebody runs, from frame 15 to 29 and throughout."""
    folder = tmp_path_factory.mktemp("real") / "ucsd_ped2"
    for part in ("train", "test"):
        (folder / part).mkdir(parents=True)
    for number in range(5):
        _write(folder / "train" / f"Train{number:03d}.mp4", normal_video(number))
    walker = Walker(row=45, start=60, speed=0.7, seed=11)
    late = np.concatenate([draw([walker], 15), draw([walker, Walker(65, 10, 3.0, seed=13)], 15)])
    _write(folder / "test" / "Test001.mp4", late)
    _write(folder / "test" / "Test002.mp4", draw([walker, Walker(85, 10, 2.5, seed=14)], 20))
    (folder / LABELS).write_text("video,first_frame,last_frame\nTest001,15,29\nTest002,0,19\n")
    return folder.parent


@pytest.fixture
def project(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv(VARIABLE, str(real_data))
    return Project(Store(real_data / "data"), Settings.load(profile=""), Machine.here())


def test_the_results_hold_what_the_page_and_the_picture_say(project: Project) -> None:
    said = results.ped2_results(project, TINY).read()
    assert said == json.loads(json.dumps(said))
    assert {"auc", "auc_low", "auc_high", "auc_macro", "train_minutes", "seeds", "baselines"} <= set(said)
    assert said["auc"] == np.mean([row["auc"] for row in said["rows"]])
    assert said["auc"] > said["baselines"]["constant"]["auc"] == 0.5
    assert set(said["evidence"]) == {"motion_of_look", "motion_of_row", "look", "presence"}
    assert said["causal"]
    page = ped2_markdown(said)
    named = (
        "foreground, mean of 2 seeds",
        "dense predictive coding, mean",
        "motion of row",
        "frame difference",
    )
    for name in named:
        assert f"| {name}" in page
    moments = results.ped2_moments(project, TINY, 0)
    assert [moment.clip for moment in moments] == ["Test001", "Test002"]
    assert moments[0].at >= 15  # when somebody runs
    assert ped2_picture(moments).startswith(b"\x89PNG")


def test_nothing_is_made_twice_and_another_seed_is_another_recipe(project: Project) -> None:
    made = results.ped2_results(project, TINY)
    start = len(project.store.log)
    assert results.ped2_results(project, TINY).fingerprint == made.fingerprint
    assert not [one.name for one in project.store.log[start:] if one.computed]
    learned = [foreground.ped2_foreground(project, TINY, seed) for seed in TINY.seeds]
    assert learned[0].recipe != learned[1].recipe


def test_labels_change_numbers_and_no_score(project: Project, real_data: Path) -> None:
    before = results.ped2_results(project, TINY)
    labels = real_data / "ucsd_ped2" / LABELS
    kept = labels.read_text()
    try:
        labels.write_text("video,first_frame,last_frame\nTest001,0,9\n")
        start = len(project.store.log)
        after = results.ped2_results(project, TINY)
    finally:
        labels.write_text(kept)
    assert after.read()["auc"] != before.read()["auc"]
    assert [one.name for one in project.store.log[start:] if one.computed] == ["ped2_results"]
