"""Chapter 4. Footage: which videos there are, and what is true of them.

practice_footage ──> videos ──> annotations
"""

import dagster as dg
import polars as pl

from pipelines.asset import asset
from pipelines.automation import LOOKED_AT_NIGHTLY
from pipelines.reporting import bullets, footage_metadata, report, table
from traces_core.project import Project
from traces_core.steps import footage
from traces_core.store import Artifact


@asset(kinds={"h264"})
def practice_footage(project: Project) -> dg.MaterializeResult:
    """The practice world's three sets, drawn: training clips, normal footage, benchmark videos."""
    drawn = footage.practice_footage(project)
    return report(drawn, **{f"{name}_videos": count for name, count in drawn.facts.items()})


@asset(kinds={"polars"}, freshness_policy=LOOKED_AT_NIGHTLY)
def videos(project: Project, practice_footage: Artifact) -> dg.MaterializeResult:
    """Every video of the three sets, named by the digest of its bytes."""
    manifest = footage.videos(project, practice_footage)
    rows = manifest.read()
    broken = rows.filter(pl.col("reason").is_not_null())
    reasons = [f"{row['video']}: {row['reason']}" for row in broken.iter_rows(named=True)]
    return report(
        manifest,
        videos=len(rows),
        **{f"{name}_videos": count for name, count in sorted(rows.group_by("set").len().rows())},
        hours=round((rows["duration_s"].sum() or 0.0) / 3600, 3),
        broken=len(broken),
        reasons=bullets(reasons),
        **footage_metadata(project, practice_footage, manifest),
    )


@asset(kinds={"polars"}, freshness_policy=LOOKED_AT_NIGHTLY)
def annotations(project: Project, practice_footage: Artifact, videos: Artifact) -> dg.MaterializeResult:
    """The ground truth of the benchmark: which stretches of which videos are anomalous."""
    checked = footage.annotations(project, practice_footage, videos)
    events = checked.read()
    classes = events.group_by("label").agg(
        events=pl.len(),
        seconds=(pl.col("end_s") - pl.col("start_s")).sum(),
        videos=pl.col("video").n_unique(),
    )
    return report(
        checked,
        events=len(events),
        classes=len(classes),
        by_class=table(classes.sort("label").to_dicts(), ["label", "events", "videos", "seconds"]),
    )
