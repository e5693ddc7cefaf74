"""What MLflow holds of a training, a benchmark and an ablation: parameters, metrics, data sets, artifacts.

A benchmark is one run; each row of each of its ablations is a child of it, with the settings of that row
among its parameters, so that runs can be compared over k, W or the kind of fusion. Where runs go belongs in
`tracking`, the model in `mlflow_model`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl
import yaml

from pipelines.resources import last_commit
from pipelines.tracked_run import RunLog, field_name, flattened
from pipelines.tracking import TRAININGS, LoggedRun, Tracker
from pipelines.versioning import dvc_revision
from traces_core.metrics import columns_of, numbers_of
from traces_core.metrics.promotion import Verdict
from traces_core.project import Project
from traces_core.report.markdown import number_columns, table
from traces_core.report.model import label
from traces_core.report.plots import dots, score_curve
from traces_core.settings import Settings
from traces_core.steps import bank as bank_step
from traces_core.steps import benchmark
from traces_core.steps import footage as footage_step
from traces_core.steps.adapters import training_picture
from traces_core.steps.wiring import STEPS, Artifacts
from traces_core.store import Artifact
from traces_core.store.code import code_of
from traces_core.store.digest import digest
from traces_core.streams.calibration import Calibration
from traces_core.streams.table import LATE, in_order
from traces_core.text.catalog import context_files

Row = Mapping[str, Any]
Made = Mapping[str, Any] | Artifacts
"""Artifacts by name; lists where they have parts."""


def training_run(
    tracker: Tracker, project: Project, learned: Artifact, made: Made, tags: Mapping[str, str]
) -> LoggedRun:
    """The run of one training of the fusion: its curves, its clips, its weights."""

    def fill(run: RunLog) -> None:
        training = json.loads((learned.path / "training.json").read_text(encoding="utf-8"))
        run.params({"training": project.settings.training.model_dump(mode="json"), **_encoders(project)})
        run.tags({"shipped": str(training["shipped"]), "reason": training["reason"]})
        _curve(run, training)
        _videos(run, project, made, "training")
        run.file(learned.path)

    title, own = f"fusion {learned.recipe[:6]}", artifact_tags(learned, tags)
    return tracker.once(title, own, fill, experiment=TRAININGS)


def benchmark_run(
    tracker: Tracker, project: Project, measured: Artifact, made: Made, tags: Mapping[str, str]
) -> LoggedRun:
    """The run of one benchmark, with everything that a comparison with another one asks for.

    Parameters
    ----------
    made
        What it was measured on and with, by name of the artifact.
    """
    own = {**artifact_tags(measured, tags), "kind": "benchmark"}

    def fill(run: RunLog) -> None:
        metrics = measured.read()
        rows = metrics["rows"]
        run.params({"stream": LATE, **made_of(project, made), **_settings(project.settings)})
        run.content("params.yaml", _as_yaml(project.settings))
        run.tags({name.replace(" ", "_"): value for name, value in metrics["provenance"].items()})
        run.tags({"mlflow.note.content": f"{came_from(own)}\n\n{_note(rows)}"})
        run.tags({"catalog_commit": last_commit(project.machine.catalog)})
        run.metrics(_numbers(next(row for row in rows if row["stream"] == LATE)))
        run.metrics({row["stream"]: {**_numbers(row), "class": class_aucs(row)} for row in rows})
        run.metrics({"baseline": {one["baseline"]: one["auc"] for one in benchmark.baseline_rows(rows)}})
        _inputs(run, project, made, metrics["provenance"]["ground truth"])
        _kept(run, made, rows)
        run.content("benchmark.json", metrics)

    return tracker.once(_title(project.settings, measured), own, fill)


def candidate_run(
    tracker: Tracker, project: Project, seed: int, verdict: Verdict, tags: Mapping[str, str]
) -> LoggedRun:
    """The run of a bank of another seed that was judged, taken or not.

    Parameters
    ----------
    project
        Its settings are those of the present bank.
    """
    other = project.variant(writing__seed=seed)
    made = Artifacts(other)
    recipe = digest([made["trace_index"].recipe, verdict.reason])
    decided = {"gate": "passed" if verdict.is_passed else "kept aside", "gate_reason": verdict.reason}
    own = {**tags, **decided, "recipe": recipe, "kind": "candidate"}

    def fill(run: RunLog) -> None:
        run.params({"seed": seed, "stream": LATE, **made_of(other, made), **_settings(other.settings)})
        run.content("params.yaml", _as_yaml(other.settings))
        run.tags({"mlflow.note.content": f"{came_from(own)}\n\n{decided['gate']}: {verdict.reason}"})
        run.metrics({**verdict.new, "baseline": verdict.baseline})

    return tracker.once(f"bank of seed {seed}: {decided['gate']}", own, fill)


def ablation_runs(
    tracker: Tracker, project: Project, measured: Artifact, ablation: Artifact, tags: Mapping[str, str]
) -> LoggedRun:
    """The run of the benchmark that was varied, with a child for each row of an ablation."""
    name = ablation.key
    own = {**artifact_tags(ablation, tags), "kind": "ablation"}
    measured_rows = ablation.read()["rows"]
    varied = {setting for row in measured_rows for setting in row.get("settings", {})}
    every = flattened(project.settings.model_dump(mode="json"))
    base = {**_settings(project.settings), **{one: every[one] for one in varied & every.keys()}}
    rows = [
        {
            "title": f"{name}: {row['variant']}, {row['stream']}{seed_suffix(row)}",
            "params": {"variant": row["variant"], "stream": row["stream"], **base, **row.get("settings", {})},
            "metrics": {**_numbers(row), "class": class_aucs(row)},
            "tags": own,
        }
        for row in measured_rows
    ]
    benchmark_run(tracker, project, measured, Artifacts(project.variant()), tags)
    return tracker.add(
        measured.recipe,
        (f"rows.{name}", ablation.recipe),
        lambda run: run.children(name, ablation.recipe, rows),
    )


def report_in_run(
    tracker: Tracker, project: Project, measured: Artifact, written: Artifact, tags: Mapping[str, str]
) -> LoggedRun:
    """The run of a benchmark, with the pages that people read among its artifacts."""
    benchmark_run(tracker, project, measured, Artifacts(project.variant()), tags)
    return tracker.add(
        measured.recipe, ("report", written.recipe), lambda run: run.file(written.path, "report")
    )


def artifact_tags(artifact: Artifact, tags: Mapping[str, str]) -> dict[str, str]:
    """The tags of a run, with those that name the artifact it is about."""
    return {**tags, "recipe": artifact.recipe, "dvc_revision": dvc_revision(artifact.path)}


def made_of(project: Project, made: Made) -> dict[str, str]:
    """What tells two results apart, one fingerprint each: MLflow's comparison shows which of them differ."""
    corpora = {one.key: one.fingerprint for one in made["trace_corpus"]}
    files = context_files(project.machine.catalog, project.settings.corpus.contexts)
    return {
        "bank": made["trace_index"].fingerprint,
        "catalog": digest({name: file.read_text(encoding="utf-8") for name, file in files.items()}),
        "code": digest({name: code_of(step) for name, step in STEPS.items()}),
        "corpus": digest(corpora),
        **{f"context.{name}": fingerprint for name, fingerprint in corpora.items()},
        "footage": made["videos"].fingerprint,
        "fusion": made["adapters"].fingerprint,
        "ground_truth": made["annotations"].fingerprint,
        **_encoders(project),
    }


