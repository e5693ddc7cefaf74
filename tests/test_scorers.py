"""All scorers: each is the formula of its docstring, and all keep the same promises."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from small_banks import unit

from traces_core.bank.bank import WEIGHT, Bank
from traces_core.errors import (
    EmptySideError,
    MixedSpacesError,
    NoClassesError,
    NotFiniteError,
    NotUnitNormError,
    UnknownNameError,
)
from traces_core.scoring import (
    ClassGap,
    Difference,
    KernelMachine,
    LinearProbe,
    ScorerSettings,
    SoftVote,
    WhitenedAxes,
    base,
    class_gap,
    class_scores,
    fit_scorer,
    linear_probe,
    score_vectors,
)
from traces_core.scoring.choice import ScorerChoice
from traces_core.settings import ScoringSettings
from traces_core.text.corpus import SCHEMA, trace_id
from traces_core.types import Array

SPACE = "drawn:1"
CONTEXTS = st.sampled_from([None, ["north"], ["south"]])
SEEDS = st.integers(0, 1000)
ALL = {name: ScorerChoice(scorer=name).chosen for name in ScorerChoice.names()}  # type: ignore[arg-type]
every_scorer = pytest.mark.parametrize("scorer", ALL.values(), ids=ALL)

SIZES = [
    ("north", "normal", "", 7),
    ("north", "normal", "fire", 5),  # look-alikes of fires
    ("north", "anomalous", "fire", 4),
    ("north", "anomalous", "theft", 3),
    ("south", "normal", "", 5),
    ("south", "anomalous", "theft", 6),
]
Sentences = list[tuple[str, str, str, list[float]]]
"""Context, side, class and vector of each trace."""


def bank_of(sizes: list[tuple[str, str, str, int]], vectors: Array, weights: Array | None = None) -> Bank:
    rows = [
        (trace_id(*content), *content, "drawn", "", "", 0, 0)
        for place, side, label, count in sizes
        for i in range(count)
        for content in [(place, side, label, f"{label} {i}")]
    ]
    corpus = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    if weights is not None:
        corpus = corpus.with_columns(pl.Series(WEIGHT, weights))
    return Bank.build(corpus, vectors, SPACE)


def drawn(seed: int = 0, dimensions: int = 8) -> tuple[Bank, Sentences]:
    total = sum(count for *_, count in SIZES)
    vectors = unit(total, np.random.default_rng(seed), dimensions)
    named = [(place, side, label) for place, side, label, count in SIZES for _ in range(count)]
    rows = zip(named, vectors.astype(np.float64).tolist(), strict=True)
    return bank_of(SIZES, vectors), [(*about, vector) for about, vector in rows]


def dot(one: list[float], two: list[float]) -> float:
    return sum(a * b for a, b in zip(one, two, strict=True))


def mean(vectors: list[list[float]]) -> list[float]:
    return [sum(column) / len(vectors) for column in zip(*vectors, strict=True)]


def of(rows: Sentences, side: str, label: str | None = None) -> list[list[float]]:
    return [vector for _, at, name, vector in rows if at == side and label in (None, name)]


def classes(rows: Sentences) -> list[str]:
    return sorted({name for _, side, name, _ in rows if side == "anomalous"})


# The slow references: one vector, one sentence at a time, in double precision.


def slow_class_gaps(vector: list[float], rows: Sentences, s: ClassGap) -> dict[str, float]:
    def top(sentences: list[list[float]]) -> float:
        cosines = sorted((dot(vector, one) for one in sentences), reverse=True)
        kept = cosines[: math.ceil(round(s.share * len(cosines), 6))]
        return sum(kept) / len(kept)

    return {
        name: (
            s.weight * top(of(rows, "anomalous", name)) - top(of(rows, "normal", name) or of(rows, "normal"))
        )
        / s.temperature
        for name in classes(rows)
    }


def slow_vote(
    vector: list[float], anomalous: list[list[float]], normal: list[list[float]], s: SoftVote
) -> float:
    votes = [(s.weight * dot(vector, one), "a") for one in anomalous] + [
        (dot(vector, one), "n") for one in normal
    ]
    votes.sort(key=lambda vote: -vote[0])
    voting = votes[: s.k]
    for side in "an":
        if side not in [name for _, name in voting]:
            voting.append(next(vote for vote in votes if vote[1] == side))
    sums = {side: sum(math.exp(value) for value, name in voting if name == side) for side in "an"}
    return math.log(sums["a"]) - math.log(sums["n"])


def slow_cosines(vector: list[float], rows: Sentences, s: WhitenedAxes) -> dict[str, float]:
    """By the inverse of the covariance: `C^(-1/2) x . C^(-1/2) y = x C^(-1) y`, no square root is drawn."""
    everything = [one for *_, one in rows]
    middle, size = mean(everything), len(vector)
    covariance = np.zeros((size, size))
    for one in everything:
        for i in range(size):
            for j in range(size):
                covariance[i, j] += (one[i] - middle[i]) * (one[j] - middle[j]) / len(everything)
    sphere = sum(covariance[i, i] for i in range(size)) / size
    inverse = np.linalg.inv((1 - s.shrinkage) * covariance + s.shrinkage * sphere * np.eye(size))
    centre = np.array(mean(of(rows, "normal")))
    z = np.array(vector) - centre
    cosines = {}
    for name in classes(rows):
        axis = np.array(mean(of(rows, "anomalous", name))) - centre
        cosines[name] = float(z @ inverse @ axis / math.sqrt((z @ inverse @ z) * (axis @ inverse @ axis)))
    return cosines


def slow_probe(rows: Sentences, s: LinearProbe) -> Array:
    """Weights and offset by Newton's method on the objective of the docstring."""
    sizes = {side: len(of(rows, side)) for side in ("normal", "anomalous")}
    weights = np.zeros(len(rows[0][3]) + 1)
    for _ in range(50):
        gradient = s.l2 * np.append(weights[:-1], 0)
        hessian = s.l2 * np.diag(np.append(np.ones(len(weights) - 1), 0))
        for _, side, _, vector in rows:
            x, sign = np.append(vector, 1), 1 if side == "anomalous" else -1
            wrong = 1 / (1 + math.exp(sign * float(weights @ x)))
            gradient += -sign * wrong * x / (2 * sizes[side])
            hessian += wrong * (1 - wrong) * np.outer(x, x) / (2 * sizes[side])
        weights = weights - np.linalg.solve(hessian, gradient)
    return weights


