"""Chapter 7. Scores: how anomalous each moment is, one track a stream.

video_features ─┐
trace_index ────┼──> anomaly_scores
adapters ───────┘
"""

import dagster as dg

from assets.sources import settings
from pipelines.automation import WHEN_INPUTS_CHANGE
from pipelines.partitions import SHARDS
from pipelines.reporting import picture, report
from pipelines.resources import WorkshopResource
from traces_core.report.plots import sparkline
from traces_core.steps import detection


@dg.asset(
    kinds={"faiss"},
    partitions_def=SHARDS,
    deps=["video_features", "videos", "trace_index", "adapters", *settings("scoring", "clip", "timesformer")],
    code_version=detection.SCORING,
    automation_condition=WHEN_INPUTS_CHANGE,
)
def anomaly_scores(context: dg.AssetExecutionContext, workshop: WorkshopResource) -> dg.MaterializeResult:
    """The streams appearance, fused and action of one shard's videos; causal."""
    shop = workshop.open()
    shelf = shop.shelf
    scores = detection.anomaly_scores(
        shop,
        shelf.current("videos"),
        shelf.current("feature_manifest", context.partition_key),
        shelf.current("trace_index"),
        shelf.current("adapters"),
    )
    table = scores.read()
    metadata = {}
    if len(table):
        highest = table.filter(table["stream"] == "fused").sort("score", descending=True)["video_id"][0]
        curve = table.filter((table["video_id"] == highest) & (table["stream"] == "fused"))["score"]
        metadata["most_anomalous"] = picture(sparkline(curve.to_numpy()), f"scores of video {highest}")
    return report(scores, scores=len(table), videos=table["video_id"].n_unique(), **metadata)