COMPARED = (
    "clip.model", "scoring.k", "timesformer.model", "timesformer.window_frames", "training.fusion.kind",
)  # fmt: skip
"""Settings that every run shows, so that a plot over them has all runs."""


def _settings(settings: Settings) -> dict[str, Any]:
    """Settings that are not their defaults, and those that are always compared; all are in params.yaml."""
    every = flattened(settings.model_dump(mode="json"))
    defaults = Settings(corpus={"contexts": settings.corpus.contexts})
    usual = flattened(defaults.model_dump(mode="json"))
    return {name: value for name, value in every.items() if name in COMPARED or value != usual.get(name)}


def _as_yaml(settings: Settings) -> bytes:
    return yaml.safe_dump(settings.model_dump(mode="json"), sort_keys=True).encode()


def came_from(tags: Mapping[str, str]) -> str:
    """Where a run came from, as a line of Markdown."""
    page, run = tags.get("dagster_url"), tags.get("dagster_run", "")
    lines = [f"Dagster run [{run[:8]}]({page})" if page else ""]
    lines += [
        f"{name.replace('_', ' ')} `{tags[name]}`" for name in ("git_commit", "dvc_revision") if name in tags
    ]
    return ", ".join(line for line in lines if line)


def _title(settings: Settings, measured: Artifact) -> str:
    """What tells benchmarks apart comes first: lists show the first twenty characters."""
    fusion, windows = settings.training.fusion.kind, settings.timesformer.window_frames
    return f"{measured.recipe[:6]} k={settings.scoring.k} W={windows} {fusion} {settings.clip.model}"


