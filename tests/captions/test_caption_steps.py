"""The caption assets: made once, rebuilt when what they rest on changes, empty without a table."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from places import captions, write_catalog

from traces_core.captions.stream import score_captions
from traces_core.captions.table import read_captions
from traces_core.encoders.sentence import SentenceEncoder
from traces_core.project import Project
from traces_core.settings import Machine, Settings
from traces_core.steps import captions as steps
from traces_core.store import Artifact, Store


@pytest.fixture
def project(tmp_path: Path, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("TRACES_TEXT_ENCODER", str(encoder_folder))
    captions().write_parquet(tmp_path / "captions.parquet")
    machine = Machine(
        data=tmp_path / "data", catalog=write_catalog(tmp_path / "catalog"), reports=tmp_path, device="cpu"
    )
    settings = Settings(corpus={"contexts": ["yard"]}, captions={"table": str(tmp_path / "captions.parquet")})
    return Project(Store(machine.data), settings, machine)


def make(project: Project) -> tuple[Artifact, Artifact]:
    embedded = steps.caption_embeddings(project)
    return embedded, steps.caption_scores(project, embedded)


def computed(project: Project) -> list[bool]:
    return [one.computed for one in make(project)]


def test_the_graph_gives_the_scores_of_the_command_line(project: Project) -> None:
    _, scored = make(project)
    scorer, _ = steps.caption_scorer(project.settings.captions, project.sentences, project.machine.catalog)
    expected = score_captions(read_captions(project.settings.captions.table), scorer)
    table = scored.read()
    assert table.drop("score").equals(expected.drop("score"))
    assert table["score"].to_numpy() == pytest.approx(expected["score"].to_numpy(), abs=1e-5)


def test_nothing_is_computed_twice_and_a_change_costs_what_hangs_on_it(project: Project) -> None:
    assert computed(project) == [True, True]
    assert computed(project) == [False, False]
    assert computed(project.variant(captions__top_share=1.0)) == [False, True]
    assert computed(project.variant(captions__classes=("fire",))) == [False, True]
    assert computed(project.variant(corpus__scene="none")) == [False, True]
    yard = project.machine.catalog / "yard.yaml"
    yard.write_text(yard.read_text().replace("A cat sleeps", "A dog sleeps"))
    assert computed(project) == [False, True]
    captions(seed=1).write_parquet(project.settings.captions.table)
    assert computed(project) == [True, True]


def test_how_a_table_is_written_costs_nothing(project: Project) -> None:
    make(project)
    captions().sample(fraction=1.0, shuffle=True, seed=0).write_parquet(project.settings.captions.table)
    assert computed(project) == [False, False]


def test_another_encoder_makes_other_vectors(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiny_encoder import write_tiny_encoder

    first, _ = make(project)
    monkeypatch.setenv("TRACES_TEXT_ENCODER", str(write_tiny_encoder(tmp_path / "other", seed=5)))
    second, _ = make(project)
    assert second.fingerprint != first.fingerprint


def test_without_a_table_both_are_empty_and_no_encoder_is_asked_for(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACES_TEXT_ENCODER", "/nowhere/at/all")
    embedded, scored = make(project.variant(captions__table=None))
    assert dict(embedded.facts) == {"captions": 0, "sentences": 0}
    assert scored.read().columns == ["video", "start_s", "end_s", "score"]
    assert len(scored.read()) == 0
    assert steps.corpus_findings(project.variant(captions__table=None)) == []


def test_the_gates_judge_the_traces_in_the_space_of_captions(project: Project) -> None:
    findings = {one.name: one for one in steps.corpus_findings(project)}
    assert findings["both_sides"].passed
    assert {"near_duplicates", "side_leakage"} <= set(findings)


def test_the_store_keeps_each_sentence_once(project: Project, encoder: SentenceEncoder) -> None:
    embedded, _ = make(project)
    texts = pl.read_parquet(embedded.path / "sentences.parquet")["text"]
    assert texts.n_unique() == len(texts) == embedded.facts["sentences"]
