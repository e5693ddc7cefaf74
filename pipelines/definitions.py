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
    context_scores,
    corpus,
    features,
    footage,
    grids,
    inbox,
    model,
    scores,
    sources,
)
from experiments.ped2 import assets as ped2
from experiments.real_captions import assets as real_captions
from pipelines.asset import ArtifactIOManager
from pipelines.graph import serve
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
    inbox,
    model,
    grids,
    context_aware,
    context_scores,
)

EXPERIMENTS = (real_captions, ped2)
"""Benchmarks on public data sets, apart from the book."""


def _chapter(module: ModuleType, number: int | None) -> list[dg.AssetsDefinition | dg.SourceAsset]:
    """A module's assets, in a group whose number keeps the order of the book where groups are sorted by name.

    The tag `chapter` has no number, so that a selection outlives a new chapter: `tag:chapter=bank`. What has
    no number is an experiment, and says so by a tag.
    """
    title = module.__name__.removesuffix(".assets").rsplit(".", 1)[-1]
    tags = {"chapter": title} | ({"experiment": "true"} if number is None else {})

    def bind(spec: dg.AssetSpec) -> dg.AssetSpec:
        return spec.replace_attributes(owners=[OWNER], tags={**spec.tags, **tags})

    place = "experiment" if number is None else f"{number:02d}"
    loaded = dg.load_assets_from_modules([module], group_name=f"{place}_{title}")
    # What people edit has no owner here, and says its chapter itself.
    return [one if isinstance(one, dg.SourceAsset) else one.map_asset_specs(bind) for one in loaded]


NUMBERED = [(module, number) for number, module in enumerate(CHAPTERS, 1)]
APART = [(module, None) for module in EXPERIMENTS]

defs = dg.Definitions(
    assets=[asset for module, number in [*NUMBERED, *APART] for asset in _chapter(module, number)],
    asset_checks=dg.load_asset_checks_from_modules([checks, context_aware, context_scores]),
    jobs=JOBS,
    schedules=SCHEDULES,
    sensors=SENSORS,
    resources={
        "project": ProjectResource(),
        "tracker": TrackerResource(),
        "io_manager": ArtifactIOManager(project=ProjectResource()),
    },
    # One process: the encoders are loaded once for all steps of a run. Runs are what is spread over
    # processes and machines: one a partition.
    executor=dg.in_process_executor,
)

serve(defs)
