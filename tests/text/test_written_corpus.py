"""The step that makes a corpus, with a language model behind a real server and the pocket text encoder."""

from __future__ import annotations

from collections.abc import Iterator
from io import StringIO
from pathlib import Path

import pytest
import yaml
from misbehaving_server import Answer, Misbehaving, good, misbehaving
from rich.console import Console

from traces_core.commands.doctor import examine
from traces_core.errors import WriterUnavailableError
from traces_core.project import Project
from traces_core.settings import Machine, Settings, project_root
from traces_core.steps import corpus as corpus_step
from traces_core.store import Store
from traces_core.text import write_corpus
from traces_core.text.catalog import read_catalog
from traces_core.text.writers.progress import progress_bar

ROOT = Path(__file__).parents[2]
WRITING = {"model": "small-writer", "pairs_per_class": 2, "maximum_cosine": 1.0}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Misbehaving]:
    """A good server, named by the environment."""
    with misbehaving() as one:
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        monkeypatch.setenv("OPENAI_BASE_URL", one.url)
        monkeypatch.setenv("TRACES_WRITER_BACKOFF_S", "0.01")
        monkeypatch.setenv("TRACES_WRITER_RETRIES", "1")
        yield one


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder that is taken for the checkout."""
    for name in ("DATA", "REPORTS", "DEVICE", "PROFILE", "PARAMS"):
        monkeypatch.delenv(f"TRACES_{name}", raising=False)
    (tmp_path / "params.yaml").touch()
    monkeypatch.chdir(tmp_path)
    project_root.cache_clear()
    yield tmp_path
    project_root.cache_clear()


def make_project(folder: Path, **corpus: object) -> Project:
    values = {"corpus": {"contexts": ["street", "corridor"], **corpus}, "writing": WRITING}
    machine = Machine(data=folder / "data", catalog=ROOT / "catalog", reports=folder, device="cpu")
    return Project(Store(machine.data), Settings.model_validate(values), machine)


def test_a_server_that_dies_between_two_contexts_loses_nothing(tmp_path: Path, server: Misbehaving) -> None:
    project = make_project(tmp_path, writer="openai")
    street = corpus_step.trace_corpus(project, "street")
    asked = len(server.requests)
    classes = read_catalog(project.machine.catalog, ["street"])["street"].anomalous
    assert asked == len(classes)
    server.behaviour = lambda request: good(request) if request.number < asked + 2 else Answer(status=500)
    with pytest.raises(WriterUnavailableError):
        corpus_step.trace_corpus(project, "corridor")
    server.behaviour, before = good, len(server.requests)
    assert not corpus_step.trace_corpus(project, "street").computed
    corridor = corpus_step.trace_corpus(project, "corridor")
    kept = len((tmp_path / "data/writer_replies/corridor.jsonl").read_text().splitlines())
    assert len(server.requests) - before == kept - 2
    for corpus, name in ((street, "street"), (corridor, "corridor")):
        table = corpus.read()
        written = table.filter(writer="openai")
        assert set(written["model"]) == {"small-writer"}
        assert set(written["class"]) == set(table.filter(side="anomalous")["class"])
        shipped = write_corpus(read_catalog(project.machine.catalog, [name]))
        assert set(shipped["trace_id"]) <= set(table["trace_id"])
        assert corpus.facts["short"] == 0


def test_all_contexts_can_be_asked_about_ahead_and_are_not_asked_about_again(
    tmp_path: Path, server: Misbehaving
) -> None:
    project = make_project(tmp_path, writer="openai")
    ahead, asked = corpus_step.write_ahead(project), len(server.requests)
    assert set(ahead) == {"street", "corridor"}
    assert project.store.log == []
    for name, count in ahead.items():
        assert len(corpus_step.trace_corpus(project, name).read()) == count + 1  # and the scene sentence
    assert len(server.requests) == asked


def test_the_default_asks_nobody_and_no_setting_of_the_writing_changes_its_recipe(
    tmp_path: Path, server: Misbehaving
) -> None:
    project = make_project(tmp_path)
    corpus = corpus_step.trace_corpus(project, "street")
    assert not corpus_step.trace_corpus(project.variant(writing__seed=3), "street").computed
    assert corpus.read().equals(write_corpus(read_catalog(project.machine.catalog, ["street"])))
    assert server.requests == []


def test_another_seed_is_another_corpus_and_another_server_is_not(
    tmp_path: Path, server: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    project = make_project(tmp_path, writer="openai")
    corpus_step.trace_corpus(project, "street")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    monkeypatch.setenv("OPENAI_API_KEY", "another")
    assert not corpus_step.trace_corpus(project, "street").computed
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    assert corpus_step.trace_corpus(project.variant(writing__seed=3), "street").computed


def test_the_doctor_says_whether_the_writer_could_be_asked(
    elsewhere: Path, server: Misbehaving, monkeypatch: pytest.MonkeyPatch
) -> None:
    def writer_diagnosis(**writing: object) -> tuple[bool, str]:
        values = {"corpus": {"contexts": ["street"], "writer": "openai"}, "writing": {**WRITING, **writing}}
        (elsewhere / "params.yaml").write_text(yaml.safe_dump(values))
        [one] = [one for one in examine() if one.what == "writer"]
        return one.is_well, one.detail

    assert writer_diagnosis() == (True, f"openai: small-writer at {server.url}")
    is_well, words = writer_diagnosis(model="gpt")
    assert not is_well
    assert "big-writer, small-writer" in words
    monkeypatch.delenv("OPENAI_BASE_URL")
    assert "OPENAI_BASE_URL is not set" in writer_diagnosis()[1]


def test_a_bar_is_drawn_on_a_terminal_and_nowhere_else() -> None:
    with progress_bar(Console(file=StringIO())) as silent:
        assert silent is None
    drawn = Console(file=StringIO(), force_terminal=True, width=80)
    with progress_bar(drawn) as progress:
        assert progress is not None
        progress(3, 7, "yard, fire")
    assert "3/7" in drawn.file.getvalue()  # type: ignore[attr-defined]
