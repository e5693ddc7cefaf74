"""Sensors: what moves the graph between schedules. One keeps it up to date, one feeds it, one logs.

- `when_out_of_date` asks for what the plan says can be made now: the condition of the assets.
- `inbox` takes videos that are dropped into a folder.
- `cameras` reads what `traces watch` saw of each camera, when a day is over or an alarm was marked.
- `mlflow_is_back` logs what waits on disk since MLflow was away.

All run by default. What they look at is decided in `pipelines.plan` and `traces_core.detector.inbox`.
"""

import time

import dagster as dg

from pipelines.partitions import CAMERAS, INBOX
from pipelines.resources import ProjectResource, TrackerResource
from pipelines.tracking import AwayError
from traces_core.detector.inbox import inbox_folder, look
from traces_core.detector.saved import current_parts
from traces_core.errors import MixedVersionsError
from traces_core.printing import visible
from traces_core.steps.live import cameras_known, forget_cameras, history_stamp
from traces_core.store import Store

AT_ONCE = 20
"""Videos that one look at the inbox asks for at most; the next look asks for more."""

_ON = dg.DefaultSensorStatus.RUNNING


def has_been_made(store: Store) -> bool:
    """Whether the graph was made as a whole before: the first time is for people to ask for."""
    return bool(store.keys("thresholds"))


def is_whole(store: Store) -> bool:
    """Whether the parts of the detector belong together; not while one of them is being rebuilt."""
    try:
        current_parts(store)
    except MixedVersionsError:
        return False
    return True


_FIRST = "The graph has not been made yet: launch the job `demo` once (or `make demo`)."


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
    videos = look(folder, context.cursor, time.time(), most=AT_ONCE)
    if videos.ready and not has_been_made(project.store):
        return dg.SensorResult(skip_reason=f"{len(videos.ready)} videos wait. {_FIRST}")
    if videos.ready and not is_whole(project.store):
        return dg.SensorResult(skip_reason=f"{len(videos.ready)} videos wait: the detector is being rebuilt.")
    waiting = visible("; ".join(f"{name}: {why}" for name, why in videos.waiting.items()))
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=f"{name}@{stamp}", partition_key=name)
            for name, stamp in videos.ready.items()
        ],
        dynamic_partitions_requests=[INBOX.build_add_request(sorted(videos.ready))] if videos.ready else [],
        skip_reason=None
        if videos.ready
        else f"Waiting: {waiting}"
        if waiting
        else f"Nothing new in {folder}.",
        cursor=videos.to_json(),
    )


@dg.sensor(
    job_name="read_cameras",
    default_status=_ON,
    minimum_interval_seconds=600,
    description="Read each camera of `traces watch` when a day is over or an alarm was marked.",
)
def cameras(context: dg.SensorEvaluationContext, project: ProjectResource) -> dg.SensorResult:
    """A partition and a run for each camera whose past has changed."""
    opened, now_s = project.open(), time.time()
    machine = opened.machine
    known = cameras_known(machine)
    erased = sorted(set(context.instance.get_dynamic_partitions("cameras")) - set(known))
    forget_cameras(opened.store, known)
    gone = [CAMERAS.build_delete_request(erased)] if erased else []
    if not known:
        reason = "No camera was watched here: `traces watch cameras.yaml`."
        return dg.SensorResult(skip_reason=reason, dynamic_partitions_requests=gone)
    return dg.SensorResult(
        run_requests=[
            dg.RunRequest(run_key=f"{name}@{history_stamp(machine, name, now_s)}", partition_key=name)
            for name in known
        ],
        dynamic_partitions_requests=[CAMERAS.build_add_request(known), *gone],
    )


@dg.sensor(
    job_name="log_waiting_runs",
    default_status=_ON,
    minimum_interval_seconds=120,
    description="Log in MLflow what waits on disk, once it answers again.",
)
def mlflow_is_back(context: dg.SensorEvaluationContext, tracker: TrackerResource) -> dg.SensorResult:
    """A run where something waits, unless MLflow is still away."""
    opened = tracker.open()
    waiting = len(opened.spool.waiting())
    if not waiting:
        return dg.SensorResult(skip_reason="Nothing waits for MLflow.")
    try:
        opened.ask(lambda _: None)
    except AwayError as error:
        return dg.SensorResult(skip_reason=f"{waiting} wait for MLflow: {error}")
    return dg.SensorResult(run_requests=[dg.RunRequest()])


SENSORS = [
    dg.AutomationConditionSensorDefinition(
        "when_out_of_date",
        target=dg.AssetSelection.all(),
        default_status=_ON,
        minimum_interval_seconds=5,  # a tick costs little: `automation.LOOK_EVERY`
        use_user_code_server=True,  # which knows the condition `OutOfDate`
        emit_backfills=False,  # two partitions are two runs
        description="Ask for what is out of date by its recipe and has nothing out of date above it.",
    ),
    inbox,
    cameras,
    mlflow_is_back,
]
