"""The table of contents: every asset, gate, job, schedule, sensor and resource of TRACES."""

from collections.abc import Iterator, Mapping
from functools import partial
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
    live,
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
from traces_core.store.code import keep_what_was_found

OWNER = "team:traces"

SIDES: dict[str, tuple[ModuleType, ...]] = {
    "sources": (sources,),
    "text": (corpus, bank),
    "footage": (footage, features),
    "detector": (adapters, scores, calibration),
    "benchmark": (benchmark, model, ablations),
    "context_aware": (grids, context_aware, context_scores),
    "captions_and_inbox": (captions, inbox),
    "cameras": (live,),
    "experiments": (real_captions, ped2),
}
"""The graph as a person reads it, from left to right: what is a box there, and its chapters.

Experiments are benchmarks on public data sets, apart from the book.
"""
CHAPTERS = [module for side, modules in SIDES.items() if side != "experiments" for module in modules]


def _assets(number: int, side: str) -> Iterator[dg.AssetsDefinition | dg.SourceAsset]:
    """The assets of a side, in a group whose number keeps the order where groups are sorted by name.

    The tag `chapter` has no number, so that a selection outlives a new chapter: `tag:chapter=bank`.
    """
    for module in SIDES[side]:
        title = module.__name__.removesuffix(".assets").rsplit(".", 1)[-1]
        tags = {"chapter": title} | ({"experiment": "true"} if side == "experiments" else {})
        for one in dg.load_assets_from_modules([module], group_name=f"{number}_{side}"):
            # What people edit has no owner here, and says its chapter itself.
            yield one if isinstance(one, dg.SourceAsset) else one.map_asset_specs(partial(_bound, tags))


def _bound(tags: Mapping[str, str], spec: dg.AssetSpec) -> dg.AssetSpec:
    return spec.replace_attributes(owners=[OWNER], tags={**spec.tags, **tags})


defs = dg.Definitions(
    assets=[asset for number, side in enumerate(SIDES, 1) for asset in _assets(number, side)],
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
keep_what_was_found()
