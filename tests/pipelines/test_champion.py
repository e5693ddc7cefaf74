"""The gate before the champion: what it compares, and who has the alias afterwards."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from small_graph import made_bank

from pipelines import champion
from pipelines.champion import ALIAS, baseline, promote
from pipelines.mlflow_model import NAME
from pipelines.mlflow_runs import ablation_runs, benchmark_run
from pipelines.tracking import TrackedRun, Tracker
from traces_core.detector.saved import PARTS, SECTIONS, open_detector
from traces_core.errors import TracesError
from traces_core.metrics.promotion import MEASURES, TOLERANCE, compare
from traces_core.project import Project
from traces_core.steps import ablations
from traces_core.steps.benchmark import late_row
from traces_core.steps.wiring import Artifacts
from traces_core.store import Store


def _row(**changed: Any) -> dict[str, Any]:
    return {"auc": 0.9, "average_precision": 0.6, "ground_truth": {"fingerprint": "f"}, **changed}


@pytest.mark.parametrize(
    ("changed", "is_no_worse"),
    [
        ({}, True),
        ({"auc": 0.95}, True),
        ({"auc": 0.95, "average_precision": 0.7}, True),
        ({"auc": 0.8998}, False),
        ({"auc": 0.99, "average_precision": 0.5998}, False),  # one number bought with the other
        ({"auc": 0.9 - 1e-6}, True),  # the same, added up in another order
        ({"auc": 0.9 - 2 * TOLERANCE}, False),
        ({"auc": float("nan")}, False),  # not known is not good
    ],
)
def test_none_of_the_numbers_may_fall(changed: dict[str, float], is_no_worse: bool) -> None:
    verdict = compare(_row(**changed), _row(), "version 3")
    assert verdict.is_passed is is_no_worse
    assert "version 3" in verdict.reason
    assert " 0.9 of" in verdict.reason


def test_numbers_of_another_ground_truth_are_not_compared() -> None:
    verdict = compare(_row(auc=0.99, ground_truth={"fingerprint": "g"}), _row(), "version 3")
    assert not verdict.is_passed
    assert "ground truth g" in verdict.reason


@pytest.mark.parametrize("rows", [(_row(auc=None), _row()), (_row(), _row(auc=None)), [_row(auc=None)] * 2])
def test_a_number_that_is_undefined_wins_nothing(rows: list[dict[str, Any]]) -> None:
    verdict = compare(*rows, "version 3")
    assert not verdict.is_passed
    assert "auc undefined" in verdict.reason
    assert "holds no anomaly" in verdict.reason


def test_every_digit_that_decided_is_told() -> None:
    verdict = compare(_row(auc=0.9 - 3e-4), _row(), "version 3")
    assert not verdict.is_passed
    assert f"auc {0.9 - 3e-4!r} against 0.9 of version 3" in verdict.reason


def test_an_error_that_keeps_a_version_aside_stands_in_its_tags_as_text(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Client:
        def __init__(self) -> None:
            self.tags: dict[str, str] = {}

        def set_model_version_tag(self, name: str, version: str, key: str, value: str) -> None:
            self.tags[key] = value

        def set_tag(self, run_id: str, key: str, value: str) -> None:
            assert value == self.tags[key]

    def fail(*_: Any) -> None:
        raise TracesError("gate\x1b[2J\udcff.mp4: cannot be read")

    client, version = Client(), SimpleNamespace(version="2", run_id="r")
    monkeypatch.setattr(champion, "_champion", lambda _: SimpleNamespace(version="1", tags={}))
    monkeypatch.setattr(champion, "_measured_today", fail)
    champion._judge(SimpleNamespace(client=client), None, _row(), version)
    assert client.tags["gate"] == "kept aside"
    assert client.tags["gate_reason"] == "gate\\x1b[2J\\xff.mp4: cannot be read"


def test_what_passed_a_little_lower_is_not_what_the_next_is_compared_with() -> None:
    a_little = compare(_row(auc=0.9 - TOLERANCE / 2), _row(), "version 3")
    assert (a_little.is_passed, a_little.is_new_baseline) == (True, False)
    equal = compare(_row(), _row(), "version 3")
    assert (equal.is_passed, equal.is_new_baseline) == (True, True)


def test_many_small_steps_down_add_up_to_no_more_than_one() -> None:
    bar = champion = 0.9
    for _ in range(100):
        verdict = compare(_row(auc=champion - TOLERANCE / 3), _row(auc=bar), "version 3")
        if verdict.is_passed:
            champion -= TOLERANCE / 3
            bar = champion if verdict.is_new_baseline else bar
    assert bar == 0.9
    assert 0.9 - 1.01 * TOLERANCE < champion < 0.9


@pytest.mark.parametrize(
    ("changed", "is_better"),
    [
        ({}, False),
        ({"auc": 0.9 + 1e-6}, False),
        ({"auc": 0.9 + 2 * TOLERANCE}, True),
        ({"auc": 0.95, "average_precision": 0.59}, False),
    ],
)
def test_what_was_regenerated_must_be_better(changed: dict[str, float], is_better: bool) -> None:
    verdict = compare(_row(**changed), _row(), "version 3", must_rise=True)
    assert verdict.is_passed is is_better
    if not is_better and "average_precision" not in changed:
        assert "no better by more than 0.0001" in verdict.reason


def _with(project: Project, folder: Path, **changed: Any) -> Project:
    """The small graph in a store of its own, made with other settings up to the benchmark."""
    store = Store(shutil.copytree(project.store.root, folder / "data", dirs_exist_ok=True))
    made = replace(project, store=store, settings=project.settings.with_values(**changed))
    index, _ = made_bank(made)
    ablations.benchmark_with(made, index, store.current("adapters"))
    return made


def promoted(project: Project, tracker: Tracker) -> TrackedRun:
    """The detector of a project, registered and judged."""
    made = Artifacts(project, {"adapters": project.store.current("adapters")})
    parts = [made[name] for name in PARTS]
    return promote(project, tracker, made["benchmark_metrics"], made["detector_model"], parts)


def _numbers(project: Project) -> tuple[float, ...]:
    row = late_row(project.store.current("benchmark_metrics"))
    return tuple(row[name] for name in MEASURES)


def _pointers(project: Project) -> dict[Path, str]:
    return {path: path.read_text() for path in project.store.root.rglob("current")}


@pytest.fixture(scope="module")
def better_and_worse(
    small_project: Project, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Project, Project]:
    """Two detectors, one of which is better in one number at least and worse in none."""
    folder = tmp_path_factory.mktemp("detectors")
    made = [
        _with(small_project, folder / str(number), **changed)
        for number, changed in enumerate(({}, {"corpus__traces_per_side": 1, "scoring__k": 1}))
    ]
    better, worse = sorted(made, key=_numbers, reverse=True)
    assert all(one >= other for one, other in zip(_numbers(better), _numbers(worse), strict=True))
    assert _numbers(better) != _numbers(worse)
    return better, worse


@pytest.fixture(scope="module")
def tracker(tmp_path_factory: pytest.TempPathFactory) -> Tracker:
    return Tracker(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)


def test_the_alias_goes_to_the_first_and_then_only_to_what_is_no_worse(
    tracker: Tracker, better_and_worse: tuple[Project, Project]
) -> None:
    better, worse = better_and_worse
    client = tracker.client

    def asked(project: Project) -> tuple[str, str]:
        facts = promoted(project, tracker).facts
        return facts["version"], facts["gate"]

    def champion() -> str:
        return str(client.get_model_version_by_alias(NAME, ALIAS).version)

    assert baseline(better, tracker)[1] == "the present detector"  # nobody is the champion yet
    first, gate = asked(worse)
    row, name = baseline(better, tracker)  # a new bank of the better one is judged by the champion, too
    assert (tuple(row[one] for one in MEASURES), name) == (_numbers(worse), f"version {first}")
    assert (champion(), gate) == (first, "is the champion: the first version")
    assert asked(worse) == (first, "is the champion: it was already")  # the same detector, no new version
    second, gate = asked(better)
    assert (champion(), gate[:15]) == (second, "is the champion")
    assert f"of version {first}" in gate
    before = _pointers(worse)
    third, gate = asked(worse)  # somebody goes back to the earlier settings
    assert (third, champion(), gate[:19]) == (first, second, "is not the champion")
    tags = client.get_model_version(NAME, first).tags
    assert tags["gate"] == "kept aside"
    assert f"of version {second}" in tags["gate_reason"]
    assert float(tags["auc"]) == _numbers(worse)[0]
    assert _pointers(worse) == before  # judging makes nothing current


def test_a_model_is_an_output_of_its_benchmark_and_its_folder_a_detector(
    tracker: Tracker, better_and_worse: tuple[Project, Project], tmp_path: Path
) -> None:
    from mlflow.artifacts import download_artifacts

    project = better_and_worse[0]
    run = promoted(project, tracker)
    version = tracker.client.get_model_version(NAME, run.facts["version"])
    [output] = tracker.client.get_run(run.run_id).outputs.model_outputs
    assert output.model_id in version.source.split("/")
    assert version.run_id == run.run_id
    uri = f"{tracker.client.get_model_version_download_uri(NAME, version.version)}/artifacts/detector"
    kept = Path(download_artifacts(uri, dst_path=str(tmp_path), tracking_uri=tracker.uri))
    own = open_detector(kept).settings
    assert all(getattr(own, name) == getattr(project.settings, name) for name in SECTIONS)


def test_the_rows_of_an_ablation_are_children_of_the_benchmark_with_their_own_settings(
    tracker: Tracker, better_and_worse: tuple[Project, Project]
) -> None:
    project = better_and_worse[0]
    measured = project.store.current("benchmark_metrics")
    rows = ablations.ABLATIONS["neighbours"](replace(project, store=project.store.aside()))
    ablation = project.store.remember(
        "ablations", "neighbours", code="test", made_from={}, make=lambda: {"rows": rows}
    )
    for _ in range(2):  # the second time, they are there
        parent = ablation_runs(tracker, project, measured, ablation, {"dagster_run": "r"})
    experiment = tracker.client.get_run(parent.run_id).info.experiment_id
    children = tracker.client.search_runs(
        [experiment], f"tags.mlflow.parentRunId = '{parent.run_id}'", max_results=100
    )
    assert len(children) == len(rows)
    assert {child.data.params["scoring.k"] for child in children} == {"1", "5", "10", "20"}
    assert {child.data.tags["recipe"] for child in children} == {ablation.recipe}
    late = {child.data.params["scoring.k"]: child.data.metrics["auc"] for child in children
            if child.data.params["stream"] == "late"}  # fmt: skip
    assert late == {str(row["settings"]["scoring.k"]): row["auc"] for row in rows if row["stream"] == "late"}
    logged = tracker.client.get_run(parent.run_id)
    assert logged.data.tags["kind"] == "benchmark"
    assert logged.data.metrics["auc"] == _numbers(project)[0]
    assert {one.dataset.name: one.dataset.digest for one in logged.inputs.dataset_inputs} == {
        "benchmark set": measured.read()["provenance"]["ground truth"],
        "calibration set": project.store.current("videos").fingerprint,
        "traces": project.store.current("trace_index").fingerprint,
    }
    steps = [
        point.step for point in tracker.client.get_metric_history(parent.run_id, "training/training_loss")
    ]
    assert steps == sorted(set(steps))
    assert len(steps) > 1


def test_two_runs_that_differ_by_one_sentence_differ_in_what_it_changed_and_nothing_else(
    tracker: Tracker, better_and_worse: tuple[Project, Project], tmp_path: Path
) -> None:
    project = better_and_worse[0]
    catalog = Path(shutil.copytree(project.machine.catalog, tmp_path / "catalog"))
    file = catalog / f"{project.settings.corpus.contexts[0]}.yaml"
    sentence = yaml.safe_load(file.read_text())["normal"][0]
    file.write_text(file.read_text().replace(sentence, f"{sentence} slowly", 1))
    machine = project.machine.model_copy(update={"catalog": catalog})
    edited = _with(replace(project, machine=machine), tmp_path)
    params = []
    for one in (project, edited):
        made = Artifacts(one.variant())
        run = benchmark_run(tracker, one, one.store.current("benchmark_metrics"), made, {})
        params.append(tracker.client.get_run(run.run_id).data.params)
        kept = [item.path for item in tracker.client.list_artifacts(run.run_id)]
        assert "params.yaml" in kept
    differ = {
        name for name in params[0].keys() | params[1].keys() if params[0].get(name) != params[1].get(name)
    }
    assert {"bank", "catalog", "corpus", f"context.{file.stem}"} <= differ
    assert not {"code", "footage", "space", "window_encoder", "ground_truth"} & differ
    assert len(params[0]) < 80


def test_a_run_has_one_version(
    tracker: Tracker, better_and_worse: tuple[Project, Project], tmp_path: Path
) -> None:
    """Another detector that the same benchmark measures is a run of its own, with the same numbers."""
    project = better_and_worse[0]
    first = promoted(project, tracker)
    made = Artifacts(project, {"adapters": project.store.current("adapters")})
    card = made["detector_model"]
    other = replace(card, recipe="another-recipe")
    second = promote(
        project, tracker, project.store.current("benchmark_metrics"), other, [made[name] for name in PARTS]
    )
    assert first.run_id != second.run_id
    versions = tracker.client.search_model_versions(f"name = '{NAME}'")
    assert len({one.run_id for one in versions}) == len(versions)
    one, two = (tracker.client.get_run(run.run_id).data for run in (first, second))
    assert one.metrics["auc"] == two.metrics["auc"]
    assert two.tags["gate"] in ("passed", "kept aside")
