"""Streams: a track for each kind of evidence, each on its own clock."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from traces_core.detector.detector import Detector
from traces_core.detector.pipeline import EpisodeStage
from traces_core.detector.sinks import TableSink
from traces_core.encoders.features import Features
from traces_core.project import Project
from traces_core.steps.features import load_features
from traces_core.steps.scores import by_video, scores_table
from traces_core.streams.calibration import with_late
from traces_core.streams.episodes import episodes_in
from traces_core.streams.table import ACTION, APPEARANCE, FUSED, STREAMS


@pytest.fixture(scope="module")
def features(small_project: Project) -> Features:
    """Of the benchmark video that holds a fight."""
    videos = small_project.store.current("videos").read()
    video = videos.filter((videos["set"] == "benchmark") & (videos["context"] == "street"))["video_id"][0]
    return load_features(small_project, video)


def test_frames_are_scored_when_they_are_seen_and_windows_when_they_end(
    small_detector: Detector, features: Features
) -> None:
    tracks = small_detector.judge.score(features.pieces())
    assert set(tracks) == {name for name, row in STREAMS.items() if row.start is not None}
    np.testing.assert_array_equal(tracks[APPEARANCE].times_s, features.frame_times_s)
    for stream in (FUSED, ACTION):
        np.testing.assert_array_equal(tracks[stream].times_s, features.window_times_s)
    times_s = np.concatenate([features.frame_times_s, features.window_times_s])
    for name, track in tracks.items():
        assert (track.stream, track.causal) == (name, STREAMS[name].is_causal)
        assert np.isin(track.times_s, times_s).all()


@pytest.mark.parametrize("context", [None, "street", "corridor", "a place the bank does not know"])
def test_scores_lie_between_minus_two_and_two(
    small_detector: Detector, features: Features, context: str | None
) -> None:
    tracks = small_detector.judge.score(features.pieces(), context)
    for name, track in tracks.items():
        assert np.isfinite(track.values).all()
        if name in (APPEARANCE, FUSED, ACTION):  # differences of cosines
            assert track.values.dtype == np.float32
            assert np.abs(track.values).max() <= 2


def test_a_place_that_the_bank_does_not_know_is_compared_with_all_of_it(
    small_detector: Detector, features: Features
) -> None:
    judge = small_detector.judge
    for stream, track in judge.score(features.pieces(), "lighthouse").items():
        np.testing.assert_array_equal(track.values, judge.score(features.pieces())[stream].values)


def test_the_context_chooses_the_traces(small_detector: Detector, features: Features) -> None:
    judge = small_detector.judge
    street, corridor = (
        judge.score(features.pieces(), context)[APPEARANCE].values for context in ("street", "corridor")
    )
    assert np.abs(street - corridor).max() > 1e-4


def test_a_window_that_is_certain_of_one_label_scores_that_labels_gap(
    small_detector: Detector, features: Features
) -> None:
    judge = small_detector.judge
    count = len(judge.label_vectors)
    certain = Features(
        np.arange(count) / 4.0,
        np.repeat(features.frames[:1], count, axis=0),
        np.arange(count),
        np.repeat(features.tokens[:1], count, axis=0),
        np.eye(count, dtype=np.float32),
    )
    labelled = judge.score(certain.pieces(), "street")[ACTION].values
    direct = Features(
        certain.frame_times_s, judge.label_vectors, certain.ends, certain.tokens, certain.labels
    )
    np.testing.assert_allclose(labelled, judge.score(direct.pieces(), "street")[APPEARANCE].values, atol=1e-5)


def test_an_alarm_of_the_graph_ends_where_a_gap_begins_as_that_of_a_file_does(
    small_detector: Detector, features: Features
) -> None:
    half = len(features.frame_times_s) // 2
    late_s = np.where(np.arange(len(features.frame_times_s)) >= half, 1000.0, 0.0)
    times_s = features.frame_times_s + late_s
    gap_s = np.array([[features.frame_times_s[half], times_s[half]]])
    parted = replace(features, frame_times_s=times_s, gaps_s=gap_s)
    calibration = small_detector.calibration
    always = {name: replace(one, value=-10.0) for name, one in calibration.thresholds.items()}
    detector = replace(small_detector, calibration=replace(calibration, thresholds=always))
    [tracks] = by_video(scores_table("gate", detector.judge.score(parted.pieces()))).values()
    sink = TableSink()
    stage = EpisodeStage("gate", always, [sink])
    stage.push(with_late(calibration.scales, tracks))
    stage.close(times_s[-1])
    ours = episodes_in(sink.table())["gate"]
    assert [(one.start_s, one.end_s) for one in ours[APPEARANCE]] == [
        (0.0, gap_s[0, 0]),
        (times_s[half], times_s[-1]),
    ]
    theirs = detector.judged(Path("gate"), parted, length_s=float(times_s[-1]))
    assert {name: tuple(some) for name, some in theirs.episodes.items()} == ours
    for name, track in theirs.tracks.items():
        assert [one.start_s for one in track.unknown] == [gap_s[0, 0]]
        np.testing.assert_array_equal(track.values, with_late(calibration.scales, tracks)[name].values)
