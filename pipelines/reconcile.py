"""What is out of date in the graph, and why: expected recipes against stored ones, nothing computed.

This is the layer behind the automation conditions. They see changes, and every one of them misses some (an
update that arrives while what hangs on it runs); this sees states. Each asset is asked for its artifact by
its own code, in a store that only looks (`traces_core.store.dry_run`).
"""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import dagster as dg

from pipelines.asset import DECLARED, Declared
from pipelines.graph import served
from traces_core.project import Project
from traces_core.store.dry_run import DryRun, Stale


def stale_partitions(project: Project) -> list[Stale]:
    """What would not come out as it is, were it made now, in the order of the graph.

    Looked at are the assets that move by themselves (those with an automation condition). What hangs on
    something that has to be computed first is not named: only the computation tells whether it changes.

    Parameters
    ----------
    project
        Store, settings and catalog to compare; its encoders are asked for their fingerprints only.
    """
    defs = served()
    graph = defs.resolve_asset_graph()
    dry_run = DryRun(project.store.root)
    assets = [graph.get(key) for key in graph.toposorted_asset_keys]
    moving = [asset for asset in assets if asset.is_materializable and asset.automation_condition]
    stale = []

    def keys_of(key: dg.AssetKey) -> Sequence[str] | None:
        split = graph.get(key).partitions_def
        return None if split is None else split.get_partition_keys()

    with dg.DagsterInstance.ephemeral() as instance:
        for asset in moving:
            name, declared = "/".join(asset.key.path), DECLARED[asset.key]
            for partition in keys_of(asset.key) or [None]:
                step = partial(_step, declared, partition, project, instance, keys_of)
                reason = dry_run.look((asset.key.path[0], partition), step)
                if reason is not None:
                    stale.append(Stale(name, partition, reason))
    return stale


def _step(
    declared: Declared,
    partition: str | None,
    project: Project,
    instance: dg.DagsterInstance,
    keys_of: Callable[[dg.AssetKey], Sequence[str] | None],
    store: DryRun,
) -> object:
    """The body of an asset, run on a store that only looks."""
    with dg.build_asset_context(partition_key=partition, instance=instance) as context:
        handed = {"context": context, "project": replace(project, store=store), "tracker": None}
        wanted = inspect.signature(declared.body).parameters
        beside = {name: one for name, one in handed.items() if name in wanted}
        return declared.body(**beside, **declared.arguments(store, partition, keys_of))
