"""The catalog: one YAML file per context, which people edit; read here with errors that name the line.

What a context must say is the model `Context`; `catalog/schema.json` is generated from it, so that an
editor can check a file while it is written. How sentences become a corpus is in `corpus`; what makes a good
sentence (length, language, near duplicates) is judged by `gates`.
"""

from __future__ import annotations

import difflib
import json
import re
import reprlib
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator
from pydantic.config import JsonDict
from pydantic_core import ErrorDetails, PydanticCustomError

from traces_core.errors import CatalogError
from traces_core.strict_yaml import Place, StrictYamlError, YamlText, parse_yaml, read_text

Side = Literal["normal", "anomalous"]
SIDES: tuple[Side, ...] = ("normal", "anomalous")
"""What may happen, and what must not."""

Name = Annotated[str, StringConstraints(strict=True, pattern=r"^[a-z][a-z0-9_]*$")]
Sentence = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1)]
_WORD = re.compile(r"[^\W_]+")
_NEW = "A new one is a new file, as docs/describe-a-site.md shows; or use"
_UNIQUE: JsonDict = {"uniqueItems": True}


class Context(BaseModel):
    """A kind of place, and what is normal and what is anomalous there."""

    model_config = ConfigDict(extra="forbid", frozen=True, title="A context of the TRACES catalog")

    context: Name = Field(description="Name of the context; the file is called `<context>.yaml`.")
    scene: Sentence = Field(description="One sentence that describes the place on a quiet day.")
    normal: tuple[Sentence, ...] = Field(
        min_length=1,
        description="Sentences about what may happen, the look-alikes of anomalies among them.",
        json_schema_extra=_UNIQUE,
    )
    anomalous: dict[Name, Annotated[tuple[Sentence, ...], Field(min_length=2, json_schema_extra=_UNIQUE)]] = (
        Field(min_length=1, description="What must not happen: a class, and two or more sentences about it.")
    )
    tags: tuple[Name, ...] = Field(
        default=(), description="Words to select contexts by.", json_schema_extra=_UNIQUE
    )

    @model_validator(mode="after")
    def _each_sentence_once(self) -> Context:
        """Refuse a sentence that appears twice, on one side or on both."""
        first: dict[str, Place] = {}
        for place, text in self.sentences():
            key = plain_words(text)
            if key in first:
                raise PydanticCustomError(
                    "duplicate_sentence",
                    "the sentence {text} appears twice",
                    {"text": repr(text), "place": place, "first": first[key]},
                )
            first[key] = place
        return self

    def sentences(self) -> Iterator[tuple[Place, str]]:
        """Every sentence with its place in the file: the scene, the normal side, then each class."""
        yield ("scene",), self.scene
        for position, text in enumerate(self.normal):
            yield ("normal", position), text
        for name, texts in self.anomalous.items():
            for position, text in enumerate(texts):
                yield ("anomalous", name, position), text


def read_catalog(folder: Path | str, contexts: Sequence[str] | None = None) -> dict[str, Context]:
    """Every context of a catalog by name, in alphabetical order.

    Parameters
    ----------
    folder
        Holds one `<context>.yaml` per context; other files are left alone.
    contexts
        Names of the contexts to read; None reads all of them. Files of other contexts are not opened.

    Returns
    -------
    dict of str to Context
        Sorted by name.

    Raises
    ------
    CatalogError
        If a file does not say what a context must say (file and line are named), a wanted context does
        not exist (the nearest name is given), or there is no context at all.
    """
    return {name: read_context(path) for name, path in context_files(folder, contexts).items()}


def context_files(folder: Path | str, contexts: Sequence[str] | None = None) -> dict[str, Path]:
    """The files of some contexts, or of all, by name; sorted, not opened; refusals as in `read_catalog`."""
    files = {path.stem: path for path in sorted(Path(folder).glob("*.yaml"))}
    if not files:
        raise CatalogError(folder, None, "no context here", do="Add one: a file <context>.yaml.")
    names = sorted(files) if contexts is None else sorted(set(contexts))
    for name in names:
        if name not in files:
            raise CatalogError(folder, None, f"no context is named {name!r}", do=_suggest(name, files, _NEW))
    return {name: files[name] for name in names}


