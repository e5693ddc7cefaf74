"""Chapter 1. Sources: what people edit. Each section of params.yaml, and each file of the catalog.

    params.yaml ──> settings/<section>        catalog/ ──> catalog

Resource configuration is invisible to Dagster's staleness; as observed sources, settings are not.
"""

import dagster as dg

from pipelines.partitions import CONTEXTS
from pipelines.resources import ProjectResource
from pipelines.sources import catalog_versions, section_key, section_version
from traces_core.settings import Settings

_CHAPTER = {"chapter": "sources"}


def _section(name: str) -> dg.AssetsDefinition:
    @dg.observable_source_asset(
        key=section_key(name),
        tags=_CHAPTER,
        description=(Settings.model_fields[name].annotation.__doc__ or "").strip(),
    )
    def section(project: ProjectResource) -> dg.DataVersion:
        return dg.DataVersion(section_version(project.open(), name))

    return section


SECTIONS = [_section(name) for name in Settings.model_fields]


@dg.observable_source_asset(
    partitions_def=CONTEXTS,
    tags=_CHAPTER,
    description="One YAML file a context: what is normal there, and what must not happen.",
)
def catalog(project: ProjectResource) -> dg.DataVersionsByPartition:
    """The digest of each file in use."""
    return dg.DataVersionsByPartition(catalog_versions(project.open()))
