"""Sensors: what moves the graph between schedules. Three that keep it up to date, one that feeds it.

- `when_inputs_change` sees changes: the automation conditions of the assets.
- `reconcile` sees states: what no event told of, or what was missed. It waits until nothing runs, and leaves
  what it saw for the first time to the other.
- While somebody walks the whole graph, neither asks for anything.
- `inbox` takes videos that are dropped into a folder.

All of them run by default. What they look at is decided in `pipelines.reconcile` and
`traces_core.detector.inbox`.
"""

import json
import time
from collections.abc import Iterable, Sequence

import dagster as dg

from pipelines.partitions import INBOX
from pipelines.reconcile import stale_partitions
from pipelines.resources import ProjectResource
from pipelines.walk import UNDER_WAY, end_the_dead
from traces_core.detector.inbox import inbox_folder, look
from traces_core.store import Store
from traces_core.store.digest import digest
from traces_core.store.dry_run import Stale

AT_ONCE = 20
"""Videos that one look at the inbox asks for at most; the next look asks for more."""

_ON = dg.DefaultSensorStatus.RUNNING


def has_been_made(store: Store) -> bool:
    """Whether the graph was made as a whole before: the first time is for people to ask for."""
    return bool(store.keys("thresholds"))


_FIRST = "The graph has not been made yet: launch the job `demo` once (or `make demo`)."


@dg.sensor(
    asset_selection=dg.AssetSelection.all(),
    default_status=_ON,
    minimum_interval_seconds=120,
    description="Ask for what is out of date though no event told of it: a file edited, deleted, damaged.",
)
def reconcile(context: dg.SensorEvaluationContext, project: ProjectResource) -> dg.SensorResult:
    """One run for each part that is out of date at two looks in a row, once for each state it is in."""
    project = project.open()
    if not has_been_made(project.store):
        return dg.SensorResult(skip_reason=_FIRST)
    end_the_dead(context.instance)
    running = context.instance.get_runs_count(dg.RunsFilter(statuses=UNDER_WAY))
    if running:
        return dg.SensorResult(
            skip_reason=f"{running} runs are under way; what they leave is looked at then."
        )
    found = _that_can_be_made(context, project.store, stale_partitions(project))
    stale = {_state(context.instance, one): one for one in found}
    seen = set(json.loads(context.cursor or "[]"))
    return dg.SensorResult(
        run_requests=[_request(key, one) for key, one in stale.items() if key in seen],
        skip_reason=None if seen & set(stale) else _said(stale.values()),
        cursor=json.dumps(sorted(stale)),
    )


def _that_can_be_made(
    context: dg.SensorEvaluationContext, store: Store, stale: Sequence[Stale]
) -> list[Stale]:
    """Those that wait for none of the others, of assets made before: the first time is for people."""
    graph, keys = context.repository_def.asset_graph, {_key(one) for one in stale}
    made = {key for key in keys if store.keys(key.path[0])}
    waiting = {key for key in keys if keys & graph.get_ancestor_asset_keys(key)}
    return [one for one in stale if _key(one) in made - waiting]


def _key(stale: Stale) -> dg.AssetKey:
    return dg.AssetKey(stale.asset.split("/"))


def _said(stale: Iterable[Stale]) -> str:
    found = "; ".join(map(str, stale))
    return f"Seen for the first time, asked for next time: {found}" if found else "Everything is up to date."


def _state(instance: dg.DagsterInstance, stale: Stale) -> str:
    """What is out of date, why, and since which materialization: where a run for it failed, it stays this."""
    key = _key(stale)
    made = instance.fetch_materializations(
        dg.AssetRecordsFilter(key, asset_partitions=[stale.partition] if stale.partition else None), limit=1
    )
    last = made.records[0].storage_id if made.records else None
    return digest([stale.asset, stale.partition, stale.reason, last])


def _request(state: str, stale: Stale) -> dg.RunRequest:
    return dg.RunRequest(
        run_key=state,
        asset_selection=[_key(stale)],
        partition_key=stale.partition,
        tags={"traces/reason": stale.reason},
    )


@dg.sensor(
    job_name="score_inbox",
    default_status=_ON,
    minimum_interval_seconds=30,
    description="Score each video that is dropped into the inbox, once it is there as a whole.",
)
def inbox(context: dg.SensorEvaluationContext, project: ProjectResource) -> dg.SensorResult:
    """A partition and a run for each video that has stopped changing; the others wait, with their reason."""
    project = project.open()
    folder = inbox_folder(project.machine)
    found = look(folder, context.cursor, time.time(), most=AT_ONCE)
    if found.ready and not has_been_made(project.store):
        return dg.SensorResult(skip_reason=f"{len(found.ready)} videos wait. {_FIRST}")
    waiting = "; ".join(f"{name}: {why}" for name, why in found.waiting.items())
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=f"{name}@{stamp}", partition_key=name)
            for name, stamp in found.ready.items()
        ],
        dynamic_partitions_requests=[INBOX.build_add_request(sorted(found.ready))] if found.ready else [],
        skip_reason=None
        if found.ready
        else f"Waiting: {waiting}"
        if waiting
        else f"Nothing new in {folder}.",
        cursor=found.to_json(),
    )


SENSORS = [
    dg.AutomationConditionSensorDefinition(
        "when_inputs_change",
        target=dg.AssetSelection.all(),
        default_status=_ON,
        minimum_interval_seconds=30,
        use_user_code_server=True,  # which knows the condition `NobodyWalks`
        description="Ask for what hangs on something that changed: the automation conditions of the assets.",
    ),
    reconcile,
    inbox,
]
