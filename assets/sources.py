"""Chapter 1. Sources: what people edit. Each section of params.yaml, and each file of the catalog.

    params.yaml ──> settings/<section>        catalog/ ──> catalog

Resource configuration is invisible to Dagster's staleness; as observed sources, settings are not.
"""

import dagster as dg

from pipelines.partitions import CONTEXTS
from pipelines.resources import WorkshopResource
from traces_core.digest import digest, file_digest
from traces_core.settings import Settings

_CHAPTER = {"chapter": "sources"}


def _section(name: str) -> dg.AssetsDefinition:
    @dg.observable_source_asset(
        key=["settings", name],
        tags=_CHAPTER,
        description=(Settings.model_fields[name].annotation.__doc__ or "").strip(),
    )
    def section(workshop: WorkshopResource) -> dg.DataVersion:
        return dg.DataVersion(digest(getattr(workshop.open().settings, name).model_dump()))

    return section


SECTIONS = [_section(name) for name in Settings.model_fields]


def settings(*names: str) -> list[dg.AssetKey]:
    """Keys of the sections an asset depends on."""
    return [dg.AssetKey(["settings", name]) for name in names]


@dg.observable_source_asset(
    partitions_def=CONTEXTS,
    tags=_CHAPTER,
    description="One YAML file a context: what is normal there, and what must not happen.",
)
def catalog(workshop: WorkshopResource) -> dg.DataVersionsByPartition:
    """The digest of each file in use."""
    folder = workshop.open().machine.catalog
    return dg.DataVersionsByPartition(
        {
            context: file_digest(folder / f"{context}.yaml")
            for context in CONTEXTS.get_partition_keys()
            if (folder / f"{context}.yaml").exists()
        }
    )
