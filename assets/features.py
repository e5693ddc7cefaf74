"""Chapter 5. Features: what the frozen encoders see in each video.

videos ──> video_features
"""

import dagster as dg
import polars as pl

from pipelines.asset import asset
from pipelines.automation import GPU, a_disk_is_away, tried_again
from pipelines.partitions import SHARDS
from pipelines.reporting import bullets, report
from traces_core.project import Project
from traces_core.steps import features
from traces_core.store import Artifact


@asset(kinds={"clip", "timesformer"}, partitions_def=SHARDS, pool=GPU)
def video_features(
    context: dg.AssetExecutionContext, project: Project, practice_footage: Artifact, videos: Artifact
) -> dg.MaterializeResult:
    """Frame embeddings, window tokens and action probabilities of one shard's videos."""
    with tried_again(a_disk_is_away, times=2, wait_s=20):
        manifest = features.video_features(project, practice_footage, videos, context.partition_key)
    computed = [one for one in project.store.log if one.name == features.ITEM and one.computed]
    rows = manifest.read()
    missing = rows.filter(pl.col("reason").is_not_null())
    context.log.info(f"{context.partition_key}: {len(computed)} of {len(rows)} videos computed")
    return report(
        manifest,
        videos=len(rows),
        videos_computed=len(computed),
        windows=int(rows["windows"].sum()),
        seconds_computing=round(sum(one.seconds for one in computed), 1),
        broken=len(missing),
        reasons=bullets(missing["reason"]),
    )
