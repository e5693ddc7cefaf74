"""A language model that says what it is told to, and a text space in which words decide."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

import numpy as np

from traces_core.text.writers import WritingSettings
from traces_core.text.writers.prompts import Question
from traces_core.text.writers.replies import Reply
from traces_core.types import Array

ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")

ANOMALOUS = ("blaze", "flames", "burning", "stranger", "somebody")
"""Words of the yard's classes, and of what `numbered` says about any class."""


class WordSpace:
    """Two dimensions: what sounds anomalous on the first axis, a glow halfway, the rest on the second."""

    space = "words:1"
    dimensions = 2
    fingerprint = "words"

    def encode_texts(self, texts: Sequence[str]) -> Array:
        angles = [
            0.0 if any(word in text.lower() for word in ANOMALOUS) else 45.0 if "glow" in text else 90.0
            for text in texts
        ]
        turns = np.radians(angles)
        return np.stack([np.cos(turns), np.sin(turns)], axis=1).astype(np.float32)

    def unknown_words(self, text: str) -> tuple[str, ...]:
        return ()


class Scripted:
    """Answers in the reverse order of the questions, as a busy server might; remembers what it was asked."""

    name = "scripted"

    def __init__(self, say: Callable[[Question, int], str], **settings: object) -> None:
        self.settings = WritingSettings(**{"model": "tiny", "pairs_per_class": 3, **settings})
        self.say = say
        self.asked: list[tuple[Question, int]] = []

    def look(self) -> str:
        return "scripted"

    def ask(self, questions: Sequence[Question], seed: int) -> Iterator[tuple[Question, Reply]]:
        for question in reversed(questions):
            self.asked.append((question, seed))
            yield question, Reply(self.say(question, seed))


def pairs_reply(*pairs: tuple[str, str]) -> str:
    return json.dumps({"pairs": [{"anomalous": one, "normal": other} for one, other in pairs]})


def numbered(question: Question, count: int | None = None, what: str = "lamp") -> str:
    """So many pairs about a class, all different within it."""
    where = [f"in the {ordinal} {question.label} yard" for ordinal in ORDINALS]
    chosen = range(question.count if count is None else count)
    if question.kind == "sentences":
        return json.dumps({"sentences": [f"A {what} hangs {where[i]}." for i in chosen]})
    return pairs_reply(*((f"A blaze spreads {where[i]}.", f"A {what} stands {where[i]}.") for i in chosen))
