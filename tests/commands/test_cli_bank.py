"""`traces bank`: what it shows, checks, finds and writes, and how it ends."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import polars as pl
import pytest
import yaml
from click.testing import Result
from small_graph import PARAMS, ROOT, made_bank
from typer.testing import CliRunner

from traces_core.commands import bank as cli_bank
from traces_core.commands import main as cli
from traces_core.project import Project
from traces_core.settings import Machine, Settings, project_root
from traces_core.store import Store
from traces_core.text.catalog import read_context

YARD = """\
# a yard
context: yard
scene: "An empty yard behind a house."
normal:
  # animals
  - A cat sleeps on a wall.
  - A man waters the flowers.   # in summer
  # what must not be
anomalous:
  fire:
    - 'Flames rise from a bin.'
    - A shed is burning in the dark.
tags: [outdoors]
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A checkout in which only the bank has been made."""
    home = tmp_path_factory.mktemp("home")
    (home / "params.yaml").write_text(yaml.safe_dump(PARAMS))
    machine = Machine(data=home / "data", catalog=ROOT / "catalog", reports=home / "reports", device="cpu")
    project = Project(Store(machine.data), Settings.load(home, profile=""), machine)
    made_bank(project)
    return project


@pytest.fixture(autouse=True)
def _at_home(project: Project, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for console in (cli.err, cli_bank.out, cli_bank.err):
        monkeypatch.setattr(console, "_width", 400)
    for name in ("DATA", "REPORTS", "DEVICE", "PROFILE", "PARAMS"):
        monkeypatch.delenv(f"TRACES_{name}", raising=False)
    monkeypatch.setenv("TRACES_CATALOG", str(project.machine.catalog))
    monkeypatch.chdir(project.machine.data.parent)
    project_root.cache_clear()
    yield
    project_root.cache_clear()


@pytest.fixture
def folder(tmp_path: Path, project: Project, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog of its own: the contexts in use, and a yard."""
    for name in project.settings.corpus.contexts:
        shutil.copy(project.machine.catalog / f"{name}.yaml", tmp_path)
    (tmp_path / "yard.yaml").write_text(YARD)
    monkeypatch.setenv("TRACES_CATALOG", str(tmp_path))
    return tmp_path


def _run(*words: object) -> Result:
    return CliRunner().invoke(cli.app, ["bank", *map(str, words)])