def slow_machine(
    vector: list[float], rows: Sentences, s: KernelMachine, weights: list[float] | None = None
) -> float:
    """The dual of the soft-margin machine, solved by a general optimiser, and the soft neighbours."""
    x = np.array([row[3] for row in rows])
    y = np.array([1.0 if row[1] == "anomalous" else -1.0 for row in rows])
    w = np.ones(len(y)) if weights is None else np.array(weights)
    shares = np.array([one / w[y == side].sum() for one, side in zip(w, y, strict=True)])
    most = s.penalty * shares * len(y) / 2  # the sides weigh the same
    kernel = np.array([[math.exp(-s.gamma * ((a - b) ** 2).sum()) for b in x] for a in x])
    hessian = kernel * np.outer(y, y)
    duals = optimize.minimize(
        lambda a: 0.5 * a @ hessian @ a - a.sum(),
        np.zeros(len(y)),
        jac=lambda a: hessian @ a - 1,
        bounds=[(0, top) for top in most],
        constraints={"type": "eq", "fun": lambda a: a @ y, "jac": lambda a: y},
        method="SLSQP",
        options={"maxiter": 1000, "ftol": 1e-14},
    ).x
    free = (duals > 1e-4 * most) & (duals < (1 - 1e-4) * most)
    offset = (y - kernel @ (duals * y))[free].mean()
    machine = sum(
        a * sign * math.exp(-s.gamma * ((np.array(vector) - one) ** 2).sum())
        for a, sign, one in zip(duals, y, x, strict=True)
    )
    near = np.array([math.exp(np.dot(vector, one) / s.temperature) for one in x])
    soft = {
        side: s.temperature * math.log((near * shares)[y == sign].sum())
        for side, sign in (("normal", -1.0), ("anomalous", 1.0))
    }
    return machine + offset + s.nearest * (soft["anomalous"] - soft["normal"])


