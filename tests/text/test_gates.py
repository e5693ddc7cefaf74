from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from traces_core.text import Context, CorpusLimits, Finding, check_corpus, read_catalog, write_corpus
from traces_core.text.corpus import SCHEMA
from traces_core.types import Array

CATALOG = Path(__file__).parents[2] / "catalog"


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
    names = [
        "both_sides",
        "duplicates",
        "length",
        "language",
        "near_duplicates",
        "side_leakage",
        "vocabulary",
    ]
    assert [item.name for item in findings] == names
    assert all(item.passed for item in findings)


CASES = [
    # check, a row that breaks it, what the finding must say
    ("both_sides", ("attic", "normal", "Dust lies on the floor."), "attic has no anomalous trace"),
    ("both_sides", ("yard", "sideways", "Dust lies on the floor."), "'sideways' is no side"),
    (
        "duplicates",
        ("yard", "normal", "a cat sleeps on the wall"),
        "'a cat sleeps on the wall' stands 2 times",
    ),
    ("length", ("yard", "normal", "a " * 25 + "cat"), "26 words"),
    ("language", ("yard", "normal", "<b>A cat</b> on the wall"), "<b>A cat</b>"),
    ("language", ("yard", "normal", "Eine Katze schläft auf dem Zaun"), "schläft"),
    ("language", ("yard", "normal", "cat"), "'cat'"),
]


@pytest.mark.parametrize(("name", "row", "words"), CASES)
def test_a_broken_corpus_fails_and_the_finding_says_what_differs(
    name: str, row: tuple[str, str, str], words: str
) -> None:
    found = finding(name, check_corpus(corpus_of(*GOOD, row)))
    assert not found.passed
    assert found.severity == "error"
    assert words in found.text


def test_an_empty_corpus_fails() -> None:
    assert not finding("both_sides", check_corpus(corpus_of())).passed


def test_another_language_fails_by_its_common_words() -> None:
    found = finding("language", check_corpus(corpus_of(("yard", "normal", "Eine Katze schlummert dort."))))
    assert not found.passed
    assert found.found["english_share"] == 0


def test_near_duplicates_are_counted_within_a_side_of_a_context_only() -> None:
    rows = (
        *GOOD,
        ("attic", "normal", "Dust lies on the floor."),
        ("attic", "anomalous", "It burns in here."),
    )
    same = (1.0, 0.0, 0.0)
    apart = unit(same, (0, 1, 0), same, (0, 0, 1), same, same)
    assert finding("near_duplicates", check_corpus(corpus_of(*rows), apart)).found["near_duplicates"] == 0
    beside = unit(same, (1, 0.01, 0), (0, 1, 0), (0, 0, 1), (0, 0, 1), same)
    found = finding("near_duplicates", check_corpus(corpus_of(*rows), beside))
    assert found.found["near_duplicates"] == 1
    assert "'A cat sleeps on the wall.' and 'A man stands by the gate.' (1.000)" in found.text


def test_many_near_duplicates_are_a_warning_that_fails() -> None:
    found = finding("near_duplicates", check_corpus(corpus_of(*GOOD), unit(*[(1.0, 0.0)] * 4)))
    assert (found.passed, found.severity) == (False, "warning")


def test_near_duplicates_agree_with_a_slow_count() -> None:
    rng = np.random.default_rng(5)
    count = 2500  # more than one block of rows
    rows = [("yard", "normal", f"Cat {i} sleeps on the wall.") for i in range(count)]
    vectors = unit(*rng.normal(size=(count, 3)))
    limits = CorpusLimits(near_duplicate=0.9999)
    found = finding("near_duplicates", check_corpus(corpus_of(*rows), vectors, limits=limits))
    cosines = vectors @ vectors.T
    slow = sum(bool((cosines[i, :i] >= 0.9999).any()) for i in range(count))
    assert slow > 0
    assert found.found["near_duplicates"] == slow


def test_a_normal_sentence_nearer_to_the_other_side_leaks() -> None:
    vectors = unit((1, 0), (0, 1), (0, 1), (0.1, 1))
    found = finding("side_leakage", check_corpus(corpus_of(*GOOD), vectors))
    assert (found.passed, found.found["leaking"]) == (False, 2)  # with two normals apart, one is alone
    kept = finding("side_leakage", check_corpus(corpus_of(*GOOD), unit((1, 0), (1, 0.2), (0, 1), (0, 1))))
    assert (kept.passed, kept.found["leaking"]) == (True, 0)


def test_words_the_encoder_has_never_seen_are_a_warning_that_names_them() -> None:
    found = finding(
        "vocabulary",
        check_corpus(corpus_of(*GOOD), unknown_words=lambda text: ["shed"] if "shed" in text else []),
    )
    assert (found.passed, found.severity) == (False, "warning")
    assert "'shed' in yard: 'Flames rise from the shed.'" in found.text


def test_vectors_of_another_corpus_are_refused() -> None:
    with pytest.raises(ValueError, match="3 vectors for 4 sentences"):
        check_corpus(corpus_of(*GOOD), unit((1, 0), (1, 0), (0, 1)))


def test_the_shipped_corpus_passes_its_own_gates() -> None:
    for found in check_corpus(write_corpus(read_catalog(CATALOG))):
        assert found.passed, f"{found.name}: {found.text}"


def test_the_example_context_passes(yard: Context) -> None:
    assert all(found.passed for found in check_corpus(write_corpus([yard])))
