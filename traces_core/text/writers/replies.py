"""What comes back from a language model: the JSON in it, and which sentences may be taken.

Taken is only what the catalog and its gates would take from a person. What takes a whole corpus to see
(language, near duplicates, leaks between the sides) is left to `traces_core.text.gates`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

from traces_core.errors import ReplyError
from traces_core.text.answers import answer
from traces_core.text.gates import CorpusLimits
from traces_core.text.writers.prompts import Question

FEWEST_WORDS = 3
"""Fewer words say nothing that can be seen."""
EXCERPT = 120
"""Characters of an unusable reply that an error quotes."""
_SENTENCE = re.compile(r"[A-Z][A-Za-z0-9 ,'%()/-]*[.!?]")
_NUMBERING = re.compile(r"^(?:[-*•]|\(?\d{1,3}[.)])\s+")
_Entry = TypeVar("_Entry")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "\u00a0": " "})


@dataclass(frozen=True, slots=True)
class Reply:
    """What a language model answered."""

    text: str
    """All of it."""
    is_cut: bool = False
    """Whether it ended because it reached the longest reply allowed."""


def read_pairs(question: Question, reply: Reply) -> list[tuple[str, str]]:
    """The pairs of a reply as (anomalous, normal); a side that is no text is empty.

    Raises
    ------
    ReplyError
        If there is no JSON object with a list `pairs` in it, or nothing usable in the list.
    """
    pairs = [
        (_text(item.get("anomalous")), _text(item.get("normal")))
        for item in _entries(question, reply)
        if isinstance(item, dict)
    ]
    return _not_empty(question, reply, [pair for pair in pairs if any(pair)])


def read_sentences(question: Question, reply: Reply) -> list[str]:
    """The sentences of a reply.

    Raises
    ------
    ReplyError
        If there is no JSON object with a list `sentences` in it, or nothing usable in the list.
    """
    sentences = [_text(item) for item in _entries(question, reply)]
    return _not_empty(question, reply, [sentence for sentence in sentences if sentence])


def check_reply(question: Question, reply: Reply) -> None:
    """Refuse a reply that holds nothing of what was asked for.

    Raises
    ------
    ReplyError
        As `read_pairs` and `read_sentences`.
    """
    (read_pairs if question.kind == "pairs" else read_sentences)(question, reply)


def tidy(text: str) -> str:
    """A sentence as the catalog writes it: one line, no numbering, a capital letter, a full stop.

    Examples
    --------
    >>> tidy('  3. two men   hug ')
    'Two men hug.'
    """
    text = _NUMBERING.sub("", " ".join(text.translate(_QUOTES).split())).strip('" ')
    text = text[:1].upper() + text[1:]
    return text if not text or text[-1] in ".!?" else f"{text}."


def plain(text: str) -> str:
    """What two wordings of one sentence share: no case, no double spaces, no mark at the end.

    Examples
    --------
    >>> plain("Two men hug.") == plain("two men  HUG!")
    True
    """
    return " ".join(text.casefold().split()).rstrip(" .!?")


def may_stand(text: str) -> bool:
    """Whether the catalog's rules take a tidied sentence: plain characters, not too short, not too long.

    Examples
    --------
    >>> may_stand("Two men hug by the gate."), may_stand("Two **men** hug by the gate."), may_stand("Hug.")
    (True, False, False)
    """
    words = len(text.split(" "))
    return bool(_SENTENCE.fullmatch(text)) and FEWEST_WORDS <= words <= CorpusLimits().max_words


def _entries(question: Question, reply: Reply) -> list[object]:
    """The list that was asked for: JSON alone, in a Markdown fence, or after some words."""
    for value in _json_values(answer(reply.text)):
        entries = value.get(question.kind)
        if isinstance(entries, list):
            return entries
    raise _refusal(question, reply, f"no JSON object with a list {question.kind!r}")


def _json_values(text: str) -> Iterator[dict[str, Any]]:
    decoder, start = json.JSONDecoder(), text.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except (json.JSONDecodeError, RecursionError):
            end = start + 1
        else:
            yield value
        start = text.find("{", end)


def _not_empty(question: Question, reply: Reply, entries: list[_Entry]) -> list[_Entry]:
    if not entries:
        raise _refusal(question, reply, f"nothing that can be read in its list {question.kind!r}")
    return entries


def _refusal(question: Question, reply: Reply, problem: str) -> ReplyError:
    do = (
        "It was cut off: raise writing.max_tokens."
        if reply.is_cut
        else "Take a model that follows instructions, or a server with structured outputs (vllm serve)."
    )
    excerpt = repr(reply.text[:EXCERPT]) + (" ..." if len(reply.text) > EXCERPT else "")
    return ReplyError(f"{question.context}, class {question.label}: {problem} in the reply {excerpt}", do=do)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