def kept(rows: Sentences, contexts: list[str] | None) -> Sentences:
    return [row for row in rows if contexts is None or row[0] in contexts]


@settings(max_examples=25)
@given(seed=SEEDS, contexts=CONTEXTS, share=st.floats(0.05, 1), weight=st.floats(0.5, 1.2))
def test_a_class_gap_is_the_formula_of_its_docstring(seed, contexts, share, weight) -> None:
    bank, rows = drawn(seed)
    scorer = ClassGap(weight=weight, share=share)
    vectors = unit(3, np.random.default_rng(seed + 1))
    slow = [slow_class_gaps(one, kept(rows, contexts), scorer) for one in vectors.astype(float).tolist()]
    how = {"space": SPACE, "scorer": scorer, "contexts": contexts}
    by_class = class_scores(vectors, bank, **how)
    assert list(by_class) == list(slow[0])
    for name, scores in by_class.items():
        np.testing.assert_allclose(scores, [one[name] for one in slow], atol=1e-3)  # gaps of tens
    nova = [max(1 / (1 + math.exp(-gap)) for gap in one.values()) for one in slow]
    np.testing.assert_allclose(
        1 / (1 + np.exp(-score_vectors(vectors, bank, **how).astype(float))), nova, atol=1e-5
    )


def test_a_class_is_judged_against_its_own_look_alikes_where_there_are_any() -> None:
    bank, _ = drawn()
    sizes = [row for row in SIZES if row != ("north", "normal", "", 7)]
    keep = np.r_[7:30]
    other = bank_of(sizes, np.array([row[3] for row in drawn()[1]], np.float32)[keep])
    vectors = unit(5, np.random.default_rng(2))
    before, after = (class_scores(vectors, one, space=SPACE, scorer=ClassGap()) for one in (bank, other))
    np.testing.assert_array_equal(before["fire"], after["fire"])  # its look-alikes are all there
    assert np.abs(before["theft"] - after["theft"]).min() > 0  # it has none: all normal ones answer


@settings(max_examples=25)
@given(seed=SEEDS, contexts=CONTEXTS, k=st.integers(1, 40), weight=st.floats(0.5, 1.2))
def test_a_soft_vote_is_the_formula_of_its_docstring(seed, contexts, k, weight) -> None:
    bank, rows = drawn(seed)
    rows, scorer = kept(rows, contexts), SoftVote(k=k, weight=weight)
    vectors = unit(3, np.random.default_rng(seed + 1))
    each = vectors.astype(float).tolist()
    how = {"space": SPACE, "scorer": scorer, "contexts": contexts}
    slow = [slow_vote(one, of(rows, "anomalous"), of(rows, "normal"), scorer) for one in each]
    np.testing.assert_allclose(score_vectors(vectors, bank, **how), slow, atol=1e-5)
    for name, scores in class_scores(vectors, bank, **how).items():
        slow = [slow_vote(one, of(rows, "anomalous", name), of(rows, "normal"), scorer) for one in each]
        np.testing.assert_allclose(scores, slow, atol=1e-5)


