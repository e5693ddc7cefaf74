"""What a language model is asked: the prompt's templates with their version, questions, and JSON schemas.

The method is NOVA's (PAPERS, section 3): sentences in pairs, an anomaly and its harmless look-alike, and
a normal sentence that sounds too much like the anomaly goes back. Reading what comes back is in `replies`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from traces_core.store.digest import digest
from traces_core.text.catalog import Context
from traces_core.text.gates import CorpusLimits

PAIRS_A_QUESTION = 20
"""Pairs asked for at once: in longer replies models begin to repeat themselves. Ours."""
EXAMPLES = 6
"""Sentences of a class that are quoted. Few: a sentence changed further down leaves the question as it is."""

SYSTEM = """\
You write sentences for a system that compares the pictures of a fixed surveillance camera with sentences. \
Each sentence says what the camera sees at one moment.

Rules for every sentence:
- 5 to {max_words} words of plain English, present tense, one sentence, a full stop at its end.
- Say what can be seen: people, bodies, things, movement, smoke, light. No names, thoughts, reasons or sounds.
- No markup, lists, numbering, quotation marks, dashes, colons or emoji.
- Vary viewpoint, distance, light, weather, number and kind of people, clothing, the stage of the event, \
and how the sentence is built. No two sentences may say the same.

You write in pairs. The anomalous sentence shows the class of event that is asked for, so clearly that it \
fits nothing harmless. The normal sentence beside it is its harmless look-alike in the same place: similar \
people, postures, things, movement or light, but something that is allowed there. A normal sentence never \
uses the verbs and nouns of the anomaly, and never says that something does not happen: write \
"two men shake hands", not "nobody fights".

Answer with JSON alone."""

PAIRS = """\
Place: {place}. {scene}
Class of event that must not happen there: {label}.
Examples of it:
{examples}

Write {count} new pairs. Answer as {{"pairs": [{{"anomalous": "...", "normal": "..."}}, ...]}} with \
exactly {count} entries."""

WRITTEN = """

These are written already. Write others:
{written}"""

REWRITE = """\
Place: {place}. {scene}
Class of event that must not happen there: {label}.

These normal sentences sound too much like it:
{sentences}

Rewrite each of them, in the same order. Keep the place and the people; replace every word that could stand \
in a report about {label} by something everyday that looks similar from afar. Answer as \
{{"sentences": ["...", ...]}} with exactly {count} entries."""

Kind = Literal["pairs", "sentences"]
Messages = list[dict[str, str]]


def schema_of(kind: Kind, count: int) -> dict[str, Any]:
    """JSON schema of a reply: so many pairs, or so many sentences.

    Notes
    -----
    Only what every structured-output backend knows (xgrammar, guidance, outlines, hosted servers): types,
    required, no other keys, minItems, maxItems.

    Examples
    --------
    >>> schema_of("sentences", 2)["properties"]["sentences"]["maxItems"]
    2
    """
    sentence: dict[str, Any] = {"type": "string"}
    pair = _object({"anomalous": sentence, "normal": sentence})
    items = pair if kind == "pairs" else sentence
    return _object({kind: {"type": "array", "items": items, "minItems": count, "maxItems": count}})


PROMPT_VERSION = digest([SYSTEM, PAIRS, WRITTEN, REWRITE, PAIRS_A_QUESTION, EXAMPLES])
"""Which prompt: digest of its templates. Another wording is another version, and other traces."""


@dataclass(frozen=True, slots=True)
class Question:
    """One thing to ask a language model about one class of one context."""

    context: str
    """Name of the context."""
    label: str
    """The class."""
    kind: Kind
    """What is asked for."""
    count: int
    """How many of them."""
    text: str
    """The user's message."""

    def messages(self) -> Messages:
        """The conversation as every chat interface takes it."""
        system = SYSTEM.format(max_words=CorpusLimits().max_words)
        return [{"role": "system", "content": system}, {"role": "user", "content": self.text}]

    def schema(self) -> dict[str, Any]:
        """JSON schema of the reply."""
        return schema_of(self.kind, self.count)


def ask_for_pairs(context: Context, label: str, count: int, written: list[str]) -> Question:
    """A question for so many pairs; what is written already is quoted, so that it is not repeated."""
    examples = context.anomalous[label][:EXAMPLES]
    text = PAIRS.format(**_about(context, label), examples=_bullets(examples), count=count)
    if written:
        text += WRITTEN.format(written=_bullets(written))
    return Question(context.context, label, "pairs", count, text)


def ask_to_rewrite(context: Context, label: str, sentences: list[str]) -> Question:
    """A question that sends normal sentences back."""
    count = len(sentences)
    text = REWRITE.format(**_about(context, label), sentences=_bullets(sentences), count=count)
    return Question(context.context, label, "sentences", count, text)


def _about(context: Context, label: str) -> dict[str, str]:
    return {"place": _words(context.context), "scene": context.scene, "label": _words(label)}


def _words(name: str) -> str:
    return name.replace("_", " ")


def _bullets(sentences: list[str] | tuple[str, ...]) -> str:
    return "\n".join(f"- {sentence}" for sentence in sentences)


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }
