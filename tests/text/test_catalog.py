from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest
from yards import YARD

from traces_core.errors import CatalogError
from traces_core.practice.captions import TEMPLATES, VOCABULARY
from traces_core.practice.kinds import CONTEXTS, KINDS, kinds_in
from traces_core.text import Context, catalog_schema, read_catalog
from traces_core.text.catalog import read_context

CATALOG = Path(__file__).parents[2] / "catalog"
OPEN_SET_WORDS = re.compile(r"\b(crawl|climb|flood|water|scal|scrambl|creep|all fours|hands and knees)")

Write = Callable[..., Path]


def test_a_file_is_read_as_it_was_written(write_context: Write, yard: Context) -> None:
    assert read_context(write_context()) == yard


def test_contexts_come_sorted_and_other_files_are_left_alone(write_context: Write) -> None:
    write_context(YARD.replace("context: yard", "context: zoo"), "zoo")
    folder = write_context().parent
    (folder / "schema.json").write_text("{}")
    assert list(read_catalog(folder)) == ["yard", "zoo"]
    assert list(read_catalog(folder, ["zoo"])) == ["zoo"]


REFUSALS = [
    # what is wrong, (old, new), line, words of the message
    ("an unknown key", ("tags: [outdoors]", "anomalus: {}"), 13, ["unknown key 'anomalus'", "'anomalous'"]),
    ("a missing key", ("scene: An empty yard behind a house.\n", ""), 1, ["'scene' is missing"]),
    ("an empty side", (YARD[YARD.index("normal:") : YARD.index("anomalous:")], "normal: []\n"), 3,
     ["the normal side is empty"]),
    ("a sentence twice in a list", ("A man waters the flowers.", "a cat  sleeps on a wall"), 5,
     ["appears twice", "line 4"]),
    ("a sentence on both sides", ("Flames rise from a bin.", "A cat sleeps on a wall."), 8,
     ["appears twice", "line 4"]),
    ("a class with one sentence", ("    - A shed is burning in the dark.\n", ""), 7,
     ["class 'fire' has 1 sentence", "two or more"]),
    ("a class named twice", ("  theft:", "  fire:"), 10, ["'fire' appears twice", "line 7"]),
    ("a name that is not the file's", ("context: yard", "context: garden"), 1, ["'yard'", "'garden'"]),
    ("a name with blanks", ("context: yard", "context: my yard"), 1, ["'my yard' is not a name"]),
    ("a number for a sentence", ("- A cat sleeps on a wall.", "- 12"), 4, ["found 12", "quotes"]),
    ("a colon in a sentence", ("- A cat sleeps on a wall.", "- A cat: it sleeps."), 4, ["quotes"]),
    ("YAML that does not parse", ("normal:", "normal: [a"), 6, ["not YAML"]),
    ("nothing at all", (YARD, ""), None, ["describes no context"]),
    ("a list", (YARD, "- one\n- two\n"), 1, ["describes no context"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "line", "words"), [case[1:] for case in REFUSALS], ids=[c[0] for c in REFUSALS]
)
def test_a_wrong_file_is_refused_with_file_and_line(
    write_context: Write, change: tuple[str, str], line: int | None, words: list[str]
) -> None:
    assert change[0] in YARD
    path = write_context(YARD.replace(*change))
    with pytest.raises(CatalogError) as refused:
        read_context(path)
    where = f"{path}:{line}: " if line else f"{path}: "
    assert str(refused.value).startswith(where)
    for word in words:
        assert word in str(refused.value)


def test_an_unknown_context_is_refused_with_the_nearest_name(write_context: Write) -> None:
    folder = write_context().parent
    with pytest.raises(CatalogError, match=r"no context is named 'yrad'.*Nearest known: 'yard'"):
        read_catalog(folder, ["yrad"])


def test_a_folder_without_contexts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CatalogError, match="no context here"):
        read_catalog(tmp_path)


def test_bytes_that_are_no_text_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "yard.yaml"
    path.write_bytes(b"context: \xff\xfe")
    with pytest.raises(CatalogError, match="cannot be read as text"):
        read_context(path)


def test_the_shipped_schema_is_the_model(write_context: Write) -> None:
    assert (CATALOG / "schema.json").read_text(encoding="utf-8") == catalog_schema()
    assert json.loads(catalog_schema())["additionalProperties"] is False


def test_a_dozen_contexts_are_shipped_and_read() -> None:
    shipped = read_catalog(CATALOG)
    assert len(shipped) >= 12
    assert set(CONTEXTS) <= set(shipped)


@pytest.mark.parametrize("name", CONTEXTS)
def test_the_pocket_vocabulary_knows_every_word_of_a_practice_context(name: str) -> None:
    unknown = {
        word: text
        for _, text in read_context(CATALOG / f"{name}.yaml").sentences()
        for word in text.split()
        if word not in VOCABULARY
    }
    assert unknown == {}


@pytest.mark.parametrize("name", CONTEXTS)
def test_a_practice_context_names_every_closed_kind_and_no_open_one(name: str) -> None:
    context = read_context(CATALOG / f"{name}.yaml")
    assert set(context.anomalous) == set(kinds_in(name, anomalous=True, open_set=False))
    assert [text for _, text in context.sentences() if OPEN_SET_WORDS.search(text)] == []
    assert all(KINDS[kind].open_set for kind in TEMPLATES if OPEN_SET_WORDS.search(kind))
