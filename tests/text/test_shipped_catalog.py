"""The catalog that is shipped: how much it says, and that it passes its own gates."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from traces_core.captions.stream import catalog_corpus
from traces_core.encoders.clip import ClipEncoder
from traces_core.settings import Settings
from traces_core.text import Context, check_corpus, read_catalog, write_corpus

ROOT = Path(__file__).parents[2]
UCF_CRIME = (
    *("abuse", "arrest", "arson", "assault", "burglary", "explosion", "fighting", "road_accident"),
    *("robbery", "shooting", "shoplifting", "stealing", "vandalism"),
)
XD_VIOLENCE = ("fighting", "shooting", "explosion", "riot", "abuse", "road_accident")
MSAD = (
    *("assault", "explosion", "fighting", "fire", "object_falling", "people_falling", "robbery", "shooting"),
    *("road_accident", "vandalism", "water_incident"),
)
CAMPUS = (
    *("cycling_on_walkway", "skating_on_walkway", "vehicle_on_walkway", "running", "jumping", "throwing"),
    *("loitering", "people_falling", "wrong_direction"),
)


@pytest.fixture(scope="module")
def catalog() -> dict[str, Context]:
    return read_catalog(ROOT / "catalog")


@pytest.fixture(scope="module")
def corpus(catalog: dict[str, Context]) -> pl.DataFrame:
    return write_corpus(catalog)


def test_twenty_contexts_and_more_are_shipped(catalog: dict[str, Context]) -> None:
    assert len(catalog) >= 20


def test_the_classes_of_the_data_sets_are_as_many_as_theirs() -> None:
    assert (len(UCF_CRIME), len(XD_VIOLENCE), len(MSAD), len(CAMPUS)) == (13, 6, 11, 9)


@pytest.mark.parametrize("name", sorted({*UCF_CRIME, *XD_VIOLENCE, *MSAD, *CAMPUS}))
def test_each_class_has_forty_sentences_and_more(corpus: pl.DataFrame, name: str) -> None:
    texts = corpus.filter(pl.col("class") == name)["text"]
    assert texts.n_unique() >= 40


def test_each_context_has_sixty_normal_sentences_and_more(catalog: dict[str, Context]) -> None:
    short = {name: len(context.normal) for name, context in catalog.items() if len(context.normal) < 60}
    assert short == {}


def test_what_is_written_as_captions_are_stands_behind_the_others(catalog: dict[str, Context]) -> None:
    tagged = {name for name, context in catalog.items() if "background" in context.tags}
    assert tagged == {"any_open_place", "any_private_place", "any_public_room", "any_road"}
    assert not tagged & set(catalog_corpus(ROOT / "catalog")["context"])


def test_no_sentence_is_longer_than_a_text_encoder_reads(corpus: pl.DataFrame) -> None:
    assert max(len(text.split()) for text in corpus["text"]) <= 25


def test_few_sentences_stand_in_two_contexts(corpus: pl.DataFrame) -> None:
    times = Counter(corpus["text"])
    assert sum(count - 1 for count in times.values()) / len(corpus) < 0.01


def test_the_whole_catalog_passes_the_gates_of_words(corpus: pl.DataFrame) -> None:
    for finding in check_corpus(corpus):
        assert finding.passed, f"{finding.name}: {finding.text}"


@pytest.mark.parametrize("context", Settings.load(ROOT, profile="").corpus.contexts)
def test_each_context_in_use_passes_every_gate_of_its_encoder(
    catalog: dict[str, Context], context: str
) -> None:
    clip = ClipEncoder.load()
    corpus = write_corpus([catalog[context]])
    vectors = clip.encode_texts(corpus["text"].to_list())
    checks = {"unknown_words": clip.unknown_words, "encode": clip.encode_texts}
    for finding in check_corpus(corpus, vectors, **checks):
        assert finding.passed, f"{finding.name}: {finding.text}"


def test_a_context_whose_sides_are_swapped_is_refused(catalog: dict[str, Context]) -> None:
    """All of them, by an encoder that knows few of their words; as they are shipped, none."""
    clip = ClipEncoder.load()
    for name, context in catalog.items():
        corpus = write_corpus([context])
        vectors = clip.encode_texts(corpus["text"].to_list())
        other = pl.col("side").replace({"normal": "anomalous", "anomalous": "normal"})
        for sides, passes in ((pl.col("side"), True), (other, False)):
            findings = check_corpus(corpus.with_columns(side=sides), vectors, encode=clip.encode_texts)
            [finding] = [one for one in findings if one.name == "swapped_sides"]
            assert finding.passed is passes, f"{name}: {finding.text}"
