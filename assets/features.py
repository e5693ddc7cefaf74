"""Chapter 5. Features: what the frozen encoders see in each video.

videos ──> video_features
"""

import dagster as dg
import polars as pl

from assets.sources import settings
from pipelines.automation import GPU, WHEN_INPUTS_CHANGE, a_disk_is_away, tried_again
from pipelines.partitions import SHARDS
from pipelines.reporting import report
from pipelines.resources import ProjectResource
from traces_core.steps import footage
from traces_core.store.code import code_of


@dg.asset(
    kinds={"clip", "timesformer"},
    partitions_def=SHARDS,
    deps=["videos", *settings("sampling", "clip", "timesformer")],
    code_version=code_of(footage.features_of),
    automation_condition=WHEN_INPUTS_CHANGE,
    pool=GPU,
)
def video_features(context: dg.AssetExecutionContext, project: ProjectResource) -> dg.MaterializeResult:
    """Frame embeddings, window tokens and action probabilities of one shard's videos."""
    project = project.open()
    practice, listed = project.store.current("practice_footage"), project.store.current("videos")
    with tried_again(a_disk_is_away, times=2, wait_s=20):
        manifest = footage.video_features(project, practice, listed, context.partition_key)
    computed = [one for one in project.store.log if one.name == "video_features" and one.computed]
    table = manifest.read()
    missing = table.filter(pl.col("reason").is_not_null())
    context.log.info(f"{context.partition_key}: {len(computed)} of {len(table)} videos computed")
    return report(
        manifest,
        videos=len(table),
        videos_computed=len(computed),
        windows=int(table["windows"].sum()),
        seconds_computing=round(sum(one.seconds for one in computed), 1),
        broken=len(missing),
        reasons=dg.MetadataValue.md("\n".join(f"- {reason}" for reason in missing["reason"]) or "none"),
    )