@settings(max_examples=25)
@given(seed=SEEDS, contexts=CONTEXTS, shrinkage=st.floats(0.01, 1), temperature=st.floats(0.02, 5))
def test_whitened_axes_are_the_formula_of_their_docstring(seed, contexts, shrinkage, temperature) -> None:
    bank, rows = drawn(seed)
    scorer = WhitenedAxes(shrinkage=shrinkage, temperature=temperature)
    vectors = unit(3, np.random.default_rng(seed + 1))
    slow = [slow_cosines(one, kept(rows, contexts), scorer) for one in vectors.astype(float).tolist()]
    how = {"space": SPACE, "scorer": scorer, "contexts": contexts}
    by_class = class_scores(vectors, bank, **how)
    assert list(by_class) == list(slow[0])
    for name, scores in by_class.items():
        np.testing.assert_allclose(scores, [one[name] for one in slow], atol=1e-5)
    soft = [
        temperature * math.log(sum(math.exp(p / temperature) for p in one.values()) / len(one))
        for one in slow
    ]
    np.testing.assert_allclose(score_vectors(vectors, bank, **how), soft, atol=1e-5)


@pytest.mark.parametrize("contexts", [None, ["north"], ["south"]])
@pytest.mark.parametrize("l2", [1e-3, 0.1, 10])
def test_a_linear_probe_is_the_minimum_of_its_docstring(contexts: list[str] | None, l2: float) -> None:
    bank, rows = drawn(3)
    vectors = unit(4, np.random.default_rng(5))
    scores = score_vectors(vectors, bank, space=SPACE, scorer=LinearProbe(l2=l2), contexts=contexts)
    weights = slow_probe(kept(rows, contexts), LinearProbe(l2=l2))
    np.testing.assert_allclose(scores, vectors @ weights[:-1] + weights[-1], atol=2e-3, rtol=1e-3)


@pytest.mark.parametrize("contexts", [None, ["north"], ["south"]])
@pytest.mark.parametrize(("gamma", "penalty", "nearest"), [(2.0, 3.0, 8.0), (0.5, 30.0, 0.0)])
def test_a_kernel_machine_is_the_formula_of_its_docstring(contexts, gamma, penalty, nearest) -> None:
    bank, rows = drawn(3)
    scorer = KernelMachine(gamma=gamma, penalty=penalty, nearest=nearest)
    vectors = unit(4, np.random.default_rng(5))
    slow = [slow_machine(one, kept(rows, contexts), scorer) for one in vectors.astype(float).tolist()]
    scores = score_vectors(vectors, bank, space=SPACE, scorer=scorer, contexts=contexts)
    np.testing.assert_allclose(scores, slow, atol=2e-3)


def test_a_sentence_of_a_kernel_machine_counts_by_its_weight() -> None:
    _, rows = drawn(3)
    rng = np.random.default_rng(6)
    weights = rng.choice([0.2, 0.5, 1.0], len(rows))
    bank = bank_of(SIZES, np.array([row[3] for row in rows], np.float32), weights)
    vectors = unit(4, rng)
    slow = [
        slow_machine(one, rows, KernelMachine(), weights.tolist()) for one in vectors.astype(float).tolist()
    ]
    scores = score_vectors(vectors, bank, space=SPACE, scorer=KernelMachine())
    np.testing.assert_allclose(scores, slow, atol=2e-3)
    plain = score_vectors(vectors, drawn(3)[0], space=SPACE, scorer=KernelMachine())
    assert np.abs(scores - plain).max() > 0.01


def classes_by(scorer: ScorerSettings, vectors: Array, bank: Bank) -> dict[str, Array]:
    """Scores by class; none where the scorer says that it knows no classes."""
    try:
        return class_scores(vectors, bank, space=SPACE, scorer=scorer)
    except NoClassesError:
        return {}


@pytest.mark.parametrize("name", ALL)
def test_a_scorer_scores_every_class_or_says_who_has_them(name: str) -> None:
    bank, _ = drawn()
    vectors = unit(2, np.random.default_rng(0))
    if isinstance(ALL[name], (Difference, ClassGap, SoftVote, WhitenedAxes)) or classes_by(
        ALL[name], vectors, bank
    ):
        assert list(class_scores(vectors, bank, space=SPACE, scorer=ALL[name])) == ["fire", "theft"]
    else:
        with pytest.raises(NoClassesError, match=f"{name}.*difference"):
            class_scores(vectors, bank, space=SPACE, scorer=ALL[name])


