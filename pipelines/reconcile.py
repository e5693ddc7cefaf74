"""What is out of date in the graph, and why: expected recipes against stored ones, nothing computed.

This is the layer behind the automation conditions. They see changes, and every one of them misses some (an
update that arrives while what hangs on it runs); this sees states. Each asset is asked for its artifact by
its own code, in a store that only looks (`traces_core.store.dry_run`).
"""

import inspect
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import dagster as dg

from pipelines.graph import served
from pipelines.resources import ProjectResource
from traces_core.project import Project
from traces_core.store.dry_run import DryRun, Stale

ARTIFACTS = {"video_features": "feature_manifest", "patch_grids": "grid_manifest"}
"""Names of artifacts that are not those of their assets."""


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
    found = []
    with dg.DagsterInstance.ephemeral() as instance:
        given = {**(defs.resources or {}), "instance": instance}
        for asset in moving:
            name = "/".join(asset.key.path)
            for partition in asset.partitions_def.get_partition_keys() if asset.partitions_def else [None]:
                step = _step(asset.assets_def, partition, project, given)
                reason = dry_run.look((ARTIFACTS.get(name, asset.key.path[0]), partition), step)
                if reason is not None:
                    found.append(Stale(name, partition, reason))
    return found


class _Given(ProjectResource):
    """Opens the project it was given."""

    def __init__(self, project: Project) -> None:
        super().__init__()
        self._project = project

    def open(self) -> Project:
        return self._project


def _step(
    asset: dg.AssetsDefinition, partition: str | None, project: Project, given: dict[str, Any]
) -> Callable[[DryRun], object]:
    """The body of an asset, to be run on a dry run."""
    body = asset.op.compute_fn.decorated_fn

    def step(dry_run: DryRun) -> object:
        with dg.build_asset_context(partition_key=partition, instance=given["instance"]) as context:
            here = {**given, "context": context, "project": _Given(replace(project, store=dry_run))}
            return body(**dict(_arguments(body, here)))

    return step


def _arguments(body: Callable[..., object], given: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, parameter in inspect.signature(body).parameters.items():
        yield name, given[name] if name in given else parameter.annotation()  # a dg.Config, by its defaults
