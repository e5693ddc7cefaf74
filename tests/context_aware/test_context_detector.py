"""The Context-Aware system through the detector: one file in; streams, episodes, surprise maps out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import yaml
from click.testing import Result
from small_context import SMALL, footage_in, scored_in
from typer.testing import CliRunner

from traces_core.commands import main as cli
from traces_core.context_aware.calibration import ContextCalibration, ranked
from traces_core.detector.detector import Detector
from traces_core.detector.page import video_report
from traces_core.detector.scored import ScoredVideo
from traces_core.errors import MissingArtifactError
from traces_core.project import Project
from traces_core.report import write_video_report
from traces_core.steps import context_scores
from traces_core.steps.scores import by_video
from traces_core.store import Artifact, Store
from traces_core.streams.table import streams_of
from traces_core.video.isolation import in_process
from traces_core.video.open_video import OpenVideo

CONTEXT_STREAMS = streams_of("context_aware")


@pytest.fixture(scope="module")
def project(small_project: Project) -> Project:
    return replace(small_project, settings=small_project.settings.with_values(**SMALL))


@pytest.fixture(scope="module")
def in_graph(project: Project) -> tuple[list[Artifact], Artifact]:
    """The scores that the graph made, and its thresholds."""
    scores = scored_in(project)
    return scores, context_scores.context_aware_thresholds(project, footage_in(project)[1], scores)


@pytest.fixture(scope="module")
def detector(project: Project, in_graph: object) -> Detector:
    return Detector.load(project, context_aware=True)


@pytest.fixture(scope="module")
def scored(detector: Detector, fights: dict[str, Path]) -> dict[str, ScoredVideo]:
    return {name: detector.score(path, "street") for name, path in fights.items()}


def test_its_streams_stand_beside_the_others_with_thresholds_and_episodes(
    small_detector: Detector, scored: dict[str, ScoredVideo], fights: dict[str, Path]
) -> None:
    whole, without = scored["whole"], small_detector.score(fights["whole"], "street")
    assert set(whole.tracks) == set(without.tracks) | set(CONTEXT_STREAMS)
    assert set(whole.thresholds) == set(whole.episodes) == set(whole.tracks)
    for stream, track in without.tracks.items():
        np.testing.assert_array_equal(whole.tracks[stream].values, track.values)
    assert all(whole.tracks[stream].causal for stream in CONTEXT_STREAMS)


def test_a_video_scores_as_it_does_in_the_graph(
    project: Project, detector: Detector, in_graph: tuple[list[Artifact], Artifact]
) -> None:
    scores, calibrated = in_graph
    rows = (
        footage_in(project)[1].read().filter((pl.col("set") == "benchmark") & (pl.col("context") == "street"))
    )
    row = rows.row(0, named=True)
    normal = ContextCalibration.load(calibrated).normal
    kept = by_video(pl.concat([one.read() for one in scores]))[row["video_id"]]
    there = ranked(normal, kept, "street")
    here = detector.score(Path(str(project.settings.footage.benchmark)) / row["video"], "street")
    for stream in CONTEXT_STREAMS:
        np.testing.assert_allclose(here.tracks[stream].times_s, there[stream].times_s)
        np.testing.assert_allclose(here.tracks[stream].values, there[stream].values, atol=1e-3)


def test_what_comes_later_changes_no_score_of_the_past(scored: dict[str, ScoredVideo]) -> None:
    for stream in CONTEXT_STREAMS:
        early, late = scored["half"].tracks[stream], scored["whole"].tracks[stream]
        assert len(early) > 2
        np.testing.assert_allclose(late.values[: len(early)], early.values, atol=0.02)


def test_a_file_is_opened_once(
    detector: Detector, fights: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    really = OpenVideo.opened.__func__  # type: ignore[attr-defined]

    def counted(cls: type[OpenVideo], path: Path, *given: Any) -> OpenVideo:
        opened.append(path)
        return really(cls, path, *given)

    monkeypatch.setattr(OpenVideo, "opened", classmethod(counted))
    with in_process():
        assert detector.score(fights["half"], "street").context_aware is not None
    assert opened == [fights["half"]]


def test_a_file_cut_short_is_scored_up_to_there(scored: dict[str, ScoredVideo]) -> None:
    assert scored["cut"].broken
    assert 0 < scored["cut"].tracks["surprise"].times_s[-1] <= scored["cut"].end_s


def test_one_picture_has_an_alignment_and_no_surprise(scored: dict[str, ScoredVideo]) -> None:
    assert "surprise" not in scored["one"].tracks
    assert scored["one"].context_aware is not None
    assert scored["one"].context_aware.map_at(0.0) is None
    assert len(scored["one"].tracks["context_aware"]) == 1


@pytest.mark.parametrize("stream", ["surprise", "context_aware"])
def test_an_explanation_shows_where_the_frame_was_not_as_predicted(
    detector: Detector, scored: dict[str, ScoredVideo], stream: str
) -> None:
    whole = scored["whole"]
    assert whole.context_aware is not None
    assert whole.context_aware.maps is not None
    moment = detector.explain(whole, 2.1, stream)
    place = int(np.searchsorted(whole.tracks["surprise"].times_s, 2.1, side="right")) - 1
    assert moment.surprise is not None
    np.testing.assert_array_equal(moment.surprise, whole.context_aware.maps[place])
    assert moment.score == whole.tracks[stream].values[whole.tracks[stream].times_s <= 2.1][-1]


def test_before_the_second_block_nothing_can_surprise(
    detector: Detector, scored: dict[str, ScoredVideo]
) -> None:
    assert detector.explain(scored["whole"], 0.0, "context_aware").surprise is None
    assert detector.explain(scored["whole"], 2.0, "alignment").surprise is None


def test_an_alarm_says_which_streams_mismatch(detector: Detector, scored: dict[str, ScoredVideo]) -> None:
    further, tracks = detector.context_aware, scored["whole"].tracks
    assert further is not None
    times = tracks["surprise"].times_s
    for n, at_s in enumerate(times):
        aligned = tracks["alignment"].values[n + 1]  # one block earlier
        moment = {"alignment": aligned, "surprise": tracks["surprise"].values[n]}
        for level in (0.2, 0.5, 1.0, 2.0):
            thresholds = further.calibration.thresholds
            threshold = replace(thresholds["context_aware"], value=level)
            changed = replace(further.calibration, thresholds={**thresholds, "context_aware": threshold})
            judge = replace(further, calibration=changed)
            # two independent streams: each must be about half as likely
            least = -np.log10(1 - np.sqrt(1 - 10.0**-level))
            assert judge.because(tracks, at_s) == "+".join(name for name in moment if moment[name] > least)


def test_the_page_lays_surprise_over_the_frame(
    detector: Detector, scored: dict[str, ScoredVideo], tmp_path: Path
) -> None:
    page = write_video_report(
        tmp_path / "page.html", video_report(detector.explainer, scored["whole"])
    ).read_text()
    assert "Surprise over the frame: bright where it was not as predicted" in page
    assert "Show where the model looked, or was surprised" in page
    assert all(f"<h3>{stream}</h3>" in page for stream in CONTEXT_STREAMS)


def test_without_its_artifacts_the_error_says_which_to_make(small_project: Project, tmp_path: Path) -> None:
    elsewhere = Store(tmp_path / "data")
    for name in ("trace_index", "adapters", "thresholds"):
        shutil.copytree(small_project.store.root / name, elsewhere.root / name)
    bare = replace(small_project, store=elsewhere)
    assert Detector.load(bare).context_aware is None
    with pytest.raises(MissingArtifactError, match="context_aware_thresholds"):
        Detector.load(bare, context_aware=True)


@pytest.fixture
def run(
    in_graph: object, at_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Result]:
    """The command line in the small graph's checkout, with the settings of its Context-Aware system."""
    params = yaml.safe_load((at_home / "params.yaml").read_text())
    for name, value in SMALL.items():
        section, field = name.split("__")
        params.setdefault(section, {})[field] = list(value) if isinstance(value, tuple) else value
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(params))
    monkeypatch.setenv("TRACES_PARAMS", str(tmp_path))
    for console in (cli.out, cli.err):
        monkeypatch.setattr(console, "_width", 400)
    return lambda *words: CliRunner().invoke(cli.app, [str(word) for word in words])


def test_score_adds_the_streams_where_they_are_asked_for(
    run: Callable[..., Result], fights: dict[str, Path], tmp_path: Path
) -> None:
    words = ("score", fights["half"], "--context", "street", "--out", tmp_path / "scores")
    assert run(*words, "--context-aware").exit_code == 0
    assert set(CONTEXT_STREAMS) < set(pl.read_parquet(tmp_path / "scores" / "scores.parquet")["stream"])
    assert "Surprise over the frame" in (tmp_path / "scores" / "half.html").read_text()
    assert run(*words).exit_code == 0
    assert set(pl.read_parquet(tmp_path / "scores" / "scores.parquet")["stream"]) == set(streams_of("traces"))


def test_explain_names_the_streams_that_mismatch_and_writes_the_map(
    run: Callable[..., Result], fights: dict[str, Path], tmp_path: Path
) -> None:
    page = tmp_path / "page.html"
    words = ("explain", fights["whole"], "--context", "street", "--stream", "context_aware")
    result = run(*words, "--at", "2", "--out", page)
    assert result.exit_code == 0
    assert "its threshold" in result.stdout
    assert ("mismatch: " in result.stdout) == ("above its threshold" in result.stdout)
    assert "Surprise over the frame" in page.read_text()
