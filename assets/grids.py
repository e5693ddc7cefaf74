"""Chapter 12. Patch grids: what the Context-Aware system sees of each video, place by place.

videos ──> patch_grids
"""

import dagster as dg

from pipelines.asset import asset
from pipelines.automation import GPU
from pipelines.partitions import SHARDS
from pipelines.reporting import report
from traces_core.project import Project
from traces_core.steps import grids
from traces_core.store import Artifact


@asset(kinds={"timesformer"}, partitions_def=SHARDS, pool=GPU)
def patch_grids(
    context: dg.AssetExecutionContext, project: Project, practice_footage: Artifact, videos: Artifact
) -> dg.MaterializeResult:
    """The patch tokens of each block of one shard's videos; anomalous training videos are left out."""
    manifest = grids.patch_grids(project, practice_footage, videos, context.partition_key)
    rows = manifest.read()
    return report(manifest, videos=len(rows), blocks=int(rows["blocks"].sum()))
