"""The caption assets: made once, made anew when what they rest on changes, empty without a table."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from places import captions, write_catalog

from traces_core.captions.stream import score_captions
from traces_core.captions.table import read_captions
from traces_core.encoders.sentence import SentenceEncoder
from traces_core.settings import Machine, Settings
from traces_core.steps import captions as steps
from traces_core.steps.workshop import Workshop
from traces_core.store import Artifact, Shelf


@pytest.fixture
def shop(tmp_path: Path, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Workshop:
    monkeypatch.setenv("TRACES_TEXT_ENCODER", str(encoder_folder))
    captions().write_parquet(tmp_path / "captions.parquet")
    machine = Machine(
        data=tmp_path / "data", catalog=write_catalog(tmp_path / "catalog"), reports=tmp_path, device="cpu"
    )
    settings = Settings(corpus={"contexts": ["yard"]}, captions={"table": str(tmp_path / "captions.parquet")})
    return Workshop(Shelf(machine.data), settings, machine)


def make(shop: Workshop) -> tuple[Artifact, Artifact]:
    embedded = steps.caption_embeddings(shop)
    return embedded, steps.caption_scores(shop, embedded)


def computed(shop: Workshop) -> list[bool]:
    return [one.computed for one in make(shop)]


def test_the_graph_gives_the_scores_of_the_command_line(shop: Workshop) -> None:
    _, scored = make(shop)
    scorer, _ = steps.caption_scorer(shop.settings.captions, shop.sentences, shop.machine.catalog)
    expected = score_captions(read_captions(shop.settings.captions.table), scorer)
    table = scored.read()
    assert table.drop("score").equals(expected.drop("score"))
    assert table["score"].to_numpy() == pytest.approx(expected["score"].to_numpy(), abs=1e-5)


def test_nothing_is_computed_twice_and_a_change_costs_what_hangs_on_it(shop: Workshop) -> None:
    assert computed(shop) == [True, True]
    assert computed(shop) == [False, False]
    assert computed(shop.variant(captions__top_share=1.0)) == [False, True]
    assert computed(shop.variant(captions__classes=("fire",))) == [False, True]
    assert computed(shop.variant(corpus__scene="none")) == [False, True]
    yard = shop.machine.catalog / "yard.yaml"
    yard.write_text(yard.read_text().replace("A cat sleeps", "A dog sleeps"))
    assert computed(shop) == [False, True]
    captions(seed=1).write_parquet(shop.settings.captions.table)
    assert computed(shop) == [True, True]


def test_how_a_table_is_written_costs_nothing(shop: Workshop) -> None:
    make(shop)
    captions().sample(fraction=1.0, shuffle=True, seed=0).write_parquet(shop.settings.captions.table)
    assert computed(shop) == [False, False]


def test_another_encoder_makes_other_vectors(
    shop: Workshop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tiny_encoder import write_tiny_encoder

    first, _ = make(shop)
    monkeypatch.setenv("TRACES_TEXT_ENCODER", str(write_tiny_encoder(tmp_path / "other", seed=5)))
    second, _ = make(shop)
    assert second.fingerprint != first.fingerprint


def test_without_a_table_both_are_empty_and_no_encoder_is_asked_for(
    shop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACES_TEXT_ENCODER", "/nowhere/at/all")
    embedded, scored = make(shop.variant(captions__table=None))
    assert dict(embedded.facts) == {"captions": 0, "sentences": 0}
    assert scored.read().columns == ["video", "start_s", "end_s", "score"]
    assert len(scored.read()) == 0
    assert steps.corpus_findings(shop.variant(captions__table=None)) == []


def test_the_gates_judge_the_traces_in_the_space_of_captions(shop: Workshop) -> None:
    findings = {one.name: one for one in steps.corpus_findings(shop)}
    assert findings["both_sides"].passed
    assert {"near_duplicates", "side_leakage"} <= set(findings)


def test_the_store_keeps_each_sentence_once(shop: Workshop, encoder: SentenceEncoder) -> None:
    embedded, _ = make(shop)
    texts = pl.read_parquet(embedded.path / "sentences.parquet")["text"]
    assert texts.n_unique() == len(texts) == embedded.facts["sentences"]
