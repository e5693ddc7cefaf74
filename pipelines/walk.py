"""Walking the graph: run after run of what is out of date, until nothing is.

What is walked here, from a terminal (`pipelines.run`) or from a job of the UI (`pipelines.jobs`), are
ordinary Dagster runs of the plan that the conditions of the assets follow, too (`pipelines.plan`).
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run_iterator
from dagster._core.storage.tags import PARTITION_NAME_TAG
from dagster._core.utils import make_new_run_id

from pipelines.champion import log_waiting
from pipelines.declared import Part
from pipelines.graph import served
from pipelines.origin import code_origin, remote_origin
from pipelines.plan import Plan, Run, look
from pipelines.resources import ProjectResource, TrackerResource
from pipelines.sources import observe
from traces_core.disk import lives

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

WAIT_S = 0.5
"""Until it is looked again whether a gate that another run judges has let its part pass."""

Tell = Callable[["Run", int, int], None]


class GraphError(RuntimeError):
    """A run failed: which assets, and why."""


def walk(selection: str, *, instance: dg.DagsterInstance, tell: Tell) -> int:
    """Make what is out of date of a selection, in the order of the graph; the number of runs.

    Parameters
    ----------
    selection
        Dagster's asset selection.
    tell
        Called with (run, how many are done, how many may follow) before each run.

    Raises
    ------
    GraphError
        If nothing is selected; at the first run that fails or whose gate blocks, with the reason. What came
        before stays.
    """
    assets = selected(selection)
    tracker = TrackerResource().open()
    log_waiting(ProjectResource().open, tracker)
    done: dict[Part, str] = {}
    runs = 0
    while True:
        end_the_dead(instance)
        project = ProjectResource().open()
        observe(project, instance)
        plan = look(project, instance, assets)
        if not plan.due:
            log_waiting(ProjectResource().open, tracker)
            return runs
        begun = _new_runs(plan, done)
        if not begun:
            time.sleep(WAIT_S)
        for run in begun:
            tell(run, runs, runs + len(plan.due))
            _one_run(run, instance)
            done |= {part: plan.due[part].state for part in run.parts}
            runs += 1


def selected(selection: str) -> set[dg.AssetKey]:
    """The assets of a selection that can be made.

    Raises
    ------
    GraphError
        If there are none, or nobody can read it.
    """
    graph, _ = _graph_and_job()
    try:
        keys = dg.AssetSelection.from_string(selection).resolve(graph)
    except dg.DagsterError as error:
        raise GraphError(f"{error}. `+key:NAME` is an asset and all that it needs.") from error
    chosen = {key for key in keys if graph.get(key).is_materializable}
    if not chosen:
        raise GraphError(f"{selection!r} selects no asset. `+key:NAME` is an asset and all that it needs.")
    return chosen


def _new_runs(plan: Plan, done: Mapping[Part, str]) -> list[Run]:
    """The runs that can begin, none while other runs judge what they need.

    Raises
    ------
    GraphError
        If one of them was just made, and what is wrong with it is what was wrong.
    """
    runs = plan.runs()
    for part in (part for run in runs for part in run.parts):
        one = plan.due[part]
        if one.reason is not None and done.get(part) == one.state:
            raise GraphError(f"{part} was made, and is out of date again: {one.reason}")
    return runs


def walk_as_job(context: dg.OpExecutionContext, selection: str) -> int:
    """Walk a part of the graph within a job, whose log names each run; the number of runs."""
    context.instance.add_run_tags(context.run_id, {PROCESS: walker(context.run_id)})

    def tell(run: Run, done: int, of: int) -> None:
        context.log.info(f"{done + 1} of {of} at most: {run}")

    return walk(selection, instance=context.instance, tell=tell)


def under_way(instance: dg.DagsterInstance) -> dict[str, dg.DagsterRun]:
    """By id: the runs that have not ended."""
    return {run.run_id: run for run in instance.get_runs(dg.RunsFilter(statuses=UNDER_WAY))}


def parts_of(instance: dg.DagsterInstance, run_id: str) -> Iterator[Part]:
    """What a run was begun to make."""
    for event in instance.all_logs(run_id, of_type=dg.DagsterEventType.ASSET_MATERIALIZATION_PLANNED):
        planned = event.get_dagster_event().asset_materialization_planned_data
        several = planned.partitions_subset
        for partition in several.get_partition_keys() if several is not None else [planned.partition]:
            yield Part(planned.asset_key, partition)


def is_walked(instance: dg.DagsterInstance) -> bool:
    """Whether somebody walks the graph just now: then nobody else needs to ask for a part of it."""
    end_the_dead(instance)
    return any(map(_process_of, under_way(instance).values()))


def walker(run_id: str) -> str:
    """This machine, this process and a run of it, as the value of the tag.

    With the run, since one that is executed again, from the UI, inherits the tags of the first.
    """
    return f"{socket.gethostname()}:{os.getpid()}:{run_id}"


def _process_of(run: dg.DagsterRun) -> tuple[str, int] | None:
    """Machine and process that walk a run; None where nobody does."""
    machine, _, rest = run.tags.get(PROCESS, "").partition(":")
    process, _, run_id = rest.partition(":")
    return (machine, int(process)) if run_id == run.run_id else None


def end_the_dead(instance: dg.DagsterInstance) -> None:
    """Mark runs of walks as failed whose process here is gone: a killed one cannot say so itself."""
    for run in under_way(instance).values():
        machine, process = _process_of(run) or (None, 0)
        if machine == socket.gethostname() and not lives(process):
            instance.report_run_failed(run, message="Its process is gone: somebody or something killed it.")


def _one_run(run: Run, instance: dg.DagsterInstance) -> None:
    """Execute a run in this process, as one of the code location."""
    made, executing = begin(run, instance)
    events = list(executing)
    evaluated = [one for one in events if one.event_type == dg.DagsterEventType.ASSET_CHECK_EVALUATION]
    checks = [one.asset_check_evaluation_data for one in evaluated]
    red = [
        check for check in checks
        if not check.passed and check.blocking and check.severity == dg.AssetCheckSeverity.ERROR
    ]  # fmt: skip
    ended = instance.get_run_by_id(made.run_id)
    if red or ended is None or not ended.is_success:
        reasons = [*_reasons(events), *(f"{one.check_name}: {one.description}" for one in red)]
        raise GraphError("\n".join(reasons) or f"{run}: run {made.run_id} did not succeed")


def begin(run: Run, instance: dg.DagsterInstance) -> tuple[dg.DagsterRun, Iterator[dg.DagsterEvent]]:
    """A run as one of the code location, and its events, which it gives while it is executed."""
    _, whole = _graph_and_job()
    job = whole.get_subset(asset_selection=frozenset(run.assets))
    run_id = make_new_run_id()
    made = instance.create_run_for_job(
        job,
        run_id=run_id,
        asset_selection=frozenset(run.assets),
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
        tags={
            PROCESS: walker(run_id),
            **({} if run.partition is None else {PARTITION_NAME_TAG: run.partition}),
        },
        remote_job_origin=remote_origin(whole.name),
        job_code_origin=code_origin(whole.name),
    )
    return made, iter(execute_run_iterator(InMemoryJob(job), made, instance))


def _reasons(events: Sequence[dg.DagsterEvent]) -> Iterator[str]:
    for event in events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None and _only_wraps(error.cls_name):
                error = error.cause
            yield f"{event.step_key}: {error.message.strip() if error else 'failed'}"


def _only_wraps(error_class: str | None) -> bool:
    """Whether an error says nothing that its cause does not."""
    return "Dagster" in (error_class or "") or error_class == "RetryRequested"


def _graph_and_job() -> tuple[AssetGraph, dg.JobDefinition]:
    defs = served()
    return defs.resolve_asset_graph(), defs.resolve_implicit_global_asset_job_def()
