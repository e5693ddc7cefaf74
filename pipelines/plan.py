"""What the graph needs: which parts are out of date, why, and which runs can begin.

    plan = look(project, instance)        the recipe of every part now, against the one that is current
    plan.runs()                           those with nothing out of date above them

The conditions of the assets, walks, `status` and DVC ask the same plan. Nothing is computed for it: each
asset is asked for its artifact by its own code, in a store that only looks (`traces_core.store.dry_run`).
"""

from __future__ import annotations

import inspect
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import dagster as dg

from pipelines.declared import DECLARED, Part
from pipelines.graph import served
from pipelines.history import History
from traces_core.project import Project
from traces_core.store.code import keep_what_was_found
from traces_core.store.digest import digest
from traces_core.store.dry_run import DryRun, Due

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph


@dataclass(frozen=True)
class Run:
    """Parts that are made in one run, in its order."""

    assets: tuple[dg.AssetKey, ...]
    """They share their partitions."""
    partition: str | None
    """Which; None where they have none."""

    def __str__(self) -> str:
        names = ", ".join(key.to_user_string() for key in self.assets)
        return f"{names} [{self.partition}]" if self.partition else names

    @property
    def parts(self) -> list[Part]:
        """What it makes."""
        return [Part(key, self.partition) for key in self.assets]


@dataclass(frozen=True)
class Plan:
    """What is out of date in some part of the graph."""

    graph: AssetGraph
    """Every asset."""
    due: Mapping[Part, Due]
    """What is out of date, or may be, in the order of the graph."""
    unrecorded: frozenset[Part] = frozenset()
    """What of this the store holds as it should be, but Dagster shows in another version."""

    @property
    def known(self) -> dict[Part, str]:
        """What is out of date for certain, and why."""
        return {part: one.reason for part, one in self.due.items() if one.reason is not None}

    def state(self, part: Part) -> str:
        """Fingerprint of what is wrong with a part, or with what is above it."""
        above = sorted(self.due[one].state for one in self._above[part] & self.due.keys())
        return self.due[part].state or digest(above)

    def runs(self, *, besides: Collection[Part] = ()) -> list[Run]:
        """Runs that can begin: nothing above them is out of date but what the same run makes first.

        Nor anything that other runs are at work on: `besides`.
        """
        members: dict[tuple[object, str | None], list[Part]] = {}
        for part, one in self.due.items():
            if not (self._above[part] | {part}).isdisjoint(besides):
                continue
            together = members.setdefault((self.graph.get(part.asset).partitions_def, part.partition), [])
            above = self._above[part] & self.due.keys()
            if above <= set(together) and (above or one.reason is not None):
                together.append(part)
        return [
            Run(tuple(part.asset for part in parts), partition)
            for (_, partition), parts in members.items()
            if parts
        ]

    @cached_property
    def _above(self) -> Mapping[Part, frozenset[Part]]:
        """By part: everything that it is made from, direct or not."""
        above: dict[Part, frozenset[Part]] = {}
        for key in self.graph.toposorted_asset_keys:
            if key in DECLARED and not _is_dynamic(self.graph, key):
                for partition in partitions_of(self.graph, key) or [None]:
                    inputs = list(self._inputs(key, partition))
                    above[Part(key, partition)] = frozenset(inputs).union(
                        *(above.get(one, frozenset()) for one in inputs)
                    )
        return above

    def _inputs(self, key: dg.AssetKey, partition: str | None) -> Iterator[Part]:
        for one in DECLARED[key].inputs.values():
            for parent in one.keys:
                split = partitions_of(self.graph, parent)
                for name in one.wanted(parent, partition, split):
                    yield Part(parent, None if split is None else name)


def look(
    project: Project,
    instance: dg.DagsterInstance | None = None,
    assets: Collection[dg.AssetKey] | None = None,
) -> Plan:
    """What is out of date.

    What turns out to be up to date although its inputs changed is recorded as made from these, so that steps
    further down may join it with them.

    Parameters
    ----------
    project
        Store, settings and catalog to compare; its encoders are asked for their fingerprints only.
    instance
        Where Dagster keeps what it shows. A part of which it shows another version, or which a gate has not
        let pass, is out of date, too. None: only the store is asked.
    assets
        Which to look at; those that move by themselves, by default.
    """
    graph = served().resolve_asset_graph()
    chosen = [key for key in graph.toposorted_asset_keys if _is_looked_at(graph, key, assets)]
    parts = [Part(key, one) for key in chosen for one in partitions_of(graph, key) or [None]]
    history = None if instance is None else History.of(instance, graph, chosen)
    dry_run, due, unrecorded = DryRun(project.store.root), {}, set()
    for part in parts:
        one = dry_run.look(part.artifact, partial(_step, part, project, graph))
        if one is None and history is not None:
            one = _not_as_shown(part, dry_run, history)
            if one is not None:
                unrecorded.add(part)
            else:
                one = _held_back(part, project, history)
        if one is not None:
            due[part] = one
    for artifact in dry_run.confirmed:
        project.store.confirm(artifact)
    keep_what_was_found()
    return Plan(graph, due, frozenset(unrecorded))


def partitions_of(graph: AssetGraph, key: dg.AssetKey) -> Sequence[str] | None:
    """The partitions of an asset; None where it has none."""
    split = graph.get(key).partitions_def
    return None if split is None else split.get_partition_keys()


def _is_dynamic(graph: AssetGraph, key: dg.AssetKey) -> bool:
    return isinstance(graph.get(key).partitions_def, dg.DynamicPartitionsDefinition)


def _is_looked_at(graph: AssetGraph, key: dg.AssetKey, assets: Collection[dg.AssetKey] | None) -> bool:
    if key not in DECLARED or _is_dynamic(graph, key):
        return False  # what is dropped into the inbox is asked for by its sensor
    return bool(graph.get(key).automation_condition) if assets is None else key in assets


def _not_as_shown(part: Part, dry_run: DryRun, history: History) -> Due | None:
    """Whether Dagster shows another version of it than the store holds."""
    artifact, version = dry_run.expected[part.artifact], history.versions.get(part)
    if artifact is None or version == artifact.fingerprint:
        return None
    reason = f"Dagster shows version {version} of it" if version else "Dagster has no record of it"
    return Due(reason, digest([version, artifact.fingerprint]))


def _held_back(part: Part, project: Project, history: History) -> Due | None:
    """Whether a gate holds it back."""
    if part not in history.gates:
        return None
    gate, version = history.gates[part], history.versions.get(part)
    return Due(gate, digest([gate, version, project.settings.model_dump(mode="json")]))


@dataclass(frozen=True)
class _LookingContext:
    """What an asset's function reads of its context before it asks for its artifact."""

    partition_key: str | None


def _step(part: Part, project: Project, graph: AssetGraph, store: DryRun) -> object:
    """The function of an asset, run on a store that only looks."""
    declared = DECLARED[part.asset]
    handed = {
        "context": _LookingContext(part.partition),
        "project": replace(project, store=store),
        "tracker": None,
    }
    wanted = inspect.signature(declared.body).parameters
    beside = {name: one for name, one in handed.items() if name in wanted}
    return declared.body(
        **beside, **declared.arguments(store, part.partition, lambda key: partitions_of(graph, key))
    )
