"""The writer that asks a language model: pairs of an anomaly and its look-alike, class by class (NOVA).

    ask for pairs ─> refuse what the catalog refuses ─> ask for what is missing
                                                              │
    send back what is too near the anomalous centroid <───────┘  (some rounds, then drop it)

All contexts and classes of a call are asked together, so that an engine's batch is full and a server's
connections are busy. Which model answers is the affair of a `LanguageModel`; the words are in `prompts`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import numpy as np

from traces_core.encoders.base import TextEncoder
from traces_core.errors import ReplyError
from traces_core.store.digest import digest
from traces_core.text.catalog import Context
from traces_core.text.writers.base import Draft, Manuscript, TraceOrigin
from traces_core.text.writers.class_pairs import ClassPairs
from traces_core.text.writers.journal import Journal
from traces_core.text.writers.prompts import (
    PAIRS_A_QUESTION,
    PROMPT_VERSION,
    Question,
    ask_for_pairs,
    ask_to_rewrite,
)
from traces_core.text.writers.replies import Reply, check_reply, plain, read_pairs, read_sentences
from traces_core.text.writers.settings import WritingSettings
from traces_core.text.writers.shipped import catalog_drafts
from traces_core.types import Array

TRIES = 3
"""Times one question is asked, each with another seed, until the reply is usable."""
SPARE_QUESTIONS = 2
"""Questions a class may take beyond the fewest, where replies held too few sentences or known ones."""

Progress = Callable[[int, int, str], None]
"""Called after each reply: replies had, replies asked for so far, and what the last was about."""


class LanguageModel(Protocol):
    """Answers questions: an engine in this process, or a server."""

    @property
    def name(self) -> str:
        """Which writer this is: vllm, openai."""

    @property
    def settings(self) -> WritingSettings:
        """What it is asked with: model, seed, sampling."""

    def look(self) -> str:
        """A line about what is there; WriterUnavailableError where nothing could be asked."""

    def ask(self, questions: Sequence[Question], seed: int) -> Iterator[tuple[Question, Reply]]:
        """The replies as they come, in any order.

        Raises
        ------
        WriterUnavailableError
            If the model does not answer; what was answered before has been given.
        BudgetSpentError
            If no more may be asked; what was answered before has been given.
        """


class PairWriter:
    """The catalog's sentences, and for each class pairs that a language model wrote.

    Parameters
    ----------
    model
        Who is asked, and with which settings.
    encoder
        The text space in which a normal sentence may not be too near the anomalous ones.
    journal
        Where replies are kept, to be read instead of asked for again.
    progress
        Called after each reply; None shows no progress.
    """

    def __init__(
        self,
        model: LanguageModel,
        encoder: TextEncoder,
        journal: Journal,
        progress: Progress | None = None,
    ) -> None:
        self.model, self._encoder, self._journal = model, encoder, journal
        self._progress = progress or (lambda had, wanted, what: None)
        self._had = self._wanted = 0

    @property
    def fingerprint(self) -> str:
        """Model, prompt version, seed, sampling, number, threshold, rounds and text space."""
        return writer_fingerprint(self.model.name, self.model.settings, self._encoder)

    def write(self, contexts: Sequence[Context]) -> Iterator[Manuscript]:
        """One manuscript a context: what people wrote first, then the pairs of each class.

        Raises
        ------
        ReplyError
            If the model gave no usable reply to the first question about a class, however often it was
            asked. Later ones only leave the class with fewer sentences; they are counted.
        WriterUnavailableError, BudgetSpentError
            As the model raises them. Every reply had until then is in the journal.
        """
        taken = {one.context: {plain(text) for _, text in one.sentences()} for one in contexts}
        classes = [ClassPairs(one, label, taken[one.context]) for one in contexts for label in one.anomalous]
        self._fill(classes)
        self._judge(classes)
        for context in contexts:
            yield self._manuscript(context, [pairs for pairs in classes if pairs.context is context])

    def _fill(self, classes: list[ClassPairs]) -> None:
        wanted = self.model.settings.pairs_per_class
        for turn in range(-(-wanted // PAIRS_A_QUESTION) + SPARE_QUESTIONS):
            short = [pairs for pairs in classes if pairs.missing(wanted)]
            questions = []
            for pairs in short:
                written = [*pairs.anomalous, *pairs.waiting]
                count = min(pairs.missing(wanted), PAIRS_A_QUESTION)
                questions.append(ask_for_pairs(pairs.context, pairs.label, count, written))
            for pairs, question, reply in zip(short, questions, self._replies(questions, turn), strict=True):
                if isinstance(reply, Reply):
                    pairs.take_pairs(read_pairs(question, reply), wanted)
                elif turn == 0:
                    raise reply
                else:
                    pairs.count("unanswered")

    def _judge(self, classes: list[ClassPairs]) -> None:
        """Send back the normal sentences that are too near the anomalous ones; drop them in the end."""
        rounds = self.model.settings.rewriting_rounds
        centroids = [self._centroid(pairs) for pairs in classes]
        for turn in range(rounds + 1):
            for pairs, centroid in zip(classes, centroids, strict=True):
                self._let_pass(pairs, centroid, turn)
            near = [pairs for pairs in classes if pairs.waiting]
            if turn == rounds:
                break
            questions = [ask_to_rewrite(pairs.context, pairs.label, pairs.waiting) for pairs in near]
            for pairs, question, reply in zip(near, questions, self._replies(questions, turn), strict=True):
                pairs.count("sent_back", len(pairs.waiting))
                if isinstance(reply, Reply):
                    pairs.take_rewritten(read_sentences(question, reply))
                else:
                    pairs.count("unanswered")
        for pairs in near:
            pairs.count("dropped", len(pairs.waiting))

    def _centroid(self, pairs: ClassPairs) -> Array:
        """Direction of the class: the mean of its sentences, people's and the model's; (D,), length 1."""
        texts = [*pairs.context.anomalous[pairs.label], *pairs.anomalous]
        mean: Array = self._encoder.encode_texts(texts).mean(axis=0)
        return mean / np.float32(np.linalg.norm(mean))

    def _let_pass(self, pairs: ClassPairs, centroid: Array, turn: int) -> None:
        if not pairs.waiting:
            return
        cosines = self._encoder.encode_texts(pairs.waiting) @ centroid  # (N,)
        near = cosines > self.model.settings.maximum_cosine
        pairs.normal += [
            (text, turn) for text, is_near in zip(pairs.waiting, near, strict=True) if not is_near
        ]
        pairs.waiting = [text for text, is_near in zip(pairs.waiting, near, strict=True) if is_near]

    def _replies(self, questions: list[Question], turn: int) -> list[Reply | ReplyError]:
        """One reply a question, in their order: from the journal, else from the model.

        Each turn has seeds of its own: a question in the same words gets another reply. What is
        unusable is asked again with the next seed, and not kept: a better server may answer. What stays
        unusable is handed over as the error that it is.
        """
        seed = self.model.settings.seed + turn * TRIES
        keys = {question: self._key(question, seed) for question in questions}
        left = [one for one in questions if self._journal.find(one, keys[one]) is None]
        self._wanted += len(left)
        refused: dict[Question, ReplyError] = {}
        for once_more in range(TRIES):
            if not left:
                break
            refused = {}
            for question, reply in self.model.ask(left, seed + once_more):
                try:
                    check_reply(question, reply)
                except ReplyError as error:
                    refused[question] = error
                    continue
                self._journal.keep(question, keys[question], reply.text)
                self._had += 1
                self._progress(self._had, self._wanted, f"{question.context}, {question.label}")
            left = list(refused)
        return [refused.get(one) or Reply(self._journal.find(one, keys[one]) or "") for one in questions]

    def _key(self, question: Question, seed: int) -> str:
        settings = self.model.settings
        sampling = [seed, settings.temperature, settings.top_p, settings.max_tokens]
        asked = [question.messages(), question.schema()]
        return digest([self.model.name, settings.model, asked, sampling])

    def _manuscript(self, context: Context, classes: list[ClassPairs]) -> Manuscript:
        settings = self.model.settings
        drafts = list(catalog_drafts(context))
        counts: dict[str, int] = {"short": 0}
        for pairs in classes:
            drafts += [Draft("anomalous", pairs.label, text, self._origin(0)) for text in pairs.anomalous]
            drafts += [Draft("normal", pairs.label, text, self._origin(turn)) for text, turn in pairs.normal]
            counts["short"] += 2 * settings.pairs_per_class - len(pairs.anomalous) - len(pairs.normal)
            for what, number in pairs.counts.items():
                counts[what] = counts.get(what, 0) + number
        return Manuscript(context, tuple(drafts), counts)

    def _origin(self, turn: int) -> TraceOrigin:
        settings = self.model.settings
        return TraceOrigin(self.model.name, settings.model or "", PROMPT_VERSION, settings.seed, turn)


def writer_fingerprint(name: str, settings: WritingSettings, encoder: TextEncoder) -> str:
    """Digest of everything that changes what a language model writes; no server, key or budget."""
    return digest([name, settings.model_dump(), PROMPT_VERSION, TRIES, SPARE_QUESTIONS, encoder.fingerprint])
