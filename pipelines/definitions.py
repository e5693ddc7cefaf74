"""The table of contents: every asset, gate, job, schedule, sensor and resource of TRACES."""

from types import ModuleType

import dagster as dg

from assets import (
    ablations,
    adapters,
    bank,
    benchmark,
    calibration,
    captions,
    checks,
    context_aware,
    corpus,
    features,
    footage,
    inbox,
    model,
    ped2,
    real,
    scores,
    sources,
)
from pipelines.jobs import JOBS
from pipelines.resources import ProjectResource, TrackerResource
from pipelines.schedules import SCHEDULES
from pipelines.sensors import SENSORS

OWNER = "team:traces"

CHAPTERS = (
    sources,
    corpus,
    bank,
    footage,
    features,
    adapters,
    scores,
    calibration,
    benchmark,
    ablations,
    captions,
    real,
    inbox,
    model,
    context_aware,
    ped2,
)


def _chapter(number: int, module: ModuleType) -> list[dg.AssetsDefinition | dg.SourceAsset]:
    """A module's assets, in a group whose number keeps the order of the book where groups are sorted by name.

    The tag `chapter` has no number, so that a selection outlives a new chapter: `tag:chapter=bank`.
    """
    title = module.__name__.rsplit(".", 1)[-1]

    def bind(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(owners=[OWNER], tags={**spec.tags, "chapter": title})

    loaded = dg.load_assets_from_modules([module], group_name=f"{number:02d}_{title}")
    # What people edit has no owner here, and says its chapter itself.
    return [one if isinstance(one, dg.SourceAsset) else one.map_asset_specs(bind) for one in loaded]


defs = dg.Definitions(
    assets=[asset for number, module in enumerate(CHAPTERS, 1) for asset in _chapter(number, module)],
    asset_checks=dg.load_asset_checks_from_modules([checks, context_aware]),
    jobs=JOBS,
    schedules=SCHEDULES,
    sensors=SENSORS,
    resources={"project": ProjectResource(), "tracker": TrackerResource()},
    # One process: the encoders are loaded once for all steps of a run. Runs are what is spread over
    # processes and machines: one a partition.
    executor=dg.in_process_executor,
)