# What every scorer promises.


@every_scorer
@settings(max_examples=25)
@given(seed=SEEDS, contexts=CONTEXTS)
def test_vector_by_vector_gives_what_all_at_once_gives(scorer: ScorerSettings, seed, contexts) -> None:
    bank, _ = drawn()
    vectors = unit(6, np.random.default_rng(seed))
    how = {"space": SPACE, "scorer": scorer, "contexts": contexts}
    alone = [score_vectors(vectors[i : i + 1], bank, **how)[0] for i in range(6)]
    np.testing.assert_allclose(alone, score_vectors(vectors, bank, **how), atol=1e-4, rtol=1e-5)


@every_scorer
def test_many_vectors_are_scored_in_parts_with_the_same_result(scorer, monkeypatch) -> None:
    bank, _ = drawn()
    vectors = unit(23, np.random.default_rng(4))
    how = {"space": SPACE, "scorer": scorer}
    whole = score_vectors(vectors, bank, **how)
    by_class = classes_by(scorer, vectors, bank)
    for module in (base, class_gap):
        monkeypatch.setattr(module, "CHUNK", 5)
    monkeypatch.setattr(class_gap, "_SIMILARITIES", 60)
    np.testing.assert_allclose(score_vectors(vectors, bank, **how), whole, atol=1e-4)
    for name, scores in by_class.items():
        assert scores.shape == (23,)
        np.testing.assert_allclose(class_scores(vectors, bank, **how)[name], scores, atol=1e-4)


@every_scorer
def test_the_order_of_the_traces_does_not_change_a_score(scorer: ScorerSettings) -> None:
    bank, rows = drawn()
    turned = bank.corpus.reverse()
    place = {number: row for row, number in enumerate(bank.corpus["trace_id"])}
    by_id = {}
    for side in ("normal", "anomalous"):
        by_id |= dict(zip(bank.trace_ids(side).tolist(), bank.vectors(side), strict=True))
    other = Bank.build(turned, np.stack([by_id[number] for number in turned["trace_id"]]), SPACE)
    vectors = unit(5, np.random.default_rng(1))
    one, two = (score_vectors(vectors, each, space=SPACE, scorer=scorer) for each in (bank, other))
    assert len(place) == len(rows)
    np.testing.assert_allclose(one, two, atol=1e-4)


@every_scorer
def test_a_trace_of_another_context_does_not_change_a_score(scorer: ScorerSettings) -> None:
    bank, rows = drawn()
    north = [row for row in rows if row[0] == "north"]
    alone = bank_of(SIZES[:4], np.array([row[3] for row in north], np.float32))
    vectors = unit(6, np.random.default_rng(4))
    scores = score_vectors(vectors, bank, space=SPACE, scorer=scorer, contexts=["north"])
    np.testing.assert_allclose(scores, score_vectors(vectors, alone, space=SPACE, scorer=scorer), atol=1e-4)
    assert np.abs(scores - score_vectors(vectors, bank, space=SPACE, scorer=scorer)).max() > 1e-3


@every_scorer
@pytest.mark.parametrize(
    ("normal", "anomalous", "dimensions"), [(1, 1, 8), (12, 12, 512), (1, 30, 16), (30, 1, 16)]
)
def test_a_few_sentences_in_many_dimensions_are_enough(scorer, normal, anomalous, dimensions) -> None:
    sizes = [("yard", "normal", "", normal), ("yard", "anomalous", "fire", anomalous)]
    traces = unit(normal + anomalous, np.random.default_rng(3), dimensions)
    scores = score_vectors(traces, bank_of(sizes, traces), space=SPACE, scorer=scorer)
    assert scores.dtype == np.float32
    assert np.isfinite(scores).all()
    if normal == anomalous:  # the sentences themselves lie on their own sides
        assert np.mean(scores[normal:, None] > scores[:normal]) > 0.95