def read_context(path: Path | str) -> Context:
    """The context that one YAML file describes.

    Raises
    ------
    CatalogError
        With the line and what to do: YAML that does not parse, an unknown, missing or repeated key, an
        empty side, a class with one sentence, a sentence that appears twice, something that is not a
        sentence, or a name that is not the file's.
    """
    try:
        return parse_context(read_text(path), path)
    except StrictYamlError as fault:
        raise CatalogError(path, fault.line, fault.problem, do=fault.do) from fault
    except OSError as error:
        raise CatalogError(path, None, f"cannot be read ({error})", do="Check the file.") from error


def parse_context(text: str, path: Path | str) -> Context:
    """As `read_context`, of a text that is not in the file yet; the same text is parsed once."""
    return _parsed(text, Path(path))


@lru_cache(maxsize=256)
def _parsed(text: str, path: Path) -> Context:
    try:
        read = parse_yaml(text)
        context = Context.model_validate(read.values)
    except StrictYamlError as fault:
        raise CatalogError(path, fault.line, fault.problem, do=fault.do) from fault
    except ValidationError as error:
        raise _explained(path, read, error) from error
    if context.context != path.stem:
        raise CatalogError(
            path,
            read.find(("context",))[0],
            f"the file is named {path.stem!r} but describes {context.context!r}",
            do=f"Rename the file to {context.context}.yaml, or write context: {path.stem}.",
        )
    return context


def plain_words(text: str) -> str:
    """What two spellings of one sentence share: its words, without case, punctuation and double spaces.

    Examples
    --------
    >>> plain_words("A man  waits, alone.") == plain_words("a man waits alone")
    True
    """
    return " ".join(_WORD.findall(text.casefold()))


def catalog_schema() -> str:
    """JSON Schema of a catalog file, as the text of `catalog/schema.json`.

    Rebuild it after a change of the model:
    `python -c "from traces_core.text import *; print(catalog_schema(), end='')" > catalog/schema.json`.

    Examples
    --------
    >>> json.loads(catalog_schema())["required"]
    ['context', 'scene', 'normal', 'anomalous']
    """
    return json.dumps(Context.model_json_schema(), indent=2) + "\n"


def _explained(path: Path, read: YamlText, error: ValidationError) -> CatalogError:
    """The first thing pydantic refused, explained to the person who edits the file."""
    details = error.errors()[0]
    place = tuple(item for item in details["loc"] if item != "[key]")
    if details["type"] == "duplicate_sentence":
        place = details["ctx"]["place"]
    problem, do = _explanation(place, details, read)
    return CatalogError(path, read.find(place)[0], problem, do=do)


def _explanation(place: Place, details: ErrorDetails, read: YamlText) -> tuple[str, str]:
    name = ".".join(map(str, place)) or "the file"
    match details["type"]:
        case "model_type" | "model_attributes_type":
            return "this describes no context", f"Write the keys {', '.join(Context.model_fields)}."
        case "duplicate_sentence":
            line = read.find(details["ctx"]["first"])[0]
            return details["msg"], f"It is on line {line} already: delete one of them, or say something else."
        case "extra_forbidden":
            return f"unknown key {name!r}", _suggest(str(place[-1]), Context.model_fields, "Use")
        case "missing":
            return f"the key {name!r} is missing", f"Add it: {_meaning(str(place[-1]))}"
        case "too_short" if place[0] == "anomalous" and len(place) > 1:
            count = details["ctx"]["actual_length"]
            few = f"class {place[1]!r} has {count} sentence{'s' * (count != 1)}, expected two or more"
            return few, "Write another wording of it: one sentence is one viewpoint."
        case "too_short":
            return f"the {name} side is empty", f"Write its sentences: {_meaning(str(place[0]))}"
        case "string_pattern_mismatch":
            return f"{details['input']!r} is not a name", "Use lower-case letters, digits and underscores."
        case _:
            problem = f"{name}: {details['msg'].lower()}, found {reprlib.repr(details['input'])}"
            return (
                problem,
                "A sentence with a colon, or one that reads as a number or yes/no, needs quotes around it.",
            )


def _meaning(field: str) -> str:
    return Context.model_fields[field].description or ""


def _suggest(name: str, known: Iterable[str], verb: str) -> str:
    near = difflib.get_close_matches(name, list(known), n=1, cutoff=0.0)
    rest = ", ".join(sorted(known))
    return f"Nearest known: {near[0]!r}. {verb} one of: {rest}." if near else f"{verb} one of: {rest}."
