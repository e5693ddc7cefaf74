"""When an asset is rebuilt, what it waits for, and how old it may get: named values for decorators.

Dagster decides here when to LOOK; whether to COMPUTE, the recipe decides (`pipelines.plan`).
"""

import contextlib
import json
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime, timedelta

import dagster as dg
from dagster._core.definitions.events import AssetKeyPartitionKey

from pipelines.partitions import is_split_by
from pipelines.plan import look
from pipelines.resources import ProjectResource
from pipelines.sources import observe
from pipelines.walk import is_walked, parts_of, under_way
from traces_core.disk import storage_error
from traces_core.errors import TracesError, WriterUnavailableError

GPU = "gpu"
"""Pool of what runs encoders or trains: .dagster/dagster.yaml says how many runs of it at once."""
LLM = "llm"
"""Pool of what asks a language model."""

LOOKED_AT_NIGHTLY = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(hours=26), fail_window=timedelta(hours=50)
)
"""For what reads folders that people fill: the schedule `observe_sources_nightly` reads them every night."""

ASK_AGAIN = timedelta(hours=6)
"""After which a part is asked for again though nothing changed: a run for it may have been killed."""


class OutOfDate(dg.AutomationCondition):
    """True for what the plan would run now: out of date by its recipe, and nothing above it is.

    Asked for once for each state it is in. Nothing while the whole graph is walked, which comes to it anyway,
    and nothing that was never made: the first time is for people, but for a new context or shard.
    """

    @property
    def name(self) -> str:
        """As the UI shows it."""
        return "out_of_date"

    @property
    def requires_cursor(self) -> bool:
        """It remembers what it asked for."""
        return True

    def evaluate(self, context: dg.AutomationContext) -> dg.AutomationResult:
        """The parts of one asset to ask for."""
        view, key = context.asset_graph_view, context.key
        latest = _look_now(view.instance, context.evaluation_time)
        due = latest.due.get(key, {})
        kept = due.keys() | latest.at_work.get(key, set())  # what is being made may fail, and be due again
        asked = {part: one for part, one in json.loads(context.cursor or "{}").items() if part in kept}
        now = context.evaluation_time.timestamp()
        recently = {part for part, (_, at) in asked.items() if now - at < ASK_AGAIN.total_seconds()}
        wanted = {part for part in due if part not in recently or asked[part][0] != due[part]}
        subset = view.get_asset_subset_from_asset_partitions(
            key, {AssetKeyPartitionKey(key, part or None) for part in wanted}
        ).compute_intersection(context.candidate_subset)
        taken = {one.partition_key or "" for one in subset.expensively_compute_asset_partitions()}
        asked |= {part: [due[part], now] for part in taken}
        return dg.AutomationResult(context, subset, cursor=json.dumps(asked))


LOOK_EVERY = timedelta(seconds=15)
"""Between looks while no run begins or ends; what a run has changed is looked at with the next tick."""


@dataclass(frozen=True)
class _Look:
    """What could be made at one time: one look serves all assets, and ticks at which nothing happened."""

    due: Mapping[dg.AssetKey, Mapping[str, str]]
    """By asset and partition (empty where it has none): the state it is in."""
    at_work: Mapping[dg.AssetKey, Set[str]]
    """By asset: the partitions that runs were at work on at any time of the look."""
    at: datetime
    runs_changed: object
    """When a run last began or ended."""


_LATEST: dict[datetime, _Look] = {}
"""By tick."""


def _look_now(instance: dg.DagsterInstance, tick: datetime) -> _Look:
    """What can be made now: the look of this tick, or a younger one than `LOOK_EVERY`."""
    if tick not in _LATEST:
        newest = instance.get_run_records(limit=1, order_by="update_timestamp")
        runs_changed = [(record.dagster_run.run_id, record.update_timestamp) for record in newest]
        last = next(iter(_LATEST.values()), None)
        _LATEST.clear()
        if last is None or last.runs_changed != runs_changed or not last.at <= tick < last.at + LOOK_EVERY:
            since = newest[0].update_timestamp if newest else None
            due, at_work = ({}, {}) if is_walked(instance) else _look(instance, since)
            last = _Look(due, at_work, tick, runs_changed)
        _LATEST[tick] = last
    return _LATEST[tick]


def _look(
    instance: dg.DagsterInstance, since: datetime | None
) -> tuple[dict[dg.AssetKey, dict[str, str]], dict[dg.AssetKey, set[str]]]:
    """What can be made now, and what a run was at work on at any time of this look, which is not.

    Its artifact may have been read before the run kept it: the next tick looks again. `since` is when a run
    last began or ended. Nothing while contexts or shards are others than this process has loaded.
    """
    project = ProjectResource().open()
    if not is_split_by(project.settings):
        return {}, {}
    runs = under_way(instance)
    observe(project, instance)
    plan = look(project, instance)
    runs |= {run.run_id: run for run in instance.get_runs(dg.RunsFilter(updated_after=since))}
    taken = frozenset(part for run in runs for part in parts_of(instance, run))
    due: dict[dg.AssetKey, dict[str, str]] = {}
    for part in (part for run in plan.runs(besides=taken) for part in run.parts):
        if project.store.keys(part.asset.path[0]):
            due.setdefault(part.asset, {})[part.partition or ""] = plan.state(part)
    at_work: dict[dg.AssetKey, set[str]] = {}
    for part in taken:
        at_work.setdefault(part.asset, set()).add(part.partition or "")
    return due, at_work


WHEN_OUT_OF_DATE = (
    # the last one remembers what it asks for: nothing may hold that back
    ~dg.AutomationCondition.in_progress() & ~dg.AutomationCondition.any_deps_in_progress() & OutOfDate()
).with_label("when out of date")


def a_model_is_away(error: Exception) -> bool:
    """Whether a language model that does not answer now may do so in a minute: it starts, or is busy."""
    if not isinstance(error, WriterUnavailableError):
        return False
    import openai  # a second: only for those who have met one

    passing = openai.APIConnectionError | openai.RateLimitError | openai.InternalServerError
    return isinstance(error.__cause__, passing)


def a_disk_is_away(error: Exception) -> bool:
    """Whether the system failed, not the file: a video that cannot be decoded is named and left out.

    A full disk is one thing, whichever library met it.
    """
    return storage_error(error) is not None or (
        isinstance(error, OSError) and not isinstance(error, TracesError)
    )


@contextlib.contextmanager
def tried_again(when: Callable[[Exception], bool], *, times: int, wait_s: float) -> Iterator[None]:
    """Within, an error that time may mend has the step tried again; any other fails it at once.

    A `RetryPolicy` would also wait for a misspelt setting to mend itself.
    """
    try:
        yield
    except Exception as error:
        if when(error):
            raise dg.RetryRequested(max_retries=times, seconds_to_wait=wait_s) from error
        raise
