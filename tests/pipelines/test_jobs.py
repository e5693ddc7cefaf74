"""Jobs and the walk behind them: the order of the runs, what is told, and what is tried again."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import dagster as dg
import openai
import pytest
from dagster._core.utils import make_new_run_id

from pipelines.automation import a_disk_is_away, a_model_is_away, tried_again
from pipelines.definitions import defs
from pipelines.walk import BANK, PROCESS, GraphError, is_walked, selected, walk, walker
from traces_core.errors import MissingArtifactError, WriterUnavailableError


def test_a_walk_stops_at_the_first_run_that_fails_and_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACES_CATALOG", str(tmp_path / "no_catalog"))
    monkeypatch.setenv("TRACES_DATA", str(tmp_path / "data"))
    steps = []
    with (
        dg.DagsterInstance.ephemeral() as instance,
        pytest.raises(GraphError, match=r"trace_corpus: .*CatalogError.*no_catalog"),
    ):
        walk(BANK, instance=instance, tell=lambda run, done, of: steps.append((str(run), done, of)))
    assert len(steps) == 1  # the first context


@pytest.mark.parametrize("selection", ["+key:nosuch", "foo(("])
def test_a_selection_of_nothing_is_refused_with_how_to_write_one(selection: str) -> None:
    with dg.DagsterInstance.ephemeral() as instance, pytest.raises(GraphError) as refused:
        walk(selection, instance=instance, tell=lambda *_: None)
    assert selection in str(refused.value)
    assert "`+key:NAME` is an asset" in str(refused.value)


def test_what_an_error_says_to_make_can_be_selected(tmp_path: Path) -> None:
    for name in ("trace_index", "context_aware_thresholds", "video_features", "patch_grids"):
        message = str(MissingArtifactError(name, tmp_path))
        assert f"{name} is not in" in message
        wanted = re.search(r"traces make '(.+)'", message)
        assert wanted is not None
        assert selected(wanted[1])


# who walks


def test_a_walk_is_seen_while_its_process_lives() -> None:
    job = defs.resolve_job_def("rebuild_bank")
    sleeper = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with dg.DagsterInstance.ephemeral() as instance:
        assert not is_walked(instance)
        run_id = make_new_run_id()
        tags = {PROCESS: f"{walker(run_id).split(':')[0]}:{sleeper.pid}:{run_id}"}
        started = dg.DagsterRunStatus.STARTED
        run = instance.create_run_for_job(job, run_id=run_id, status=started, tags=tags)
        assert is_walked(instance)
        sleeper.communicate(b"\n")
        assert not is_walked(instance)
        assert instance.get_run_by_id(run.run_id).status == dg.DagsterRunStatus.FAILURE


def test_a_run_of_a_walk_that_somebody_executes_again_is_nobodys_walk() -> None:
    """It inherits the tags of the first: whose process is gone, which is no reason to end the second."""
    job = defs.resolve_job_def("rebuild_bank")
    with dg.DagsterInstance.ephemeral() as instance:
        first = make_new_run_id()
        tags = {PROCESS: f"{walker(first).split(':')[0]}:999999999:{first}"}
        again = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED, tags=tags)
        assert not is_walked(instance)
        assert instance.get_run_by_id(again.run_id).status == dg.DagsterRunStatus.STARTED


# what is tried again


def _tries(error: Exception, cause: Exception | None = None) -> int:
    """How often a step is tried that always fails so."""
    tried = []

    @dg.op
    def fail() -> None:
        tried.append(1)
        with tried_again(lambda one: a_disk_is_away(one) or a_model_is_away(one), times=2, wait_s=0):
            raise error from cause

    @dg.job(executor_def=dg.in_process_executor)
    def once() -> None:
        fail()

    assert not once.execute_in_process(raise_on_error=False).success
    return len(tried)


def test_only_what_time_may_mend_is_tried_again() -> None:
    away = WriterUnavailableError("openai", "nothing answers", do="Start it.")
    unset = WriterUnavailableError("openai", "writing.model is not set", do="Name one.")
    assert _tries(OSError("Stale file handle")) == 3
    assert _tries(away, openai.APIConnectionError(request=None)) == 3  # type: ignore[arg-type]
    assert _tries(unset) == 1
    assert _tries(MissingArtifactError("videos", "data")) == 1  # a FileNotFoundError of ours
    assert _tries(ZeroDivisionError()) == 1
