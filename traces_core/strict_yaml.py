"""YAML that people edit, read so that nobody else reads it otherwise: one value a key, one meaning a word.

DVC reads the same params.yaml by YAML 1.2, most Python programs by 1.1: what the two take for different
values (`010`, `1:30`, `yes`, a date) is refused here with its line, as are repeated keys and what only costs
memory. What a file must say belongs to its reader: `settings`, `text.catalog`.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from yaml.reader import Reader
from yaml.resolver import BaseResolver, Resolver

Place = tuple[str | int, ...]
"""Where something stands in a file: keys and positions from the top, as pydantic counts them."""

LARGEST_BYTES = 8 << 20
"""The largest catalog file that is shipped has 65 kB."""
MOST_VALUES = 100_000
"""Values of a file, counted anew wherever an alias repeats them."""
DEEPEST = 50
"""Levels of nesting, through aliases too."""
_TAG = "tag:yaml.org,2002:"
_TEXT = _TAG + "str"
_PLAIN = {
    "null": r"(?:~|null|Null|NULL|)$",
    "bool": r"(?:true|True|TRUE|false|False|FALSE)$",
    "int": r"(?:[-+]?(?:0|[1-9][0-9]*)|0x[0-9a-fA-F]+)$",
    "float": r"(?:[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*)(?:[eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))$",
    "merge": r"<<$",
}
"""How a word without quotes is written to be no text: what YAML 1.1 and 1.2 agree on, and 1e-3."""
_ONLY_IN_1_2 = re.compile(r"0o[0-7]+|[-+]?0[0-9]+")
_DIRECTIVE = re.compile("(?:^|[\r\n\x85\u2028\u2029])%")
_EXPLAINED = 200_000
"""Characters of a file whose mistake the parser in Python explains: better, but ten times slower."""


class StrictYamlError(Exception):
    """What is wrong with a file, on which line, and what to do; its reader raises an error of its own."""

    def __init__(self, problem: str, line: int | None, do: str) -> None:
        self.problem, self.line, self.do = problem, line, do
        super().__init__(problem)


@dataclass(frozen=True)
class YamlText:
    """What a file says, and on which lines."""

    values: Any
    """Dictionaries, lists, text, numbers, true, false and null."""
    node: yaml.Node | None = None
    """The same with its lines."""

    def find(self, place: Place) -> tuple[int | None, bool]:
        """Line, from 1, of what stands at a place, and whether it does: else of the nearest around it."""
        node = self.node
        if node is None:
            return None, False
        line = node.start_mark.line + 1
        for step in place:
            inner: Any = None
            if isinstance(node, yaml.MappingNode):  # from the end: what `<<` merged stands before
                pair = next((pair for pair in reversed(node.value) if pair[0].value == step), None)
                if pair is not None:
                    line, inner = pair[0].start_mark.line + 1, pair[1]
            elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
                inner = node.value[step]
                line = inner.start_mark.line + 1
            if inner is None:
                return line, False
            node = inner
        return line, True


def read_text(path: Path | str) -> str:
    """The text of a file.

    Raises
    ------
    StrictYamlError
        If it is too large or not UTF-8; `OSError` stays what it is.
    """
    with Path(path).open("rb") as file:
        data = file.read(LARGEST_BYTES + 1)
    if len(data) > LARGEST_BYTES:
        raise StrictYamlError(
            f"the file is larger than {LARGEST_BYTES >> 20} MiB", None, "Name the right file."
        )
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise StrictYamlError("cannot be read as text: it is UTF-16", 1, "Save it as UTF-8.")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        problem = f"cannot be read as text: byte 0x{data[error.start]:02x} is not UTF-8"
        raise StrictYamlError(problem, data.count(b"\n", 0, error.start) + 1, "Save it as UTF-8.") from None


def parse_yaml(text: str) -> YamlText:
    """What a text says.

    Raises
    ------
    StrictYamlError
        If it is not YAML, a key stands twice, a word has two meanings, a value has a tag of its own, or
        there is too much of it: levels, or values with all that aliases repeat.

    Examples
    --------
    >>> parse_yaml("k: 1e-3").values
    {'k': 0.001}
    >>> parse_yaml("a: 1\\na: 2")
    Traceback (most recent call last):
    traces_core.strict_yaml.StrictYamlError: the key 'a' appears twice
    """
    text = text.removeprefix("\ufeff")
    _refuse_characters(text)
    try:
        _check_events(text)
        node = yaml.compose(text, _Loader)
        _Measure().of(node)
        return YamlText(None if node is None else _Loader("").construct_document(node), node)
    except yaml.YAMLError as error:
        raise _explained(text, error) from error
    except (ValueError, OverflowError) as error:  # a number of 5,000 digits
        raise StrictYamlError(f"a number cannot be read ({error})", None, "Write a smaller one.") from error


class _Resolver(BaseResolver):
    """Which words without quotes are no text."""

    yaml_implicit_resolvers: dict[Any, Any] = {  # noqa: RUF012 (PyYAML declares it)
        None: [(_TAG + kind, re.compile(one)) for kind, one in _PLAIN.items()]
    }


class _Loader(yaml.CSafeLoader):
    yaml_implicit_resolvers = _Resolver.yaml_implicit_resolvers


_HERE, _IN_1_1 = _Resolver(), Resolver()


def _refuse_characters(text: str) -> None:
    """No control characters, and no directives: they change what the words of a file mean."""
    for pattern, what in ((Reader.NON_PRINTABLE, "a control character"), (_DIRECTIVE, "a directive, %")):
        if found := pattern.search(text):
            line = text.count("\n", 0, found.end()) + 1
            raise StrictYamlError(f"there is {what} in it ({found[0]!a})", line, "Delete it.")


def _check_events(text: str) -> None:
    """Before anything is built: how deep and how much, no tag of its own, no word with two meanings."""
    depth = 0
    for count, event in enumerate(yaml.parse(text, _Loader)):
        line = _line(event)
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        _refuse_too_much(count, depth, line)
        tag = getattr(event, "tag", None)
        if tag not in (None, "!", _TEXT):
            raise StrictYamlError(f"the tag {tag!r} is not known here", line, "Write a plain value.")
        if isinstance(event, yaml.ScalarEvent) and event.implicit[0]:
            _refuse_two_meanings(event.value, line)


def _line(what: yaml.Event | yaml.Node) -> int:
    return what.start_mark.line + 1 if what.start_mark else 1


def _refuse_too_much(values: int, depth: int, line: int) -> None:
    if depth > DEEPEST:
        raise StrictYamlError(f"there are more than {DEEPEST} levels of nesting", line, "Write it flat.")
    if values > MOST_VALUES:
        problem = f"there are more than {MOST_VALUES:,} values, with those that aliases repeat"
        raise StrictYamlError(problem, line, "Write less, and without aliases.")


def _refuse_two_meanings(word: str, line: int) -> None:
    here, old = (
        one.resolve(yaml.ScalarNode, word, (True, False))  # type: ignore[no-untyped-call]
        for one in (_HERE, _IN_1_1)
    )
    if _ONLY_IN_1_2.fullmatch(word) or (here == _TEXT and old != _TEXT):
        problem = f"{word[:40]!r} is one value in YAML 1.1 and another in 1.2"
        do = "Text needs quotes around it; a number has no leading zero, a switch is true or false."
        raise StrictYamlError(problem, line, do)
    if here == _TAG + "float" and (word.lower().endswith(("inf", "nan")) or math.isinf(float(word))):
        raise StrictYamlError(f"{word[:40]!r} is no finite number", line, "Write a smaller one.")


class _Measure:
    """How much and how deep a file is with every alias written out; keys that stand twice are refused."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[int, int] | None] = {}

    def of(self, node: yaml.Node | None) -> tuple[int, int]:
        """Values and levels; each node is looked at once."""
        if not isinstance(node, yaml.CollectionNode):
            return 1, 0
        line = node.start_mark.line + 1
        if id(node) not in self._known:
            self._known[id(node)] = None
            inner = node.value
            if isinstance(node, yaml.MappingNode):
                _refuse_repeated_keys(node)
                inner = [value for _, value in node.value]
            sizes = [self.of(one) for one in inner]
            values, depth = 1 + sum(n for n, _ in sizes), 1 + max((d for _, d in sizes), default=0)
            _refuse_too_much(values, depth, line)
            self._known[id(node)] = values, depth
        measured = self._known[id(node)]
        if measured is None:
            raise StrictYamlError("an alias names what it stands in", line, "Write it out.")
        return measured


def _refuse_repeated_keys(node: yaml.MappingNode) -> None:
    """YAML lets the last of two equal keys win in silence; half of a side would vanish."""
    seen: dict[str, int] = {}
    for key, _ in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise StrictYamlError("a key is a list or has keys itself", line, "Write a word.")
        if key.value in seen:
            do = f"It is on line {seen[key.value]} already: put both under one key."
            raise StrictYamlError(f"the key {key.value!r} appears twice", line, do)
        seen[key.value] = line


def _explained(text: str, error: yaml.YAMLError) -> StrictYamlError:
    if len(text) <= _EXPLAINED:
        try:
            yaml.compose(text, yaml.SafeLoader)
        except yaml.YAMLError as better:
            error = better
        except RecursionError:
            pass
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "context", None) or str(error)
    do = "Check the indent; a sentence with a colon, or a leading quote or dash, needs quotes around it."
    return StrictYamlError(f"this is not YAML: {problem}", mark.line + 1 if mark else None, do)
