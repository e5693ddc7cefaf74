"""From the corpus to the bank: what repeats another trace is counted and left out."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
import yaml
from small_graph import PARAMS, ROOT, made_bank

from traces_core.project import Project
from traces_core.settings import Machine, Settings
from traces_core.steps import bank as bank_step
from traces_core.steps import corpus as corpus_step
from traces_core.store import Store


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    home: Path = tmp_path_factory.mktemp("home")
    (home / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    machine = Machine(data=home / "data", catalog=ROOT / "catalog", reports=home / "reports", device="cpu")
    return Project(Store(machine.data), Settings.load(home, profile=""), machine)


def test_a_shipped_context_loses_no_trace(project: Project) -> None:
    corpus = corpus_step.trace_corpus(project, "street")
    vectors = bank_step.trace_embeddings(project, corpus)
    assert vectors.facts == {"exact_duplicates": 0, "near_duplicates": 0}
    assert len(vectors.read()["vectors"]) == len(corpus.read())


def test_near_repetitions_are_left_out_of_the_bank_counted_and_never_a_whole_class(project: Project) -> None:
    loose = project.variant(corpus__near_duplicate_cosine=0.9)
    corpora = [corpus_step.trace_corpus(loose, name) for name in corpus_step.contexts_in_use(loose)]
    vectors = [bank_step.trace_embeddings(loose, corpus) for corpus in corpora]
    left_out = sum(entry.facts["near_duplicates"] for entry in vectors)
    assert left_out > 0
    _, bank = made_bank(loose)
    written = pl.concat(corpus.read() for corpus in corpora)
    assert len(bank) == len(written) - left_out
    groups = ("context", "side", "class")
    assert (
        bank.corpus.select(groups).unique().sort(groups).equals(written.select(groups).unique().sort(groups))
    )


def test_each_vector_of_the_bank_is_that_of_its_sentence(project: Project) -> None:
    loose = project.variant(corpus__near_duplicate_cosine=0.9)
    corpora = [corpus_step.trace_corpus(loose, name) for name in corpus_step.contexts_in_use(loose)]
    vectors = [bank_step.trace_embeddings(loose, corpus) for corpus in corpora]
    traces, unit = bank_step.kept_traces(corpora, vectors)
    row = len(traces) // 2
    again = project.clip.encode_texts([traces["text"][row]])[0]
    assert float(unit[row] @ again) == pytest.approx(1, abs=1e-5)


def test_another_threshold_makes_other_vectors_artifacts(project: Project) -> None:
    corpus = corpus_step.trace_corpus(project, "street")
    one = bank_step.trace_embeddings(project, corpus)
    other = bank_step.trace_embeddings(project.variant(corpus__near_duplicate_cosine=0.9), corpus)
    assert one.recipe != other.recipe
    assert (
        corpus_step.trace_corpus(project.variant(corpus__near_duplicate_cosine=0.9), "street").recipe
        == corpus.recipe
    )
