"""The detector: a video in; scores, episodes and explanations out."""

from __future__ import annotations

import shutil
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from small_graph import street_fight
from whole_episodes import find_episodes

from traces_core.detector.detector import Detector
from traces_core.detector.loading import bank_scorer
from traces_core.detector.page import video_report
from traces_core.detector.saved import PARTS
from traces_core.detector.scored import ScoredVideo
from traces_core.detector.sinks import PageSink, TableSink
from traces_core.encoders.seeing import Encoders, see
from traces_core.errors import MissingArtifactError, UnknownNameError, VideoError
from traces_core.project import Project
from traces_core.steps import calibration as calibration_step
from traces_core.steps.inbox import inbox_scores
from traces_core.steps.wiring import Artifacts
from traces_core.store import Store
from traces_core.streams.episodes import EPISODES, EpisodeEvent, episode_table, episodes_in
from traces_core.streams.table import APPEARANCE, FUSED, LATE, STREAMS, streams_of
from traces_core.types import Episode
from traces_core.video import End, FrameBatch, Gap, decode, file_source
from traces_core.video.isolation import in_process

SCORED = sorted(streams_of("traces"))


@pytest.fixture(scope="module")
def scored(small_detector: Detector, fights: dict[str, Path]) -> dict[str, ScoredVideo]:
    return {name: small_detector.score(path, "street") for name, path in fights.items()}


def test_a_video_has_a_track_a_threshold_and_episodes_for_every_stream(
    scored: dict[str, ScoredVideo],
) -> None:
    whole = scored["whole"]
    assert sorted(whole.tracks) == sorted(whole.thresholds) == sorted(whole.episodes) == SCORED
    assert whole.end_s == pytest.approx(3.75, abs=1e-3)
    assert whole.broken is None


