"""The difference of top-k means, which is the default scorer, and explanations, which are made of it."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_banks import small_bank, small_corpus, unit

from traces_core.bank.bank import Bank
from traces_core.errors import MixedSpacesError
from traces_core.scoring import Difference, class_scores, explain, score_vectors
from traces_core.text import without_class
from traces_core.types import Array

SPACE = "drawn:1"
CONTEXTS = st.sampled_from([None, ["north"], ["south"]])


def slow_score(
    vector: Array,
    corpus: pl.DataFrame,
    vectors: Array,
    k: int,
    contexts: list[str] | None,
    label: str | None = None,
) -> float:
    """The docstring's formula, one trace at a time."""
    sides: dict[str, list[float]] = {"normal": [], "anomalous": []}
    for row, trace in zip(corpus.iter_rows(named=True), vectors, strict=True):
        of_class = label is None or row["side"] == "normal" or row["class"] == label
        if of_class and (contexts is None or row["context"] in contexts):
            sides[row["side"]].append(float(np.dot(vector.astype(np.float64), trace.astype(np.float64))))
    top = {side: sorted(cosines)[::-1][:k] for side, cosines in sides.items()}
    return sum(top["anomalous"]) / len(top["anomalous"]) - sum(top["normal"]) / len(top["normal"])


@given(seed=st.integers(0, 1000), k=st.integers(1, 15), contexts=CONTEXTS)
def test_a_score_is_the_formula_of_its_docstring(seed: int, k: int, contexts: list[str] | None) -> None:
    bank, corpus, traces = small_bank(seed)
    vectors = unit(4, np.random.default_rng(seed + 1))
    expected = [slow_score(vector, corpus, traces, k, contexts) for vector in vectors]
    np.testing.assert_allclose(
        score_vectors(vectors, bank, scorer=Difference(k=k), space=SPACE, contexts=contexts),
        expected,
        atol=1e-5,
    )


@given(seed=st.integers(0, 1000), k=st.integers(1, 15), contexts=CONTEXTS)
def test_a_class_score_is_the_formula_of_its_docstring(seed: int, k: int, contexts: list[str] | None) -> None:
    bank, corpus, traces = small_bank(seed)
    vectors = unit(3, np.random.default_rng(seed + 1))
    by_class = class_scores(vectors, bank, scorer=Difference(k=k), space=SPACE, contexts=contexts)
    assert list(by_class) == (["theft"] if contexts == ["south"] else ["fire", "theft"])
    for label, scores in by_class.items():
        expected = [slow_score(vector, corpus, traces, k, contexts, label) for vector in vectors]
        np.testing.assert_allclose(scores, expected, atol=1e-5)


@given(seed=st.integers(0, 1000), k=st.integers(1, 3))
def test_no_class_score_exceeds_the_score_and_with_one_neighbour_the_largest_equals_it(
    seed: int, k: int
) -> None:
    bank, _, _ = small_bank(seed)
    vectors = unit(5, np.random.default_rng(seed + 1))
    largest = np.max(list(class_scores(vectors, bank, scorer=Difference(k=k), space=SPACE).values()), axis=0)
    scores = score_vectors(vectors, bank, scorer=Difference(k=k), space=SPACE)
    assert np.all(largest <= scores + 1e-5)
    if k == 1:
        np.testing.assert_allclose(largest, scores, atol=1e-6)


@given(seed=st.integers(0, 1000), k=st.integers(1, 30))
def test_scores_lie_within_two_of_zero_and_have_float32(seed: int, k: int) -> None:
    bank, _, _ = small_bank(seed)
    scores = score_vectors(unit(6, np.random.default_rng(seed)), bank, scorer=Difference(k=k), space=SPACE)
    assert scores.dtype == np.float32
    assert np.abs(scores).max() <= 2 + 1e-5


def test_the_extremes_are_reached_where_the_docstring_says() -> None:
    corpus = small_corpus()
    vectors = np.zeros((len(corpus), 8), np.float32)
    vectors[:, 0] = np.where(corpus["side"].to_numpy() == "anomalous", 1, -1)
    bank = Bank.build(corpus, vectors, SPACE)
    ends = np.zeros((3, 8), np.float32)
    ends[0, 0], ends[1, 1], ends[2, 0] = 1, 1, -1
    assert score_vectors(ends, bank, scorer=Difference(k=3), space=SPACE).tolist() == [2, 0, -2]


def test_swapping_the_sides_turns_the_sign() -> None:
    bank, corpus, traces = small_bank()
    turned = corpus.with_columns(
        side=pl.col("side").replace({"normal": "anomalous", "anomalous": "normal"}),
    )
    vectors = unit(6, np.random.default_rng(4))
    np.testing.assert_allclose(
        score_vectors(vectors, Bank.build(turned, traces, SPACE), scorer=Difference(k=3), space=SPACE),
        -score_vectors(vectors, bank, scorer=Difference(k=3), space=SPACE),
        atol=1e-6,
    )


def test_a_class_left_out_answers_no_more() -> None:
    _, corpus, traces = small_bank()
    kept = without_class(corpus, "fire")
    rows = corpus.with_row_index("row").join(kept, on="trace_id", maintain_order="right")["row"].to_numpy()
    bank = Bank.build(kept, traces[rows], SPACE)
    assert list(class_scores(traces[:2], bank, scorer=Difference(k=1), space=SPACE)) == ["theft"]


@given(seed=st.integers(0, 1000), k=st.integers(1, 9), contexts=CONTEXTS)
def test_an_explanation_is_made_of_what_the_score_is_made_of(seed: int, k: int, contexts) -> None:
    bank, _, _ = small_bank(seed)
    vector = unit(1, np.random.default_rng(seed + 1))
    explanation = explain(vector[0], bank, k=k, space=SPACE, contexts=contexts)
    np.testing.assert_allclose(
        explanation.score,
        score_vectors(vector, bank, scorer=Difference(k=k), space=SPACE, contexts=contexts)[0],
        atol=1e-5,
    )
    for side in ("normal", "anomalous"):
        matches = getattr(explanation, side)
        assert {match.trace.side for match in matches} == {side}
        similarities = [match.similarity for match in matches]
        assert similarities == sorted(similarities, reverse=True)


def test_an_explanation_refuses_vectors_of_another_space() -> None:
    bank, _, traces = small_bank()
    with pytest.raises(MixedSpacesError, match="drawn:2"):
        explain(traces[0], bank, k=1, space="drawn:2")


def test_a_sentence_is_scored_on_its_own_side() -> None:
    bank, corpus, traces = small_bank()
    is_anomalous = (corpus["side"] == "anomalous").to_numpy()
    gaps = score_vectors(traces, bank, scorer=Difference(k=1), space=SPACE)
    assert np.all(gaps[is_anomalous] > 0)
    assert np.all(gaps[~is_anomalous] < 0)
