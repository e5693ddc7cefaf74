"""Sentences written into a catalog file: a line more, and nothing else."""

from __future__ import annotations

import stat
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from yards import YARD

from traces_core.errors import CatalogError
from traces_core.text.catalog import read_context
from traces_core.text.editing import add_sentences

CATALOG = Path(__file__).parents[2] / "catalog"
NEW = "A dog barks at the gate."
Write = Callable[..., Path]


def added(before: str, after: str) -> list[str]:
    """The lines that are new; every other line must be as it was."""
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    start = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), len(old))
    more = len(new) - len(old)
    assert new[:start] + new[start + more :] == old
    return new[start : start + more]


CAT, MAN = "  - A cat sleeps on a wall.\n", "  - A man waters the flowers.\n"
FOLDED = "  - >-\n    A man waters the flowers.\n"
FILES = [
    # what is special, (old, new) of the file, side, class, the line that must be added
    ("nothing", ("", ""), "normal", "", f"  - {NEW}\n"),
    ("a class", ("", ""), "anomalous", "fire", f"    - {NEW}\n"),
    ("a comment between", ("anomalous:", "# must not be\nanomalous:"), "normal", "", f"  - {NEW}\n"),
    ("a comment behind", ("flowers.", "flowers.  # often"), "normal", "", f"  - {NEW}\n"),
    ("blank lines", ("  theft:", "\n\n  theft:"), "anomalous", "fire", f"    - {NEW}\n"),
    ("no indent", (CAT + MAN, CAT[2:] + MAN[2:]), "normal", "", f"- {NEW}\n"),
    ("a wide dash", (CAT + MAN, (CAT + MAN).replace("- ", "-   ")), "normal", "", f"  -   {NEW}\n"),
    ("quotes", (MAN, "  - 'A man waters the flowers.'\n"), "normal", "", f"  - {NEW}\n"),
    ("two lines", ("waters the", "waters\n    the"), "normal", "", f"  - {NEW}\n"),
    ("a folded block", (MAN, FOLDED), "normal", "", f"  - {NEW}\n"),
    ("a folded block last", (MAN + "anomalous", FOLDED + "\nanomalous"), "normal", "", f"  - {NEW}\n"),
    ("Windows", ("\n", "\r\n"), "normal", "", f"  - {NEW}\r\n"),
    ("tags first", ("context: yard\n", "tags: [a]\ncontext: yard\n"), "normal", "", f"  - {NEW}\n"),
]


@pytest.mark.parametrize(
    ("change", "side", "label", "line"), [case[1:] for case in FILES], ids=[case[0] for case in FILES]
)
def test_one_line_is_added_and_every_other_byte_stays(
    write_context: Write, change: tuple[str, str], side: str, label: str, line: str
) -> None:
    path = write_context()
    text = YARD.replace(*change) if change[0] else YARD
    text = text.removesuffix("tags: [outdoors]\n") if text.startswith("tags") else text
    path.write_bytes(text.encode())
    edited = add_sentences(path, [NEW], side=side, label=label)  # type: ignore[arg-type]
    assert added(text, path.read_bytes().decode()) == [line]
    assert read_context(path) == edited
    assert (edited.anomalous[label] if label else edited.normal)[-1] == NEW


def test_a_file_without_a_last_line_end_gets_one_between(write_context: Write) -> None:
    path = write_context(YARD.replace("tags: [outdoors]\n", "").rstrip("\n"))
    add_sentences(path, [NEW], side="anomalous", label="theft")
    assert path.read_text().endswith(f"out of the shed at night.\n    - {NEW}\n")


def test_a_list_in_brackets_grows_inside_them(write_context: Write) -> None:
    lines = "  - A cat sleeps on a wall.\n  - A man waters the flowers.\n"
    text = YARD.replace(f"normal:\n{lines}", "normal: [A cat sleeps., A man waits.]  # few\n")
    path = write_context(text)
    add_sentences(path, ["A dog barks, and waits."], side="normal")
    assert "normal: [A cat sleeps., A man waits., 'A dog barks, and waits.']  # few\n" in path.read_text()


