"""Editing a catalog file as a careful person would: a line is added, every other byte stays.

A YAML library that reads a file and writes it again moves the comments behind a list and changes indents, so
it is asked only where things stand and how a sentence is quoted. What a context must say is in `catalog`.
"""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

from traces_core.disk import locked, write_whole
from traces_core.errors import CatalogError
from traces_core.text.catalog import Context, Side, parse_context, plain_words, read_context
from traces_core.text.gates import sentence_faults


def add_sentences(path: Path | str, sentences: Sequence[str], *, side: Side, label: str = "") -> Context:
    """Write sentences at the end of their list in a catalog file; returns what the file says then.

    Parameters
    ----------
    path
        The file of a context, which must be sound.
    sentences
        One or more; a class that is new to the context takes two.
    side
        `normal` or `anomalous`.
    label
        The class, on the anomalous side; empty on the normal one.

    Raises
    ------
    CatalogError
        With the file unchanged: it is not there or not sound, the class is missing or has no place on that
        side, a sentence is in the file already (whatever its case and punctuation), is too long or no
        plain English, or the list is written in a way that no line can be added to.
    """
    path = Path(path)
    if not path.is_file():
        read_context(path)  # says that there is no such file
    with locked(path.resolve().parent):  # else two who add at once both add to what was there before
        return _added(path, sentences, side, label)


def _added(path: Path, sentences: Sequence[str], side: Side, label: str) -> Context:
    before = read_context(path)
    if bool(label) != (side == "anomalous"):
        fault = "an anomalous sentence belongs to a class" if not label else "a normal sentence has no class"
        do = f"Name one with --class: {', '.join(before.anomalous)}." if not label else "Leave --class out."
        raise CatalogError(path, None, fault, do=do)
    text = path.read_bytes().decode("utf-8")  # as bytes: the ends of its lines stay what they are
    sentences = [sentence.strip() for sentence in sentences]
    _refuse_faults(path, text, before, sentences)
    if side == "anomalous" and label not in before.anomalous and len(sentences) < 2:
        known = ", ".join(before.anomalous)
        problem = f"the class {label!r} is new to {before.context!r}, and one sentence is one viewpoint"
        raise CatalogError(path, None, problem, do=f"Give two sentences at once, or use one of: {known}.")
    edited = _insert(path, text, sentences, side, label)
    after = parse_context(edited, path)
    if after != _expected(before, sentences, side, label):
        raise _by_hand(path)
    write_whole(path, edited)
    return after


def _refuse_faults(path: Path, text: str, context: Context, sentences: Sequence[str]) -> None:
    lines = {plain_words(known): place for place, known in context.sentences()}
    for number, sentence in enumerate(sentences):
        if faults := sentence_faults(sentence):
            raise CatalogError(path, None, f"{sentence!r}: {'; '.join(faults)}", do="Reword it.")
        words = plain_words(sentence)
        if words in lines:
            place = lines[words]
            line = _find(_compose(text), place).start_mark.line + 1
            problem = f"{sentence!r} is here already, under {'.'.join(map(str, place[:2]))}"
            raise CatalogError(path, line, problem, do="Say something else, or leave it as it is.")
        if words in {plain_words(other) for other in sentences[:number]}:
            raise CatalogError(path, None, f"{sentence!r} was given twice", do="Give each sentence once.")


def _insert(path: Path, text: str, sentences: Sequence[str], side: Side, label: str) -> str:
    """The text with the sentences at the end of their list, or with a new class at the end of its side."""
    target = _find(_compose(text), (side,))
    if not isinstance(target, MappingNode):
        return _append(path, text, target, sentences)
    classes = {key.value: items for key, items in target.value}
    if label in classes:
        return _append(path, text, classes[label], sentences)
    if target.flow_style:
        raise _by_hand(path)
    key, last = target.value[-1]
    prefix = _dash(path, text, last)
    head = " " * key.start_mark.column + f"{label}:"
    return _after(text, last.value[-1], [head, *(prefix + _scalar(one) for one in sentences)])


def _append(path: Path, text: str, items: SequenceNode, sentences: Sequence[str]) -> str:
    last = items.value[-1]
    if items.flow_style:
        at = last.end_mark.index
        return text[:at] + "".join(f", {_scalar(one, in_brackets=True)}" for one in sentences) + text[at:]
    prefix = _dash(path, text, items)
    return _after(text, last, [prefix + _scalar(one) for one in sentences])


def _after(text: str, last: ScalarNode, lines: Sequence[str]) -> str:
    """The text with lines behind the last sentence of a list, before any comment that follows it."""
    end = "\r\n" if "\r\n" in text else "\n"
    existing = text.splitlines(keepends=True)
    is_block = last.style in ("|", ">")  # the mark of these is where the next thing begins
    at = last.end_mark.line if is_block else last.end_mark.line + 1
    if at and not existing[at - 1].endswith(("\n", "\r")):
        existing[at - 1] += end
    return "".join([*existing[:at], *(line + end for line in lines), *existing[at:]])


def _dash(path: Path, text: str, items: SequenceNode) -> str:
    """What precedes the last sentence of a list, to precede the next one."""
    mark = items.value[-1].start_mark
    prefix = text[mark.index - mark.column : mark.index]
    if items.flow_style or prefix.strip() != "-":
        raise _by_hand(path)
    return prefix


def _scalar(sentence: str, *, in_brackets: bool = False) -> str:
    """A sentence as YAML writes it on one line, quoted where it must be."""
    yaml = YAML()
    yaml.width = 1 << 16
    yaml.default_flow_style = in_brackets
    written = io.StringIO()
    yaml.dump([sentence], written)
    quoted = written.getvalue().strip()
    return quoted[1:-1] if in_brackets else quoted.removeprefix("- ")


def _expected(before: Context, sentences: Sequence[str], side: Side, label: str) -> Context:
    if side == "normal":
        return before.model_copy(update={"normal": (*before.normal, *sentences)})
    grown = {**before.anomalous, label: (*before.anomalous.get(label, ()), *sentences)}
    return before.model_copy(update={"anomalous": grown})


def _compose(text: str) -> Any:
    """The nodes of a file, each with where it begins and ends."""
    return YAML(typ="rt", pure=True).compose(text)


def _find(node: Any, place: Sequence[str | int]) -> Any:
    """What stands at a place, counted as pydantic counts it."""
    for step in place:
        if isinstance(node, MappingNode):
            node = next(value for key, value in node.value if key.value == step)
        else:
            node = node.value[step]
    return node


def _by_hand(path: Path) -> CatalogError:
    problem = "the list is written in a way that no line can be added to"
    return CatalogError(
        path, None, problem, do="Write one sentence a line, each after a dash, or edit by hand."
    )
