"""Chapter 1. Sources: what people edit. Each section of params.yaml, and each file of the catalog.

    params.yaml ──> settings/<section>        catalog/ ──> catalog

Resource configuration is invisible to Dagster's staleness; as observed sources, settings are not.
"""

import dagster as dg

from pipelines.partitions import CONTEXTS
from pipelines.resources import ProjectResource
from traces_core.settings import Settings
from traces_core.store.digest import digest, file_digest

_CHAPTER = {"chapter": "sources"}


def _section(name: str) -> dg.AssetsDefinition:
    @dg.observable_source_asset(
        key=["settings", name],
        tags=_CHAPTER,
        description=(Settings.model_fields[name].annotation.__doc__ or "").strip(),
    )
    def section(project: ProjectResource) -> dg.DataVersion:
        return dg.DataVersion(digest(getattr(project.open().settings, name).model_dump()))

    return section


SECTIONS = [_section(name) for name in Settings.model_fields]


@dg.observable_source_asset(
    partitions_def=CONTEXTS,
    tags=_CHAPTER,
    description="One YAML file a context: what is normal there, and what must not happen.",
)
def catalog(project: ProjectResource) -> dg.DataVersionsByPartition:
    """The digest of each file in use."""
    folder = project.open().machine.catalog
    return dg.DataVersionsByPartition(
        {
            context: file_digest(folder / f"{context}.yaml")
            for context in CONTEXTS.get_partition_keys()
            if (folder / f"{context}.yaml").exists()
        }
    )
