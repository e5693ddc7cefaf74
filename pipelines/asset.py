"""What an asset is here: a function whose parameters are its dependencies.

    @asset(kinds={"clip"}, partitions_def=CONTEXTS)
    def trace_embeddings(project: Project, trace_corpus: Artifact) -> dg.MaterializeResult: ...

Its inputs are the assets that its parameters are named after: one artifact, or a list of those of all
partitions. Its code version, and the settings and files that it depends on, come from what its steps can
reach (`traces_core.store.code`). Nothing is declared twice. When an asset moves is in `automation`.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from typing import Any

import dagster as dg

from pipelines.automation import WHEN_OUT_OF_DATE
from pipelines.declared import DECLARED, Body, Declared, Input
from pipelines.graph import served
from pipelines.plan import look, partitions_of
from pipelines.public import errors_visible, public
from pipelines.resources import ProjectResource, TrackerResource
from pipelines.sources import CATALOG, section_key
from traces_core.errors import MixedVersionsError
from traces_core.steps.wiring import inputs_of
from traces_core.store import ONLY, Artifact
from traces_core.store.code import artifacts_kept, code_of, sections_read, steps_called
from traces_core.store.digest import digest


def asset(
    *,
    key: Sequence[str] | None = None,
    inputs: Mapping[str, Sequence[dg.AssetKey]] | None = None,
    moves: bool = True,
    runs: Sequence[Callable[..., Any]] = (),
    description: str | None = None,
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
    runs
        Functions that its steps are handed and run: part of its code version.
    description
        Where it is not the function's docstring.
    options
        As `dg.asset` takes them: kinds, partitions_def, pool, freshness_policy.
    """

    def declare(body: Body) -> dg.AssetsDefinition:
        takes_all = inputs_of(body)
        own = {name: tuple((inputs or {}).get(name, [dg.AssetKey(name)])) for name in takes_all}
        steps = [*steps_called(body), *runs]
        if not steps:
            raise TypeError(
                f"{body.__module__}.{body.__qualname__} calls no @step: nothing makes its artifact"
            )
        declared = Declared(
            body,
            {name: Input(keys, takes_all[name]) for name, keys in own.items()},
            tuple(_source(one) for one in sorted({one for step in steps for one in sections_read(step)})),
            frozenset(one for step in steps for one in artifacts_kept(step)),
        )
        DECLARED[dg.AssetKey(key or body.__name__)] = declared
        return dg.asset(
            **({"key": list(key)} if key else {"name": body.__name__}),
            ins={_loaded_as(one): dg.AssetIn(key=one) for keys in own.values() for one in keys},
            deps=declared.sources,
            code_version=digest([code_of(step, deep=True) for step in steps]),
            automation_condition=WHEN_OUT_OF_DATE if moves else None,
            description=description or inspect.getdoc(body),
            **options,
        )(_opened(body, declared))

    return declare


def _source(section: str) -> dg.AssetKey:
    return CATALOG if section == "catalog" else section_key(section)


def _loaded_as(key: dg.AssetKey) -> str:
    return "__".join(key.path)


def _opened(body: Body, declared: Declared) -> Body:
    """The function as Dagster calls it: with resources, which are opened for it."""
    wanted = inspect.signature(body).parameters
    resources = {"project": ProjectResource, "tracker": TrackerResource}
    kept = {name: one for name, one in resources.items() if name in wanted}
    loaded = [_loaded_as(key) for one in declared.inputs.values() for key in one.keys]

    def run(context: dg.AssetExecutionContext, **given: Any) -> dg.MaterializeResult:
        opened = {name: given[name].open() for name in kept}
        beside = {"context": context} if "context" in wanted else {}
        named = {
            name: one.gather(given[_loaded_as(key)] for key in one.keys)
            for name, one in declared.inputs.items()
        }
        watched = opened["tracker"].system.sampled() if "tracker" in opened else nullcontext()
        try:
            with errors_visible(), watched:
                return public(body(**beside, **opened, **named))
        except MixedVersionsError:
            if "project" not in opened:
                raise
            look(opened["project"])  # what is up to date all the same is recorded as such
            graph = served().resolve_asset_graph()
            partition = context.partition_key if context.has_partition_key else None
            again = declared.arguments(
                opened["project"].store, partition, lambda key: partitions_of(graph, key)
            )
            with errors_visible():
                return public(body(**beside, **opened, **again))

    annotations = {"context": dg.AssetExecutionContext, **kept, **dict.fromkeys(loaded, Any)}
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, kind, annotation=one) for name, one in annotations.items()]
    functools.update_wrapper(run, body)
    del run.__wrapped__  # type: ignore[attr-defined]
    run.__signature__ = inspect.Signature(parameters, return_annotation=dg.MaterializeResult)  # type: ignore[attr-defined]
    run.__annotations__ = {**annotations, "return": dg.MaterializeResult}
    return run


class ArtifactIOManager(dg.ConfigurableIOManager):
    """Hands an asset the current artifacts of its inputs; what it makes is in the store already."""

    project: ProjectResource

    def handle_output(self, context: dg.OutputContext, obj: object) -> None:
        """Nothing: the step kept it."""

    def load_input(self, context: dg.InputContext) -> list[Artifact]:
        """The artifact of each partition that is asked for; `Input.gather` makes one of a single one."""
        store, key = self.project.open().store, context.asset_key
        parts = context.asset_partition_keys if context.has_asset_partitions else key.path[1:] or [ONLY]
        return [store.current(key.path[0], one) for one in parts]
