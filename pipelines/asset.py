"""What an asset is here: a function whose parameters are its dependencies.

    @asset(kinds={"clip"}, partitions_def=CONTEXTS)
    def trace_embeddings(project: Project, trace_corpus: Artifact) -> dg.MaterializeResult: ...

Its inputs are the assets that its parameters are named after: one artifact, or those of all partitions by
key where the parameter is a mapping. Its code version, and the settings and files that it depends on, come
from what its steps can reach (`traces_core.store.code`). Nothing is said twice. When an asset moves is in
`automation`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_type_hints

import dagster as dg

from pipelines.automation import WHEN_INPUTS_CHANGE
from pipelines.resources import ProjectResource, TrackerResource
from traces_core.store import Artifact, Store
from traces_core.store.code import code_of as code_of_step
from traces_core.store.code import sections_read, steps_called
from traces_core.store.digest import digest

HANDED = ("context", "shop", "tracker")
"""Parameters that are no inputs."""

Body = Callable[..., dg.MaterializeResult]


@dataclass(frozen=True)
class Declared:
    """What an asset's function says about it: the one place for graph, dry run and DVC."""

    body: Body
    """The function, as it was written."""
    inputs: Mapping[str, dg.AssetKey]
    """By parameter: the asset that it is handed."""
    by_key: frozenset[str]
    """Parameters that are handed every partition, by key."""
    sources: tuple[dg.AssetKey, ...]
    """What people edit and it reads: sections of the settings, the catalog."""

    def load(
        self, store: Store, partition: str | None, splits: Mapping[str, Sequence[str] | None]
    ) -> dict[str, Any]:
        """Its arguments out of a store.

        Parameters
        ----------
        partition
            The one that is made; None where the asset has none.
        splits
            By input: the partitions of that asset; None where it has none.
        """
        return {
            name: _loaded(store, self.inputs[name], splits[name], None if name in self.by_key else partition)
            for name in self.inputs
        }


def _loaded(store: Store, key: dg.AssetKey, split: Sequence[str] | None, partition: str | None) -> Any:
    name, *part = key.path
    if split is None:
        return store.current(name, *part)
    if partition is not None:
        return store.current(name, partition)
    return {one: store.current(name, one) for one in split}


DECLARED: dict[dg.AssetKey, Declared] = {}
"""What was declared, by asset."""


def asset(
    *,
    key: Sequence[str] | None = None,
    inputs: Mapping[str, dg.AssetKey] | None = None,
    moves: bool = True,
    **options: Any,
) -> Callable[[Body], dg.AssetsDefinition]:
    """Declare an asset by its function.

    Parameters
    ----------
    key
        Where it is not the function's name.
    inputs
        Assets of parameters that are not named after one.
    moves
        Whether it is rebuilt by itself when what it rests on changed.
    options
        As `dg.asset` takes them: kinds, partitions_def, pool, freshness_policy, description.
    """

    def declare(body: Body) -> dg.AssetsDefinition:
        hints = get_type_hints(body)
        names = [name for name in inspect.signature(body).parameters if name not in HANDED]
        chosen = {name: (inputs or {}).get(name, dg.AssetKey(name)) for name in names}
        steps = steps_called(body)
        declared = Declared(
            body,
            chosen,
            frozenset(name for name in names if hints[name] is not Artifact),
            tuple(
                dg.AssetKey("catalog") if section == "catalog" else dg.AssetKey(["settings", section])
                for section in sorted({one for step in steps for one in sections_read(step)})
            ),
        )
        DECLARED[dg.AssetKey(key or body.__name__)] = declared
        return dg.asset(
            **({"key": list(key)} if key else {"name": body.__name__}),
            ins={name: dg.AssetIn(key=one) for name, one in chosen.items()},
            deps=declared.sources,
            code_version=digest([code_of_step(step, deep=True) for step in steps]),
            automation_condition=WHEN_INPUTS_CHANGE if moves else None,
            description=options.pop("description", None) or inspect.getdoc(body),
            **options,
        )(_opened(body, names))

    return declare


def _opened(body: Body, names: Sequence[str]) -> Body:
    """The function as Dagster calls it: with resources, which are opened for it."""
    wanted = inspect.signature(body).parameters

    @functools.wraps(body)
    def run(context: dg.AssetExecutionContext, **given: Any) -> dg.MaterializeResult:
        opened = {name: given[name].open() for name in ("shop", "tracker") if name in wanted}
        beside = {"context": context} if "context" in wanted else {}
        return body(**beside, **opened, **{name: given[name] for name in names})

    resources = {"shop": ProjectResource, "tracker": TrackerResource}
    kept = {name: one for name, one in resources.items() if name in wanted}
    annotations = {"context": dg.AssetExecutionContext, **kept, **dict.fromkeys(names, Any)}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    run.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind, annotation=one) for name, one in annotations.items()],
        return_annotation=dg.MaterializeResult,
    )
    run.__annotations__ = {**annotations, "return": dg.MaterializeResult}
    del run.__wrapped__
    return run


class ArtifactIOManager(dg.ConfigurableIOManager):
    """Hands an asset the current artifacts of its inputs; what it made is in the store already."""

    project: dg.ResourceDependency[ProjectResource]

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Nothing: the step kept it."""

    def load_input(self, context: dg.InputContext) -> Artifact | dict[str, Artifact]:
        """One artifact, or those of all partitions by key."""
        store = self.project.open().store
        split = context.asset_partition_keys if context.has_asset_partitions else None
        same = context.has_partition_key and split == [context.partition_key]
        return _loaded(store, context.asset_key, split, context.partition_key if same else None)