@every_scorer
def test_sentences_that_are_all_the_same_give_finite_scores(scorer: ScorerSettings) -> None:
    sizes = [("yard", "normal", "", 3), ("yard", "anomalous", "fire", 3)]
    bank = bank_of(sizes, np.eye(1, 8, dtype=np.float32).repeat(6, axis=0))
    ends = np.eye(8, dtype=np.float32) * np.array([[1], [-1]] * 4, np.float32)
    assert np.isfinite(score_vectors(ends, bank, space=SPACE, scorer=scorer)).all()


@every_scorer
@pytest.mark.parametrize("lean", [-3.0, 0.0, 3.0])
def test_hardly_two_vectors_tie_however_clear_the_case_is(scorer: ScorerSettings, lean: float) -> None:
    """Two tight, far clusters of sentences; the vectors lie about one of them, or between."""
    rng = np.random.default_rng(0)
    ends = np.repeat(np.eye(2, 16, dtype=np.float32), 30, axis=0)
    traces = ends + rng.normal(scale=0.05, size=ends.shape).astype(np.float32)
    sizes = [
        ("yard", "normal", "", 30),
        ("yard", "anomalous", "fire", 20),
        ("yard", "anomalous", "theft", 10),
    ]
    bank = bank_of(sizes, traces / np.linalg.norm(traces, axis=1, keepdims=True))
    vectors = rng.normal(scale=0.1, size=(2000, 16)).astype(np.float32)
    vectors[:, 0] += max(-lean, 1)
    vectors[:, 1] += max(lean, 1)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    scores = score_vectors(vectors, bank, space=SPACE, scorer=scorer)
    assert len(np.unique(scores)) > 0.99 * len(scores)


def test_where_the_papers_vote_is_mute_the_similarities_decide() -> None:
    bank, rows = drawn()
    scorer = SoftVote(k=2)
    vectors = unit(300, np.random.default_rng(0))
    scores = score_vectors(vectors, bank, space=SPACE, scorer=scorer)
    similarities = vectors @ np.array([row[3] for row in rows]).T  # (300, N)
    is_anomalous = np.array([row[1] == "anomalous" for row in rows])
    weighted = np.where(is_anomalous, 0.95, 1.0) * similarities
    voting = np.argsort(-weighted, axis=1)[:, :2]
    shares = np.where(is_anomalous, np.exp(weighted), 0.0)
    papers = np.take_along_axis(shares, voting, 1).sum(1) / np.exp(
        np.take_along_axis(weighted, voting, 1)
    ).sum(1)
    between = (papers > 0) & (papers < 1)
    assert 50 < between.sum() < 250
    np.testing.assert_allclose(1 / (1 + np.exp(-scores[between].astype(float))), papers[between], atol=1e-5)
    assert len(np.unique(scores[papers == 0])) > 0.98 * (papers == 0).sum()


@settings(max_examples=25)
@given(seed=SEEDS, k=st.integers(1, 12), rise=st.floats(0.0, 0.5), which=st.integers(0, 3))
def test_a_nearer_anomalous_sentence_never_lowers_a_vote_and_a_nearer_normal_one_never_raises_it(
    seed: int, k: int, rise: float, which: int
) -> None:
    similarities = np.random.default_rng(seed).uniform(-0.5, 0.5, size=(2, 1, 4))
    vote = SoftVote(k=k).fit(drawn()[0], None).join  # type: ignore[attr-defined]
    nearer = similarities.copy()
    nearer[:, :, which] += rise
    before, above = -np.sort(-similarities), -np.sort(-nearer)
    assert vote(above[0], before[1]) >= vote(before[0], before[1]) - 1e-9
    assert vote(before[0], above[1]) <= vote(before[0], before[1]) + 1e-9


