"""Chapter 16. The inbox: videos that are dropped into a folder, scored one by one as they arrive.

    inbox/ ──> inbox_scores ──> reports/inbox/<video>/
                    │
    trace_index, adapters, thresholds

The sensor `inbox` names each of them and asks for it. What it got stays as it is when the bank changes.
"""

import dagster as dg
import polars as pl

from pipelines.asset import asset
from pipelines.automation import GPU, a_disk_is_away, tried_again
from pipelines.partitions import INBOX
from pipelines.reporting import picture, report, table
from traces_core.project import Project
from traces_core.report.plots import sparkline
from traces_core.steps import inbox
from traces_core.store import Artifact
from traces_core.streams.table import LATE


@asset(kinds={"html"}, partitions_def=INBOX, moves=False, pool=GPU)
def inbox_scores(
    context: dg.AssetExecutionContext,
    project: Project,
    trace_index: Artifact,
    adapters: Artifact,
    thresholds: Artifact,
) -> dg.MaterializeResult:
    """Scores, episodes and a page of one video of the inbox; a broken one is set aside with the reason."""
    name = context.partition_key
    with tried_again(a_disk_is_away, times=2, wait_s=20):
        made = inbox.inbox_scores(project, name, trace_index, adapters, thresholds)
    rows = pl.read_parquet(made.path / "scores.parquet", glob=False)
    scores = rows.filter(pl.col("stream") == LATE)["score"]
    episodes = pl.read_parquet(made.path / "episodes.parquet", glob=False).to_dicts()
    return report(
        made,
        **made.facts,
        page=dg.MetadataValue.path(project.machine.reports / "inbox" / name / "index.html"),
        its_scores=picture(sparkline(scores.to_numpy(), width=720, height=120), f"{LATE} over time"),
        its_episodes=table(episodes, ["stream", "start_s", "end_s", "peak_score"]),
    )
