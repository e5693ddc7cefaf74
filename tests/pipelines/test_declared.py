"""What an asset declares is what it reads: artifacts by its parameters, settings by its steps' code."""

from __future__ import annotations

import inspect
import sys
from dataclasses import dataclass, field, fields, replace
from typing import Any, get_type_hints

import dagster as dg
import pytest
from context_aware.small_context import SMALL

from pipelines.asset import DECLARED, Declared, Input
from pipelines.definitions import defs
from pipelines.tracking import Tracker
from traces_core.project import Project
from traces_core.settings import Settings
from traces_core.steps.wiring import BY_CONTEXT, BY_SHARD, STEPS, Artifacts, inputs_of
from traces_core.store import Artifact, Store, code, running

GRAPH = defs.resolve_asset_graph()
MADE_BY_STEPS = sorted(key for key in DECLARED if key.to_user_string() in STEPS)
SOMETIMES = {
    "practice_footage": "read where the settings name no folder of one's own",
    ("context_gate", "trace_index"): "read where joint.captions is `nearest`",
}
"""Inputs that these settings leave alone, and why: by name, or by asset and name."""


@dataclass(frozen=True, slots=True)
class ReadStore(Store):
    """Says which current artifacts were asked for."""

    asked: set[str] = field(default_factory=set, compare=False)

    def current(self, name: str, key: str = "all") -> Artifact:
        self.asked.add(name)
        return Store.current(self, name, key)


class ReadArtifact(Artifact):
    """Says that it was looked at."""

    read_names: set[str]

    def __getattribute__(self, name: str) -> Any:
        if name in ("path", "fingerprint", "facts"):
            object.__getattribute__(self, "__dict__")["read_names"].add(object.__getattribute__(self, "name"))
        return object.__getattribute__(self, name)


def watched(artifact: Artifact, names: set[str]) -> ReadArtifact:
    one = ReadArtifact(**{part.name: getattr(artifact, part.name) for part in fields(artifact)})
    one.__dict__["read_names"] = names
    return one


class ReadSettings:
    """Settings that say which of their sections a step has read; pictures and MLflow may show any."""

    def __init__(self, settings: Settings, names: set[str]) -> None:
        self._settings, self._names = settings, names

    def __getattr__(self, name: str) -> Any:
        if name in Settings.model_fields and running._running.get() is not None:
            self._names.add(name)
        return getattr(self._settings, name)


@pytest.fixture(scope="module")
def made(small_project: Project) -> Project:
    project = replace(small_project, settings=small_project.settings.with_values(**SMALL))
    artifacts = Artifacts(project)
    for name in STEPS:
        artifacts[name]
    return project


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    return Tracker(tmp_path_factory.mktemp("mlflow"))


def keys_of(project: Project, key: dg.AssetKey) -> list[str] | None:
    step = STEPS.get(key.to_user_string())
    if step in (*BY_CONTEXT, *BY_SHARD):
        return project.store.keys(key.path[0])
    return None


def run(declared: Declared, key: dg.AssetKey, project: Project, tracker: Tracker) -> tuple[set, set, set]:
    """The artifacts used, those asked of the store beside, and the sections read."""
    split = keys_of(project, key)
    partition = split[0] if split else None
    given = declared.arguments(project.store, partition, lambda one: keys_of(project, one))
    used: set[str] = set()
    sections: set[str] = set()
    for name, value in given.items():
        given[name] = (
            [watched(one, used) for one in value] if isinstance(value, list) else watched(value, used)
        )
    store = ReadStore(project.store.root)
    reading = replace(project, store=store, settings=ReadSettings(project.settings, sections))
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_asset_context(partition_key=partition, instance=instance) as context,
    ):
        handed = {"context": context, "project": reading, "tracker": tracker}
        wanted = inspect.signature(declared.body).parameters
        declared.body(**{name: one for name, one in handed.items() if name in wanted}, **given)
    return used, store.asked, sections


@pytest.mark.timeout(900)
@pytest.mark.parametrize("key", MADE_BY_STEPS, ids=lambda key: key.to_user_string())
def test_an_asset_reads_what_it_declares(
    key: dg.AssetKey, made: Project, tracker: Tracker, monkeypatch: pytest.MonkeyPatch
) -> None:
    declared = DECLARED[key]
    module = sys.modules[declared.body.__module__]
    if hasattr(module, "mlflow_run"):  # which asks Dagster what was logged before
        monkeypatch.setattr(module, "mlflow_run", lambda _, __, ___, log: log({}) and {})
    used, asked, sections = run(declared, key, made, tracker)
    inputs = {one.path[0] for inner in declared.inputs.values() for one in inner.keys}
    assert used <= inputs
    unread = {name for name in inputs - used if name not in SOMETIMES}
    assert {name for name in unread if (key.path[0], name) not in SOMETIMES} == set()
    assert asked <= {key.path[0]}  # what it starts from is its own
    assert sections <= {source.path[-1] for source in declared.sources}


@pytest.mark.parametrize("key", MADE_BY_STEPS, ids=lambda key: key.to_user_string())
def test_an_asset_hands_its_step_what_the_step_asks_for(key: dg.AssetKey) -> None:
    inputs = {name: one.takes_all for name, one in DECLARED[key].inputs.items()}
    assert inputs_of(STEPS[key.to_user_string()]).items() <= inputs.items()


@pytest.mark.parametrize("key", sorted(DECLARED), ids=lambda key: key.to_user_string())
def test_the_lineage_that_is_drawn_is_the_one_that_is_declared(key: dg.AssetKey) -> None:
    declared = DECLARED[key]
    inputs = {one for inner in declared.inputs.values() for one in inner.keys}
    assert GRAPH.get(key).parent_keys == inputs | set(declared.sources)


def test_every_asset_that_is_made_is_declared_by_its_parameters() -> None:
    assert set(DECLARED) == GRAPH.materializable_asset_keys


@pytest.mark.parametrize(
    "key",
    sorted(key for key in DECLARED if "experiment" in GRAPH.get(key).tags),
    ids=lambda key: key.to_user_string(),
)
def test_an_experiment_hands_its_step_artifacts_alone_or_all_of_them(key: dg.AssetKey) -> None:
    """One of a key in two parts comes as one, several as a list; the step takes nothing else of the graph."""
    [step] = code.steps_called(DECLARED[key].body)
    hints = get_type_hints(step)
    taken = {name: hint for name, hint in hints.items() if hint in (Artifact, list[Artifact])}
    handed = {
        name: list[Artifact] if one.takes_all else Artifact for name, one in DECLARED[key].inputs.items()
    }
    taken.pop("return")
    assert taken == handed
    assert all(one.takes_all or len(one.keys) == 1 for one in DECLARED[key].inputs.values())


def test_a_list_of_one_asset_is_a_list() -> None:
    [key] = keys = (dg.AssetKey(["ped2_scores", "0"]),)
    artifact = object()
    assert Input(keys, takes_all=True).gather([artifact]) == [artifact]
    assert Input(keys, takes_all=False).gather([artifact]) is artifact
    assert Input((key, key), takes_all=True).gather([[artifact, artifact], artifact]) == [artifact] * 3
