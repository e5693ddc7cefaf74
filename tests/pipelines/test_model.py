"""The detector as an MLflow model: packed in one process, asked in another that knows no checkout."""

from __future__ import annotations

import csv
import importlib.metadata
import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from packaging.requirements import Requirement

from pipelines.mlflow_model import CONSTRAINTS, REQUIRED, pack, requirements
from traces_core.detector.detector import Detector
from traces_core.detector.saved import open_detector, save_detector
from traces_core.errors import StorageError
from traces_core.project import Project

ROOT = Path(__file__).resolve().parents[2]
ASK = """
import json, sys
from mlflow.cli import cli
cli(["models", "predict", "-m", "model", "-i", "in.csv", "-t", "csv", "-o", "out.json",
     "--env-manager", "local"], standalone_mode=False)
import traces_core
loaded = sorted({name.split(".")[0] for name in sys.modules})
json.dump({"library": traces_core.__file__, "loaded": loaded}, open("about.json", "w"))
"""


@pytest.fixture(scope="module")
def asked(
    small_project: Project, fights: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, list[dict[str, Any]], dict[str, Any]]:
    """The packed model, what `mlflow models predict` says of four videos, and what that process loaded."""
    folder = tmp_path_factory.mktemp("away")
    pack(small_project, folder / "model")
    with (folder / "in.csv").open("w", newline="") as file:
        rows = [
            (fights["whole"], "street"),
            (fights["cut"], ""),
            ("none.mp4", ""),
            (fights["half"], "strete"),
        ]
        csv.writer(file).writerows([("video", "context"), *rows])
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("TRACES_", "PYTHON"))}
    subprocess.run(
        [sys.executable, "-c", ASK], cwd=folder, env=kept, check=True, capture_output=True, timeout=280
    )
    predictions = json.loads((folder / "out.json").read_text())["predictions"]
    return folder / "model", predictions, json.loads((folder / "about.json").read_text())


Asked = tuple[Path, list[dict[str, Any]], dict[str, Any]]


def test_it_says_what_the_detector_says_and_with_its_own_copy_of_the_library(
    asked: Asked, small_detector: Detector, fights: dict[str, Path]
) -> None:
    model, rows, about = asked
    assert Path(about["library"]).is_relative_to(model)
    expected = small_detector.score(fights["whole"], "street").table()
    scores = [row for row in rows if row["video"] == str(fights["whole"])]
    assert [(row["stream"], row["time_s"]) for row in scores] == expected.select("stream", "time_s").rows()
    np.testing.assert_allclose([row["score"] for row in scores], expected["score"], atol=1e-5)
    assert {row["reason"] for row in scores} == {None}


def test_a_row_has_a_score_or_the_reason_why_there_is_none(asked: Asked, fights: dict[str, Path]) -> None:
    _, rows, _ = asked
    assert all((row["score"] is None) == (row["reason"] is not None) for row in rows)
    assert list(dict.fromkeys(row["video"] for row in rows)) == [
        str(fights["whole"]), str(fights["cut"]), "none.mp4", str(fights["half"]),
    ]  # fmt: skip
    reasons = {Path(row["video"]).stem: row for row in rows if row["reason"] is not None}
    assert "there is no such file" in reasons["none"]["reason"]
    assert "'street'" in reasons["half"]["reason"]  # did you mean ...
    cut = [row for row in rows if row["video"] == str(fights["cut"])]
    assert len(cut) > 10
    assert [row["reason"] is not None for row in cut] == [False] * (len(cut) - 1) + [True]
    assert 0 < reasons["cut"]["time_s"] < 3.75


def _plain(name: str) -> str:
    return name.lower().replace("_", "-")


MLFLOWS_OWN = {"starlette", "itsdangerous"}
"""MLflow imports them itself, and brings them along; of ours only the page of live cameras does."""


def test_what_a_fresh_environment_installs_is_all_that_was_loaded(asked: Asked) -> None:
    _, _, about = asked
    owners = importlib.metadata.packages_distributions()
    loaded = {_plain(owner) for name in about["loaded"] for owner in owners.get(name, ())}
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    ours = {_plain(re.split(r"[<>=\[ ]", one, maxsplit=1)[0]) for one in declared}
    assert (loaded & ours) - MLFLOWS_OWN <= set(REQUIRED)
    assert not MLFLOWS_OWN & set(REQUIRED)
    assert set(REQUIRED) <= ours


def test_requirements_are_the_lines_of_the_constraints_and_name_no_host(asked: Asked) -> None:
    model, _, _ = asked
    pinned = requirements()
    assert set(REQUIRED) <= {line.split("==")[0] for line in pinned}
    assert set(pinned) <= set(CONSTRAINTS.read_text().splitlines())
    assert not {"dagster", "dvc", "pytest"} & {line.split("==")[0] for line in pinned}
    written = (model / "requirements.txt").read_text()
    assert {str(Requirement(line)) for line in written.split("\n")} == {
        str(Requirement(line)) for line in pinned
    }
    assert "://" not in written
    assert "+cpu" not in written


def test_it_takes_a_table_of_videos_gives_a_table_of_scores_and_shows_an_example(asked: Asked) -> None:
    about = yaml.safe_load((asked[0] / "MLmodel").read_text())
    came, gives = (json.loads(about["signature"][side]) for side in ("inputs", "outputs"))
    assert [(one["name"], one["required"]) for one in came] == [("video", True), ("context", False)]
    assert [one["name"] for one in gives] == ["video", "time_s", "stream", "score", "reason"]
    example = json.loads((asked[0] / "input_example.json").read_text())
    assert example["columns"] == ["video", "context"]


def test_only_the_pocket_weights_that_the_settings_name_travel_and_nothing_pickled(asked: Asked) -> None:
    model, _, _ = asked
    pockets = model / "code" / "traces_core" / "encoders" / "pocket"
    assert [path.name for path in pockets.iterdir()] == ["pocket-0"]
    names = [path.name for path in model.rglob("*") if path.is_file()]
    assert not [name for name in names if name.endswith((".pkl", ".pickle", ".pt", ".joblib"))]
    assert sum(path.stat().st_size for path in model.rglob("*") if path.is_file()) < 20e6


def test_a_saved_detector_is_the_same_detector(
    small_project: Project, small_detector: Detector, fights: dict[str, Path], tmp_path: Path
) -> None:
    again = Detector.load(open_detector(save_detector(small_project, tmp_path / "one")))
    one, other = (detector.score(fights["half"]).table() for detector in (small_detector, again))
    assert one.equals(other)
    assert again.thresholds == small_detector.thresholds


def test_a_detector_does_not_overwrite_another(small_project: Project, tmp_path: Path) -> None:
    save_detector(small_project, tmp_path / "one")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(StorageError, match="Name an empty folder"):
        save_detector(small_project, tmp_path / "one")
    assert sorted(tmp_path.rglob("*")) == before
