"""What stands behind a few sentences: which traces, which of them agree, and what they change."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from click.testing import Result
from hypothesis import given
from hypothesis import strategies as st
from places import captions, write_catalog
from typer.testing import CliRunner

from traces_core.captions.background import agrees, background_corpus
from traces_core.captions.provenance import read_provenance
from traces_core.captions.settings import CaptionSettings
from traces_core.captions.stream import CaptionScorer, catalog_corpus
from traces_core.commands import consoles
from traces_core.commands import main as cli
from traces_core.encoders.sentence import SentenceEncoder
from traces_core.steps.captions import caption_scorer

LANE = """\
context: lane
scene: A lane between the houses.
normal:
  - A dog runs on the road.
  - The street is quiet.
  - A man waters the flowers.
anomalous:
  fire:
    - The house is burning at night.
    - Smoke and flames in the street.
  fight:
    - Two people fight in the street.
    - A man fights a stranger.
"""
STAGE = LANE.replace("lane", "stage") + "tags: [practice]\n"
EVERYWHERE = LANE.replace("context: lane", "context: everywhere").replace("The street", "The lane")
EVERYWHERE += "tags: [background]\n"


@pytest.fixture
def shipped(tmp_path: Path) -> Path:
    return write_catalog(tmp_path / "shipped", lane=LANE, stage=STAGE, everywhere=EVERYWHERE)


def texts(corpus: pl.DataFrame) -> set[str]:
    return set(corpus["text"])


def test_background_is_what_does_not_answer_and_is_not_practice(shipped: Path) -> None:
    yard = catalog_corpus(shipped, ["yard"])
    behind = background_corpus(shipped, yard, ["yard"])
    assert set(behind["context"]) == {"lane", "everywhere"}
    assert not texts(behind) & texts(yard)  # "A man waters the flowers." stands in both files
    assert "The lane is quiet." in texts(behind)


def test_a_context_tagged_background_answers_only_where_it_is_named(shipped: Path) -> None:
    assert set(catalog_corpus(shipped)["context"]) == {"yard", "lane"}
    assert set(catalog_corpus(shipped, ["everywhere"])["context"]) == {"everywhere"}


def test_classes_that_are_named_are_the_only_ones_behind(shipped: Path) -> None:
    yard = catalog_corpus(shipped, ["yard"], ["fire"])
    behind = background_corpus(shipped, yard, ["yard"], ["fire"])
    assert set(behind.filter(pl.col("side") == "anomalous")["class"]) == {"fire"}
    assert "normal" in set(behind["side"])


def test_nothing_stands_behind_a_catalog_that_answers_whole(tmp_path: Path) -> None:
    catalog = write_catalog(tmp_path / "own")
    whole = catalog_corpus(catalog)
    behind = background_corpus(catalog, whole, ["yard"])
    assert behind.is_empty()
    assert behind.columns == whole.columns


@given(
    seed=st.integers(0, 10_000), count=st.integers(1, 9), alone=st.sampled_from([None, "normal", "anomalous"])
)
def test_a_trace_agrees_where_the_nearest_written_one_is_on_its_side(
    seed: int, count: int, alone: str | None
) -> None:
    rng = np.random.default_rng(seed)
    sides = rng.choice(["normal", "anomalous"] if alone is None else [alone], count)
    own, others = rng.normal(size=(count, 5)), rng.normal(size=(7, 5))
    own, others = (one / np.linalg.norm(one, axis=1, keepdims=True) for one in (own, others))
    theirs = rng.choice(["normal", "anomalous"], 7)
    agreement = agrees(pl.DataFrame({"side": sides}), own, pl.DataFrame({"side": theirs}), others)
    for vector, side, agreed in zip(others, theirs, agreement, strict=True):
        assert agreed == (sides[np.argmax(own @ vector)] == side)


def test_what_agrees_joins_the_bank_with_its_weight(shipped: Path, encoder: SentenceEncoder) -> None:
    settings = CaptionSettings(contexts=("yard",), background=0.3)
    scorer, _ = caption_scorer(settings, encoder, shipped)
    weights = {row["text"]: row["weight"] for row in scorer.bank.corpus.iter_rows(named=True)}
    own = texts(scorer.corpus)
    assert own == texts(catalog_corpus(shipped, ["yard"]))
    assert {weights[text] for text in own} == {1.0}
    behind = set(weights) - own
    assert behind
    assert {weights[text] for text in behind} == {0.3}
    assert "Smoke and flames in the street." in behind


def test_a_weight_of_zero_leaves_the_bank_to_those_who_answer(
    shipped: Path, encoder: SentenceEncoder
) -> None:
    settings = CaptionSettings(contexts=("yard",), background=0.0)
    scorer, _ = caption_scorer(settings, encoder, shipped)
    plain = CaptionScorer.build(catalog_corpus(shipped, ["yard"]), encoder, settings)
    assert scorer.bank.fingerprint == plain.bank.fingerprint


def test_what_was_written_as_normal_stays_normal(shipped: Path, encoder: SentenceEncoder) -> None:
    """Fights are what the ring is for: no fight of another context may count against it."""
    ring = LANE.replace("lane", "ring").split("  fight:")[0]
    ring = ring.replace("normal:\n", "normal:\n  - Two people fight in the ring.\n  - A man fights a man.\n")
    write_catalog(shipped, ring=ring)
    scorer, _ = caption_scorer(CaptionSettings(contexts=("ring",)), encoder, shipped)
    held = scorer.bank.corpus.filter(pl.col("side") == "anomalous")
    assert not {text for text in texts(held) if "fight" in text}
    assert {text for text in texts(held) if "burning" in text}


def run(*words: object) -> Result:
    return CliRunner().invoke(cli.app, ["captions", "score", *map(str, words)])


def test_the_shipped_catalog_stands_behind_the_catalog_of_a_stranger(
    shipped: Path, tmp_path: Path, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consoles.out, "_width", 400)
    monkeypatch.setenv("TRACES_TEXT_ENCODER", str(encoder_folder))
    monkeypatch.setenv("TRACES_CATALOG", str(shipped))
    (tmp_path / "params.yaml").write_text("corpus: {contexts: [lane]}\n")
    monkeypatch.setenv("TRACES_PARAMS", str(tmp_path))
    mine = write_catalog(tmp_path / "mine")
    captions().write_parquet(tmp_path / "captions.parquet")
    done = run(tmp_path / "captions.parquet", "--catalog", mine, "--out", tmp_path / "scores.parquet")
    assert done.exit_code == 0, done.output
    assert "bank      9 traces, 1 context, classes fire, theft" in done.output
    provenance = read_provenance(tmp_path / "scores.parquet")
    assert provenance["background"]["weight"] == 0.2
    behind = provenance["background"]["traces"]
    assert behind > 0
    assert provenance["bank"]["traces"] == 9 + behind
    assert provenance["bank"]["classes"] == ["fire", "theft"]
    assert provenance["catalog"]["contexts"] == ["yard"]
    assert f"behind it {behind} traces that agree, weight 0.2" in done.output
