"""The writer that asks a language model: what it asks, takes, sends back, drops, and never asks twice."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from scripted_model import Scripted, WordSpace, numbered, pairs_reply

from traces_core.errors import BudgetSpentError, ReplyError
from traces_core.text import Context, Manuscript, check_corpus, write_corpus
from traces_core.text.corpus import corpus_of
from traces_core.text.writers import (
    PROMPT_VERSION,
    SHIPPED,
    Journal,
    PairWriter,
    TraceOrigin,
    WritingSettings,
)
from traces_core.text.writers.prompts import Question
from traces_core.text.writers.replies import Reply


def writer(model: Scripted, folder: Path, **more: object) -> PairWriter:
    return PairWriter(model, WordSpace(), Journal(folder / "replies"), **more)


def write(model: Scripted, folder: Path, *contexts: Context) -> list[Manuscript]:
    return list(writer(model, folder).write(contexts))


def new(manuscript: Manuscript) -> list[tuple[str, str, str, int]]:
    return [
        (draft.side, draft.label, draft.text, draft.origin.round)
        for draft in manuscript.drafts
        if draft.origin != SHIPPED
    ]


def renamed(context: Context, name: str) -> Context:
    return context.model_copy(update={"context": name})


def fires_only(context: Context) -> Context:
    return context.model_copy(update={"anomalous": {"fire": context.anomalous["fire"]}})


def test_each_class_gets_its_pairs_and_the_catalog_keeps_its_sentences(tmp_path: Path, yard: Context) -> None:
    [manuscript] = write(Scripted(lambda question, _: numbered(question)), tmp_path, yard)
    for label in ("fire", "theft"):
        for side in ("anomalous", "normal"):
            assert sum(draft[:2] == (side, label) for draft in new(manuscript)) == 3
    shipped = {draft.text for draft in manuscript.drafts if draft.origin == SHIPPED}
    assert shipped == {text for place, text in yard.sentences() if place != ("scene",)}
    assert manuscript.counts == {"short": 0}


def test_every_trace_says_who_wrote_it_and_with_what(tmp_path: Path, yard: Context) -> None:
    model = Scripted(lambda question, _: numbered(question), seed=7)
    corpus = write_corpus([yard], writer=writer(model, tmp_path))
    rows = corpus.filter(writer="scripted").select("model", "prompt_version", "seed", "round").unique()
    assert rows.rows() == [("tiny", PROMPT_VERSION, 7, 0)]
    assert corpus.filter(writer="shipped")["model"].unique().to_list() == [""]
    assert all(one.passed for one in check_corpus(corpus) if one.severity == "error")


def test_a_normal_sentence_too_near_the_anomaly_goes_back_and_says_how_often(
    tmp_path: Path, yard: Context
) -> None:
    def say(question: Question, seed: int) -> str:
        if question.kind == "pairs":
            return pairs_reply(
                ("A blaze fills the bin.", "A camp blaze warms the guests."),
                ("A blaze fills the car.", "A lamp stands there."),
            )
        if "camp blaze" in question.text:
            return json.dumps({"sentences": ["A small blaze warms the guests."]})
        return json.dumps({"sentences": ["A blanket warms the guests."]})

    model = Scripted(say, pairs_per_class=2)
    [manuscript] = write(model, tmp_path, fires_only(yard))
    assert ("normal", "fire", "A lamp stands there.", 0) in new(manuscript)
    assert ("normal", "fire", "A blanket warms the guests.", 2) in new(manuscript)
    assert manuscript.counts == {"short": 0, "sent_back": 2}
    assert [question.kind for question, _ in model.asked] == ["pairs", "sentences", "sentences"]


@pytest.mark.parametrize(("rounds", "asked"), [(0, 1), (1, 2), (3, 4)])
def test_what_is_too_near_after_the_last_round_is_dropped_and_counted(
    tmp_path: Path, yard: Context, rounds: int, asked: int
) -> None:
    turn = iter(range(100))

    def say(question: Question, seed: int) -> str:
        return numbered(question, what=f"blaze number {next(turn)}")

    model = Scripted(say, rewriting_rounds=rounds)
    [manuscript] = write(model, tmp_path, fires_only(yard))
    assert [draft[0] for draft in new(manuscript)] == ["anomalous"] * 3
    assert (manuscript.counts["dropped"], manuscript.counts["short"]) == (3, 3)
    assert len(model.asked) == asked


def test_a_sentence_that_comes_back_unchanged_goes_back_again_and_is_dropped_in_the_end(
    tmp_path: Path, yard: Context
) -> None:
    def say(question: Question, seed: int) -> str:
        if question.kind == "pairs":
            return pairs_reply(("A blaze fills the bin.", "A camp blaze warms the guests."))
        return json.dumps({"sentences": ["A camp blaze warms the guests."]})

    model = Scripted(say, pairs_per_class=1)
    [manuscript] = write(model, tmp_path, fires_only(yard))
    assert manuscript.counts == {"short": 1, "sent_back": 3, "dropped": 1}
    seeds = [seed for question, seed in model.asked if question.kind == "sentences"]
    assert len(set(seeds)) == 3


def test_the_threshold_is_the_cosine_to_the_centroid_of_the_class(tmp_path: Path, yard: Context) -> None:
    def say(question: Question, seed: int) -> str:
        return numbered(question, what="glow")

    far = Scripted(say, maximum_cosine=0.72, rewriting_rounds=0)  # 45 degrees: 0.7071
    near = Scripted(say, maximum_cosine=0.70, rewriting_rounds=0)
    [kept], [dropped] = write(far, tmp_path, fires_only(yard)), write(near, tmp_path, fires_only(yard))
    assert sum(draft[0] == "normal" for draft in new(kept)) == 3
    assert sum(draft[0] == "normal" for draft in new(dropped)) == 0


def test_too_few_are_asked_for_again_with_what_is_written_already(tmp_path: Path, yard: Context) -> None:
    def say(question: Question, seed: int) -> str:
        if "already" not in question.text:
            return numbered(question, count=2)
        return pairs_reply((f"A {question.label} blaze goes on.", f"A {question.label} post leans there."))

    model = Scripted(say)
    [manuscript] = write(model, tmp_path, yard)
    assert manuscript.counts == {"short": 0}
    again = [question for question, _ in model.asked if "already" in question.text]
    assert [(one.label, one.count) for one in again] == [("theft", 1), ("fire", 1)]
    assert "A blaze spreads in the first fire yard." in again[1].text


def test_too_many_are_cut_to_what_was_asked_for(tmp_path: Path, yard: Context) -> None:
    [manuscript] = write(Scripted(lambda question, _: numbered(question, count=9)), tmp_path, yard)
    assert len(new(manuscript)) == 2 * 2 * 3
    assert manuscript.counts == {"short": 0}


def test_a_model_that_repeats_itself_ends_with_fewer_and_says_how_many(tmp_path: Path, yard: Context) -> None:
    model = Scripted(lambda question, _: numbered(question, count=1))
    [manuscript] = write(model, tmp_path, yard)
    assert len(new(manuscript)) == 4
    assert manuscript.counts == {"short": 8, "repeated": 8}


def test_what_stands_in_the_catalog_or_in_another_class_is_not_taken_again(
    tmp_path: Path, yard: Context
) -> None:
    same = pairs_reply(
        (yard.anomalous["theft"][0].upper(), yard.scene),
        ("A blaze fills the cart.", yard.normal[0].rstrip(".")),
        ("a blaze  burns low", "A lamp stands there."),
    )
    [manuscript] = write(Scripted(lambda question, _: same), tmp_path, yard)
    assert [draft[:3] for draft in new(manuscript)] == [
        ("anomalous", "fire", "A blaze fills the cart."),
        ("anomalous", "fire", "A blaze burns low."),
        ("normal", "fire", "A lamp stands there."),
    ]


def test_what_the_catalog_refuses_is_refused_and_counted(tmp_path: Path, yard: Context) -> None:
    wrong = pairs_reply(
        ("**Fire** at the gate!", "Lamp."), ("A fire " * 20, "A lamp — an old one — stands there.")
    )

    def say(question: Question, seed: int) -> str:
        return wrong if "already" not in question.text and question.label == "fire" else numbered(question)

    [manuscript] = write(Scripted(say, pairs_per_class=2), tmp_path, yard)
    assert manuscript.counts["refused"] > 0
    assert not any("*" in draft.text or "—" in draft.text for draft in manuscript.drafts)


def test_contexts_together_say_what_each_says_alone(tmp_path: Path, yard: Context) -> None:
    def say(question: Question, seed: int) -> str:
        return numbered(question, what="blaze" if question.context == "yard" else "lamp")

    garden = renamed(yard, "garden")
    both = write(Scripted(say), tmp_path / "both", yard, garden)
    alone = write(Scripted(say), tmp_path / "a", yard) + write(Scripted(say), tmp_path / "b", garden)
    turned = write(Scripted(say), tmp_path / "turned", garden, yard)
    assert both == alone == turned[::-1]
    assert corpus_of(both).equals(corpus_of(turned))


def test_all_contexts_and_classes_are_asked_in_one_batch(tmp_path: Path, yard: Context) -> None:
    batches: list[int] = []

    class Batched(Scripted):
        def ask(self, questions: Sequence[Question], seed: int) -> Iterator[tuple[Question, Reply]]:
            batches.append(len(questions))
            return super().ask(questions, seed)

    write(Batched(lambda question, _: numbered(question)), tmp_path, yard, renamed(yard, "garden"))
    assert batches == [4]


def test_many_pairs_are_asked_for_in_portions(tmp_path: Path, yard: Context) -> None:
    turn = iter(range(100))

    def say(question: Question, seed: int) -> str:
        fresh = next(turn)
        return pairs_reply(
            *((f"A blaze burns at {fresh} and {i}.", f"A lamp stands at {fresh} and {i}.") for i in range(20))
        )

    model = Scripted(say, pairs_per_class=45)
    [manuscript] = write(model, tmp_path, yard)
    assert [question.count for question, _ in model.asked if question.label == "fire"] == [20, 20, 5]
    assert manuscript.counts == {"short": 0}


def test_an_unusable_reply_is_asked_for_again_with_the_next_seed(tmp_path: Path, yard: Context) -> None:
    model = Scripted(lambda question, seed: numbered(question) if seed == 5 else "Certainly!", seed=4)
    [manuscript] = write(model, tmp_path, yard)
    assert manuscript.counts == {"short": 0}
    assert [seed for _, seed in model.asked] == [4, 4, 5, 5]
    assert {draft.origin for draft in manuscript.drafts} == {
        SHIPPED,
        TraceOrigin("scripted", "tiny", PROMPT_VERSION, 4, 0),
    }


def test_a_class_that_gets_no_usable_reply_is_named_and_the_others_are_kept(
    tmp_path: Path, yard: Context
) -> None:
    model = Scripted(lambda question, _: "Certainly!" if question.label == "fire" else numbered(question))
    with pytest.raises(ReplyError, match="yard, class fire: no JSON object"):
        write(model, tmp_path, yard)
    assert [question.label for question, _ in model.asked] == ["theft", "fire", "fire", "fire"]
    better = Scripted(lambda question, _: numbered(question))
    write(better, tmp_path, yard)
    assert [question.label for question, _ in better.asked] == ["fire"]


def test_a_rewriting_that_fails_drops_the_sentence_and_ends_nothing(tmp_path: Path, yard: Context) -> None:
    def say(question: Question, seed: int) -> str:
        return numbered(question, what="blaze") if question.kind == "pairs" else "I cannot do that."

    [manuscript] = write(Scripted(say), tmp_path, fires_only(yard))
    assert manuscript.counts == {"short": 3, "sent_back": 9, "unanswered": 3, "dropped": 3}


class Dying(Scripted):
    """Answers so many questions, then no more."""

    lives = 3

    def ask(self, questions: Sequence[Question], seed: int) -> Iterator[tuple[Question, Reply]]:
        for one in super().ask(questions, seed):
            if self.lives == 0:
                raise BudgetSpentError("3 of 3 requests are spent", variable="TRACES_WRITER_MAX_REQUESTS")
            self.lives -= 1
            yield one


def test_a_run_that_died_left_all_it_had_and_the_next_asks_for_the_rest_only(
    tmp_path: Path, yard: Context
) -> None:
    contexts = [yard, renamed(yard, "garden")]
    with pytest.raises(BudgetSpentError, match="next run asks only for what is missing"):
        write(Dying(lambda question, _: numbered(question)), tmp_path, *contexts)
    left = tmp_path / "replies" / "yard.jsonl"
    left.write_bytes(left.read_bytes() + b'{"key": "half a li')
    model = Scripted(lambda question, _: numbered(question))
    manuscripts = write(model, tmp_path, *contexts)
    assert len(model.asked) == 1
    whole = write(Scripted(lambda question, _: numbered(question)), tmp_path / "whole", *contexts)
    assert manuscripts == whole
    again = Scripted(lambda question, _: pytest.fail("asked twice"))
    assert write(again, tmp_path, *contexts) == whole


CHANGES = [
    ({"model": "other"}, True),
    ({"seed": 1}, True),
    ({"temperature": 0.1}, True),
    ({"top_p": 0.5}, True),
    ({"max_tokens": 100}, True),
    ({"pairs_per_class": 4}, True),
    ({"maximum_cosine": 0.9}, False),
    ({"rewriting_rounds": 1}, False),
]


@pytest.mark.parametrize(("change", "asks_anew"), CHANGES, ids=[next(iter(one)) for one, _ in CHANGES])
def test_every_setting_changes_the_fingerprint_and_only_what_changes_a_reply_is_asked_anew(
    tmp_path: Path, yard: Context, change: dict[str, object], asks_anew: bool
) -> None:
    first = Scripted(lambda question, _: numbered(question))
    second = Scripted(lambda question, _: numbered(question), **change)
    write(first, tmp_path, yard)
    write(second, tmp_path, yard)
    assert writer(first, tmp_path).fingerprint != writer(second, tmp_path).fingerprint
    assert bool(second.asked) is asks_anew


def test_no_setting_of_the_writing_was_forgotten_above() -> None:
    assert {name for change, _ in CHANGES for name in change} == set(WritingSettings.model_fields)


def test_another_text_space_is_another_writer(tmp_path: Path) -> None:
    model, space = Scripted(lambda question, _: ""), WordSpace()
    before = PairWriter(model, space, Journal(tmp_path)).fingerprint
    space.fingerprint = "other words"
    assert PairWriter(model, space, Journal(tmp_path)).fingerprint != before


def test_progress_is_reported_after_each_reply(tmp_path: Path, yard: Context) -> None:
    reports: list[tuple[int, int, str]] = []
    model = Scripted(lambda question, _: numbered(question))
    list(writer(model, tmp_path, progress=lambda *one: reports.append(one)).write([yard]))
    assert reports == [(1, 2, "yard, theft"), (2, 2, "yard, fire")]
