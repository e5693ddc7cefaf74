"""Chapter 17. The cameras: what `traces watch` saw of each, a partition a camera, its days as rows.

    live/ ──> camera_scores    the highest score of every minute
          ──> camera_episodes  its alarms
          ──> camera_marks     what people said of them

The sensor `cameras` asks for them when a day is over or an alarm was marked.
"""

import time

import dagster as dg

from pipelines.asset import asset
from pipelines.partitions import CAMERAS
from pipelines.reporting import report, table
from traces_core.project import Project
from traces_core.steps import live


@asset(kinds={"polars"}, partitions_def=CAMERAS, moves=False)
def camera_scores(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult:
    """The highest score of every minute of one camera, up to its last finished day."""
    made = live.camera_scores(project, context.partition_key, now_s=time.time())
    rows = made.read()
    return report(made, minutes=len(rows), days=rows["day"].n_unique())


@asset(kinds={"polars"}, partitions_def=CAMERAS, moves=False)
def camera_episodes(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult:
    """The alarms of one camera, up to its last finished day."""
    made = live.camera_episodes(project, context.partition_key, now_s=time.time())
    rows = made.read()
    shown = rows.tail(20).to_dicts()
    return report(
        made,
        alarms=len(rows),
        days=rows["day"].n_unique(),
        newest=table(shown, ["day", "stream", "start_s", "end_s", "peak_score", "label"]),
    )


@asset(kinds={"polars"}, partitions_def=CAMERAS, moves=False)
def camera_marks(context: dg.AssetExecutionContext, project: Project) -> dg.MaterializeResult:
    """What people said of the alarms of one camera: real, false or unsure."""
    made = live.camera_marks(project, context.partition_key, now_s=time.time())
    rows = made.read()
    counts = {mark: int((rows["mark"] == mark).sum()) for mark in ("real", "false", "unsure")}
    return report(made, **counts, newest=table(rows.tail(20).to_dicts(), ["day", "stream", "mark", "note"]))
