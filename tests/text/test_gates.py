from __future__ import annotations

import re

import numpy as np
import polars as pl
import pytest

from traces_core.errors import NotFiniteError
from traces_core.text import Context, Finding, check_corpus, write_corpus
from traces_core.text.corpus import SCHEMA
from traces_core.text.vector_gates import leaking
from traces_core.types import Array


def corpus_of(*rows: tuple[str, str, str]) -> pl.DataFrame:
    """Rows of (context, side, text), ids in order."""
    full = [
        (i + 1, context, side, "" if side == "normal" else "fire", text, "drawn", "", "", 0, 0)
        for i, (context, side, text) in enumerate(rows)
    ]
    return pl.DataFrame(full, schema=SCHEMA, orient="row")


def unit(*rows: tuple[float, ...]) -> Array:
    vectors = np.array(rows, dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def finding(name: str, findings: list[Finding]) -> Finding:
    return next(item for item in findings if item.name == name)


GOOD = (
    ("yard", "normal", "A cat sleeps on the wall."),
    ("yard", "normal", "A man stands by the gate."),
    ("yard", "anomalous", "Flames rise from the shed."),
    ("yard", "anomalous", "Smoke pours out of a bin."),
)


def test_a_good_corpus_passes_every_gate_in_a_fixed_order() -> None:
    vectors = unit((1, 0, 0), (1, 1, 0), (0, 0, 1), (0, 1, 3))
    findings = check_corpus(corpus_of(*GOOD), vectors, unknown_words=lambda text: ())
    assert [item.name for item in findings] == [
        *("both_sides", "duplicates", "length", "language", "diversity"),
        *("near_duplicates", "side_leakage", "self_similarity", "vocabulary"),
    ]
    assert all(item.passed for item in findings)


CASES = [
    # check, a row that breaks it, what the finding must say
    ("both_sides", ("attic", "normal", "Dust lies on the floor."), "attic has no anomalous trace"),
    ("both_sides", ("attic", "anomalous", "The floor burns."), "attic has no normal trace"),
    ("both_sides", ("yard", "sideways", "Dust lies on the floor."), "'sideways' is not a side"),
    (
        "duplicates",
        ("yard", "normal", "a cat, sleeps on THE wall"),
        "'a cat, sleeps on THE wall' repeats 'A cat sleeps on the wall.'",
    ),
    ("length", ("yard", "normal", "a " * 25 + "cat"), "26 words"),
    ("language", ("yard", "normal", "<b>A cat</b> on the wall"), "<b>A cat</b>"),
    ("language", ("yard", "normal", "- A cat on the wall"), "- A cat"),
    ("language", ("yard", "normal", "2. A cat on the wall"), "2. A cat"),
    ("language", ("yard", "normal", "A **cat** on the wall"), "**cat**"),
    ("language", ("yard", "normal", "A cat\x07 on the wall"), "A cat\\x07"),
    ("language", ("yard", "normal", "A cat on\nthe wall"), "A cat on\\nthe"),
    ("language", ("yard", "normal", "A cat 🐈 on the wall"), "🐈"),
    ("language", ("yard", "normal", "Eine Katze schläft auf dem Zaun"), "schläft"),
    ("language", ("yard", "normal", "Ein Mann klettert in das Haus"), "Ein Mann"),
    ("language", ("yard", "normal", "Un hombre corre por la calle"), "Un hombre"),
    ("language", ("yard", "normal", "Une femme attend devant la porte"), "Une femme"),
    ("language", ("yard", "normal", "cat"), "'cat'"),
]


@pytest.mark.parametrize(("name", "row", "words"), CASES)
def test_a_broken_corpus_fails_and_the_finding_says_what_differs(
    name: str, row: tuple[str, str, str], words: str
) -> None:
    result = finding(name, check_corpus(corpus_of(*GOOD, row)))
    assert not result.passed
    assert result.severity == "error"
    assert words in result.text


def test_an_empty_corpus_fails() -> None:
    assert not finding("both_sides", check_corpus(corpus_of())).passed


def test_a_class_whose_sentences_all_stand_elsewhere_is_missing() -> None:
    corpus = corpus_of(*GOOD, ("yard", "anomalous", "a cat sleeps on the wall"))
    theft = pl.when(pl.col("text") == "a cat sleeps on the wall").then(pl.lit("theft")).otherwise("class")
    written = pl.when(pl.col("text") == "a cat sleeps on the wall").then(pl.lit("openai"))
    mixed = corpus.with_columns(theft.alias("class"), written.otherwise(pl.lit("shipped")).alias("writer"))
    result = finding("both_sides", check_corpus(mixed))
    assert not result.passed
    assert "class 'theft' has only sentences that appear elsewhere" in result.text


def test_a_class_needs_a_normal_sentence_that_stands_against_it() -> None:
    paired = corpus_of(*GOOD).with_columns(
        pl.when(pl.col("side") == "normal").then(pl.lit("theft")).otherwise("class").alias("class")
    )
    assert "class 'fire' has no normal counterpart" in finding("both_sides", check_corpus(paired)).text


def test_few_duplicates_are_counted_and_pass() -> None:
    many = [("yard", "normal", f"A cat sleeps on wall {i}.") for i in range(20)]
    result = finding(
        "duplicates", check_corpus(corpus_of(*GOOD, *many, ("yard", "normal", many[3][2].upper())))
    )
    assert (result.passed, result.numbers["left_out"]) == (True, 1)
    assert "repeats" in result.text


def test_sentences_from_one_template_fail_and_the_context_and_side_are_named() -> None:
    many = [("yard", "normal", f"A man walks slowly along the quiet {i} street.") for i in range(60)]
    result = finding("diversity", check_corpus(corpus_of(*GOOD, *many)))
    assert (result.passed, result.severity) == (False, "error")
    assert "yard, normal: distinct-1" in result.text
    assert "yard, normal: distinct-2" in result.text


def test_diversity_does_not_depend_on_the_order_of_the_rows() -> None:
    many = [("yard", "normal", f"A man walks past {i} or {i * i} doors.") for i in range(90)]
    corpus = corpus_of(*GOOD, *many)
    assert finding("diversity", check_corpus(corpus)) == finding(
        "diversity", check_corpus(corpus.sample(fraction=1, shuffle=True, seed=3))
    )


def test_another_language_fails_by_its_common_words() -> None:
    result = finding("language", check_corpus(corpus_of(("yard", "normal", "Eine Katze schlummert dort."))))
    assert not result.passed
    assert result.numbers["english_share"] == 0


def test_near_duplicates_are_counted_within_a_side_of_a_context_only() -> None:
    rows = (
        *GOOD,
        ("attic", "normal", "Dust lies on the floor."),
        ("attic", "anomalous", "It burns in here."),
    )
    same = (1.0, 0.0, 0.0)
    apart = unit(same, (0, 1, 0), same, (0, 0, 1), same, same)
    assert finding("near_duplicates", check_corpus(corpus_of(*rows), apart)).numbers["left_out"] == 0
    beside = unit(same, (1, 0.01, 0), (0, 1, 0), (0, 0, 1), (0, 0, 1), same)
    result = finding("near_duplicates", check_corpus(corpus_of(*rows), beside))
    assert result.numbers["left_out"] == 1
    assert "'A man stands by the gate.' repeats 'A cat sleeps on the wall.' (1.000)" in result.text


def test_many_near_duplicates_are_a_warning_that_fails() -> None:
    result = finding("near_duplicates", check_corpus(corpus_of(*GOOD), unit(*[(1.0, 0.0)] * 4)))
    assert (result.passed, result.severity) == (False, "warning")


def sides(normal: Array, anomalous: Array) -> tuple[pl.DataFrame, Array]:
    rows = [("yard", "normal", f"Cat {i} sleeps on the wall.") for i in range(len(normal))]
    rows += [("yard", "anomalous", f"Flames {i} rise from the shed.") for i in range(len(anomalous))]
    return corpus_of(*rows), np.concatenate([normal, anomalous])


def around(centre: int, count: int, seed: int) -> Array:
    noise = np.random.default_rng(seed).normal(size=(count, 8)) * 0.3
    noise[:, centre] += 1
    return unit(*map(tuple, noise))


def test_sides_apart_do_not_leak_and_anomalous_sentences_on_the_normal_side_do() -> None:
    clean = finding("side_leakage", check_corpus(*sides(around(0, 20, 1), around(1, 20, 2))))
    assert (clean.passed, clean.numbers["leaking"]) == (True, 0)
    mixed = np.concatenate([around(0, 30, 1), around(1, 25, 3)])
    result = finding("side_leakage", check_corpus(*sides(mixed, around(1, 12, 2))))
    assert (result.passed, result.severity) == (False, "error")
    named = re.findall(r"Cat (\d+)", result.text)
    assert len(named) == 3
    assert all(int(number) >= 30 for number in named)  # the first thirty are where they belong


def test_a_few_leaks_into_a_small_class_pass_on_a_large_side() -> None:
    mixed = np.concatenate([around(0, 100, 1), unit(*[(0, 1, 0, 0, 0, 0, 0, 0)] * 4)])
    result = finding("side_leakage", check_corpus(*sides(mixed, around(1, 3, 2))))
    assert result.numbers["worst_to_class"] > 1
    assert result.passed


def test_one_leak_among_many_is_named_and_passes() -> None:
    mixed = np.concatenate([around(0, 20, 1), unit((0, 1, 0, 0, 0, 0, 0, 0))])
    result = finding("side_leakage", check_corpus(*sides(mixed, around(1, 20, 2))))
    assert (result.passed, result.numbers["leaking"]) == (True, 1)
    assert "'Cat 20 sleeps on the wall.'" in result.text


def test_leaks_agree_with_a_slow_count_and_do_not_depend_on_the_space_being_narrow() -> None:
    normal, anomalous = around(0, 30, 5), around(1, 25, 6)
    normal[:12] = unit(*map(tuple, normal[:12] + anomalous[:12] * 1.5))

    def slow(normal: Array, inside: Array) -> list[bool]:
        def near(one: Array, others: list[Array]) -> float:
            centre = np.mean(others, axis=0)
            return float(one @ centre / np.linalg.norm(centre))

        own = [near(x, [y for j, y in enumerate(normal) if j != i]) for i, x in enumerate(normal)]
        members = [near(x, [y for j, y in enumerate(inside) if j != i]) for i, x in enumerate(inside)]
        drawn = [near(x, list(inside)) for x in normal]
        return [d > o and d >= np.median(members) for d, o in zip(drawn, own, strict=True)]

    assert leaking(normal, [anomalous])[0].tolist() == slow(normal, anomalous)
    assert 0 < leaking(normal, [anomalous]).sum() < 30


def test_a_side_of_a_few_sentences_is_not_judged_by_shares() -> None:
    same = np.tile(unit((1.0, 0.0)), (19, 1))
    findings = {item.name: item for item in check_corpus(*sides(same, same))}
    assert findings["diversity"].numbers == {"distinct_1": 1, "distinct_2": 1}
    assert findings["side_leakage"].passed
    assert findings["self_similarity"].passed


def test_a_side_that_says_one_thing_is_a_warning() -> None:
    result = finding(
        "self_similarity", check_corpus(*sides(np.tile(unit((1.0, 0.1)), (20, 1)), around(1, 20, 2)[:, :2]))
    )
    assert (result.passed, result.severity) == (False, "warning")
    assert "yard, normal: 1.00" in result.text


def test_what_the_encoder_cannot_read_is_not_judged_by_its_vectors() -> None:
    corpus, vectors = sides(around(1, 20, 3), around(1, 20, 2))
    vectors[:] = vectors[0]
    read = {item.name: item for item in check_corpus(corpus, vectors)}
    assert not read["self_similarity"].passed
    assert not read["near_duplicates"].passed
    unread = {
        item.name: item for item in check_corpus(corpus, vectors, unknown_words=lambda text: text.split())
    }
    assert unread["near_duplicates"].numbers == {"judged": 0, "left_out": 0, "share": 0}
    assert unread["self_similarity"].passed


def test_a_vector_that_is_not_finite_is_refused() -> None:
    vectors = unit((1, 0), (1, 0), (0, 1), (0, 1))
    vectors[2] = np.nan
    with pytest.raises(NotFiniteError, match="Embed the sentences again"):
        check_corpus(corpus_of(*GOOD), vectors)


def test_words_the_encoder_has_never_seen_are_a_warning_that_names_them() -> None:
    result = finding(
        "vocabulary",
        check_corpus(corpus_of(*GOOD), unknown_words=lambda text: ["shed"] if "shed" in text else []),
    )
    assert (result.passed, result.severity) == (False, "warning")
    assert "'shed' in yard: 'Flames rise from the shed.'" in result.text


def test_vectors_of_another_corpus_are_refused() -> None:
    with pytest.raises(ValueError, match="3 vectors for 4 sentences"):
        check_corpus(corpus_of(*GOOD), unit((1, 0), (1, 0), (0, 1)))


def test_the_example_context_passes(yard: Context) -> None:
    assert all(one.passed for one in check_corpus(write_corpus([yard])))
