"""The table of contents: every asset, gate, job and resource of TRACES."""

import dagster as dg

from assets import (
    ablations,
    adapters,
    bank,
    benchmark,
    calibration,
    captions,
    checks,
    corpus,
    features,
    footage,
    real,
    scores,
    sources,
)
from pipelines.jobs import JOBS
from pipelines.resources import TrackerResource, WorkshopResource

CHAPTERS = (
    sources,
    corpus,
    bank,
    footage,
    features,
    adapters,
    scores,
    calibration,
    captions,
    benchmark,
    ablations,
    real,
)

defs = dg.Definitions(
    assets=dg.load_assets_from_modules(CHAPTERS),
    asset_checks=dg.load_asset_checks_from_modules([checks]),
    jobs=JOBS,
    resources={"workshop": WorkshopResource(), "tracker": TrackerResource()},
    # One process: the encoders are loaded once for all steps of a run. Runs are what is spread over
    # processes and machines: one a partition.
    executor=dg.in_process_executor,
)
