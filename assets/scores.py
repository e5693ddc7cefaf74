"""Chapter 7. Scores: how anomalous each moment is, one track a stream.

video_features ─┐
trace_index ────┼──> anomaly_scores
adapters ───────┘
"""

import dagster as dg

from pipelines.asset import asset
from pipelines.partitions import SHARDS
from pipelines.reporting import peak_metadata, report
from traces_core.project import Project
from traces_core.steps import scores
from traces_core.store import Artifact
from traces_core.streams.table import FUSED


@asset(kinds={"faiss"}, partitions_def=SHARDS)
def anomaly_scores(
    project: Project,
    practice_footage: Artifact,
    videos: Artifact,
    video_features: Artifact,
    trace_index: Artifact,
    adapters: Artifact,
) -> dg.MaterializeResult:
    """The causal streams of one shard's videos against the traces."""
    made = scores.anomaly_scores(project, videos, video_features, trace_index, adapters)
    rows = made.read()
    peak = peak_metadata(project, practice_footage, videos, made, FUSED)
    return report(made, scores=len(rows), videos=rows["video_id"].n_unique(), **peak)
