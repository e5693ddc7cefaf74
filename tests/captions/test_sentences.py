"""Captions in sentences: where one ends, and what is none."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces_core.captions.sentences import split_sentences

CASES = [
    # caption, sentences
    ("A man waits. A car stops.", ["A man waits.", "A car stops."]),
    ("A man waits", ["A man waits"]),
    ("a man waits. a car stops", ["a man waits.", "a car stops"]),
    ("Stop! Who is it? Nobody.", ["Stop!", "Who is it?", "Nobody."]),
    ("At 5.30 p.m. Mr. Smith, e.g. a guard, comes.", ["At 5.30 p.m. Mr. Smith, e.g. a guard, comes."]),
    ("A U.S. flag hangs there. It moves.", ["A U.S. flag hangs there.", "It moves."]),
    ("A man ... a tall one ... leaves.", ["A man ... a tall one ... leaves."]),
    ('A sign says "Stop." A bus passes.', ['A sign says "Stop."', "A bus passes."]),
    ("1. A car stops.\n2. Nobody gets out.", ["A car stops.", "Nobody gets out."]),
    ("- a dog runs\n- a cat sits", ["a dog runs", "a cat sits"]),
    ("**Scene:** A room.\n\n## Action\nA fight.", ["Scene: A room.", "Action", "A fight."]),
    ("The line is\nbroken here. It goes\non.", ["The line is broken here.", "It goes on."]),
    ("A man walks. A man walks. He stops.", ["A man walks.", "He stops."]),
    ("  A   man\twalks.  ", ["A man walks."]),
    ("...", ["..."]),
]


@pytest.mark.parametrize(("caption", "sentences"), CASES)
def test_a_caption_is_cut_where_a_reader_would(caption: str, sentences: list[str]) -> None:
    assert list(split_sentences(caption)) == sentences


@given(st.text(min_size=1).filter(str.strip))
def test_any_text_gives_sentences_each_once_and_none_of_them_blank(caption: str) -> None:
    sentences = split_sentences(caption)
    assert sentences
    assert len(set(sentences)) == len(sentences)
    assert all(text.strip() for text in sentences)


@given(st.lists(st.sampled_from(["A man walks.", "Two dogs run!", "Is it night?"]), min_size=1, unique=True))
def test_plain_sentences_come_back_as_they_were_joined(texts: list[str]) -> None:
    assert list(split_sentences(" ".join(texts))) == texts
