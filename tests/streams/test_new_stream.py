"""A new stream is one function and one row: everything else finds it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from typer.testing import CliRunner

from pipelines.mlflow_runs import benchmark_run
from pipelines.run import write_results
from pipelines.tracking import Tracker
from traces_core.commands import main as cli
from traces_core.detector.detector import Detector
from traces_core.encoders.evidence import Evidence
from traces_core.errors import StreamScaleError
from traces_core.project import Project
from traces_core.settings import project_root
from traces_core.steps.features import load_features
from traces_core.steps.wiring import Artifacts
from traces_core.store import Artifact, Store
from traces_core.streams.base import Push, VectorScorer
from traces_core.streams.calibration import Calibration
from traces_core.streams.table import LATE, STREAMS, Stream, in_order
from traces_core.types import ScoreTrack

NAME = "change"


def start(scorer: VectorScorer, context: str | None) -> Push:
    """How unlike the frame before it each frame is: a stream that remembers."""
    before: np.ndarray | None = None

    def push(evidence: Evidence) -> ScoreTrack:
        nonlocal before
        first = evidence.frames[:1] if before is None else before
        changes = 1 - (evidence.frames * np.concatenate([first, evidence.frames[:-1]])).sum(axis=1)
        before = evidence.frames[-1:]
        return ScoreTrack(evidence.frame_times_s, changes.astype(np.float32), stream=NAME)

    return push


@pytest.fixture(scope="module", autouse=True)
def row() -> Iterator[None]:
    """The row of the table."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(STREAMS, NAME, Stream(NAME, "how unlike the frame before", ("frames",), start))
        yield


@dataclass(frozen=True)
class Made:
    """What the graph makes from the scores on."""

    project: Project
    calibrated: Artifact
    alarms: list[Artifact]
    measured: Artifact


@pytest.fixture(scope="module")
def made(small_project: Project, row: None, tmp_path_factory: pytest.TempPathFactory) -> Made:
    """The small graph, made again by a checkout that has the stream."""
    home = tmp_path_factory.mktemp("fifth")
    shutil.copytree(small_project.store.root, home / "data")
    shutil.copy(small_project.machine.data.parent / "params.yaml", home)
    machine = small_project.machine.model_copy(update={"data": home / "data", "reports": home / "reports"})
    project = replace(small_project, store=Store(home / "data"), machine=machine)
    artifacts = Artifacts(project)
    calibrated, alarms = artifacts["thresholds"], artifacts["alarms"]
    measured = artifacts["benchmark_metrics"]
    return Made(project, calibrated, alarms, measured)


def test_it_has_a_scale_and_a_threshold(made: Made) -> None:
    calibration = Calibration.load(made.calibrated)
    assert NAME in {scale.stream for scale in calibration.scales.scales}
    assert calibration.thresholds[NAME].blocks > 0


def test_it_has_a_row_of_the_benchmark_and_episodes(made: Made) -> None:
    rows = {row["stream"]: row for row in made.measured.read()["rows"]}
    assert 0 <= rows[NAME]["auc"] <= 1
    assert list(rows) == in_order(rows)
    assert NAME in set(pl.concat([one.read() for one in made.alarms])["stream"])


def test_the_late_fusion_hears_it(made: Made) -> None:
    detector = Detector.load(made.project)
    row = made.project.store.current("videos").read().filter(pl.col("set") == "benchmark").row(0, named=True)
    features = load_features(made.project, row["video_id"])
    tracks = detector.judged(Path("a.mp4"), features, row["context"], length_s=None).tracks
    without = {name: track for name, track in tracks.items() if name not in (NAME, LATE)}
    assert np.abs(detector.calibration.scales.combine(without).values - tracks[LATE].values).max() > 0.1


def test_it_is_on_the_pages_and_in_the_result_table(made: Made) -> None:
    written = Artifacts(made.project)["benchmark_report"]
    for page in (written.path / "videos").glob("*.html"):
        assert f"<h3>{NAME}</h3>" in page.read_text()
    assert NAME in (written.path / "index.html").read_text()
    rows = write_results(made.project.store, made.project.machine.reports)["rows"]
    assert [row["stream"] for row in rows] == in_order(row["stream"] for row in rows)
    kept = json.loads((made.project.machine.reports / "benchmark.json").read_text())["rows"]
    assert NAME in {row["stream"] for row in kept}


def test_a_detector_made_before_there_was_such_a_stream_is_to_be_made_again(
    small_project: Project, row: None
) -> None:
    with pytest.raises(StreamScaleError, match=f"without the stream {NAME}, .*make demo"):
        Detector.load(small_project)


def test_the_command_line_offers_it(
    made: Made, fights: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = made.project.machine.data.parent
    monkeypatch.chdir(home)
    monkeypatch.setenv("TRACES_DATA", str(home / "data"))
    monkeypatch.setenv("TRACES_CATALOG", str(made.project.machine.catalog))
    project_root.cache_clear()
    try:
        words = ["score", fights["half"], "--context", "street", "--out", tmp_path]
        assert CliRunner().invoke(cli.app, [str(word) for word in words]).exit_code == 0
        words = ["explain", fights["half"], "--at", "1", "--context", "street", "--stream", NAME]
        answer = CliRunner().invoke(cli.app, [str(word) for word in words])
    finally:
        project_root.cache_clear()
    assert NAME in set(pl.read_parquet(tmp_path / "scores.parquet")["stream"])
    assert answer.exit_code == 0
    assert f"{NAME} " in answer.stdout


def test_mlflow_has_its_metric(made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run = benchmark_run(Tracker(tmp_path), made.project, made.measured, Artifacts(made.project), {})
    metrics = run.client.get_run(run.run_id).data.metrics
    assert f"{NAME}.auc" in metrics or f"{NAME}/auc" in metrics, sorted(metrics)


def test_a_stream_that_looks_ahead_must_say_so() -> None:
    with pytest.raises(ValueError, match="offline"):
        Stream("smooth", "", (), is_causal=False)


def test_a_stream_of_its_own_that_reads_what_it_is_never_given_is_refused() -> None:
    with pytest.raises(ValueError, match=r"reads \['grids'\], which only the Context-Aware system"):
        Stream(NAME, "", ("frames", "grids"), start)
