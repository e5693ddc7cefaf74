"""Chapter 8. Calibration: when an alarm is raised. Decided on normal footage alone.

anomaly_scores ──> thresholds ──> alarms
"""

import dagster as dg

from pipelines.asset import asset
from pipelines.partitions import SHARDS
from pipelines.reporting import report, table
from traces_core.project import Project
from traces_core.steps import calibration
from traces_core.store import Artifact
from traces_core.streams.calibration import Calibration


@asset(kinds={"json"})
def thresholds(project: Project, videos: Artifact, anomaly_scores: list[Artifact]) -> dg.MaterializeResult:
    """The scale of each stream on normal footage, and the threshold for the stated rate of false alarms."""
    calibrated = calibration.thresholds(project, videos, anomaly_scores)
    by_stream = Calibration.load(calibrated).thresholds
    return report(
        calibrated,
        blocks=next(iter(by_stream.values())).blocks,
        false_alarms_per_hour=project.settings.calibration.false_alarms_per_hour,
        **{f"threshold_{stream}": threshold.value for stream, threshold in by_stream.items()},
    )


@asset(kinds={"polars"}, partitions_def=SHARDS)
def alarms(
    project: Project, videos: Artifact, anomaly_scores: Artifact, thresholds: Artifact
) -> dg.MaterializeResult:
    """The episodes above the thresholds in one shard's videos."""
    raised = calibration.alarms(project, videos, anomaly_scores, thresholds)
    episodes = raised.read()
    names = videos.read().select("set", "video_id", name="video")
    highest = episodes.sort("peak_score", descending=True).head(8)
    rows = highest.join(names, left_on="video", right_on="video_id", maintain_order="left").to_dicts()
    return report(
        raised,
        episodes=len(episodes),
        videos=episodes["video"].n_unique(),
        highest=table(rows, ["set", "name", "stream", "start_s", "end_s", "peak_score"]),
    )