def test_a_large_side_is_probed_by_a_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    bank, _ = drawn()
    vectors = unit(5, np.random.default_rng(1))
    whole = score_vectors(vectors, bank, space=SPACE, scorer=LinearProbe(l2=0.5))
    monkeypatch.setattr(linear_probe, "_MOST", 13)  # all anomalous ones, 13 of 17 normal ones
    sampled = score_vectors(vectors, bank, space=SPACE, scorer=LinearProbe(l2=0.50001))
    assert 1e-4 < np.abs(sampled - whole).max() < 0.5


# What is fitted, is fitted once.


def changed(scorer: ScorerSettings) -> ScorerSettings:
    """The same formula with another value of its first parameter."""
    name, value = next(iter(scorer.model_dump().items()))
    other = value + 1 if isinstance(value, int) else value * 0.9
    return type(scorer)(**{name: other})


@pytest.mark.parametrize("scorer", [one for one in ALL.values() if one.is_learned], ids=str)
def test_what_was_fitted_is_remembered_by_bank_contexts_and_parameters(
    tmp_path: Path, scorer: ScorerSettings
) -> None:
    bank, _ = drawn(11)
    fitted = fit_scorer(scorer, bank)
    assert fit_scorer(scorer, Bank.load(bank.save(tmp_path / "bank"))) is fitted
    assert fit_scorer(type(scorer)(), bank) is fitted
    assert fit_scorer(scorer, bank, ["north", "south"]) is fit_scorer(scorer, bank, ["south", "north"])
    others = [fit_scorer(scorer, bank, ["north"]), fit_scorer(scorer, drawn(12)[0])]
    others.append(fit_scorer(changed(scorer), bank))
    assert all(other is not fitted for other in others)


# What every scorer refuses.

Refusal = tuple[Callable[[Array], Array], dict[str, object], type[Exception]]
REFUSALS: dict[str, Refusal] = {
    "another encoder": (lambda v: v, {"space": "drawn:2"}, MixedSpacesError),
    "another length": (lambda v: v[:, :4] / np.linalg.norm(v[:, :4], axis=1)[:, None], {}, MixedSpacesError),
    "not a number": (lambda v: v * np.float32(np.nan), {}, NotFiniteError),
    "not of length one": (lambda v: v * 2, {}, NotUnitNormError),
    "one vector without rows": (lambda v: v[0], {}, ValueError),
    "unknown place": (lambda v: v, {"contexts": ["nowhere"]}, UnknownNameError),
    "unknown place, no vectors": (lambda v: v[:0], {"contexts": ["nowhere"]}, UnknownNameError),
    "no place": (lambda v: v, {"contexts": []}, EmptySideError),
    "a place without anomalies": (lambda v: v, {"contexts": ["quiet"]}, EmptySideError),
}


@every_scorer
@pytest.mark.parametrize("why", REFUSALS)
def test_what_cannot_be_compared_is_refused(scorer: ScorerSettings, why: str) -> None:
    make, how, error = REFUSALS[why]
    sizes = [*SIZES, ("quiet", "normal", "", 2)]
    bank = bank_of(sizes, unit(32, np.random.default_rng(0)))
    vectors = make(unit(2, np.random.default_rng(0)))
    for ask in (score_vectors, class_scores):
        with pytest.raises(error):
            ask(vectors, bank, **{"space": SPACE, "scorer": scorer, **how})


@every_scorer
def test_no_vectors_have_no_scores(scorer: ScorerSettings) -> None:
    nothing = np.empty((0, 8), np.float32)
    assert score_vectors(nothing, drawn()[0], space=SPACE, scorer=scorer).shape == (0,)


# What the settings say.


@pytest.mark.parametrize("name", ALL)
def test_the_settings_choose_a_scorer_with_its_parameters(name: str) -> None:
    sections = {other: changed(one) for other, one in ALL.items() if other != "difference"}
    settings = ScoringSettings(scorer=name, k=7, **sections)  # type: ignore[arg-type]
    assert settings.chosen == {"difference": Difference(k=7), **sections}[name]
