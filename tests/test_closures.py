"""What a step can reach, held against what it ran: every function of ours, every library.

The small graph runs once under a profiler. A step may run what its closure holds, and what the classes of the
objects hold that it was handed and whose code stands in its recipe.
`python -m pytest tests/test_closures.py -s` prints the size of each closure.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from dataclasses import replace
from importlib.metadata import packages_distributions
from pathlib import Path

import dagster as dg
import pytest
from context_aware.small_context import SMALL
from mutations import BESIDE_SCORES, REACHED, RELEASES, SCORES, Edit
from recipes import Recipes, edited, forget
from recorded_steps import Recorded, recording
from small_graph import make_graph

from pipelines.automation import GPU
from pipelines.definitions import defs
from traces_core.project import Project
from traces_core.steps import footage as footage_step
from traces_core.steps import inbox
from traces_core.steps.ablations import results
from traces_core.steps.wiring import STEPS, Artifacts
from traces_core.store import code
from traces_core.store.code import LIBRARIES_LEFT_OUT, Closure, closure_of
from traces_core.store.resolving import LEFT_OUT, OURS
from traces_core.store.source import find_module

DRAWN = {
    "practice__training_clips": 28,
    "practice__training_clip_s": 1.0,
    "practice__training_videos": 1,
    "practice__benchmark_videos": 6,
    "practice__benchmark_video_s": 20.0,
}
WHOLE = len(list((Path(__file__).parents[1] / "traces_core").rglob("*.py")))
pytestmark = pytest.mark.timeout(900)


def run_every_step(home: Path) -> Project:
    """All chapters that the small graph has footage for, one after the other."""
    project = make_graph(home)
    project = replace(project, settings=project.settings.with_values(**SMALL))
    made = Artifacts(project)
    for name in STEPS:
        made[name]
    results(project, made["benchmark_metrics"], made["adapters"], [])
    (home / "inbox").mkdir()
    (home / "inbox" / "clip.mp4").write_bytes(next((home / "calibration").rglob("*.mp4")).read_bytes())
    inbox.inbox_scores(project, "clip.mp4", made["trace_index"], made["adapters"], made["thresholds"])
    footage_step.practice_footage(project.variant(**DRAWN))
    return project


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Recorded, Project]]:
    drawers, footage_step.DRAWERS = footage_step.DRAWERS, 1  # another process is not recorded
    try:
        with recording() as recorded:
            project = run_every_step(tmp_path_factory.mktemp("home"))
        yield recorded, project
    finally:
        footage_step.DRAWERS = drawers


def _closure(step: str) -> Closure:
    module, _, name = step.partition(":")
    return closure_of(getattr(importlib.import_module(module), name))


def _handed(project: Project) -> list[Closure]:
    """Of the objects that steps are handed and whose code stands in their recipes."""
    return [closure_of(type(one)) for one in (project.clip, project.windows, project.writer())]


def _is_left_out(definition: str) -> bool:
    module = definition.partition(":")[0]
    return definition in LEFT_OUT or any(module == one or module.startswith(f"{one}.") for one in LEFT_OUT)


def test_a_step_runs_nothing_that_its_closure_does_not_hold(ran: tuple[Recorded, Project]) -> None:
    recorded, project = ran
    handed = {name for closure in _handed(project) for name in closure.definitions}
    escaped = {
        step: sorted(
            one
            for one in executed - _closure(step).definitions.keys() - handed
            if f"{one}()" not in _closure(step).definitions and not _is_left_out(one)
        )
        for step, executed in recorded.functions.items()
    }
    assert len(escaped) >= 20
    assert {step: names for step, names in escaped.items() if names} == {}


def test_a_step_calls_no_library_whose_release_is_not_in_its_recipe(ran: tuple[Recorded, Project]) -> None:
    recorded, project = ran
    handed = {name for closure in _handed(project) for name in closure.libraries}
    installed = packages_distributions().keys() - {*OURS, *LIBRARIES_LEFT_OUT, "hypothesis", "_pytest"}
    missing = {
        step: sorted(called & installed - _closure(step).libraries.keys() - handed)
        for step, called in recorded.libraries.items()
    }
    assert {step: names for step, names in missing.items() if names} == {}


def test_what_runs_an_encoder_waits_in_the_pool_of_those_that_do(ran: tuple[Recorded, Project]) -> None:
    recorded, _ = ran
    nodes = {asset.op.name: asset.op for asset in defs.assets if isinstance(asset, dg.AssetsDefinition)}
    encoding = {name for step in recorded.encoders if (name := step.partition(":")[2]) in nodes}
    assert {"trace_embeddings", "adapters"} <= encoding
    assert {name for name in encoding if nodes[name].pool != GPU} == set()
    assert "anomaly_scores" not in encoding  # shards are scored side by side, without an encoder


def test_no_closure_is_the_whole_package(ran: tuple[Recorded, Project]) -> None:
    recorded, _ = ran
    files = {}
    for step in sorted(recorded.functions):
        closure = _closure(step)
        files[step] = len({name.partition(":")[0] for name in closure.definitions})
        print(f"{step:50} {len(closure.definitions):4} definitions in {files[step]:3} files")
    assert max(files.values()) < WHOLE / 2
    numbers = [step for step in files if step.split(":")[1] not in ("benchmark_report", "inbox_scores")]
    assert max(files[step] for step in numbers) < WHOLE / 4


def test_what_is_left_out_exists_and_has_a_reason() -> None:
    for name, reason in LEFT_OUT.items():
        module, _, definition = name.partition(":")
        source = find_module(module)
        assert reason
        assert source is not None, name
        assert not definition or definition in source.definitions, name


@pytest.fixture(scope="module")
def recipes(ran: tuple[Recorded, Project]) -> Iterator[Recipes]:
    recorded, project = ran
    yield Recipes(project, sorted(recorded.functions))
    forget()


def test_every_recipe_of_the_store_names_code_that_ran(recipes: Recipes) -> None:
    assert recipes.unknown == set()
    assert recipes.changed() == set()
    assert recipes.rests_on.keys() >= SCORES


def test_there_are_enough_edits_to_believe_the_table() -> None:
    assert len(REACHED) >= 60
    assert len(BESIDE_SCORES) >= 20
    rows = [(edit.file, edit.old, edit.new) for edit in (*REACHED, *BESIDE_SCORES)]
    assert len(set(rows)) == len(rows)


@pytest.mark.parametrize("edit", REACHED, ids=lambda edit: edit.says)
def test_an_edit_remakes_what_reaches_it_and_nothing_else(
    edit: Edit, recipes: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited(edit.file, edit.old, edit.new, monkeypatch)
    assert sorted(recipes.changed()) == sorted(edit.remakes)


@pytest.mark.parametrize("edit", BESIDE_SCORES, ids=lambda edit: edit.says)
def test_an_edit_beside_the_scores_makes_no_score_again(
    edit: Edit, recipes: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited(edit.file, edit.old, edit.new, monkeypatch)
    remade = recipes.changed()
    assert SCORES.isdisjoint(remade)
    assert sorted(remade) == sorted(edit.remakes)


@pytest.mark.parametrize(("library", "remakes"), RELEASES.items())
def test_another_release_of_a_library_remakes_what_it_computes(
    library: str, remakes: frozenset[str], recipes: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = code.release
    monkeypatch.setattr(code, "release", lambda name: "99.0" if name == library else known(name))
    assert sorted(recipes.changed()) == sorted(remakes)


def test_an_edited_template_remakes_pages_and_no_score(
    recipes: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    digests = code.file_digest
    monkeypatch.setattr(
        code, "file_digest", lambda path: "another" if path.name == "templates" else digests(path)
    )
    assert recipes.changed() == {"benchmark_report", "inbox_scores", "results"}


@pytest.mark.parametrize(
    ("variable", "remakes"),
    [
        ("TRACES_TEXT_ENCODER", set()),  # the project hands the encoder in, which says who it is
        ("TRACES_DEVICE", set()),
        ("TRACES_INBOX", set()),
        ("OPENAI_BASE_URL", set()),
    ],
)
def test_an_environment_variable_remakes_what_reads_it_and_the_machines_nothing(
    variable: str, remakes: set[str], recipes: Recipes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "another")
    assert recipes.changed() == remakes


def test_pruning_the_store_frees_nothing_that_is_current(ran: tuple[Recorded, Project]) -> None:
    store = ran[1].store
    current = [
        store.current(pointer.parts[-3], pointer.parts[-2]) for pointer in store.root.glob("*/*/current")
    ]
    assert len(current) > 30
    store.prune()
    assert store.unused() == []
    for one in current:
        assert store.current(one.name, one.key).fingerprint == one.fingerprint
        one.read()
