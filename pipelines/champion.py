"""The gate before `models:/traces@champion`: a new detector takes the alias only if it is no worse.

Both are measured on today's footage, ground truth and rate of false alarms; what the champion got when it
was registered is not asked. Why so: docs/decisions/0019. How a version is made is in `mlflow_model`.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.mlflow_model import NAME, registered_version
from pipelines.mlflow_runs import benchmark_run
from pipelines.tracking import TrackedRun, Tracker
from traces_core.detector.saved import PARTS, SECTIONS, open_detector
from traces_core.errors import TracesError
from traces_core.project import Project
from traces_core.steps.ablations import benchmark_with
from traces_core.steps.model import detector_card
from traces_core.steps.regeneration import MEASURES
from traces_core.store import Artifact
from traces_core.streams.table import LATE

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

Row = Mapping[str, Any]

ALIAS = "champion"
"""Who runs the detector asks for `models:/traces@champion`."""

_SLACK = 1e-9  # the same detector, measured on another machine, is no worse


@dataclass(frozen=True)
class PromotionVerdict:
    """What the gate decided."""

    is_champion: bool
    """Whether the version has the alias now."""
    reason: str
    """Why, in words and numbers."""


def promote(project: Project, tracker: Tracker, tags: Mapping[str, str] | None = None) -> TrackedRun:
    """Register the present detector and let the gate judge it.

    Parameters
    ----------
    project
        Whose current bank, fusion and thresholds are the detector.
    tags
        Where the run of its benchmark came from, if MLflow does not have that run yet.

    Returns
    -------
    TrackedRun
        The run of its benchmark; the facts are `version` and `gate`, which says whether it is the champion
        now and why.
    """
    parts = (project.store.current(name) for name in PARTS[:2])
    measured = benchmark_with(project.variant(), *parts)  # found, unless the graph is out of step
    run = benchmark_run(tracker, project, measured, tags or {})
    version = registered_version(run, project, detector_card(project))
    verdict = _judge(tracker, project, late_row(measured), version)
    said = f"{'is' if verdict.is_champion else 'is not'} the champion: {verdict.reason}"
    return replace(run, facts={"version": str(version.version), "gate": said})


def _judge(tracker: Tracker, project: Project, row: Row, version: ModelVersion) -> PromotionVerdict:
    """Give a version the alias if it is no worse than the champion; what was decided becomes its tags."""
    client, champion = tracker.client, _champion(tracker.client)
    if champion is None:
        verdict = PromotionVerdict(True, "the first version")
    elif champion.version == version.version:
        return PromotionVerdict(True, "it was already")
    else:
        try:
            old = late_row(_measured_today(tracker, project, champion))
            verdict = compare(row, old, f"version {champion.version}")
        except TracesError as error:
            verdict = PromotionVerdict(
                False, f"version {champion.version} cannot be measured by this code: {error}"
            )
    told = {
        "gate": "passed" if verdict.is_champion else "kept aside",
        "gate_reason": verdict.reason,
        "ground_truth": row["ground_truth"]["fingerprint"],
        **{name: str(row[name]) for name in MEASURES},
    }
    for name, value in told.items():
        client.set_model_version_tag(NAME, version.version, name, value)
    if verdict.is_champion:
        client.set_registered_model_alias(NAME, ALIAS, version.version)
    return verdict


def compare(new: Row, old: Row, name: str = "the champion") -> PromotionVerdict:
    """Whether a detector is no worse than another: none of `MEASURES` falls.

    Parameters
    ----------
    new, old
        Rows of `benchmark_metrics`, of one stream and one ground truth.
    name
        How the words call the other one.

    Examples
    --------
    >>> row = {"auc": 0.9, "average_precision": 0.5, "ground_truth": {"fingerprint": "f"}}
    >>> compare({**row, "auc": 0.8}, row).reason
    'auc 0.8000 against 0.9000 of the champion, average_precision 0.5000 against 0.5000'
    """
    truths = [row["ground_truth"]["fingerprint"] for row in (new, old)]
    if truths[0] != truths[1]:
        return PromotionVerdict(
            False, f"ground truth {truths[0]} cannot be compared with {truths[1]} of {name}"
        )
    undefined = [measure for measure in MEASURES if None in (new[measure], old[measure])]
    if undefined:
        return PromotionVerdict(
            False, f"{', '.join(undefined)} undefined: the benchmark holds no anomaly to find"
        )
    (first, *more) = (f"{measure} {new[measure]:.4f} against {old[measure]:.4f}" for measure in MEASURES)
    is_no_worse = all(new[measure] >= old[measure] - _SLACK for measure in MEASURES)
    return PromotionVerdict(is_no_worse, ", ".join([f"{first} of {name}", *more]))


def late_row(measured: Artifact) -> Row:
    """The row of the stream that the gate judges: the one that alarms are taken from first."""
    return next(row for row in measured.read()["rows"] if row["stream"] == LATE)


def _champion(client: MlflowClient) -> ModelVersion | None:
    aliases = client.get_registered_model(NAME).aliases
    return client.get_model_version(NAME, aliases[ALIAS]) if ALIAS in aliases else None


def _measured_today(tracker: Tracker, project: Project, champion: ModelVersion) -> Artifact:
    """The benchmark again with the champion's bank, fusion, encoders and scorer; nothing becomes current."""
    from mlflow.artifacts import download_artifacts

    # `models:/` would be looked up in MLflow's global store
    where = tracker.client.get_model_version_download_uri(NAME, champion.version)
    with tempfile.TemporaryDirectory() as folder:
        uri = f"{where}/artifacts/detector"
        kept = download_artifacts(artifact_uri=uri, dst_path=folder, tracking_uri=tracker.uri)
        detector = open_detector(Path(kept), project.machine.device)
        own = {name: getattr(detector.settings, name) for name in SECTIONS if name != "calibration"}
        today = replace(
            project, store=project.store.aside(), settings=project.settings.model_copy(update=own)
        )
        return benchmark_with(today, *(detector.store.current(name) for name in PARTS[:2]))
