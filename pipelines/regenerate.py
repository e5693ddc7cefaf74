"""The op of `regenerate_bank`: a bank from a new seed replaces the present one only if nothing gets worse.

How it is judged is in `traces_core.steps.regeneration`; when it is tried, in `pipelines.schedules`.
"""

import json
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import dagster as dg
from pydantic import Field

from pipelines.automation import LLM
from pipelines.champion import ChampionError, baseline, promote
from pipelines.links import dagster_run
from pipelines.mlflow_runs import candidate_run
from pipelines.public import public_metadata
from pipelines.reporting import table
from pipelines.resources import ProjectResource, TrackerResource
from pipelines.tracking import Tracker
from pipelines.walk import DEMO, walk_as_job
from traces_core.detector import own_footage
from traces_core.detector.saved import current_parts
from traces_core.disk import write_whole
from traces_core.metrics.promotion import Verdict
from traces_core.project import Project
from traces_core.report import NewBankReport, write_new_bank_report
from traces_core.settings import PARAMS_VARIABLE, project_root
from traces_core.steps.regeneration import BankChange, change_of, judged, write_seed
from traces_core.streams.table import STREAMS

VERDICT = "traces/new_bank"
"""Tag of a run of the job: `taken` or `kept aside`."""


class RegenerateConfig(dg.Config):
    """What to draw with."""

    seed: int | None = Field(
        None, ge=0, description="Seed that the language model draws with; none: the present one plus one."
    )


@dg.op(out=dg.Out(dg.Nothing), pool=LLM)
def try_new_bank(
    context: dg.OpExecutionContext,
    config: RegenerateConfig,
    project: ProjectResource,
    tracker: TrackerResource,
) -> None:
    """Write a bank with a new seed, judge it, and take it or keep it aside; either way the run says why."""
    opened = project.open()
    if opened.settings.corpus.writer == "shipped":
        raise dg.Failure(
            "corpus.writer is 'shipped': nobody writes, so a seed changes nothing. "
            "Set it to openai or vllm in params.yaml.",
            allow_retries=False,
        )
    seed = opened.settings.writing.seed + 1 if config.seed is None else config.seed
    champion, change = "not asked", None
    tags = {"dagster_run": context.run_id, "dagster_url": dagster_run(context.run_id)}
    try:
        verdict = judged(opened, seed, *baseline(opened, tracker.open()))
        change = change_of(opened, seed, is_measured=bool(verdict.new))
        candidate_run(tracker.open(), opened, seed, verdict, tags)
    except ChampionError as error:
        verdict = Verdict(False, str(error), {}, {})
    if verdict.is_passed:
        folder = Path(project.params or os.environ.get(PARAMS_VARIABLE) or project_root())
        take(folder, seed, lambda: walk_as_job(context, DEMO))
        champion = _promoted(project.open(), tracker.open(), tags)
    _say(context, opened, seed, verdict, champion, change)


def _promoted(project: Project, tracker: Tracker, tags: Mapping[str, str]) -> str:
    """What the gate says of the detector that is current now."""
    current = project.store.current
    measured, card = current("benchmark_metrics"), current("detector_model")
    return promote(project, tracker, measured, card, current_parts(project.store), tags).facts["gate"]


def take(folder: Path, seed: int, make_current: Callable[[], object]) -> None:
    """Write the seed to params.yaml and make its bank current; the old seed comes back where that fails."""
    before = write_seed(folder, seed)
    try:
        make_current()
    except BaseException:
        write_seed(folder, before)  # whatever else was edited meanwhile stays
        raise


def _say(
    context: dg.OpExecutionContext,
    project: Project,
    seed: int,
    verdict: Verdict,
    champion: str,
    change: BankChange | None,
) -> None:
    """The verdict in the log, the tags of the run, the page of `trace_index`, a file and a page."""
    came = "taken" if verdict.is_passed else "kept aside"
    file = project.machine.reports / "regenerated" / f"seed-{seed}.json"
    file.parent.mkdir(parents=True, exist_ok=True)
    content = {"new_bank": came, "seed": seed, **asdict(verdict)}
    write_whole(file, json.dumps(content, indent=1))
    metadata = {
        "new_bank": came,
        "seed": seed,
        "reason": verdict.reason,
        "champion": champion,
        "verdict": dg.MetadataValue.path(file),
        **{f"baseline_{name}": value for name, value in verdict.baseline.items()},
        **{f"new_{name}": value for name, value in verdict.new.items()},
    }
    if change is not None:
        metadata |= _changes(file.with_suffix(".html"), project, seed, came, verdict, change)
    metadata = public_metadata(metadata)
    context.log.info(f"The bank of seed {seed} is {came}: {verdict.reason}.")
    context.instance.add_run_tags(context.run_id, {VERDICT: came})
    context.log_event(dg.AssetObservation("trace_index", metadata=metadata))
    context.add_output_metadata(metadata)


def _changes(
    page: Path, project: Project, seed: int, came: str, verdict: Verdict, change: BankChange
) -> dict[str, Any]:
    """What the bank would change, as a page, and as metadata."""
    space = project.clip.space
    shown = NewBankReport(
        title=f"The bank of seed {seed} is {came}",
        reason=f"{verdict.reason}.",
        added=change.added,
        dropped=change.dropped,
        classes=change.classes,
        provenance={"space": space, "seed": str(seed), "writer": project.settings.writing.model},
        notices=own_footage.notices(
            project.settings, STREAMS, of_practice=project.settings.footage.benchmark is None
        ),
    )
    write_new_bank_report(page, shown)
    columns = ["class", "events", "found_before", "found", "auc_before", "auc"]
    return {
        "page": dg.MetadataValue.path(page),
        "changes": shown.summary,
        "sentences_added": len(change.added),
        "sentences_dropped": len(change.dropped),
        **({"classes": table(change.classes, columns)} if change.classes else {}),
        **({"live_cameras": table(change.cameras, list(change.cameras[0]))} if change.cameras else {}),
    }
