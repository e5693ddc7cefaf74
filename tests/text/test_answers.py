"""What a language model answered: thoughts and the marks of templates are none of it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces_core.text.answers import answer, text_of

SAID = "Two men hug."
THOUGHT = "Is it a fight? He stabs him. No."
CASES = [
    ("a pair", f"<think>{THOUGHT}</think>\n{SAID}"),
    ("an end without a begin", f"{THOUGHT}\n</think>\n\n{SAID}"),
    ("a longer name", f"<thinking>{THOUGHT}</thinking>{SAID}"),
    ("another name's end", f"<thought>{THOUGHT}</think>{SAID}"),
    ("one within another", f"<think>{THOUGHT}<think>Or?</think>{THOUGHT}</think>{SAID}"),
    ("a step named analysis", f"<analysis>{THOUGHT}</analysis>{SAID}"),
    ("a monologue", f"<inner_monologue>{THOUGHT}</inner_monologue>{SAID}"),
    ("an empty thought", f"<think/>{SAID}"),
    ("Apriel", f"{THOUGHT}\n[BEGIN FINAL RESPONSE]\n{SAID}\n[END FINAL RESPONSE]"),
    ("Apriel, cut", f"{THOUGHT}\n[BEGIN FINAL RESPONSE]{SAID}"),
    ("a caption's box", f"{THOUGHT}<caption>{SAID}</caption>"),
    ("Kimi", f"◁think▷{THOUGHT}◁/think▷{SAID}"),
    ("Kimi's end", f"{THOUGHT}◁/think▷{SAID}"),
    ("Mistral", f"[THINK]{THOUGHT}[/THINK]{SAID}"),
    ("Cohere", f"<|START_THINKING|>{THOUGHT}<|END_THINKING|><|START_RESPONSE|>{SAID}<|END_RESPONSE|>"),
    ("Seed", f"<seed:think>{THOUGHT}</seed:think>{SAID}"),
    (
        "Harmony",
        f"<|channel|>analysis<|message|>{THOUGHT}<|end|><|start|>assistant<|channel|>final<|message|>{SAID}"
        "<|return|>",
    ),
    ("Harmony without its tokens", f"analysis{THOUGHT}assistantfinal{SAID}"),
    ("a channel of thoughts", f"<|channel>thought\n{THOUGHT}<channel|>{SAID}"),
    ("a fence", f"```text\n{SAID}\n```"),
    ("a box", f"{THOUGHT} <answer>{SAID}</answer>"),
    ("a box of TeX", f"{THOUGHT} $\\boxed{{\\text{{{SAID}}}}}$"),
    ("GLM's box", f"<think>{THOUGHT}</think><|begin_of_box|>{SAID}<|end_of_box|>"),
    ("LongCat", f"<longcat_think>{THOUGHT}</longcat_think>{SAID}"),
    ("a name with a space", f"<think >{THOUGHT}</think\n>{SAID}"),
    (
        "OpenThinker",
        f"<|begin_of_thought|>{THOUGHT}<|end_of_thought|><|begin_of_solution|>{SAID}<|end_of_solution|>",
    ),
    ("OpenThinker's thought", f"<|begin_of_thought|>{THOUGHT}<|end_of_thought|>{SAID}"),
    ("LLaVA-CoT", f"<CAPTION>Men.</CAPTION><REASONING>{THOUGHT}</REASONING><CONCLUSION>{SAID}</CONCLUSION>"),
    ("a role", f"<|im_start|>assistant\n{SAID}<|im_end|>"),
    ("Llama's role", f"<|start_header_id|>assistant<|end_header_id|>\n\n{SAID}<|eot_id|>"),
    ("special tokens", f"<s>{SAID}</s><|im_end|>"),
    ("a thought after it", f"{SAID}\n<think>{THOUGHT}"),
]


@pytest.mark.parametrize("text", [case[1] for case in CASES], ids=[case[0] for case in CASES])
def test_what_was_thought_is_not_what_was_said(text: str) -> None:
    assert answer(text) == SAID


@pytest.mark.parametrize(
    "text", [f"<think>{THOUGHT}", f"[THINK]{THOUGHT}[/THINK]", f"<|channel|>analysis<|message|>{THOUGHT}"]
)
def test_nothing_but_thoughts_is_no_answer(text: str) -> None:
    assert answer(text) == ""


@pytest.mark.parametrize(
    "text", ["A sign reads [STOP] & <EXIT>.", "I think he waves.", "5 < 6 > 4 ~ 3", "1. A car.\n2. A dog."]
)
def test_what_is_no_mark_stays(text: str) -> None:
    assert answer(text) == text


@given(st.text("<|/>[]◁▷think`\\boxed{}channel answer\n"))
def test_an_answer_has_nothing_left_to_take_off_that_is_thought(text: str) -> None:
    assert "</think>" not in answer(text)


@pytest.mark.parametrize("mark", ["<think>", "</think>", "<answer>", "\\boxed{", "<|channel|>a", "```", "<|"])
def test_a_hundred_thousand_marks_take_no_longer_than_as_many_letters(mark: str) -> None:
    began = time.perf_counter()
    answer(mark * 100_000)
    assert time.perf_counter() - began < 5


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ("A man.", "A man."),
        ([{"type": "text", "text": "A "}, {"type": "text", "text": "man."}], "A man."),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}, "A man."], "A man."),
        ([], ""),
        ({"text": "A man."}, None),
        (3, None),
    ],
)
def test_content_is_text_or_parts_of_it(content: object, text: str | None) -> None:
    assert text_of(content) == text
