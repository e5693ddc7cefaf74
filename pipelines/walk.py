"""Walking the whole graph: waves of assets that can share a run, one run for each partition of a wave.

Assets of one Dagster run share their partitions, and this graph has three kinds. What is walked here, from a
terminal (`pipelines.run`) or from a job of the UI (`pipelines.jobs`), are ordinary Dagster runs. What is
shown of them afterwards is decided by whoever walks.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import dagster as dg

from pipelines.graph import served

if TYPE_CHECKING:
    from dagster._core.definitions.assets.graph.asset_graph import AssetGraph

DEMO = "+key:benchmark_report or +key:detector_model"
BANK = "+key:trace_index"
BENCHMARK = f"{DEMO} or +key:results"
EXPERIMENTS = "tag:experiment=true"
EVERYTHING = f"not ({EXPERIMENTS} or tag:chapter=inbox)"
"""All but experiments, whose data sets are on few machines, and the inbox, whose videos come one by one."""

UNDER_WAY = [
    dg.DagsterRunStatus[name] for name in ("QUEUED", "NOT_STARTED", "STARTING", "STARTED", "CANCELING")
]
PROCESS = "traces/walked_by"
"""Tag of a run of a walk, and of the job that walks: machine and process, so that a killed one is noticed."""

Tell = Callable[["WalkStep", int, int], None]


class GraphError(RuntimeError):
    """A run failed: which assets, and why."""


@dataclass(frozen=True)
class WalkStep:
    """One run of a walk: some assets, for one partition."""

    assets: tuple[dg.AssetKey, ...]
    """Materialized in one run; observed, where they are sources."""
    partition: str | None
    """Context or shard; None for what has no parts."""

    def __str__(self) -> str:
        shown = ["settings" if key.path[0] == "settings" else key.to_user_string() for key in self.assets]
        names = ", ".join(dict.fromkeys(shown))
        return f"{names} [{self.partition}]" if self.partition else names


def walk_steps(selection: str) -> Iterator[WalkStep]:
    """The runs that a selection takes, in the order of the graph."""
    graph, _ = _graph_and_job()
    for wave, keys in waves(graph, selection):
        yield from (WalkStep(tuple(wave), key) for key in keys)


def waves(graph: AssetGraph, selection: str) -> Iterator[tuple[list[dg.AssetKey], list[str | None]]]:
    """Assets that can share a run, in the order of the graph, with the partitions to run them for.

    The sources that they read are observed on the way.
    """
    try:
        chosen = dg.AssetSelection.from_string(selection).resolve(graph)
    except dg.DagsterError as error:
        raise GraphError(f"{error}. `+key:NAME` is an asset and all that it needs.") from error
    read = {parent for key in chosen for parent in graph.get(key).parent_keys}
    chosen |= {key for key in read if graph.get(key).is_observable}
    ready = [key for key in graph.toposorted_asset_keys if key in chosen and graph.get(key).is_executable]
    while ready:
        first = _partitions(graph, ready[0])
        wave: list[dg.AssetKey] = []
        left: list[dg.AssetKey] = []
        for key in ready:
            waits = any(parent in left for parent in graph.get(key).parent_keys)
            (left if waits or _partitions(graph, key) != first else wave).append(key)
        yield wave, list(first.get_partition_keys()) if first else [None]
        ready = left


def _partitions(graph: AssetGraph, key: dg.AssetKey) -> dg.PartitionsDefinition | None:
    """What splits an asset into runs; a source is observed as a whole."""
    node = graph.get(key)
    return node.partitions_def if node.is_materializable else None


def walk(
    selection: str,
    *,
    instance: dg.DagsterInstance,
    tell: Tell,
) -> int:
    """Make what is selected, in the order of the graph; the number of runs.

    Parameters
    ----------
    selection
        Dagster's asset selection.
    tell
        Told (step, how many are done, how many there are) before each run.

    Raises
    ------
    GraphError
        If nothing is selected; at the first run that fails or whose gate blocks, with the reason. What came
        before stays.
    """
    end_the_dead(instance)
    plan = list(walk_steps(selection))
    if not plan:
        raise GraphError(f"{selection!r} selects no asset. `+key:NAME` is an asset and all that it needs.")
    for done, step in enumerate(plan):
        tell(step, done, len(plan))
        _one_run(step, instance)
    return len(plan)


def walk_as_job(context: dg.OpExecutionContext, selection: str) -> int:
    """Walk a part of the graph within a job: each run is told to its log; the number of runs."""
    context.instance.add_run_tags(context.run_id, {PROCESS: walker()})

    def tell(step: WalkStep, done: int, of: int) -> None:
        context.log.info(f"{done + 1} of {of}: {step}")

    return walk(selection, instance=context.instance, tell=tell)


def is_walked(instance: dg.DagsterInstance) -> bool:
    """Whether somebody walks the graph just now: then nobody else needs to ask for a part of it."""
    end_the_dead(instance)
    return any(PROCESS in run.tags for run in instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY)))


def walker() -> str:
    """This machine and this process, as the value of the tag."""
    return f"{socket.gethostname()}:{os.getpid()}"


def end_the_dead(instance: dg.DagsterInstance) -> None:
    """Mark runs of walks as failed whose process here is gone: a killed one cannot say so itself."""
    for run in instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY)):
        machine, _, process = run.tags.get(PROCESS, "").partition(":")
        if machine == socket.gethostname() and not _lives(int(process)):
            instance.report_run_failed(run, message="Its process is gone: somebody or something killed it.")


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's
        return True
    return True


def _one_run(step: WalkStep, instance: dg.DagsterInstance) -> None:
    _, job = _graph_and_job()
    result = job.execute_in_process(
        asset_selection=list(step.assets),
        partition_key=step.partition,
        instance=instance,
        tags={PROCESS: walker()},
        raise_on_error=False,
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
    )
    failed = [check for check in result.get_asset_check_evaluations() if not check.passed and check.blocking]
    if not result.success or any(check.severity == dg.AssetCheckSeverity.ERROR for check in failed):
        said = [*_reasons(result), *(f"{one.check_name}: {one.description}" for one in failed)]
        raise GraphError("\n".join(said) or f"{step}: run {result.run_id} did not succeed")


def _reasons(result: dg.ExecuteInProcessResult) -> Sequence[str]:
    said = []
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None and _only_wraps(error.cls_name):
                error = error.cause
            said.append(f"{event.step_key}: {error.message.strip() if error else 'failed'}")
    return said


def _only_wraps(error_class: str | None) -> bool:
    """Whether an error says nothing that its cause does not."""
    return "Dagster" in (error_class or "") or error_class == "RetryRequested"


def _graph_and_job() -> tuple[AssetGraph, dg.JobDefinition]:
    defs = served()
    return defs.resolve_asset_graph(), defs.resolve_implicit_global_asset_job_def()
