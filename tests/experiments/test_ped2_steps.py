"""The chapter of UCSD Ped2 on drawn clips in its layout: every step, and what is read when."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import dagster as dg
import numpy as np
import pytest
from drawn_walkway import SMALL, Walker, draw, normal_video

from experiments.material import VARIABLE
from experiments.ped2 import assets as chapter
from experiments.ped2 import foreground, results
from experiments.ped2.coding import steps as coding
from experiments.ped2.dataset import LABELS, PARTS
from experiments.ped2.report import ped2_markdown, ped2_picture
from experiments.ped2.settings import Ped2Settings
from pipelines.asset import ArtifactIOManager
from pipelines.resources import ProjectResource, TrackerResource
from traces_core.project import Project
from traces_core.settings import Machine, Settings
from traces_core.store import Artifact, Store
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
        "foreground": SMALL.model_copy(update={"epochs": 1}),
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
        _write(folder / "train" / f"Train{number:03d}.mp4", normal_video(number, frames=24))
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


def made(project: Project) -> Artifact:
    """The results of the tiny chapter, with everything above them."""
    motion = [coding.ped2_motion(project, TINY, part) for part in PARTS]
    learned, foreground_scores, predictors, expectations, scores = [], [], [], [], []
    for seed in TINY.seeds:
        learned.append(foreground.ped2_foreground(project, TINY, seed))
        foreground_scores.append(foreground.ped2_foreground_scores(project, TINY, seed, learned[-1]))
        predictors.append(coding.ped2_predictor(project, TINY, seed))
        expectations.append(coding.ped2_expectation(project, TINY, seed, predictors[-1], motion[0]))
        above = (predictors[-1], expectations[-1], motion[1])
        scores.append(coding.ped2_scores(project, TINY, seed, *above))
    of_coding = (motion, predictors, expectations, scores)
    return results.ped2_results(project, TINY, learned, foreground_scores, *of_coding)


def test_the_results_hold_what_the_page_and_the_picture_say(project: Project) -> None:
    numbers = made(project).read()
    assert numbers == json.loads(json.dumps(numbers))
    assert {"auc", "auc_low", "auc_high", "auc_macro", "train_minutes", "seeds", "baselines"} <= set(numbers)
    assert numbers["auc"] == np.mean([row["auc"] for row in numbers["rows"]])
    assert numbers["auc"] > numbers["baselines"]["constant"]["auc"] == 0.5
    assert set(numbers["evidence"]) == {"motion_of_look", "motion_of_row", "look", "presence"}
    assert numbers["causal"]
    page = ped2_markdown(numbers)
    named = (
        "foreground, mean of 2 seeds",
        "dense predictive coding, mean",
        "motion of row",
        "frame difference",
    )
    for name in named:
        assert f"| {name}" in page
    moments = results.ped2_moments(project.store.current("ped2_foreground_scores", "0"))
    assert [moment.clip for moment in moments] == ["Test001", "Test002"]
    assert moments[0].at >= 15  # when somebody runs
    assert ped2_picture(moments).startswith(b"\x89PNG")


def test_nothing_is_made_twice_and_another_seed_is_another_recipe(project: Project) -> None:
    first = made(project)
    start = len(project.store.log)
    assert made(project).fingerprint == first.fingerprint
    assert not [one.name for one in project.store.log[start:] if one.computed]
    learned = [foreground.ped2_foreground(project, TINY, seed) for seed in TINY.seeds]
    assert learned[0].recipe != learned[1].recipe


def test_labels_change_numbers_and_no_score(project: Project, real_data: Path) -> None:
    before = made(project)
    labels = real_data / "ucsd_ped2" / LABELS
    kept = labels.read_text()
    try:
        labels.write_text("video,first_frame,last_frame\nTest001,0,9\n")
        start = len(project.store.log)
        after = made(project)
    finally:
        labels.write_text(kept)
    assert after.read()["auc"] != before.read()["auc"]
    assert [one.name for one in project.store.log[start:] if one.computed] == ["ped2_results"]


def test_the_graph_hands_the_steps_what_the_steps_are_handed_here(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of one seed: `ped2_results` wants the seeds that are shipped, which take too long for a test."""
    made(project)
    monkeypatch.setattr(chapter, "SETTINGS", TINY)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    opened = ProjectResource(data=str(project.store.root), device="cpu")
    resources = {
        "project": opened,
        "tracker": TrackerResource(root=str(tmp_path)),
        "io_manager": ArtifactIOManager(project=opened),
    }
    foregrounds = [chapter.FOREGROUNDS[0], chapter.FOREGROUND_SCORES[0]]
    coders = [*chapter.MOTION, chapter.PREDICTORS[0], chapter.EXPECTATIONS[0], chapter.SCORES[0]]
    done = dg.materialize([*foregrounds, *coders], resources=resources)
    assert done.success
    for event in done.get_asset_materialization_events():
        assert not event.materialization.metadata["computed"].value, event.asset_key