def seed_suffix(row: Row) -> str:
    """What the title of a row's run ends with, where the row is of one seed."""
    return f", seed {row['seed']}" if "seed" in row else ""


def _note(rows: Sequence[Row]) -> str:
    """The result table as Markdown: what the page of a run says first."""
    columns = columns_of("auc", "average_precision", "false_alarms_per_hour_at_recall")
    return table(rows, [("stream", label), *number_columns(columns)])


def _numbers(row: Row) -> dict[str, Any]:
    """The numbers of a row, and what its calibrated threshold does with the events."""
    numbers = numbers_of(row)
    if at_threshold := (row.get("events") or {}).get("at_threshold"):
        numbers["event_recall_at_threshold"] = at_threshold["recall"]
        numbers["false_alarms_per_hour_at_threshold"] = at_threshold["false_alarms_per_hour"]
    return numbers


def class_aucs(row: Row) -> dict[str, Any]:
    """AUC of each class of a row, by its name."""
    return {field_name(name): one["auc"] for name, one in (row.get("per_class") or {}).items()}


def _encoders(project: Project) -> dict[str, str]:
    return {"space": project.clip.space, "window_encoder": project.windows.fingerprint}


def _curve(run: RunLog, training: Mapping[str, Any]) -> None:
    for point in training["curve"]:
        numbers = {name: value for name, value in point.items() if name != "step"}
        run.metrics({"training": numbers}, step=int(point["step"]))


def _videos(run: RunLog, project: Project, made: Made, name: str, digest: str | None = None) -> None:
    """One set of videos as a data set; its digest is that of its ground truth, or of the list."""
    videos, place = made["videos"], footage_step.set_folder(project, made["practice_footage"], name)
    some = videos.read().filter(pl.col("set") == name)
    run.dataset(f"{name} set", some, digest=digest or videos.fingerprint, source=place, context=name)


def _inputs(run: RunLog, project: Project, made: Made, truth: str) -> None:
    """What went in: the benchmark by its ground truth, the normal footage, the traces of the bank."""
    _videos(run, project, made, "benchmark", truth)
    _videos(run, project, made, "calibration")
    traces, _ = bank_step.kept_traces(made["trace_corpus"], made["trace_embeddings"])
    index = made["trace_index"]
    run.dataset("traces", traces, digest=index.fingerprint, source=index.path, context="bank")


def _kept(run: RunLog, made: Made, rows: Sequence[Row]) -> None:
    """The artifacts: scores, thresholds, the fusion's training, plots."""
    scores = made["anomaly_scores"]
    training = json.loads((made["adapters"].path / "training.json").read_text(encoding="utf-8"))
    _curve(run, training)
    run.content("thresholds.json", made["thresholds"].read())
    run.table("scores.parquet", pl.concat([one.read() for one in scores]))
    run.content("plots/auc.png", dots(rows, benchmark.baseline_rows(rows)))
    if training["curve"]:
        run.content("plots/training.png", training_picture(training))
    run.content("plots/scores.png", _eventful(made))


def _eventful(made: Made) -> bytes:
    """The score curves of the benchmark video with most events."""
    videos, annotated, scores = made["videos"], made["annotations"], made["anomaly_scores"]
    calibration = Calibration.load(made["thresholds"])
    truth = benchmark.truth_of(videos, annotated)
    tracks = benchmark.tracks_of_set(videos, scores, calibration, "benchmark")
    video = truth.most_eventful
    return score_curve(
        {stream: tracks[stream][video] for stream in in_order(tracks)},
        {stream: one.value for stream, one in calibration.thresholds.items()},
        truth.intervals[video],
        title=video,
        duration_s=truth.durations_s[video],
    )
