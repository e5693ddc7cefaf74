"""YAML that people edit: read as DVC reads it, or refused with its line; never at any price."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from traces_core.errors import CatalogError, SettingsError
from traces_core.settings import BASE_FILE, Settings
from traces_core.strict_yaml import StrictYamlError, parse_yaml, read_text
from traces_core.text.catalog import read_context

WORDS = """
    0 7 -7 +7 010 0o10 0x1F -0x1F 0b11 08 007 1_000 1:30 1:30.5 190:20:30 1.5 1. .5 -.5 +1.5 1e3 1E3 1e-3 1e+3
    1.5e3 1.5e+3 1_0.5 01.5 .inf -.inf .Inf +.inf .NaN .nan yes no on off Yes NO On y n true True TRUE
    false False null Null NULL ~ 2026-11-28 2026-13-45 2001-12-14t21:59:43.10-05:00 12:30 1.2.3 1e inf nan
    word a:b -x 5m 0.5.1 = 1,000 +a 0x 0o9 1e999
""".split()  # noqa: SIM905


REFUSED = frozenset(
    """
    010 0o10 -0x1F 0b11 08 007 1_000 1:30 1:30.5 190:20:30 1_0.5 .inf -.inf .Inf +.inf .NaN .nan yes no on off
    Yes NO On 2026-11-28 2026-13-45 2001-12-14t21:59:43.10-05:00 12:30 = 1e999
