"""Chapter 4. Footage: which videos there are, and what is true of them.

practice_footage ──> videos ──> annotations
"""

import dagster as dg
import polars as pl

from assets.sources import settings
from pipelines.automation import LOOKED_AT_NIGHTLY, WHEN_INPUTS_CHANGE
from pipelines.reporting import report, table
from pipelines.resources import ProjectResource
from traces_core.steps import footage
from traces_core.store.code import code_of


@dg.asset(
    kinds={"h264"},
    deps=settings("practice"),
    code_version=code_of(footage.practice_footage),
    automation_condition=WHEN_INPUTS_CHANGE,
)
def practice_footage(project: ProjectResource) -> dg.MaterializeResult:
    """The practice world's three sets, drawn: training clips, normal footage, benchmark videos."""
    drawn = footage.practice_footage(project.open())
    return report(drawn, **{f"{name}_videos": count for name, count in drawn.facts.items()})


@dg.asset(
    kinds={"polars"},
    deps=["practice_footage", *settings("footage")],
    code_version=code_of(footage.videos),
    automation_condition=WHEN_INPUTS_CHANGE,
    freshness_policy=LOOKED_AT_NIGHTLY,
)
def videos(project: ProjectResource) -> dg.MaterializeResult:
    """Every video of the three sets, named by the digest of its bytes."""
    project = project.open()
    listed = footage.videos(project, project.store.current("practice_footage"))
    rows = listed.read()
    broken = rows.filter(pl.col("reason").is_not_null())
    reasons = "\n".join(f"- {row['video']}: {row['reason']}" for row in broken.iter_rows(named=True))
    return report(
        listed,
        videos=len(rows),
        **{f"{name}_videos": count for name, count in sorted(rows.group_by("set").len().rows())},
        hours=round((rows["duration_s"].sum() or 0.0) / 3600, 3),
        broken=len(broken),
        reasons=dg.MetadataValue.md(reasons or "none"),
    )


@dg.asset(
    kinds={"polars"},
    deps=["practice_footage", "videos"],
    code_version=code_of(footage.checked_annotations),
    automation_condition=WHEN_INPUTS_CHANGE,
    freshness_policy=LOOKED_AT_NIGHTLY,
)
def annotations(project: ProjectResource) -> dg.MaterializeResult:
    """The ground truth of the benchmark: which stretches of which videos are anomalous."""
    project = project.open()
    practice, listed = project.store.current("practice_footage"), project.store.current("videos")
    checked = footage.checked_annotations(project, practice, listed)
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