def test_pictures_so_large_that_a_batch_holds_one_are_scored_as_others(
    small_detector: Detector,
    fights: dict[str, Path],
    scored: dict[str, ScoredVideo],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(decode, "MAX_BATCH_BYTES", 1)
    with in_process():
        one_by_one = small_detector.score(fights["half"], "street")
    for stream, track in scored["half"].tracks.items():
        np.testing.assert_allclose(one_by_one.tracks[stream].values, track.values, atol=1e-5)


def test_episodes_are_the_runs_above_the_streams_threshold(
    small_detector: Detector, scored: dict[str, ScoredVideo]
) -> None:
    for stream, track in scored["whole"].tracks.items():
        rules = small_detector.thresholds[stream].rules
        expected = tuple(find_episodes(track, scored["whole"].thresholds[stream], rules, end_s=4.0))
        assert scored["whole"].episodes[stream] == expected
        assert all(one.peak_score > scored["whole"].thresholds[stream] for one in expected)


def test_what_comes_later_changes_no_score_of_the_past(scored: dict[str, ScoredVideo]) -> None:
    for stream, early in scored["half"].tracks.items():
        late = scored["whole"].tracks[stream]
        np.testing.assert_allclose(late.times_s[: len(early)], early.times_s)
        # the late fusion divides by scales of hundredths
        np.testing.assert_allclose(
            late.values[: len(early)], early.values, atol=0.05 if stream == LATE else 1e-3
        )


def test_the_table_has_one_row_a_score(scored: dict[str, ScoredVideo]) -> None:
    table = scored["whole"].table()
    assert table.schema == pl.Schema(
        {"video": pl.String, "time_s": pl.Float64, "stream": pl.String, "score": pl.Float32}
    )
    assert len(table) == sum(len(track) for track in scored["whole"].tracks.values())
    late = table.filter(pl.col("stream") == LATE)
    np.testing.assert_array_equal(late["score"].to_numpy(), scored["whole"].tracks[LATE].values)


def test_a_file_cut_short_is_scored_up_to_there_and_says_why(scored: dict[str, ScoredVideo]) -> None:
    assert "cut.mkv" in (scored["cut"].broken or "")
    assert 0 < scored["cut"].end_s < scored["whole"].end_s


def test_an_explanation_shows_the_frame_as_it_is_and_k_traces_of_each_side(
    small_detector: Detector, scored: dict[str, ScoredVideo]
) -> None:
    moment = small_detector.explain(scored["whole"], 2.1, FUSED)
    assert moment.time_s == pytest.approx(2.0, abs=1e-3)
    np.testing.assert_array_equal(moment.frame, street_fight(17)[16])
    assert moment.score == scored["whole"].tracks[FUSED].values[4]
    for near in (moment.anomalous, moment.normal):
        similarities = [similarity for _, similarity, _ in near]
        assert len(near) == 3
        assert similarities == sorted(similarities, reverse=True)
    assert all(label for _, _, label in moment.anomalous)
    assert not any(label for _, _, label in moment.normal)


def test_the_traces_of_an_explanation_make_up_the_fused_score(
    small_detector: Detector, scored: dict[str, ScoredVideo]
) -> None:
    moment = small_detector.explain(scored["whole"], 3.0, FUSED)
    sides = [np.mean([one[1] for one in near]) for near in (moment.anomalous, moment.normal)]
    assert moment.score == pytest.approx(sides[0] - sides[1], abs=1e-4)


def test_attention_over_the_frame_and_over_the_window_sums_to_one(
    small_project: Project, small_detector: Detector, scored: dict[str, ScoredVideo]
) -> None:
    store = small_project.store
    trained = bank_scorer(small_project, store.current("trace_index"), store.current("adapters"), "candidate")
    moment = replace(small_detector, judge=trained).explain(scored["whole"], 2.0)
    assert moment.attention is not None
    assert moment.attention.shape[0] == moment.attention.shape[1]
    assert moment.window_attention is not None
    assert moment.window_attention.shape == (8,)
    for weights in (moment.attention, moment.window_attention):
        assert weights.min() >= 0
        assert weights.sum() == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("name", ["whole", "one", "cut"])
def test_every_video_has_a_peak_that_can_be_explained(
    small_detector: Detector, scored: dict[str, ScoredVideo], name: str
) -> None:
    moments = small_detector.explainer.peaks(scored[name], LATE)
    assert 1 <= len(moments) <= 3
    assert max(moment.score for moment in moments) == scored[name].tracks[LATE].values.max()


@pytest.mark.parametrize("at_s", [-0.1, 60.0])
def test_a_moment_outside_the_video_is_refused_with_its_end(
    small_detector: Detector, scored: dict[str, ScoredVideo], at_s: float
) -> None:
    with pytest.raises(ValueError, match=r"ends at 3\.750 s"):
        small_detector.explain(scored["whole"], at_s)


def test_the_score_follows_the_context(
    small_detector: Detector, scored: dict[str, ScoredVideo], fights: dict[str, Path]
) -> None:
    elsewhere = small_detector.score(fights["whole"], "corridor")
    assert small_detector.contexts == ("corridor", "street")
    assert np.abs(elsewhere.tracks[FUSED].values - scored["whole"].tracks[FUSED].values).max() > 1e-4


def test_an_unknown_context_is_refused_with_the_nearest_name(
    small_detector: Detector, fights: dict[str, Path]
) -> None:
    with pytest.raises(UnknownNameError, match="Did you mean 'street'"):
        small_detector.score(fights["one"], "streat")


def test_a_file_that_is_no_video_is_refused(small_detector: Detector, tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("not a video")
    with pytest.raises(VideoError, match=r"notes\.mp4"):
        small_detector.score(tmp_path / "notes.mp4")


def test_without_a_graph_there_is_no_detector_and_the_error_says_how_to_get_one(
    small_project: Project, tmp_path: Path
) -> None:
    with pytest.raises(MissingArtifactError, match="make demo"):
        Detector.load(replace(small_project, store=Store(tmp_path / "data")))


def test_a_video_scores_as_it_does_in_the_graph(small_project: Project, small_detector: Detector) -> None:
    videos = small_project.store.current("videos").read()
    row = videos.filter((pl.col("set") == "benchmark") & (pl.col("context") == "corridor")).row(0, named=True)
    in_graph = small_project.store.current("anomaly_scores", row["shard"]).read()
    folder = Path(str(small_project.settings.footage.benchmark))
    alone = small_detector.score(folder / row["video"], "corridor")
    for stream in (name for name in SCORED if STREAMS[name].start is not None):
        there = in_graph.filter((pl.col("video_id") == row["video_id"]) & (pl.col("stream") == stream))
        np.testing.assert_allclose(alone.tracks[stream].values, there["score"].to_numpy(), atol=1e-4)


@pytest.fixture(scope="module")
def always_on(small_detector: Detector) -> Detector:
    """A detector whose alarms are on from the first score to the end."""
    low = {name: replace(one, value=-100.0) for name, one in small_detector.thresholds.items()}
    return replace(small_detector, calibration=replace(small_detector.calibration, thresholds=low))


def test_an_alarm_that_is_on_at_the_end_has_one_end_everywhere(
    small_project: Project, always_on: Detector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the graph, through the detector, and in the inbox: where the file says that it ends."""
    calibration = always_on.calibration
    content = {
        "scales": [asdict(scale) for scale in calibration.scales.scales],
        "thresholds": {name: one.to_dict() for name, one in calibration.thresholds.items()},
    }
    project = replace(
        small_project, store=Store(shutil.copytree(small_project.store.root, tmp_path / "data"))
    )
    low = project.store.remember("thresholds", code="low", made_from={}, make=lambda: content)
    videos = project.store.current("videos")
    row = videos.read().filter(pl.col("set") == "benchmark").row(0, named=True)
    scores = project.store.current("anomaly_scores", row["shard"])
    in_graph = (
        calibration_step.alarms(project, videos, scores, low)
        .read()
        .filter(pl.col("video") == row["video_id"])
    )
    path = Path(str(project.settings.footage.benchmark)) / row["video"]
    monkeypatch.setenv("TRACES_INBOX", str(tmp_path / "inbox"))
    (tmp_path / "inbox").mkdir()
    shutil.copy(path, tmp_path / "inbox" / "a.mp4")
    elsewhere = project.machine.model_copy(update={"reports": tmp_path / "reports"})
    dropped = inbox_scores(
        replace(project, machine=elsewhere),
        "a.mp4",
        *(project.store.current(name) for name in PARTS),
    )
    sink = TableSink()
    always_on.score(path, sinks=[sink])
    count = len(SCORED)
    ends = {"stream": SCORED, "start_s": [0.0] * count, "end_s": [row["duration_s"]] * count}
    in_inbox = pl.read_parquet(dropped.path / "episodes.parquet")
    for table in (in_graph, sink.table(), in_inbox):
        assert table.schema == EPISODES
        assert table.sort("stream").select(list(ends)).to_dict(as_series=False) == ends
    last_s = always_on.score(path).tracks[LATE].times_s[-1]
    assert last_s < row["duration_s"]


def test_sinks_hear_of_episodes_before_the_video_is_over(
    always_on: Detector, fights: dict[str, Path], tmp_path: Path
) -> None:
    events: list[str] = []

    class RecordingSink(TableSink):
        def on_episode(self, event: EpisodeEvent) -> None:
            super().on_episode(event)
            events.append(event.kind)

        def on_end(self, scored: ScoredVideo) -> None:
            events.append("end")

    recording, page = RecordingSink(), tmp_path / "page.html"
    sinks = [recording, PageSink(page, partial(video_report, always_on.explainer))]
    scored = always_on.score(fights["whole"], "street", sinks=sinks)
    assert [events.count(kind) for kind in ("opened", "closed", "end")] == [len(SCORED), len(SCORED), 1]
    assert events.index("opened") < events.index("closed") < events.index("end")
    assert episodes_in(recording.table()) == {str(scored.path): dict(scored.episodes)}
    assert "<h3>late</h3>" in page.read_text()


def test_the_pages_of_the_benchmark_show_the_graphs_alarms(small_project: Project, tmp_path: Path) -> None:
    project = replace(
        small_project, store=Store(shutil.copytree(small_project.store.root, tmp_path / "data"))
    )
    artifacts = Artifacts(project)
    before, videos = artifacts["benchmark_report"], artifacts["videos"]
    row = videos.read().filter(pl.col("set") == "benchmark").row(0, named=True)
    drawn = episode_table(row["video_id"], {LATE: [Episode(1.25, 9.75, 2.5, 77.125)]})
    alarms = [
        project.store.remember("alarms", one.key, code="drawn", made_from={}, make=lambda: drawn)
        for one in artifacts["alarms"]
    ]
    given = {name: one for name, one in artifacts.known.items() if name != "benchmark_report"}
    after = Artifacts(project, {**given, "alarms": alarms})["benchmark_report"]
    assert after.recipe != before.recipe
    page = f"videos/{row['video'].replace('/', '__')}.html"
    assert "77.1" in (after.path / page).read_text()
    assert "77.1" not in (before.path / page).read_text()


def test_any_source_goes_through_the_same_pipeline(always_on: Detector, fights: dict[str, Path]) -> None:
    """A camera that goes away for a while: its alarms end there, and begin again when it is back."""
    project, sink = always_on.project, TableSink()
    (frames, _) = file_source(fights["whole"], sample_fps=4.0)
    assert isinstance(frames, FrameBatch)
    back = FrameBatch(frames.pixels, frames.times_s + 10.0)
    pipeline, _ = always_on.start("gate", "street", [sink])
    encoders = Encoders(project.clip, project.windows)
    last_s: dict[str, float] = {}
    for piece in see([frames, Gap(4.0, 10.0), back, End(None)], encoders, hop_frames=2):
        tracks, _ = pipeline.take(piece)
        last_s |= {name: track.times_s[-1] for name, track in tracks.items() if len(track)}
    assert (last_s[APPEARANCE], last_s[LATE], last_s[FUSED]) == pytest.approx((13.75, 13.75, 13.5))
    rows = sink.table().sort("stream", "start_s")
    assert rows["stream"].unique(maintain_order=True).to_list() == SCORED
    assert rows["start_s"].to_list() == [0.0, 10.0] * len(SCORED)
    for stream, ends in rows.group_by("stream").agg("end_s").rows():
        assert ends == pytest.approx([4.0, last_s[stream]])
