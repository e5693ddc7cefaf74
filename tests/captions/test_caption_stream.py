"""The caption stream: causal, one score a stretch, by the bank and the scorers of frames."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
from places import CAPTIONS, captions, write_catalog

from traces_core.captions import stream
from traces_core.captions.history import departures
from traces_core.captions.sentences import split_sentences
from traces_core.captions.settings import CaptionSettings
from traces_core.captions.stream import (
    CaptionScorer,
    caption_tracks,
    catalog_corpus,
    score_captions,
    sentences_of,
)
from traces_core.captions.table import check_captions
from traces_core.captions.trailing import trailing_means
from traces_core.encoders.sentence import SentenceEncoder
from traces_core.errors import CatalogError, EmptySideError, UnknownNameError
from traces_core.scoring import score_vectors
from traces_core.scoring.choice import ScorerChoice
from traces_core.text import without_class


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return write_catalog(tmp_path / "catalog")


@pytest.fixture
def make(catalog: Path, encoder: SentenceEncoder):
    def scorer(name: str = "difference", **settings: object) -> CaptionScorer:
        chosen = CaptionSettings(scoring=ScorerChoice(scorer=name, k=2), **settings)
        return CaptionScorer.build(catalog_corpus(catalog), encoder, chosen)

    return scorer


@pytest.mark.parametrize("name", ScorerChoice.names())
def test_a_prefix_of_the_table_has_the_scores_it_has_within_the_whole(make, name: str) -> None:
    table, scorer = captions(), make(name)
    whole = score_captions(check_captions(table), scorer)
    for count in (1, 7, 39):
        early = table.filter(pl.col("last_frame") < 30 * count)
        part = score_captions(check_captions(early), scorer)
        same = whole.filter(pl.col("last_frame") < 30 * count)
        assert part.drop("score").equals(same.drop("score"))
        np.testing.assert_allclose(part["score"], same["score"], atol=1e-4)


def test_a_score_is_what_the_formulas_say(make, encoder: SentenceEncoder) -> None:
    table = check_captions(captions(1))
    scorer = make(top_share=0.6, trailing_s=(2.0, 8.0), departure=0.5)
    own, meanings = [], []
    for caption in table.rows["caption"]:
        vectors = encoder.encode_texts(split_sentences(caption))
        choice = scorer.settings.scoring.chosen
        scores = np.sort(score_vectors(vectors, scorer.bank, space=encoder.space, scorer=choice))[::-1]
        own.append(scores[: int(np.ceil(0.6 * len(scores)))].mean())
        meanings.append(vectors.mean(axis=0))
    starts, ends = (table.rows[name].to_numpy() for name in ("start_s", "end_s"))
    new = departures(np.array(meanings), ends - starts)
    expected = trailing_means(np.array(own, dtype=np.float64) + 0.5 * new, starts, ends, (2.0, 8.0))
    np.testing.assert_allclose(score_captions(table, scorer)["score"], expected, atol=1e-5)


def test_videos_and_the_order_of_rows_do_not_touch_each_other(make) -> None:
    table, scorer = captions(), make()
    whole = score_captions(check_captions(table), scorer)
    shuffled = table.sample(fraction=1.0, shuffle=True, seed=3)
    assert score_captions(check_captions(shuffled), scorer).equals(whole)
    alone = score_captions(check_captions(table.filter(pl.col("video") == "v1.mp4")), scorer)
    same = whole.filter(pl.col("video") == "v1.mp4")
    np.testing.assert_allclose(alone["score"], same["score"], atol=1e-5)


@pytest.mark.parametrize("frames", [1, 30, 300])
def test_the_result_stands_at_the_rate_of_the_captions(make, frames: int) -> None:
    table = captions(2, 20, frames=frames)
    scored = score_captions(check_captions(table), make())
    assert scored.drop("score").equals(table.drop("caption"))
    assert scored["score"].is_finite().all()


def test_a_caption_a_frame_and_the_same_said_once_end_alike(make) -> None:
    each = captions(1, 1).select("video", "caption").join(
        pl.DataFrame({"first_frame": range(300), "last_frame": range(300)}), how="cross"
    )  # fmt: skip
    once = captions(1, 1, frames=300)
    last = [score_captions(check_captions(table), make())["score"][-1] for table in (each, once)]
    assert last[0] == pytest.approx(last[1], abs=1e-6)


def test_without_windows_equal_captions_have_equal_scores(make) -> None:
    table = check_captions(captions())
    scored = score_captions(table, make(trailing_s=(), departure=0.0))
    assert scored.with_columns(table.rows["caption"])["score"].n_unique() == len(CAPTIONS)


def test_each_sentence_goes_through_the_encoder_once_in_chunks(make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream, "CHUNK", 3)
    scorer, table = make(), check_captions(captions())
    whole = score_captions(table, scorer)
    reports: list[tuple[int, int]] = []
    seen: list[str] = []
    encode = scorer.encoder.encode_texts
    monkeypatch.setattr(scorer.encoder, "encode_texts", lambda texts: seen.extend(texts) or encode(texts))
    again = score_captions(table, scorer, lambda had, wanted: reports.append((had, wanted)))
    sentences = sentences_of(table).texts
    assert seen == list(sentences) == sorted(set(seen), key=lambda text: (len(text), text))
    assert reports[-1] == (len(sentences), len(sentences))
    assert [had for had, _ in reports] == [*range(3, len(sentences), 3), len(sentences)]
    assert again.equals(whole)


def test_a_dozen_sentences_are_a_detector_with_every_scorer(make) -> None:
    table = check_captions(captions())
    for name in ScorerChoice.names():
        assert score_captions(table, make(name))["score"].n_unique() > len(CAPTIONS)


def test_tracks_have_a_time_for_each_score(make) -> None:
    table = check_captions(captions())
    scored = score_captions(table, make())
    tracks = caption_tracks(table, scored)
    assert list(tracks) == ["v0.mp4", "v1.mp4", "v2.mp4"]
    assert all(track.stream == "caption" and track.causal for track in tracks.values())
    assert tracks["v0.mp4"].times_s.tolist() == list(range(40))
    assert np.concatenate([track.values for track in tracks.values()]).tolist() == scored["score"].to_list()


def test_only_the_classes_asked_for_answer_and_the_normal_side_stays(catalog: Path) -> None:
    every, some = catalog_corpus(catalog), catalog_corpus(catalog, classes=["fire"])
    assert set(some.filter(pl.col("side") == "anomalous")["class"]) == {"fire"}
    assert some.filter(pl.col("side") == "normal").equals(every.filter(pl.col("side") == "normal"))


def test_only_the_contexts_asked_for_answer_and_the_scene_is_chosen(catalog: Path) -> None:
    write_catalog(catalog, lane=catalog.joinpath("yard.yaml").read_text().replace("yard", "lane"))
    assert set(catalog_corpus(catalog)["context"]) == {"lane", "yard"}
    assert set(catalog_corpus(catalog, ["yard"])["context"]) == {"yard"}
    texts = {scene: set(catalog_corpus(catalog, ["yard"], scene=scene)["text"]) for scene in
             ("none", "matched", "mismatched")}  # fmt: skip
    assert texts["matched"] - texts["none"] == {"A quiet yard by the road."}
    assert texts["mismatched"] - texts["none"] == {"A quiet lane by the road."}


def test_the_practice_world_answers_only_where_it_is_named_or_alone(catalog: Path) -> None:
    yard = catalog / "yard.yaml"
    write_catalog(catalog, lane=yard.read_text().replace("yard", "lane"))
    yard.write_text(yard.read_text() + "tags: [practice]\n")
    assert set(catalog_corpus(catalog)["context"]) == {"lane"}
    assert set(catalog_corpus(catalog, ["yard"])["context"]) == {"yard"}
    (catalog / "lane.yaml").unlink()
    assert set(catalog_corpus(catalog)["context"]) == {"yard"}


def test_names_that_nothing_has_are_refused_with_the_nearest(catalog: Path) -> None:
    with pytest.raises(UnknownNameError, match=r"no class named 'fires'\. Did you mean 'fire'"):
        catalog_corpus(catalog, classes=["fires"])
    with pytest.raises(CatalogError, match="no context is named 'yart'"):
        catalog_corpus(catalog, ["yart"])


def test_a_variant_of_a_corpus_is_scored_like_any_other(catalog: Path, encoder: SentenceEncoder) -> None:
    corpus = catalog_corpus(catalog)
    scorer = CaptionScorer.build(without_class(corpus, "fire"), encoder)
    assert scorer.bank.classes == ("theft",)
    with pytest.raises(EmptySideError):
        CaptionScorer.build(corpus.filter(pl.col("side") == "normal"), encoder)
