"""Chapter 7. Scores: how anomalous each moment is, one track a stream.

video_features ─┐
trace_index ────┼──> anomaly_scores
adapters ───────┘
"""

import dagster as dg

from assets.sources import settings
from pipelines.automation import GPU, WHEN_INPUTS_CHANGE
from pipelines.partitions import SHARDS
from pipelines.reporting import report, shown_peak
from pipelines.resources import ProjectResource
from traces_core.steps import detection
from traces_core.store.code import code_of
from traces_core.streams.table import FUSED


@dg.asset(
    kinds={"faiss"},
    partitions_def=SHARDS,
    deps=["video_features", "videos", "trace_index", "adapters", *settings("scoring", "clip", "timesformer")],
    code_version=code_of(detection.anomaly_scores),
    automation_condition=WHEN_INPUTS_CHANGE,
    pool=GPU,
)
def anomaly_scores(context: dg.AssetExecutionContext, project: ProjectResource) -> dg.MaterializeResult:
    """The streams appearance, fused and action of one shard's videos; causal."""
    project = project.open()
    store = project.store
    scores = detection.anomaly_scores(
        project,
        store.current("videos"),
        store.current("feature_manifest", context.partition_key),
        store.current("trace_index"),
        store.current("adapters"),
    )
    table = scores.read()
    return report(
        scores, scores=len(table), videos=table["video_id"].n_unique(), **shown_peak(project, scores, FUSED)
    )
