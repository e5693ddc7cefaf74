"""Chapter 14. The Context-Aware system scores: two streams, both as one, and when an alarm is raised.

context_gate ──> context_aware_scores ──> context_aware_thresholds
                         └──> context_aware_alarms <──┘
"""

import dagster as dg
import polars as pl

from pipelines.asset import asset
from pipelines.automation import GPU
from pipelines.partitions import SHARDS
from pipelines.public import asset_check
from pipelines.reporting import alarm_metadata, peak_metadata, report, sound_scores, table
from pipelines.resources import ProjectResource
from traces_core.context_aware.calibration import ContextCalibration
from traces_core.project import Project
from traces_core.steps import context_scores
from traces_core.store import Artifact
from traces_core.streams.table import ALIGNMENT, CONTEXT_AWARE


@asset(kinds={"polars"}, partitions_def=SHARDS, pool=GPU)
def context_aware_scores(
    project: Project,
    practice_footage: Artifact,
    videos: Artifact,
    video_features: Artifact,
    patch_grids: Artifact,
    context_gate: Artifact,
    trace_index: Artifact,
) -> dg.MaterializeResult:
    """The streams alignment and surprise of one shard's calibration and benchmark videos; causal."""
    seen = (videos, video_features, patch_grids)
    scores = context_scores.context_aware_scores(project, *seen, context_gate, trace_index)
    rows = scores.read()
    peak = peak_metadata(project, practice_footage, videos, scores, ALIGNMENT)
    return report(scores, scores=len(rows), videos=rows["video_id"].n_unique(), **peak)


@asset(kinds={"json"})
def context_aware_thresholds(
    project: Project, videos: Artifact, context_aware_scores: list[Artifact]
) -> dg.MaterializeResult:
    """How often normal footage of each scene scores as high, and the thresholds for the stated rate."""
    calibrated = context_scores.context_aware_thresholds(project, videos, context_aware_scores)
    rows = [
        {"stream": stream, "scene": scene or "all of them", **numbers}
        for stream, scenes in calibrated.read()["by_scene"].items()
        for scene, numbers in scenes.items()
    ]
    thresholds = ContextCalibration.load(calibrated).thresholds
    return report(
        calibrated,
        by_scene=table(rows, ["stream", "scene", "threshold", "normal_scores"]),
        **{f"threshold_{stream}": one.value for stream, one in thresholds.items()},
    )


@asset(kinds={"polars"}, partitions_def=SHARDS)
def context_aware_alarms(
    project: Project,
    practice_footage: Artifact,
    videos: Artifact,
    context_gate: Artifact,
    trace_index: Artifact,
    context_aware_scores: Artifact,
    context_aware_thresholds: Artifact,
) -> dg.MaterializeResult:
    """The episodes in which alignment, surprise, or either of them mismatches, and which of them does."""
    raised = context_scores.context_aware_alarms(
        project, videos, context_aware_scores, context_aware_thresholds
    )
    rows = raised.read()
    either = rows.filter(pl.col("stream") == CONTEXT_AWARE).sort("peak_score", descending=True)
    strongest = {}
    if len(either):
        alarm = either.row(0, named=True)
        moment = (alarm["video"], alarm["peak_s"])
        surprise = context_scores.surprise_at(project, context_gate, trace_index, *moment)
        strongest = alarm_metadata(project, practice_footage, videos, alarm, surprise)
    return report(raised, episodes=len(rows), videos=rows["video"].n_unique(), **strongest)


@asset_check(asset=context_aware_scores, blocking=True, partitions_def=SHARDS)
def context_scores_are_sound(
    context: dg.AssetCheckExecutionContext, project: ProjectResource
) -> dg.AssetCheckResult:
    """Finite, and no stream gives mostly one value."""
    store = project.open().store
    return sound_scores(store.current("context_aware_scores", context.partition_key).read())
