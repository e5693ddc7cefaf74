"""When an asset is made anew, what it waits for, and how old it may get: named values for decorators.

Dagster decides here when to LOOK. Whether to COMPUTE, the recipe decides (`traces_core.store`); who is
TOLD, the fingerprint of what came out. So a needless look costs milliseconds.
"""

import contextlib
from collections.abc import Callable, Iterator
from datetime import timedelta

import dagster as dg

from pipelines.walk import is_walked
from traces_core.errors import TracesError, WriterUnavailableError

GPU = "gpu"
"""Pool of what runs encoders or trains: dagster.yaml says how many runs of it at once."""
LLM = "llm"
"""Pool of what asks a language model."""

LOOKED_AT_NIGHTLY = dg.FreshnessPolicy.time_window(
    warn_window=timedelta(hours=26), fail_window=timedelta(hours=50)
)
"""For what reads folders that people fill: the schedule `observe_sources_nightly` reads them every night."""

_CHANGED = dg.AutomationCondition.any_deps_match(dg.AutomationCondition.data_version_changed())


class NobodyWalks(dg.AutomationCondition):
    """False while the whole graph is walked: what is asked for then is made by the walk a moment later."""

    @property
    def name(self) -> str:
        """As the UI shows it."""
        return "nobody_walks_the_graph"

    def evaluate(self, context: dg.AutomationContext) -> dg.AutomationResult:
        """All candidates, or none."""
        waits = is_walked(context.asset_graph_view.instance)
        return dg.AutomationResult(context, context.get_empty_subset() if waits else context.candidate_subset)


# `eager()` rebuilds although the data is unchanged, and ignores code versions. What was never made is left
# alone, but for a new context or shard of it: the first time is for people.
WHEN_INPUTS_CHANGE = (
    dg.AutomationCondition.in_latest_time_window()
    & (
        dg.AutomationCondition.newly_missing()
        | ((_CHANGED | dg.AutomationCondition.code_version_changed()) & ~dg.AutomationCondition.missing())
    ).since_last_handled()
    & dg.AutomationCondition.all_deps_blocking_checks_passed()
    & ~dg.AutomationCondition.any_deps_missing()
    & ~dg.AutomationCondition.any_deps_in_progress()
    & ~dg.AutomationCondition.in_progress()
    & NobodyWalks()
).with_label("when inputs change")


def a_model_is_away(error: Exception) -> bool:
    """Whether a language model that does not answer now may do so in a minute: it starts, or is busy."""
    if not isinstance(error, WriterUnavailableError):
        return False
    import openai  # a second: only for those who have met one

    passing = openai.APIConnectionError | openai.RateLimitError | openai.InternalServerError
    return isinstance(error.__cause__, passing)


def a_disk_is_away(error: Exception) -> bool:
    """Whether the system failed, not the file: a video that cannot be decoded is named and left out."""
    return isinstance(error, OSError) and not isinstance(error, TracesError)


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
