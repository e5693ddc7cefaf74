"""Chapter 6. Adapters: appearance and time become one vector in CLIP's text space.

video_features ──> adapters
"""

import json

import dagster as dg
import polars as pl

from assets.sources import settings
from pipelines.automation import WHEN_INPUTS_CHANGE
from pipelines.reporting import report
from pipelines.resources import TrackerResource, WorkshopResource, git_commit
from traces_core.steps import detection, footage
from traces_core.steps.workshop import Workshop
from traces_core.store import Artifact


@dg.asset(
    kinds={"torch"},
    deps=["video_features", "videos", "practice_footage", *settings("training", "clip", "timesformer")],
    code_version=detection.LEARNING,
    automation_condition=WHEN_INPUTS_CHANGE,
)
def adapters(
    context: dg.AssetExecutionContext, workshop: WorkshopResource, tracker: TrackerResource
) -> dg.MaterializeResult:
    """The fusion that ships: trained on captioned clips of other scenes, or else the identity."""
    shop = workshop.open()
    practice, listed = shop.shelf.current("practice_footage"), shop.shelf.current("videos")
    manifest = feature_manifest(shop)
    learned = detection.adapters(shop, practice, listed, manifest)
    said = json.loads((learned.path / "training.json").read_text())
    if learned.computed:
        _track(tracker, shop, learned, said, context.run.run_id)
    return report(
        learned,
        shipped=said["shipped"],
        reason=said["reason"],
        best_step=said.get("best_step"),
        training_windows=said.get("windows", {}).get("training"),
    )


def feature_manifest(shop: Workshop) -> pl.DataFrame:
    """The manifests of all shards, joined."""
    names = footage.shard_names(shop.settings.footage.shards)
    return pl.concat([shop.shelf.current("feature_manifest", name).read() for name in names])


def _track(tracker: TrackerResource, shop: Workshop, learned: Artifact, said: dict, dagster_run: str) -> None:
    tags = {"dagster_run": dagster_run, "git_commit": git_commit(), "recipe": learned.recipe}
    with tracker.open().run("training of the fusion", tags) as run:
        run.params(shop.settings.training.model_dump())
        run.params({"clip": shop.clip.space, "window_encoder": shop.windows.fingerprint})
        for point in said["curve"]:
            step = int(point["step"])
            flat = {**point, **(point.get("validation") or {})}
            run.metrics({name: value for name, value in flat.items() if name != "step"}, step=step)
        run.file(learned.path)
