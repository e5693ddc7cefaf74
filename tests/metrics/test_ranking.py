"""The numbers of one ranking, against scikit-learn and against the slowest possible arithmetic."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import auc, average_precision_score, precision_recall_curve, roc_auc_score

from traces_core.errors import NotFiniteError
from traces_core.metrics import LevelCounts, roc_auc

# Few distinct scores, so that almost every example has ties; both classes present.
rankings = st.lists(st.tuples(st.integers(0, 6), st.booleans()), min_size=2, max_size=40).filter(
    lambda pairs: 0 < sum(label for _, label in pairs) < len(pairs)
)


def pairs_of(ranking: list[tuple[int, bool]]) -> list[tuple[int, int]]:
    anomalous = [score for score, label in ranking if label]
    normal = [score for score, label in ranking if not label]
    return [(a, n) for a in anomalous for n in normal]


def average_precision(*ranking: object) -> float | None:
    return LevelCounts.of(*ranking).average_precision  # type: ignore[arg-type]


def pr_auc_trapezoid(*ranking: object) -> float | None:
    return LevelCounts.of(*ranking).pr_auc_trapezoid  # type: ignore[arg-type]


def tie_share(*ranking: object) -> float | None:
    return LevelCounts.of(*ranking).tie_share  # type: ignore[arg-type]


def arrays(ranking: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    return np.array([s for s, _ in ranking], dtype=np.float64), np.array([label for _, label in ranking])


@given(rankings)
def test_roc_auc_is_the_share_of_pairs_in_order_with_ties_half(ranking):
    won = [1.0 if a > n else 0.5 if a == n else 0.0 for a, n in pairs_of(ranking)]
    assert roc_auc(*arrays(ranking)) == pytest.approx(sum(won) / len(won), abs=1e-12)


@given(rankings)
def test_every_number_equals_that_of_scikit_learn(ranking):
    scores, labels = arrays(ranking)
    precision, recall, _ = precision_recall_curve(labels, scores)
    assert roc_auc(scores, labels) == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert average_precision(scores, labels) == pytest.approx(
        average_precision_score(labels, scores), abs=1e-12
    )
    assert pr_auc_trapezoid(scores, labels) == pytest.approx(auc(recall, precision), abs=1e-12)


@given(rankings)
def test_average_precision_is_the_mean_precision_at_each_anomalous_frame(ranking):
    precisions = []
    for score, label in ranking:
        if label:
            above = [other for other in ranking if other[0] >= score]
            precisions.append(sum(is_hit for _, is_hit in above) / len(above))
    assert average_precision(*arrays(ranking)) == pytest.approx(np.mean(precisions), abs=1e-12)


@given(rankings)
def test_tie_share_is_the_share_of_pairs_that_are_equal(ranking):
    tied = [a == n for a, n in pairs_of(ranking)]
    assert tie_share(*arrays(ranking)) == pytest.approx(np.mean(tied), abs=1e-12)


@given(rankings, st.randoms(use_true_random=False))
def test_neither_a_rising_transform_nor_the_order_of_the_frames_changes_a_number(ranking, random):
    scores, labels = arrays(ranking)
    order = list(range(len(scores)))
    random.shuffle(order)
    moved = np.exp(scores / 3.0) - 7.0
    for metric in (roc_auc, average_precision, pr_auc_trapezoid, tie_share):
        assert metric(moved[order], labels[order]) == metric(scores, labels)


@given(rankings)
def test_a_reversed_score_gets_the_mirrored_auc(ranking):
    scores, labels = arrays(ranking)
    assert roc_auc(-scores, labels) == pytest.approx(1 - roc_auc(scores, labels), abs=1e-12)


@given(st.integers(1, 30), st.integers(1, 30))
def test_a_constant_score_gets_chance_except_by_the_trapezoid_rule(anomalous, normal):
    labels = np.array([1] * anomalous + [0] * normal)
    share = anomalous / (anomalous + normal)
    constant = np.full(len(labels), 0.37)
    assert roc_auc(constant, labels) == 0.5
    assert average_precision(constant, labels) == pytest.approx(share)
    assert pr_auc_trapezoid(constant, labels) == pytest.approx((1 + share) / 2)
    assert pr_auc_trapezoid(constant, labels) > average_precision(constant, labels)
    assert tie_share(constant, labels) == 1.0


@pytest.mark.parametrize("labels", [[0, 0, 0], [1, 1, 1]], ids=["no anomaly", "no normal frame"])
@pytest.mark.parametrize("metric", [roc_auc, average_precision, pr_auc_trapezoid, tie_share])
def test_a_ranking_of_one_class_is_undefined_and_not_zero(metric, labels):
    assert metric([0.1, 0.2, 0.3], labels) is None


def test_a_frame_without_a_score_ranks_below_every_score():
    assert roc_auc([-np.inf, 0.0, 0.0, 1.0], [0, 0, 1, 1]) == 0.875


def test_a_score_that_is_not_a_number_is_refused():
    with pytest.raises(NotFiniteError, match="NaN"):
        roc_auc([0.1, np.nan], [0, 1])


@settings(max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_a_long_ranking_is_counted_exactly(seed):
    rng = np.random.default_rng(seed)
    scores, labels = rng.integers(0, 50, 5000), rng.random(5000) < 0.1
    counts = LevelCounts.of(scores, labels)
    assert counts.anomalous.sum() == labels.sum()
    assert counts.roc_auc == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
