"""Which detector judges: the checkout's, a saved folder's, or the champion of a model registry."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

import mlflow
import numpy as np
import pytest
from mlflow_server import tracking_server

from pipelines.mlflow_model import pack
from traces_core.detector.detector import Detector
from traces_core.detector.saved import PARTS, save_detector
from traces_core.live.detectors import ChosenDetector, ModelError
from traces_core.live.engine import Engine
from traces_core.project import Project
from traces_core.steps.wiring import Artifacts

CHAMPION = "models:/traces@champion"
pytestmark = pytest.mark.timeout(600)


def test_a_saved_folder_judges_as_the_checkout_does(
    small_project: Project, small_detector: Detector, fights: dict[str, Path], tmp_path: Path
) -> None:
    folder = save_detector(small_project, tmp_path / "saved")
    detector, stamp = ChosenDetector(str(folder), tmp_path / "models").load()
    assert stamp == [(part.name, part.recipe) for part in small_detector.parts]
    here, there = (one.score(fights["half"], "street") for one in (small_detector, detector))
    np.testing.assert_array_equal(here.tracks["late"].values, there.tracks["late"].values)


def test_what_the_graph_makes_is_taken_over_while_cameras_are_watched(
    small_project: Project, tmp_path: Path
) -> None:
    folder = save_detector(small_project, tmp_path / "saved")
    settings = tmp_path / "cameras.yaml"
    settings.write_text(f"detector: {folder}\n")
    engine = Engine(tmp_path / "live", settings)
    before = engine.detector.thresholds["late"].value
    engine.keep_up(1e9)
    assert engine.detector.thresholds["late"].value == before
    other = Artifacts(small_project.variant(calibration__false_alarms_per_hour=500.0))
    parts = [other[name] for name in PARTS]
    shutil.rmtree(folder)
    save_detector(small_project, folder, parts)
    engine.keep_up(1e9 + 60)
    assert engine.detector.thresholds["late"].false_alarms_per_hour == 500.0


def test_the_champion_of_a_server_is_fetched_once_and_followed_when_its_alias_moves(
    small_project: Project, small_detector: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    packed = pack(small_project, tmp_path / "packed")
    with tracking_server(tmp_path, port):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        client = mlflow.MlflowClient(f"http://127.0.0.1:{port}")
        run = client.create_run(client.create_experiment("traces")).info.run_id
        client.log_artifacts(run, str(packed), "model")
        client.create_registered_model("traces")
        chosen = ChosenDetector(CHAMPION, tmp_path / "models")
        with pytest.raises(ModelError, match="Is the alias set"):
            chosen.load()
        for version in ("1", "2"):
            client.create_model_version("traces", f"runs:/{run}/model", run)
            client.set_registered_model_alias("traces", "champion", version)
            assert chosen.stamp() == version
        detector, stamp = chosen.load()
        assert stamp == "2"
        assert [part.fingerprint for part in detector.parts] == [
            one.fingerprint for one in small_detector.parts
        ]
        before = sorted((tmp_path / "models").rglob("*"))
        chosen.load()
        assert sorted((tmp_path / "models").rglob("*")) == before
        client.set_registered_model_alias("traces", "champion", "1")
        assert chosen.stamp() == "1"


def test_an_alias_without_a_server_says_what_to_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    with pytest.raises(ModelError, match="MLFLOW_TRACKING_URI"):
        ChosenDetector(CHAMPION, tmp_path).load()
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:hunter2hunter2@127.0.0.1:1")
    with pytest.raises(ModelError) as caught:
        ChosenDetector(CHAMPION, tmp_path).load()
    assert "hunter2" not in str(caught.value)
