"""A grammar that describes what a plan shows: many paraphrases of every event, true to the plan.

How a caption is put together belongs here; the words themselves are tables in `phrases`, `stories` and
`alarms`. Captions come from the plan alone: no frame is drawn.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np

from traces_core.practice import phrases
from traces_core.practice.alarms import ALARMS
from traces_core.practice.kinds import KINDS
from traces_core.practice.plans import Event, Person, Plan, Vehicle
from traces_core.practice.stories import STORIES

MOST_WORDS = 25
"""No caption is longer."""

TEMPLATES: Mapping[str, tuple[str, ...]] = {
    kind: tuple(line for line in text.strip().splitlines() if line)
    for kind, text in (STORIES | ALARMS).items()
}
"""For every kind, the templates of its sentences."""

_GROUPS = {
    2: "[two people|two [men|women|persons|<people>]|a pair of people|a couple of [people|<people>]]",
    3: "[three [people|persons|<people>]|[some|several] [people|<people>]|a [group|small group] of people]",
    4: "[four [people|persons|<people>]|[several|many] [people|<people>]"
    "|a [group|crowd] of [people|<people>]]",
    5: "[five [people|persons]|[several|many] [people|<people>]|a [group|crowd] of [people|<people>]]",
    6: "[six people|many [people|<people>]|a [crowd|large group] of [people|<people>]]",
}
_MAN = "[a [person|man|figure|<noun>]|someone|a [young|tall|] man]"
_WOMAN = "[a [person|woman|figure|<noun>]|someone|a [young|tall|] woman]"
_WEARING = (
    "[in a <colour> <garment>|wearing a <colour> <garment>|in <colour> [clothes|clothing]"
    "|dressed in <colour>]"
)
_OTHER = "[another [person|<noun>]|a second [person|<noun>]|someone else|[one|a] victim]"
_PEACEFUL_OTHER = "[another [person|<noun>]|a second [person|<noun>]|someone else|a friend]"
_VEHICLE = {
    "car": "[a [<colour>|] car|a <colour> [car|vehicle|automobile]|a vehicle]",
    "van": "[a [<colour>|] van|a <colour> [van|vehicle|truck]|a vehicle]",
}
_FIXED = re.compile(r"[^\[\]|<>]+|[\[\]|]|<[a-z_]+>")


@dataclass(frozen=True, slots=True)
class Caption:
    """One sentence about one stretch of a video."""

    start_s: float
    """First second it tells about."""
    end_s: float
    """First second after."""
    text: str
    """Lower-case words, separated by single blanks, without punctuation."""
    label: str = ""
    """The kind of event it tells."""


def captions(plan: Plan, rng: np.random.Generator, n: int) -> list[Caption]:
    """Describe every event of a plan in `n` ways.

    Parameters
    ----------
    plan : what to describe.
    rng : chooses the words; the same state gives the same sentences.
    n : paraphrases for each event.

    Returns
    -------
    `n` captions for each interval of the plan, in the order of the intervals, of at most 25 words.

    Examples
    --------
    >>> from traces_core.practice.plans import plan_clip
    >>> plan = plan_clip("talk", "plaza", seed=3)
    >>> [caption.label for caption in captions(plan, np.random.default_rng(0), 2)]
    ['talk', 'talk']
    """
    return [
        Caption(event.start_s, event.end_s, tell(event, plan.context, plan.light, rng), event.kind)
        for event in plan.events
        for _ in range(n)
    ]


def tell(event: Event, context: str, light: str, rng: np.random.Generator) -> str:
    """One sentence about an event at a place in a light.

    Examples
    --------
    >>> words = tell(Event("fire", 0.0, 3.0, seed=1), "shop", "night", np.random.default_rng(5)).split()
    >>> 2 <= len(words) <= MOST_WORDS
    True
    """
    core = TEMPLATES[event.kind][int(rng.integers(len(TEMPLATES[event.kind])))]
    text = ""
    for extras in (3, 2, 1, 0):  # a sentence that grew too long is rewritten with less around it
        text = _tidy(_expand(_frame(core, event, context, light, extras, rng), event, context, rng))
        if len(text.split()) <= MOST_WORDS:
            break
    return text


def _frame(core: str, event: Event, context: str, light: str, extras: int, rng: np.random.Generator) -> str:
    """Put place, light, view point, distance or mood around the core of a sentence."""
    has_place = "<at>" in core or "<scene>" in core
    around = rng.random(6)
    parts = [core]
    if around[0] < 0.5 and not has_place:
        parts.append("<at>")
    if around[1] < 0.25 and extras > 0:
        parts.insert(*(((0,) if around[5] < 0.3 else (len(parts),)) + (phrases.LIGHT_PHRASES[light],)))
    if around[2] < 0.18 and extras > 1 and event.people:
        parts.append(phrases.SIDES[event.side] if around[5] < 0.5 else phrases.DISTANCES[event.distance])
    if around[3] < 0.15 and extras > 1:
        parts.insert(0, phrases.CAMERAS[int(rng.integers(len(phrases.CAMERAS)))])
    elif around[4] < 0.15 and extras > 2:
        moods = phrases.MOODS[KINDS[event.kind].is_anomalous]
        parts.append(moods[int(rng.integers(len(moods)))])
    return " ".join(parts)


def _expand(template: str, event: Event, context: str, rng: np.random.Generator) -> str:
    """Choose among the alternatives of a template, and fill its slots, until only words are left."""
    words: list[str] = []
    stack = list(reversed(_parse(template)))
    while stack:
        part = stack.pop()
        if isinstance(part, tuple):
            stack.extend(reversed(part[int(rng.random() * len(part))]))
        elif part.startswith("<"):
            stack.extend(reversed(_parse(_slot(part[1:-1], event, context, rng))))
        else:
            words.append(part)
    return " ".join(words)


def _slot(name: str, event: Event, context: str, rng: np.random.Generator) -> str:
    """What a slot stands for, as a template of its own."""
    if name in ("one", "other"):
        return _person(name, event, rng)
    if name in ("car", "other_car"):
        return _vehicle(
            event.vehicles[0 if name == "car" else 1] if event.vehicles else Vehicle("car", "red")
        )
    if name == "group":
        return _group(event)
    if name == "chase":
        return "<one> [chases|is chasing|runs after] <other>" if len(event.people) > 1 else "<one> runs off"
    return {
        "at": phrases.PLACES[context],
        "scene": phrases.SCENE_NOUNS[context],
        "noun": phrases.PERSON_NOUNS[context],
        "people": phrases.PEOPLE_NOUNS[context],
        "garment": phrases.GARMENTS,
    }[name]


def _person(role: str, event: Event, rng: np.random.Generator) -> str:
    people = event.people or (Person("red", False),)
    person = people[min(0 if role == "one" else 1, len(people) - 1)]
    if role == "other" and rng.random() < 0.6:
        return _OTHER if KINDS[event.kind].is_anomalous else _PEACEFUL_OTHER
    noun = _WOMAN if person.is_woman else _MAN
    return f"{noun} {_WEARING}".replace("<colour>", person.colour) if rng.random() < 0.3 else noun


def _vehicle(vehicle: Vehicle) -> str:
    return _VEHICLE[vehicle.model].replace("<colour>", vehicle.colour)


def _group(event: Event) -> str:
    """Words for all who take part, true in number and, where they say so, in sex."""
    text = _GROUPS[len(event.people)] if len(event.people) > 1 else "[<one>]"
    women = {person.is_woman for person in event.people}
    sexes = {frozenset({True}): "women|", frozenset({False}): "men|"}.get(frozenset(women), "")
    return text.replace("men|women|", sexes)


@cache
def _parse(template: str) -> list[str | tuple[list, ...]]:  # type: ignore[type-arg]
    """A template as a list of words, slots and choices (tuples of such lists)."""
    parts, rest = _parse_list(_FIXED.findall(template), 0)
    if rest != len(_FIXED.findall(template)):
        raise ValueError(f"a bracket of the template {template!r} is never opened")
    return parts


def _parse_list(tokens: list[str], at: int) -> tuple[list[str | tuple[list, ...]], int]:  # type: ignore[type-arg]
    parts: list[str | tuple[list, ...]] = []  # type: ignore[type-arg]
    while at < len(tokens) and tokens[at] not in "|]":
        if tokens[at] == "[":
            choices = []
            while tokens[at] != "]":
                choice, at = _parse_list(tokens, at + 1)
                choices.append(choice)
            parts.append(tuple(choices))
        elif tokens[at].strip():
            parts.append(tokens[at].strip())
        at += 1
    return parts, at


_ARTICLE = re.compile(r"\ba (?=[aeio]|un(?!i))")
_DOUBLE = re.compile(r"\b(\w+) \1\b")


def _tidy(text: str) -> str:
    """Single blanks, `an` before a vowel, no word twice in a row."""
    return _DOUBLE.sub(r"\1", _ARTICLE.sub("an ", " ".join(text.split())))


def _words_in(part: object) -> Iterator[str]:
    if isinstance(part, str):
        yield from (word for word in part.split() if not word.startswith("<"))
    elif isinstance(part, (list, tuple)):
        for inner in part:
            yield from _words_in(inner)


def _vocabulary() -> frozenset[str]:
    """Every word of every table, without the notation."""
    tables = [line for lines in TEMPLATES.values() for line in lines]
    tables += [*_GROUPS.values(), _MAN, _WOMAN, _OTHER, _PEACEFUL_OTHER, *_VEHICLE.values(), phrases.GARMENTS]
    tables += [*phrases.CAMERAS, *phrases.DISTANCES.values(), *phrases.SIDES.values(), *phrases.COLOURS]
    tables += [*phrases.LIGHT_PHRASES.values(), *phrases.MOODS[True], *phrases.MOODS[False]]
    for table in (phrases.SCENE_NOUNS, phrases.PLACES, phrases.PERSON_NOUNS, phrases.PEOPLE_NOUNS):
        tables += table.values()
    tables += [_WEARING.replace("<colour>", ""), "chases is chasing runs after", "an"]
    return frozenset(word for table in tables for word in _words_in(_parse(table)))


VOCABULARY: frozenset[str] = _vocabulary()
"""Every word that the grammar can emit, lower case."""
