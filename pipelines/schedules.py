"""Schedules: what happens by the clock. Both run by default."""

import dagster as dg

from pipelines.regenerate import RegenerateConfig
from pipelines.resources import ProjectResource
from pipelines.sensors import has_been_made

_ON = dg.DefaultScheduleStatus.RUNNING


@dg.schedule(
    cron_schedule="0 3 * * *",
    job_name="observe_sources",
    default_status=_ON,
    description="Every night: observe the settings and the catalog, and list the footage.",
)
def observe_sources_nightly(
    context: dg.ScheduleEvaluationContext, project: ProjectResource
) -> dg.RunRequest | dg.SkipReason:
    """One run a night, once there is a graph."""
    if not has_been_made(project.open().store):
        return dg.SkipReason("The graph has not been made yet: launch the job `demo` once.")
    return dg.RunRequest(run_key=f"{context.scheduled_execution_time:%Y-%m-%d}")


@dg.schedule(
    cron_schedule="0 2 * * 1",
    job_name="regenerate_bank",
    default_status=_ON,
    description="Every Monday, where a language model writes: a bank from a new seed, taken if better.",
)
def regenerate_bank_weekly(
    context: dg.ScheduleEvaluationContext, project: ProjectResource
) -> dg.RunRequest | dg.SkipReason:
    """The date is the seed, so that each week draws anew and a week asked for twice draws the same."""
    project = project.open()
    if project.settings.corpus.writer == "shipped":
        return dg.SkipReason(
            "corpus.writer is 'shipped': the catalog is used as it stands, and no seed would change it. "
            "Set it to openai or vllm in params.yaml to have new banks tried."
        )
    if not has_been_made(project.store):
        return dg.SkipReason("There is no bank to compare with yet: launch the job `demo` once.")
    day = f"{context.scheduled_execution_time:%Y%m%d}"
    return dg.RunRequest(
        run_key=day, run_config=dg.RunConfig(ops={"try_new_bank": RegenerateConfig(seed=int(day))})
    )


SCHEDULES = [observe_sources_nightly, regenerate_bank_weekly]