""".split()  # noqa: SIM905
)


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_what_dvc_reads_or_refused_with_its_line(word: str) -> None:
    text = f"a: 1\nb: {word}\n"
    if word in REFUSED:
        with pytest.raises(StrictYamlError, match=re.escape(repr(word))) as refused:
            parse_yaml(text)
        assert refused.value.line == 2
    else:
        ours, theirs = (one["b"] for one in (parse_yaml(text).values, YAML(typ="safe", pure=True).load(text)))
        assert (type(ours), ours) == (type(theirs), theirs)


def test_what_is_usual_is_not_refused() -> None:
    text = "\ufeff# a comment\na: &a {k: 1}\nb:\n  <<: *a\n  l: [1.5, 1e-3, 'yes', \"010\", true, ~]\n"
    assert parse_yaml(text).values["b"] == {"k": 1, "l": [1.5, 0.001, "yes", "010", True, None]}


def bomb(levels: int) -> str:
    lines = ["a0: &a0 {x: y}"]
    for n in range(1, levels):
        lines.append(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]")
    return "\n".join(lines)


HOSTILE = [
    # what, text, line, words
    ("a repeated key", "a: 1\nb: 2\na: 3", 3, "'a' appears twice"),
    ("a repeated key in a list", "a:\n  - {k: 1, k: 2}", 2, "'k' appears twice"),
    ("a repeated key in other quotes", "a: 1\n'a': 2", 2, "'a' appears twice"),
    ("a key that is a list", "? [a, b]\n: 1", 1, "a key is a list"),
    ("aliases of aliases", bomb(9), None, "more than 100,000 values"),
    ("merges of merges", bomb(9).replace("[*", "{<<: [*").replace("]", "]}"), None, "more than 100,000"),
    ("an alias to itself", "a: &a [*a]", 1, "an alias names what it stands in"),
    ("a chain of aliases", "\n".join(["a0: &a0 [x]"] + [f"a{n}: &a{n} [*a{n - 1}]" for n in range(1, 90)]),
     None, "more than 50 levels"),
    ("an alias of nothing", "a: *b", 1, "not YAML"),
    ("deep lists", "a: " + "[" * 100_000, 1, "more than 50 levels"),
    ("deep keys", "\n".join(" " * n + "a:" for n in range(60)), 51, "more than 50 levels"),
    ("many values", "a: [" + "1," * 1_000_000 + "]", 1, "more than 100,000 values"),
    ("an object", "a: !!python/object/apply:os.system [ls]", 1, "tag 'tag:yaml.org,2002:python/"),
    ("a date of no month", "a: !!timestamp 2026-13-45", 1, "the tag"),
    ("a tag of a number", "a: !!int 1:30", 1, "the tag"),
    ("a number without end", "a: " + "9" * 5000, None, "a number cannot be read"),
    ("a zero byte", "a: 1\nb: x\0", 2, "a control character"),
    ("a directive", "%YAML 1.1\n---\na: 1", 1, "a directive"),
    ("many directives", "\n".join(f"%TAG !e{n}! x" for n in range(100_000)) + "\n--- 1", 1, "a directive"),
    ("two documents", "a: 1\n---\nb: 1", 2, "not YAML"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "line", "words"), [one[1:] for one in HOSTILE], ids=[one[0] for one in HOSTILE]
)
def test_hostile_text_is_refused_in_words_and_at_once(text: str, line: int | None, words: str) -> None:
    started = time.monotonic()
    with pytest.raises(StrictYamlError) as refused:
        parse_yaml(text)
    assert time.monotonic() - started < 3
    assert words in refused.value.problem
    assert line in (None, refused.value.line)


ENCODED = [
    ("latin-1", "a: 1\nb: caf\xe9\n".encode("latin-1"), 2, "byte 0xe9 is not UTF-8"),
    ("utf-16", "a: 1\n".encode("utf-16"), 1, "UTF-16"),
    ("binary", b"a: 1\n\x80\x81", 2, "byte 0x80"),
    ("utf-16 without a mark", "a: 1\n".encode("utf-16-le"), 1, "a control character"),
    ("9 MiB", b"#" * (9 << 20), None, "larger than 8 MiB"),
]


@pytest.mark.parametrize(
    ("data", "line", "words"), [one[1:] for one in ENCODED], ids=[one[0] for one in ENCODED]
)
def test_settings_and_catalog_name_file_and_line_of_bytes_that_are_no_text(
    tmp_path: Path, data: bytes, line: int | None, words: str
) -> None:
    for name in (BASE_FILE, "yard.yaml"):
        (tmp_path / name).write_bytes(data)
    where = f":{line}" if line else ""
    with pytest.raises(SettingsError, match=rf"params\.yaml{where}: .*{words}"):
        Settings.load(tmp_path, profile="")
    with pytest.raises(CatalogError, match=rf"yard\.yaml{where}: .*{words}"):
        read_context(tmp_path / "yard.yaml")


def test_a_folder_is_no_file_of_settings(tmp_path: Path) -> None:
    (tmp_path / BASE_FILE).mkdir()
    with pytest.raises(SettingsError, match="cannot be read"):
        Settings.load(tmp_path, profile="")


def test_a_text_with_a_mark_of_its_order_is_read(tmp_path: Path) -> None:
    (tmp_path / BASE_FILE).write_text("corpus: {contexts: [street]}\n", encoding="utf-8-sig")
    assert read_text(tmp_path / BASE_FILE)
    assert Settings.load(tmp_path, profile="").corpus.contexts == ("street",)


def test_a_wrong_value_is_named_with_the_line_of_the_file_that_counts(tmp_path: Path) -> None:
    (tmp_path / BASE_FILE).write_text("corpus: {contexts: [street]}\nscoring:\n  k: 4\n")
    (tmp_path / "params.small.yaml").write_text("# small\nscoring:\n\n  k: 0\n")
    with pytest.raises(SettingsError, match=r"params\.small\.yaml:4: scoring\.k: "):
        Settings.load(tmp_path, profile="small")
    (tmp_path / BASE_FILE).write_text("corpus: {contexts: [street]}\nscoring:\n  k: 4\n  kk: 4\n")
    with pytest.raises(SettingsError, match=r"params\.yaml:4: scoring\.kk: "):
        Settings.load(tmp_path, profile="")


@pytest.mark.parametrize("value", [".inf", ".nan", "1e999"])
def test_a_setting_is_a_finite_number(tmp_path: Path, value: str) -> None:
    text = f"corpus: {{contexts: [street]}}\ncalibration: {{min_gap_s: {value}}}\n"
    (tmp_path / BASE_FILE).write_text(text)
    with pytest.raises(SettingsError, match=r"params\.yaml:2: .* is no finite number"):
        Settings.load(tmp_path, profile="")
