"""Replies: what is read from the answer of a language model, and which sentences may be taken."""

from __future__ import annotations

import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces_core.errors import CatalogError, ReplyError
from traces_core.text import Context, check_corpus
from traces_core.text.writers.prompts import Question, ask_for_pairs, ask_to_rewrite, schema_of
from traces_core.text.writers.replies import Reply, may_stand, plain, read_pairs, read_sentences, tidy

ASKED = Question("yard", "fire", "pairs", 2, "Write 2 new pairs.")
REWRITE = Question("yard", "fire", "sentences", 1, "Rewrite it.")
PAIR = {"anomalous": "A shed burns.", "normal": "A lamp glows."}
GOOD = json.dumps({"pairs": [PAIR]})

READABLE = [
    ("JSON alone", GOOD),
    ("a Markdown fence", f"```json\n{GOOD}\n```"),
    ("words before and after", f"Here are {{two}} pairs:\n\n{GOOD}\n\nI hope this helps."),
    ("thoughts before it", f'<think>The user wants {{"pairs": ...}}.</think>\n{GOOD}'),
    ("thoughts that a template began", f'{{"pairs": [3]}}? No.\n</think>\n{GOOD}'),
    ("a channel", f"<|channel|>analysis<|message|>{GOOD[:9]}<|end|><|channel|>final<|message|>{GOOD}"),
    ("other keys", json.dumps({"note": "done", "pairs": [{**PAIR, "why": "because"}]})),
    ("an entry of another shape", json.dumps({"pairs": ["A shed burns.", PAIR, {"normal": 3}, None]})),
    ("another object first", '{"plan": "two pairs"} ' + GOOD),
]


@pytest.mark.parametrize("text", [case[1] for case in READABLE], ids=[case[0] for case in READABLE])
def test_the_json_is_found_wherever_it_stands(text: str) -> None:
    assert read_pairs(ASKED, Reply(text)) == [("A shed burns.", "A lamp glows.")]


UNREADABLE = [
    ("nothing", ""),
    ("prose", "Of course! First, a shed burns. Second, a lamp glows."),
    ("broken JSON", GOOD[:-8]),
    ("a list without its object", json.dumps([PAIR])),
    ("another key", json.dumps({"sentences": ["A shed burns."]})),
    ("an empty list", json.dumps({"pairs": []})),
    ("entries without text", json.dumps({"pairs": [{"anomalous": 1, "normal": None}]})),
    ("the key without a list", json.dumps({"pairs": "A shed burns."})),
    ("brackets without end", "{" * 20_000),
    ("objects without end", '{"a":' * 20_000),
]


@pytest.mark.parametrize("text", [case[1] for case in UNREADABLE], ids=[case[0] for case in UNREADABLE])
def test_what_holds_nothing_is_refused_with_the_place_and_an_excerpt(text: str) -> None:
    with pytest.raises(ReplyError, match=r"yard, class fire: .*'pairs'.*follows instructions") as refused:
        read_pairs(ASKED, Reply(text))
    assert len(str(refused.value)) < 400


def test_a_reply_that_was_cut_says_which_setting_to_raise() -> None:
    with pytest.raises(ReplyError, match=r"writing\.max_tokens"):
        read_pairs(ASKED, Reply(GOOD[:-8], is_cut=True))


def test_rewritten_sentences_are_read_and_what_is_no_text_is_left_out() -> None:
    assert read_sentences(REWRITE, Reply('{"sentences": ["A lamp glows.", 4, ""]}')) == ["A lamp glows."]


@pytest.mark.parametrize(
    ("text", "tidied"),
    [
        ("  two men\n hug ", "Two men hug."),
        ("12) Two men hug.", "Two men hug."),
        ("- Two men hug!", "Two men hug!"),
        ("“Two men hug.”", "Two men hug."),
        ("The guard’s lamp glows.", "The guard's lamp glows."),
        ("", ""),
    ],
)
def test_a_sentence_is_tidied_as_the_catalog_writes_it(text: str, tidied: str) -> None:
    assert tidy(text) == tidied


REFUSED = [
    "Two **men** hug by the gate.",
    "<b>Two men</b> hug by the gate.",
    "Two men hug; a dog barks.",
    "Scene 4: two men hug.",
    "Zwei Männer umarmen sich.",
    "Two men hug 🙂 by the gate.",
    "Hugging.",
    "",
    "A man " * 13 + "hugs.",
    "Two men hug. They part.\x00",
]


@pytest.mark.parametrize("text", REFUSED)
def test_a_sentence_that_the_catalog_would_refuse_is_refused(text: str) -> None:
    assert not may_stand(tidy(text))


@given(st.text(max_size=200) | st.text(alphabet="Aa b.,'-!?:;/()<*_0é", max_size=80))
def test_whatever_may_stand_passes_the_gates(text: str) -> None:
    sentence = tidy(text)
    if may_stand(sentence):
        table = pl.DataFrame(
            {
                "trace_id": [1],
                "context": ["yard"],
                "side": ["normal"],
                "class": [""],
                "text": [sentence],
                "writer": ["model"],
            }
        )
        findings = {one.name: one for one in check_corpus(table)}
        assert findings["length"].passed
        assert findings["language"].numbers["not_plain"] == 0


@given(st.from_regex(r"[Aa] ?[Mm]an +[Hh]ugs[.!]?", fullmatch=True))
def test_what_the_catalog_takes_for_the_same_sentence_is_the_same_here(text: str) -> None:
    places = {"context": "yard", "scene": "A yard.", "anomalous": {"fire": ("It burns.", "Flames rise.")}}
    try:
        Context(normal=("A man hugs.", text), **places)
    except (CatalogError, ValueError):
        assert plain(text) == plain("A man hugs.")


def test_a_question_names_place_class_examples_and_what_is_written(yard: Context) -> None:
    asked = ask_for_pairs(yard, "fire", 3, ["A rug burns."])
    for words in (yard.scene, "fire", yard.anomalous["fire"][0], "3 new pairs", "- A rug burns."):
        assert words in asked.text
    assert yard.anomalous["theft"][0] not in asked.text
    assert [one["role"] for one in asked.messages()] == ["system", "user"]
    assert "25 words" in asked.messages()[0]["content"]
    again = ask_to_rewrite(yard, "fire", ["A lamp burns."])
    assert "- A lamp burns." in again.text
    assert again.schema() == schema_of("sentences", 1)


def test_a_sentence_far_down_a_class_leaves_the_question_as_it_is(yard: Context) -> None:
    many = tuple(f"Flame number {number} rises." for number in range(12))
    longer = yard.model_copy(update={"anomalous": {"fire": many}})
    shorter = yard.model_copy(update={"anomalous": {"fire": many[:9]}})
    assert ask_for_pairs(longer, "fire", 3, []) == ask_for_pairs(shorter, "fire", 3, [])


def test_the_schema_takes_what_was_asked_for_and_nothing_else() -> None:
    schema = schema_of("pairs", 4)
    assert schema["additionalProperties"] is False
    array = schema["properties"]["pairs"]
    assert (array["minItems"], array["maxItems"]) == (4, 4)
    assert array["items"]["required"] == ["anomalous", "normal"]