def _refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: object) -> str:
    """What the process says where it ends with status 1."""
    monkeypatch.setattr(sys, "argv", ["traces", "bank", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 1
    message = capsys.readouterr().err
    assert "Traceback" not in message
    return message


def test_list_counts_both_sides_and_classes_and_says_what_is_in_use(folder: Path) -> None:
    done = _run("list")
    assert done.exit_code == 0, done.output
    rows = {line.split()[0]: line for line in done.stdout.splitlines() if line.strip()}
    assert rows["yard"].split() == ["yard", "2", "2", "fire", "2"]
    street = read_context(folder / "street.yaml")
    assert rows["street"].split()[:3] == ["street", "yes", str(len(street.normal))]
    assert "3 contexts" in done.stdout


def test_show_prints_every_sentence_of_a_context(folder: Path) -> None:
    done = _run("show", "yard")
    assert done.exit_code == 0
    for _, text in read_context(folder / "yard.yaml").sentences():
        assert text in done.stdout
    assert "fire (2)" in done.stdout


def test_an_unknown_context_is_refused_with_the_nearest_name(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words in (
        ("show", "yrad"),
        ("check", "yrad"),
        ("search", "a cat", "--context", "yrad"),
        ("add", "yrad", "A cat sleeps here.", "--side", "normal"),
    ):
        message = _refused(monkeypatch, capsys, *words)
        assert "Nearest known: 'yard'" in message
        assert "docs/describe-a-site.md" in message


def test_check_passes_what_is_sound_and_makes_nothing_current(
    folder: Path, project: Project, tmp_path: Path
) -> None:
    before = project.store.keys("trace_corpus")
    done = _run("check", "--out", tmp_path / "report")
    assert done.exit_code == 0, done.output
    assert [line.split()[:2] for line in done.stdout.splitlines() if line.startswith(("ok", "warning"))] == [
        ["ok", "corridor"], ["ok", "street"], ["warning", "yard"],
    ]  # fmt: skip
    assert project.store.keys("trace_corpus") == before
    report = tmp_path / "report"
    assert {path.name for path in report.iterdir()} == {f"coverage.{end}" for end in ("md", "png", "parquet")}
    assert "fire" in pl.read_parquet(report / "coverage.parquet")["class"].to_list()


def test_check_of_one_context_shows_every_finding(folder: Path) -> None:
    done = _run("check", "street")
    assert done.exit_code == 0, done.output
    for name in ("both_sides", "duplicates", "length", "language", "diversity", "near_duplicates"):
        assert name in done.stdout
    assert "yard" not in done.stdout


def test_check_names_what_is_wrong_goes_on_and_ends_with_status_one(folder: Path) -> None:
    (folder / "attic.yaml").write_text("context: attic\nscene: An attic.\nnormal: []\n")
    shed = YARD.replace("context: yard", "context: shed").replace(
        "A man waters the flowers.", "Eine Katze schläft."
    )
    (folder / "shed.yaml").write_text(shed)
    done = _run("check", "attic", "shed", "yard")
    assert done.exit_code == 1
    rows = [line.split() for line in done.stdout.splitlines()]
    errors = {(row[1], row[2]) for row in rows if row[:1] == ["error"]}
    assert errors == {("attic", "catalog"), ("shed", "language")}
    assert "attic.yaml:" in done.stdout
    assert "2 errors" in done.stderr
    assert any(row[:2] == ["ok", "yard"] for row in rows)


def test_search_finds_a_sentence_of_the_bank_first_on_its_side(project: Project) -> None:
    _, bank = made_bank(project)
    text = bank.corpus.filter(pl.col("context") == "street", pl.col("class") == "fire")["text"][0]
    done = _run("search", text, "-k", 2)
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith(("anomalous", "normal"))]
    assert [row[0] for row in rows] == ["anomalous", "anomalous", "normal", "normal"]
    assert rows[0][1:4] == ["1.000", "street", "fire"]
    assert text in done.stdout
    score = next(line.split()[1] for line in done.stdout.splitlines() if line.startswith("score"))
    assert float(score) > 0


def test_search_can_ask_one_context_and_show_one_side(folder: Path) -> None:
    done = _run("search", "a fire burns", "--context", "yard", "--side", "anomalous")
    assert done.exit_code == 0, done.output
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith(("anomalous", "normal"))]
    assert [row[0] for row in rows] == ["anomalous", "anomalous"]
    assert {row[2] for row in rows} == {"yard"}


def test_search_makes_the_bank_where_there_is_none_and_warns_of_words_nobody_knows(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACES_DATA", str(tmp_path / "empty"))
    done = _run("search", "a zebra walks")
    assert done.exit_code == 0, done.output
    assert "zebra" in done.stderr
    assert "score" in done.stdout


def test_add_writes_one_line_and_says_what_to_run_next(folder: Path) -> None:
    done = _run("add", "yard", "A stack of wood burns.", "--side", "anomalous", "--class", "fire")
    assert done.exit_code == 0, done.output
    added = "    - A shed is burning in the dark.\n"
    assert (folder / "yard.yaml").read_text() == YARD.replace(added, f"{added}    - A stack of wood burns.\n")
    assert "fire has 3 sentences now" in done.stdout
    assert "traces bank check yard" in done.stdout
    assert "corpus.contexts" in done.stdout


def test_what_add_refuses_leaves_the_file_alone_and_is_a_sentence(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for words, expected in (
        (("A CAT sleeps on a wall", "--side", "normal"), "yard.yaml:6: 'A CAT sleeps on a wall' is here"),
        (("A bin burns.", "--side", "anomalous"), "--class"),
        (("A bin stands here.", "--side", "normal", "--class", "fire"), "Leave --class out"),
        (("a " * 26, "--side", "normal"), "26 words, 25 at most"),
        (("A boy climbs in.", "--side", "anomalous", "--class", "burglary"), "Give two sentences at once"),
    ):
        assert expected in _refused(monkeypatch, capsys, "add", "yard", *words)
    assert (folder / "yard.yaml").read_text() == YARD


@pytest.mark.parametrize(
    "words", [("dance",), ("add", "yard", "A cat."), ("search", "a cat", "-k", "0"), ("show",)]
)
def test_a_command_that_is_not_understood_ends_with_status_two(words: tuple[str, ...]) -> None:
    assert _run(*words).exit_code == 2
