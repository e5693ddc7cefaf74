"""Chapter 8. Calibration: when to call somebody. Decided on normal footage alone.

anomaly_scores ──> thresholds ──> alarms
"""

import dagster as dg

from assets.sources import settings
from pipelines.automation import WHEN_INPUTS_CHANGE
from pipelines.partitions import SHARDS
from pipelines.reporting import report, table
from pipelines.resources import ProjectResource
from traces_core.steps import detection, footage
from traces_core.store.code import code_of
from traces_core.streams.calibration import Calibration


@dg.asset(
    kinds={"json"},
    deps=["anomaly_scores", "videos", *settings("calibration")],
    code_version=code_of(detection.thresholds),
    automation_condition=WHEN_INPUTS_CHANGE,
)
def thresholds(project: ProjectResource) -> dg.MaterializeResult:
    """The scale of each stream on normal footage, and the threshold for the stated rate of false alarms."""
    project = project.open()
    shards = footage.shard_names(project.settings.footage.shards)
    scores = [project.store.current("anomaly_scores", shard) for shard in shards]
    calibrated = detection.thresholds(project, project.store.current("videos"), scores)
    found = Calibration.load(calibrated).thresholds
    return report(
        calibrated,
        blocks=next(iter(found.values())).blocks,
        false_alarms_per_hour=project.settings.calibration.false_alarms_per_hour,
        **{f"threshold_{stream}": threshold.value for stream, threshold in found.items()},
    )


@dg.asset(
    kinds={"polars"},
    partitions_def=SHARDS,
    deps=["anomaly_scores", "thresholds", "videos"],
    code_version=code_of(detection.alarms),
    automation_condition=WHEN_INPUTS_CHANGE,
)
def alarms(context: dg.AssetExecutionContext, project: ProjectResource) -> dg.MaterializeResult:
    """The episodes above the thresholds in one shard's videos."""
    project = project.open()
    scores = project.store.current("anomaly_scores", context.partition_key)
    listed = project.store.current("videos")
    found = detection.alarms(project, listed, scores, project.store.current("thresholds"))
    episodes = found.read()
    highest = (
        episodes.sort("peak_score", descending=True)
        .head(8)
        .rename({"video": "video_id"})
        .join(listed.read(), on="video_id", maintain_order="left")
    )
    return report(
        found,
        episodes=len(episodes),
        videos=episodes["video"].n_unique(),
        highest=table(highest.to_dicts(), ["set", "video", "stream", "start_s", "end_s", "peak_score"]),
    )
