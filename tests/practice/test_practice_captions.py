"""What the caption grammar promises: true sentences in known words."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pytest

from traces_core.practice import KINDS, VOCABULARY, captions, plan_clip, plan_video
from traces_core.practice.captions import MOST_WORDS, TEMPLATES
from traces_core.practice.phrases import COLOURS


@pytest.fixture(scope="module")
def sentences() -> dict[str, list[str]]:
    """Sentences by kind: 15 of each of 60 clips, spread over the contexts."""
    rng = np.random.default_rng(3)
    return {
        kind.name: [
            caption.text
            for seed in range(60)
            for caption in captions(
                plan_clip(kind.name, kind.contexts[seed % len(kind.contexts)], seed=seed), rng, 15
            )
        ]
        for kind in KINDS.values()
    }


def test_every_kind_has_fifteen_ways_of_being_told() -> None:
    assert set(TEMPLATES) == set(KINDS)
    assert all(len(set(templates)) >= 15 for templates in TEMPLATES.values())


def test_sentences_are_short_lower_case_words_and_nothing_else(sentences: dict[str, list[str]]) -> None:
    for text in (text for texts in sentences.values() for text in texts):
        assert re.fullmatch(r"[a-z]+( [a-z]+)+", text), text
        assert len(text.split()) <= MOST_WORDS, text


def test_every_word_of_the_vocabulary_is_used_and_no_other(sentences: dict[str, list[str]]) -> None:
    counts = Counter(word for texts in sentences.values() for text in texts for word in text.split())
    assert set(counts) <= VOCABULARY
    assert {word for word in VOCABULARY if counts[word] < 2} == set()


def test_action_sentences_use_words_of_the_grammar() -> None:
    assert {word for kind in KINDS.values() for word in kind.action.split()} <= VOCABULARY


def test_paraphrases_rarely_repeat(sentences: dict[str, list[str]]) -> None:
    assert all(len(set(texts)) > 0.6 * len(texts) for texts in sentences.values())


def test_only_colours_that_are_worn_or_driven_are_told() -> None:
    rng = np.random.default_rng(0)
    for kind in ("walk", "fight", "crash", "talk", "drive_by"):
        for seed in range(40):
            plan = plan_clip(kind, "street", seed=seed)
            event = plan.events[0]
            worn = {thing.colour for thing in (*event.people, *event.vehicles)}
            for caption in captions(plan, rng, 10):
                assert set(caption.text.split()) & set(COLOURS) <= worn, caption.text


def test_the_time_of_day_that_is_told_is_the_light_of_the_scene() -> None:
    rng = np.random.default_rng(1)
    for seed in range(200):
        plan = plan_clip("walk", "plaza", seed=seed)
        text = " ".join(caption.text for caption in captions(plan, rng, 10))
        assert (plan.light == "night") or "night" not in text
        assert (plan.light == "dusk") or "sunset" not in text
        assert (plan.light == "day") or "daylight" not in text


@pytest.mark.parametrize(("number", "wrong"), [(2, ("three", "several")), (3, ("two", "pair"))])
def test_as_many_people_are_told_as_take_part(number: int, wrong: tuple[str, ...]) -> None:
    rng = np.random.default_rng(2)
    plans = [plan_clip("fight", "corridor", seed=seed) for seed in range(60)]
    texts = [c.text for p in plans if len(p.events[0].people) == number for c in captions(p, rng, 10)]
    assert texts
    assert not [text for text in texts if set(text.split()) & set(wrong)]


def test_each_interval_of_a_long_video_is_described_as_often_as_asked() -> None:
    plan = plan_video("platform", seed=8, anomalies=("snatch",))
    sentences = captions(plan, np.random.default_rng(0), 3)
    spans = Counter((caption.start_s, caption.end_s, caption.label) for caption in sentences)
    assert spans == {(span.start_s, span.end_s, span.label): 3 for span in plan.intervals}


def test_the_same_generator_tells_the_same_sentences() -> None:
    plan = plan_clip("hug", "shop", seed=1)
    first, again = (captions(plan, np.random.default_rng(9), 5) for _ in range(2))
    assert first == again
