"""The row of a stream, and the baselines beside it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from metric_worlds import constant_tracks, drawn_tracks, small_truth
from sklearn.metrics import average_precision_score, roc_auc_score

from traces_core.errors import EvaluationError
from traces_core.metrics import BASELINES, FrameScores, baselines, evaluate


def row(seed: int = 0, **options: object) -> dict[str, object]:
    truth = small_truth()
    tracks = drawn_tracks(truth, np.random.default_rng(seed))
    return evaluate(tracks, truth, rng=np.random.default_rng(7), resamples=200, **options).to_dict()


def test_the_row_holds_the_numbers_of_scikit_learn():
    truth = small_truth()
    frames = FrameScores.from_tracks(drawn_tracks(truth, np.random.default_rng(0)), truth)
    result = row()
    assert result["auc"] == pytest.approx(roc_auc_score(frames.labels, frames.scores))
    assert result["average_precision"] == pytest.approx(average_precision_score(frames.labels, frames.scores))
    assert result["auc_low"] < result["auc"] < result["auc_high"]
    assert result["frames"] == len(frames) == sum(map(len, map(truth.frame_times, truth.videos)))


def test_the_row_says_what_it_was_measured_on():
    truth, result = small_truth(), row()
    assert result["ground_truth"] == {
        "name": "small",
        "fingerprint": truth.fingerprint,
        "clamped": 1,
        "merged": 0,
    }
    assert (result["stream"], result["causal"], result["videos"]) == ("drawn", True, 6)
    assert result["anomalous_videos"] == 3
    assert result["baselines"].keys() == BASELINES.keys()


def test_the_row_is_plain_json_and_the_same_each_time():
    assert json.dumps(row(threshold=1.0), allow_nan=False) == json.dumps(row(threshold=1.0), allow_nan=False)


def test_a_constant_stream_gets_chance():
    truth = small_truth()
    result = evaluate(constant_tracks(truth), truth, rng=np.random.default_rng(0), resamples=50)
    assert (result.auc, result.auc_low, result.auc_high, result.auc_anomalous) == (0.5, 0.5, 0.5, 0.5)
    assert result.average_precision == pytest.approx(result.anomalous_share)
    assert result.pr_auc_trapezoid > 0.5
    assert result.tie_share == 1.0


def test_a_rising_transform_changes_no_number_of_the_ranking():
    truth = small_truth()
    tracks = drawn_tracks(truth, np.random.default_rng(2))
    moved = {v: replace(t, values=np.exp(t.values.astype(np.float64))) for v, t in tracks.items()}
    plain, other = (
        evaluate(t, truth, rng=np.random.default_rng(0), resamples=50).to_dict() for t in (tracks, moved)
    )
    for result in (plain, other):
        for at_recall in result["events"]["at_recall"].values():
            del at_recall["threshold"]
    assert plain == other


def test_the_operating_point_is_that_of_the_given_threshold():
    assert row()["events"]["at_threshold"] is None
    result = row(threshold=1.0)["events"]["at_threshold"]
    assert result["threshold"] == 1.0
    assert 0 < result["recall"] <= 1


def test_false_alarms_are_reported_at_80_percent_whatever_recalls_are_asked_for():
    result = row(recalls=(0.5,))
    assert list(result["events"]["at_recall"]) == ["0.5", "0.8"]
    stated = result["events"]["at_recall"]["0.8"]
    assert stated["recall"] >= 0.8
    assert result["false_alarms_per_hour_at_80_recall"] == stated["false_alarms_per_hour"]


def test_classes_are_told_apart():
    truth = small_truth()
    tracks = {}
    for video, track in constant_tracks(truth, 0.0).items():
        times_s = truth.frame_times(video)
        tracks[video] = replace(
            track, times_s=times_s, values=truth.frame_labels(video, "fire").astype(float)
        )
    result = evaluate(tracks, truth, rng=np.random.default_rng(0), resamples=50)
    assert result.per_class["fire"]["auc"] == 1.0
    assert result.per_class["fight"]["auc"] == 0.5
    assert result.per_class["fire"]["events"] == 2


def test_a_ground_truth_without_anomalies_gives_no_numbers_instead_of_zeros():
    truth = replace(small_truth(), intervals=dict.fromkeys(small_truth().videos, ()))
    result = evaluate(constant_tracks(truth), truth, rng=np.random.default_rng(0), resamples=20)
    assert (result.auc, result.auc_low, result.average_precision, result.tie_share) == (None,) * 4
    assert result.false_alarms_per_hour_at_80_recall is None


def test_two_streams_in_one_row_are_refused():
    truth = small_truth()
    tracks = constant_tracks(truth)
    tracks["a.mp4"] = replace(tracks["a.mp4"], stream="fused")
    with pytest.raises(EvaluationError, match="one stream at a time"):
        evaluate(tracks, truth, rng=np.random.default_rng(0))


def test_baselines_get_what_they_must_get():
    truth = small_truth()
    rows = baselines(truth, rng=np.random.default_rng(0))
    assert rows["constant"]["average_precision"] == pytest.approx(truth.anomalous_share)
    assert rows["constant"]["auc"] == 0.5
    oracle = rows["perfect_video_label_oracle_offline"]
    frames = FrameScores.blank(truth)
    inside = frames.has_anomaly[frames.video_of] & ~frames.labels
    # every normal frame of an anomalous video ties with the anomalous ones
    assert oracle["auc"] == pytest.approx(1 - 0.5 * inside.sum() / (~frames.labels).sum())
    assert oracle["auc_anomalous"] == 0.5
    with_centre = rows["perfect_video_label_with_centre_prior_oracle_offline"]
    assert with_centre["auc_anomalous"] == rows["centre_prior_offline"]["auc_anomalous"]


def test_the_centre_prior_knows_nothing_but_the_place_in_the_video():
    truth = small_truth()
    frames = FrameScores.blank(truth)
    scores = frames.with_scores(BASELINES["centre_prior_offline"](frames, truth, np.random.default_rng(0)))
    for video in truth.videos:
        values, _ = scores.of(video)
        np.testing.assert_array_equal(values, values[::-1])
        assert values.argmax() == (len(values) - 1) // 2


def test_random_scores_are_at_chance_on_average():
    truth = small_truth()
    aucs = [baselines(truth, rng=np.random.default_rng(seed))["random"]["auc"] for seed in range(30)]
    assert np.mean(aucs) == pytest.approx(0.5, abs=0.02)


def test_a_baseline_that_knows_the_truth_is_named_an_oracle():
    oracles = {name for name in BASELINES if "oracle" in name}
    assert oracles == {name for name in BASELINES if "perfect_video_label" in name}
    assert {name for name in BASELINES if "offline" not in name} == {"constant", "random"}
