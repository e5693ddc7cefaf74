"""Intervals over videos: the fast bilinear form against drawing the frames for real."""

from __future__ import annotations

import numpy as np
import pytest
from metric_worlds import drawn_tracks, small_truth

from traces_core.metrics import (
    Cells,
    FrameScores,
    LevelCounts,
    auc_of_draws,
    average_precision_of_draws,
    draw_videos,
    percentile_bounds,
    roc_auc,
)


def drawn_frames(seed: int = 0) -> FrameScores:
    truth = small_truth()
    return FrameScores.from_tracks(drawn_tracks(truth, np.random.default_rng(seed)), truth)


def repeat_videos(frames: FrameScores, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The slow reference: each video's frames as often as the video was drawn."""
    parts = [
        frames.of(video) for video, times in zip(frames.videos, weights, strict=True) for _ in range(times)
    ]
    return np.concatenate([p[0] for p in parts]), np.concatenate([p[1] for p in parts])


@pytest.mark.parametrize("is_stratified", [True, False])
def test_a_draw_is_worth_what_its_repeated_frames_are_worth(is_stratified):
    frames = drawn_frames()
    weights = draw_videos(frames.has_anomaly, np.random.default_rng(1), 40, is_stratified=is_stratified)
    cells = Cells.of(frames)
    aucs, precisions = auc_of_draws(cells, weights), average_precision_of_draws(cells, weights)
    for row, auc, precision in zip(weights, aucs, precisions, strict=True):
        scores, labels = repeat_videos(frames, row)
        expected = roc_auc(scores, labels)
        if expected is None:
            assert np.isnan(auc)
            assert np.isnan(precision)
        else:
            assert auc == pytest.approx(expected, abs=1e-12)
            assert precision == pytest.approx(LevelCounts.of(scores, labels).average_precision, abs=1e-12)


def test_cells_count_every_frame_once_and_give_the_same_numbers():
    frames = drawn_frames()
    cells = Cells.of(frames)
    assert cells.anomalous.sum() + cells.normal.sum() == len(frames)
    assert cells.counts.roc_auc == roc_auc(frames.scores, frames.labels)
    assert cells.counts.average_precision == LevelCounts.of(frames.scores, frames.labels).average_precision


def test_a_class_is_compared_with_all_normal_frames_and_no_other_class():
    frames = drawn_frames()
    used = frames.classes["fire"] | ~frames.labels
    counts = Cells.of(frames, frames.classes["fire"]).counts
    assert counts.roc_auc == roc_auc(frames.scores[used], frames.classes["fire"][used])
    assert counts.average_precision == pytest.approx(
        LevelCounts.of(frames.scores[used], frames.classes["fire"][used]).average_precision
    )


def test_a_stratified_draw_keeps_the_number_of_anomalous_videos():
    has_anomaly = np.array([True, False, False, True, False])
    weights = draw_videos(has_anomaly, np.random.default_rng(0), 200)
    assert (weights[:, has_anomaly].sum(axis=1) == 2).all()
    assert (weights[:, ~has_anomaly].sum(axis=1) == 3).all()
    assert len(np.unique(weights, axis=0)) > 10


def test_the_same_seed_gives_the_same_interval_and_another_gives_another():
    frames = drawn_frames()

    def interval(seed: int) -> tuple[float | None, float | None]:
        weights = draw_videos(frames.has_anomaly, np.random.default_rng(seed), 300)
        bounds = percentile_bounds(auc_of_draws(Cells.of(frames), weights))
        return bounds.low, bounds.high

    assert interval(5) == interval(5)
    assert interval(5) != interval(6)


@pytest.mark.parametrize("seed", range(5))
def test_the_interval_contains_the_number_itself(seed):
    frames = drawn_frames(seed)
    weights = draw_videos(frames.has_anomaly, np.random.default_rng(seed), 500)
    bounds = percentile_bounds(auc_of_draws(Cells.of(frames), weights))
    assert bounds.low < roc_auc(frames.scores, frames.labels) < bounds.high


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    """Gaussian scores of 12 + 12 one-frame videos, true AUC known: 95 % intervals, 300 data sets."""
    rng, true_auc, covered = np.random.default_rng(0), 0.7602499, 0  # Phi(1 / sqrt(2))
    has_anomaly = np.repeat([True, False], 12)
    for _ in range(300):
        scores = rng.normal(size=24) + has_anomaly
        frames = FrameScores(
            tuple(map(str, range(24))), np.arange(25, dtype=np.int64), scores, has_anomaly, {}
        )
        weights = draw_videos(frames.has_anomaly, rng, 200)
        bounds = percentile_bounds(auc_of_draws(Cells.of(frames), weights))
        covered += bounds.low <= true_auc <= bounds.high
    assert 0.85 < covered / 300 < 0.99


def test_no_draw_gives_no_interval():
    bounds = percentile_bounds(np.full(10, np.nan))
    assert (bounds.low, bounds.high, bounds.resamples) == (None, None, 0)


def test_of_many_levels_neighbours_are_joined_and_the_draws_hardly_move(monkeypatch):
    rng = np.random.default_rng(3)
    truth = small_truth()
    blank = FrameScores.blank(truth)
    frames = blank.with_scores(rng.normal(size=len(blank)) + blank.labels)
    weights = draw_videos(frames.has_anomaly, rng, 50)
    cells = Cells.of(frames)
    exact = auc_of_draws(cells, weights), average_precision_of_draws(cells, weights)
    monkeypatch.setattr("traces_core.metrics.bootstrap.MOST_LEVELS", 200)
    hits, misses = cells.by_level()
    assert 50 < len(hits) <= 201 < len(np.unique(frames.scores))
    assert (hits.sum(), misses.sum()) == (frames.labels.sum(), (~frames.labels).sum())
    joined = auc_of_draws(cells, weights), average_precision_of_draws(cells, weights)
    for one, other in zip(exact, joined, strict=True):
        np.testing.assert_allclose(one, other, atol=0.02)  # of the order of 1 / levels
