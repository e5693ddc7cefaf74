"""The gate before `models:/traces@champion`: a new detector takes the alias only if it is no worse.

It is compared with one baseline, measured on today's footage, ground truth and rate of false alarms: the
champion, or the version that the champion was itself compared with, as long as that one is better by however
little. So many small steps down add up to no more than one. The rule is in
`traces_core.metrics.promotion`, its reasons in docs/decisions/0019.
How a version is made is in `mlflow_model`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.mlflow_model import NAME, add_model
from pipelines.mlflow_runs import benchmark_run
from pipelines.tracking import AwayError, LoggedRun, Tracker, WaitingRun
from traces_core.detector.saved import PARTS, SECTIONS, open_detector
from traces_core.disk import temporary_folder
from traces_core.errors import TracesError
from traces_core.metrics.promotion import MEASURES, Row, Verdict, compare
from traces_core.printing import visible
from traces_core.project import Project
from traces_core.steps.ablations import benchmark_with
from traces_core.steps.benchmark import late_row
from traces_core.steps.regeneration import present_row
from traces_core.steps.wiring import Artifacts
from traces_core.store import Artifact

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

ALIAS = "champion"
"""Who runs the detector asks for `models:/traces@champion`."""

WAITS = "is registered and judged when MLflow answers again"


class ChampionError(TracesError):
    """The version that everything is compared with cannot be measured."""


def promote(
    project: Project,
    tracker: Tracker,
    measured: Artifact,
    card: Artifact,
    parts: Sequence[Artifact],
    tags: Mapping[str, str] | None = None,
) -> LoggedRun:
    """Register a detector and let the gate judge it.

    Parameters
    ----------
    measured
        Its `benchmark_metrics`.
    card
        What `detector_model` says of it.
    parts
        Its bank, fusion and thresholds.
    tags
        Where the run of its benchmark came from, if MLflow does not have that run yet.

    Returns
    -------
    TrackedRun or WaitingRun
        The run of its benchmark; the facts are `version` and `gate`, which says whether it is the champion
        now and why. Where MLflow does not answer, both come later.
    """
    row = late_row(measured)
    benchmark_run(tracker, project, measured, Artifacts(project.variant()), tags or {})
    run = tracker.add(
        measured.recipe,
        ("detector", card.recipe),
        lambda draft: add_model(draft, project, card, parts, _measured(row)),
    )
    if isinstance(run, WaitingRun):
        return WaitingRun({"gate": WAITS})
    version = _version(tracker.client, card.recipe)
    try:
        judge_waiting(project, tracker, but=version)
        verdict = _judge(tracker, project, row, version)
    except AwayError:
        return replace(run, run_id=version.run_id, facts={"version": str(version.version), "gate": WAITS})
    if verdict.is_passed:
        gate = f"is the champion: {verdict.reason}"
    else:
        alias = f"MlflowClient().set_registered_model_alias({NAME!r}, {ALIAS!r}, {str(version.version)!r})"
        gate = f"is not the champion: {verdict.reason}. To make it the champion all the same: {alias}"
    return replace(run, run_id=version.run_id, facts={"version": str(version.version), "gate": gate})


def log_waiting(project: Callable[[], Project], tracker: Tracker) -> int:
    """Log what waits for MLflow, and let the gate judge the detectors among it; how much was logged."""
    logged = tracker.log_waiting()
    with contextlib.suppress(AwayError):
        if logged:
            judge_waiting(project(), tracker)
    return logged


def judge_waiting(project: Project, tracker: Tracker, but: ModelVersion | None = None) -> None:
    """Judge the versions that no gate has judged yet, in their order: MLflow was away, or a process died."""
    versions = tracker.ask(lambda client: client.search_model_versions(f"name = '{NAME}'"))
    waiting = [one for one in versions if "gate" not in one.tags and "ground_truth" in one.tags]
    for version in sorted(waiting, key=lambda one: int(one.version)):
        if but is None or version.version != but.version:
            numbers = {name: _number(version.tags[name]) for name in MEASURES}
            row = {**numbers, "ground_truth": {"fingerprint": version.tags["ground_truth"]}}
            _judge(tracker, project, row, version)


def _measured(row: Row) -> dict[str, str]:
    """What the gate asks of a row, as tags of the version."""
    return {"ground_truth": row["ground_truth"]["fingerprint"], **{name: str(row[name]) for name in MEASURES}}


def _number(text: str) -> float | None:
    return None if text == "None" else float(text)


def _version(client: MlflowClient, recipe: str) -> ModelVersion:
    return client.search_model_versions(f"name = '{NAME}' and tags.recipe = '{recipe}'", max_results=1)[0]


def _judge(tracker: Tracker, project: Project, row: Row, version: ModelVersion) -> Verdict:
    """Give a version the alias if it is no worse than the baseline; what was decided becomes its tags."""
    client, champion = tracker.client, _champion(tracker.client)
    if champion is not None and champion.version == version.version:
        return Verdict(True, "it was already", {}, {})
    bar = None if champion is None else _bar(tracker, champion)
    try:
        verdict = (
            Verdict(True, "the first version", {}, {})
            if bar is None
            else compare(row, *_measured_today(tracker, project, bar))
        )
    except TracesError as error:
        verdict = Verdict(False, str(error), {}, {})
    decided = {
        "gate": "passed" if verdict.is_passed else "kept aside",
        "gate_reason": visible(verdict.reason),
        **_measured(row),
    }
    if verdict.is_passed:
        is_bar = bar is None or verdict.is_new_baseline
        decided["baseline"] = str(version.version if is_bar else bar.version)
    for name, value in decided.items():
        client.set_model_version_tag(NAME, version.version, name, value)
    for name in ("gate", "gate_reason"):
        client.set_tag(version.run_id, name, decided[name])
    if verdict.is_passed:
        client.set_registered_model_alias(NAME, ALIAS, version.version)
    return verdict


def baseline(project: Project, tracker: Tracker) -> tuple[Row, str]:
    """What a new bank or detector must not fall behind on this footage, and its name.

    The champion, or the version that it was itself compared with where that one was a little better. Where
    there is no champion, it is the detector that the settings make.

    Raises
    ------
    ChampionError
        If this code cannot measure it, or MLflow does not answer.
    """
    try:
        champion = tracker.ask(_champion)
        bar = champion and tracker.ask(lambda _: _bar(tracker, champion))
    except AwayError as error:
        raise ChampionError(f"nobody knows the champion while MLflow is away: {error}") from error
    if bar is None:
        return present_row(project), "the present detector"
    return _measured_today(tracker, project, bar)


def _bar(tracker: Tracker, champion: ModelVersion) -> ModelVersion:
    """The version that the champion was compared with, if it is still the better one; else the champion."""
    number = champion.tags.get("baseline", champion.version)
    return champion if number == str(champion.version) else tracker.client.get_model_version(NAME, number)


def _champion(client: MlflowClient) -> ModelVersion | None:
    registered = client.search_registered_models(f"name = '{NAME}'")
    aliases = registered[0].aliases if registered else {}
    return client.get_model_version(NAME, aliases[ALIAS]) if ALIAS in aliases else None


def _measured_today(tracker: Tracker, project: Project, version: ModelVersion) -> tuple[Row, str]:
    """The benchmark again with a version's bank, fusion, encoders and scorer, and what to call that row.

    Nothing becomes current.
    """
    from mlflow.artifacts import download_artifacts

    # `models:/` would be looked up in MLflow's global store
    where = tracker.client.get_model_version_download_uri(NAME, version.version)
    with temporary_folder() as folder:
        uri = f"{where}/artifacts/detector"
        kept = download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=tracker.uri)
        detector = open_detector(Path(kept), project.machine.device)
        own = {name: getattr(detector.settings, name) for name in SECTIONS if name != "calibration"}
        today = replace(
            project, store=project.store.aside(), settings=project.settings.model_copy(update=own)
        )
        name = f"version {version.version}"
        try:
            measured = benchmark_with(today, *(detector.store.current(part) for part in PARTS[:2]))
            return late_row(measured), name
        except TracesError as error:
            raise ChampionError(
                f"{name} cannot be measured by this code, so nothing can be compared with it: {error}"
            ) from error