def test_a_new_class_takes_two_sentences_and_goes_behind_the_others(write_context: Write) -> None:
    path = write_context()
    with pytest.raises(CatalogError, match="Give two sentences at once, or use one of: fire, theft"):
        add_sentences(path, [NEW], side="anomalous", label="noise")
    add_sentences(path, [NEW, "A dog howls all night."], side="anomalous", label="noise")
    new = [f"  noise:\n    - {NEW}\n    - A dog howls all night.\n"]
    assert "".join(added(YARD, path.read_text())) == new[0]
    assert list(read_context(path).anomalous) == ["fire", "theft", "noise"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.text(alphabet="aB3 ,.;:'’()/%&-!?", min_size=1, max_size=40).map(lambda text: f"A {text.strip()} x")
)
def test_whatever_sentence_is_taken_comes_back_as_it_was(write_context: Write, text: str) -> None:
    path = write_context()
    try:
        add_sentences(path, [text], side="normal")
    except CatalogError:
        assert path.read_text() == YARD
    else:
        assert read_context(path).normal[-1] == text
        assert len(added(YARD, path.read_text())) == 1


REFUSED = [
    # what is wrong, sentences, side, class, words of the message
    ("in the file", ["a cat, sleeps on a WALL"], "normal", "", ":4: ", "under normal"),
    ("on the other side", ["flames rise from a bin"], "normal", "", ":8: ", "under anomalous.fire"),
    ("the scene", ["an empty yard behind a house"], "normal", "", ":2: ", "under scene"),
    ("given twice", [NEW, NEW.upper()], "normal", "", "given twice", ""),
    ("too long", ["a " * 25 + "dog"], "normal", "", "26 words, 25 at most", ""),
    ("markup", ["A **dog** barks"], "normal", "", "markup", ""),
    ("two lines", ["A dog\nbarks"], "normal", "", "markup", ""),
    ("nothing", [" "], "normal", "", "a single word", ""),
    ("no class", [NEW], "anomalous", "", "--class", "fire, theft"),
    ("a class on the normal side", [NEW], "normal", "fire", "Leave --class out", ""),
    ("a name that is none", [NEW, "A dog howls."], "anomalous", "Big Dog", "'Big Dog' is not a name", ""),
]  # fmt: skip


@pytest.mark.parametrize(
    ("sentences", "side", "label", "words", "more"), [c[1:] for c in REFUSED], ids=[c[0] for c in REFUSED]
)
def test_what_is_refused_leaves_the_file_as_it_was(
    write_context: Write, sentences: list[str], side: str, label: str, words: str, more: str
) -> None:
    path = write_context()
    with pytest.raises(CatalogError) as refused:
        add_sentences(path, sentences, side=side, label=label)  # type: ignore[arg-type]
    assert words in str(refused.value)
    assert more in str(refused.value)
    assert path.read_text() == YARD
    assert [other.name for other in path.parent.iterdir()] == [path.name]


def test_a_list_that_no_line_can_be_added_to_is_refused(write_context: Write) -> None:
    text = YARD.replace("  - A man waters the flowers.", "  -\n    A man waters the flowers.")
    path = write_context(text)
    with pytest.raises(CatalogError, match="Write one sentence a line"):
        add_sentences(path, [NEW], side="normal")
    assert path.read_text() == text


def test_a_link_stays_a_link_and_a_file_keeps_its_rights(write_context: Write, tmp_path: Path) -> None:
    path = write_context()
    path.chmod(0o640)
    link = tmp_path / "yard.yaml"
    link.symlink_to(path)
    add_sentences(link, [NEW], side="normal")
    assert link.is_symlink()
    assert NEW in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("name", ["street", "bank"])
def test_a_shipped_file_grows_by_one_line_on_either_side(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.yaml"
    path.write_bytes((CATALOG / path.name).read_bytes())
    before = path.read_text()
    label = next(iter(read_context(path).anomalous))
    add_sentences(path, [NEW], side="normal")
    middle = path.read_text()
    assert added(before, middle) == [f"  - {NEW}\n"]
    add_sentences(path, ["A dog bites through the wire."], side="anomalous", label=label)
    assert added(middle, path.read_text()) == ["    - A dog bites through the wire.\n"]


def test_of_eight_who_add_at_once_every_sentence_is_there(write_context: Write) -> None:
    path = write_context()
    start = Barrier(8)
    places = ["gate", "wall", "door", "shed", "tree", "path", "fence", "bench"]

    def add(place: str) -> None:
        start.wait()
        add_sentences(path, [f"A dog barks at the {place}."], side="normal")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, places))
    known = read_context(path).normal
    assert {f"A dog barks at the {place}." for place in places} <= set(known)
    assert [one.name for one in path.parent.iterdir()] == [path.name]  # no lock, no litter
