"""The sources: what people edit, and which version of it Dagster shows."""

from __future__ import annotations

from collections.abc import Mapping

import dagster as dg
from dagster._core.definitions.data_version import DATA_VERSION_TAG
from dagster._core.events import DagsterEventType

from pipelines.history import versions_by_partition
from pipelines.partitions import CONTEXTS
from traces_core.project import Project
from traces_core.settings import Settings
from traces_core.store.digest import digest, file_digest

CATALOG = dg.AssetKey("catalog")


def section_key(name: str) -> dg.AssetKey:
    """The source that a section of the settings is."""
    return dg.AssetKey(["settings", name])


def section_version(project: Project, name: str) -> str:
    """Fingerprint of the values of a section of the settings."""
    return digest(getattr(project.settings, name).model_dump())


def catalog_versions(project: Project) -> dict[str, str]:
    """By context: the digest of its file in the catalog, where there is one."""
    files = {one: project.machine.catalog / f"{one}.yaml" for one in CONTEXTS.get_partition_keys()}
    return {context: file_digest(path) for context, path in files.items() if path.exists()}


def observe(project: Project, instance: dg.DagsterInstance) -> None:
    """Have Dagster show the versions that there are now; nothing is written where it does already."""
    for name in Settings.model_fields:
        _show(instance, section_key(name), {None: section_version(project, name)})
    _show(instance, CATALOG, {**catalog_versions(project)})


Versions = Mapping[str | None, str]
"""By partition; None where a source has none."""


def _show(instance: dg.DagsterInstance, key: dg.AssetKey, versions: Versions) -> None:
    if None in versions:
        latest = instance.fetch_observations(key, limit=1).records
        event = latest[0].asset_observation if latest else None
        observed = {None: (event.tags or {}).get(DATA_VERSION_TAG)} if event else {}
    else:
        observed = {**versions_by_partition(instance, key, DagsterEventType.ASSET_OBSERVATION)}
    for part, version in versions.items():
        if observed.get(part) != version:
            instance.report_runless_asset_event(
                dg.AssetObservation(key, partition=part, tags={DATA_VERSION_TAG: version})
            )
