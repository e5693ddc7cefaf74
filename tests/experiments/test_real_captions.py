"""Real captions end to end, on a made-up folder of the same layout: rows, page, errors."""

from __future__ import annotations

import json
from pathlib import Path

import dagster as dg
import numpy as np
import polars as pl
import pytest
import yaml
from mlflow.tracking import MlflowClient
from places import CAPTIONS, write_catalog

from experiments.material import VARIABLE, RealDataError
from experiments.real_captions import assets as chapter
from experiments.real_captions import bench as real
from experiments.real_captions import rows as real_rows
from experiments.real_captions import steps
from experiments.real_captions.report import real_markdown
from experiments.real_captions.runs import EXPERIMENT
from pipelines.asset import ArtifactIOManager
from pipelines.resources import ProjectResource, TrackerResource
from pipelines.tracking import Tracker
from traces_core.captions.settings import CaptionSettings
from traces_core.errors import UnknownNameError
from traces_core.project import Project
from traces_core.settings import Machine, Settings
from traces_core.store import Artifact, Store, code

FRAMES = 300
EVENTS = {"Abuse001_x264": "Abuse 90 149 -1 -1", "Arson002_x264": "Arson 30 89 200 239"}
VIDEOS = [*EVENTS, "Normal_Videos_003_x264", "Normal_Videos_004_x264"]


def write_real_data(folder: Path) -> Path:
    """Four videos of ten seconds, two of them with events, and both tables."""
    folder.mkdir(parents=True)
    marks = {video: EVENTS.get(video, "Normal -1 -1 -1 -1") for video in VIDEOS}
    (folder / real.OFFICIAL).write_text("".join(f"{video}.mp4  {line}\n" for video, line in marks.items()))
    (folder / real.LENGTHS).write_text("".join(f"{video} 0 {FRAMES - 1}\n" for video in VIDEOS))
    vera = [
        {
            "video": f"{line.split()[0]}/{video}.mp4",
            "temporal_label": [int(mark) for mark in line.split()[1:]],
            "length": FRAMES,
        }
        for video, line in (marks | {VIDEOS[0]: "Abuse 90 119 -1 -1"}).items()
    ]
    (folder / real.VERA).write_text(json.dumps(vera))
    draw = np.random.default_rng(0)
    for name, step, shared in (("captions_vadtree_coarse", 60, 1), ("captions_corevad_1s", 30, 0)):
        first = np.tile(np.arange(0, FRAMES, step), len(VIDEOS))
        rows = pl.DataFrame(
            {
                "video": np.repeat(VIDEOS, FRAMES // step),
                "first_frame": first,
                "last_frame": np.minimum(first + step - 1 + shared, FRAMES - 1),
                "caption": draw.choice(CAPTIONS, len(first)),
            }
        )
        scores = {column: draw.random(len(first)) for column in ("llm_score", "llm_score_refined")}
        (rows.with_columns(**scores) if shared else rows).write_parquet(folder / f"{name}.parquet")
    return folder.parent


def street() -> str:
    """A context with two sentences of each class of UCF-Crime."""
    doing = ("fights", "falls", "runs", "steals", "punches", "burning", "smoke", "fire", "flames", "shed")
    classes = {
        name: [f"A {who} {doing[number % 10]} {doing[number // 3]} at night." for who in ("man", "stranger")]
        for number, name in enumerate(sorted(real_rows.UCF_CLASSES))
    }
    normal = ["A dog sleeps.", "A woman waits on the bench.", "Two people talk.", "A car stands by the road."]
    scene = "A street at day."
    return yaml.safe_dump({"context": "street", "scene": scene, "normal": normal, "anomalous": classes})


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory, encoder_folder: Path) -> Project:
    home = tmp_path_factory.mktemp("real")
    write_real_data(home / "material" / "ucf_crime")
    catalog = write_catalog(home / "catalog", street=street())
    settings = Settings(corpus={"contexts": ["street"]}, captions={"text_encoder": str(encoder_folder)})
    machine = Machine(data=home / "data", catalog=catalog, reports=home / "reports", device="cpu")
    return Project(Store(machine.data), settings, machine)


@pytest.fixture(autouse=True)
def _material(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, str(project.machine.data.parent / "material"))


@pytest.fixture(scope="module")
def rows(project: Project) -> list[dict]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, str(project.machine.data.parent / "material"))
        return [row for one in measured(project) for row in one.read()["rows"]]


def measured(project: Project) -> list[Artifact]:
    """The rows of every experiment."""
    sentences = [real.real_sentences(project, table) for table in real.TABLES]
    return [
        steps.real_rows(project, name, measure, sentences) for name, measure in real_rows.EXPERIMENTS.items()
    ]


def bench_of(project: Project, table: str = "captions_vadtree_coarse") -> real.Bench:
    return real.Bench(project, real.real_data(), table, real.real_sentences(project, table))


def of(rows: list[dict], experiment: str, table: str = "captions_vadtree_coarse") -> dict[str, dict]:
    chosen = [row for row in rows if (row["experiment"], row["table"]) == (experiment, table)]
    return {row["variant"]: row for row in chosen}


def test_every_experiment_has_rows_of_both_tables(rows: list[dict]) -> None:
    measured_rows = {(row["experiment"], row["table"]) for row in rows}
    assert measured_rows == {(name, table) for name in real_rows.EXPERIMENTS for table in real.TABLES}
    assert len(of(rows, "headline")) == 4
    assert set(of(rows, "scene")) == {"none", "generic", "matched", "mismatched"}
    assert len([row for row in rows if row["experiment"] == "bank_size"]) == 2 * 4 * 5 * 3


def test_the_default_has_the_same_numbers_wherever_it_stands(rows: list[dict]) -> None:
    for table in real.TABLES:
        auc = of(rows, "headline", table)["the 13 classes of UCF-Crime"]["auc"]
        assert 0 <= auc <= 1
        default = CaptionSettings().scoring.scorer
        assert of(rows, "scorers", table)[default]["auc"] == auc
        assert of(rows, "scene", table)["matched"]["auc"] == auc
        assert of(rows, "over_time", table)["trailing means"]["auc"] == auc


def test_a_score_that_holds_from_the_end_of_its_stretch_tells_nothing_before(project: Project) -> None:
    bench = bench_of(project)
    settings = bench.settings(classes=tuple(sorted(real_rows.UCF_CLASSES)))
    tracks = bench.tracks(bench.corpus(settings), settings)
    known = real_rows.from_the_end(bench, tracks)
    lowest = min(track.values.min() for track in tracks.values())
    ends_s = bench.renamed({part["video"][0]: part["end_s"].to_list() for part in bench.videos()})
    for video, track in known.items():
        assert track.times_s[1:].tolist() == ends_s[video]
        assert track.values.tolist() == [lowest, *tracks[video].values]


def test_a_row_says_which_marks_judged_it_and_whether_it_looks_ahead(rows: list[dict]) -> None:
    names = {name: row["ground_truth"]["fingerprint"] for name, row in of(rows, "headline").items()}
    assert len(set(names.values())) == 2
    for row in rows:
        if row["experiment"] != "speed":
            assert row["causal"] == ("offline" not in row["variant"])
            assert ("offline" in row["stream"]) == (not row["causal"])


def test_a_left_out_class_is_judged_on_its_videos_and_the_normal_ones(rows: list[dict]) -> None:
    by_class = of(rows, "left_out_class")
    assert set(by_class) == {"abuse", "arson"}
    assert all(0 <= row["auc_with"] <= 1 for row in by_class.values())
    assert "Arson and normal videos" in by_class["arson"]["ground_truth"]["name"]


def test_a_small_bank_has_its_size_and_every_class_before_any_twice(project: Project) -> None:
    bench = bench_of(project)
    corpus = bench.corpus(bench.settings(classes=tuple(sorted(real_rows.UCF_CLASSES))))
    small = real_rows.drawn(corpus, 13, 1, is_stratified=True)
    sides = small.group_by("side").agg(pl.len(), pl.col("class").n_unique().alias("classes"))
    assert dict(sides.select("side", "classes").rows())["anomalous"] == 13
    assert max(sides["len"]) <= 13
    other = real_rows.drawn(corpus, 5, 1, is_stratified=False)
    assert set(other["trace_id"]) <= set(real_rows.drawn(corpus, 10, 1, is_stratified=False)["trace_id"])


def test_a_second_time_nothing_is_computed(project: Project, rows: list[dict]) -> None:
    assert rows
    assert not any(one.computed for one in measured(project))


def test_nothing_that_is_kept_holds_a_caption(project: Project, rows: list[dict]) -> None:
    assert rows
    kept = [path for path in project.machine.data.rglob("*") if path.is_file()]
    assert kept
    assert not [path for path in kept for caption in CAPTIONS if caption.encode() in path.read_bytes()]


def test_the_page_shows_causal_rows_before_offline_ones(project: Project, rows: list[dict]) -> None:
    results = steps.real_results(project, "abc123", measured(project)).read()
    assert len(results["rows"]) == len(rows)
    page = real_markdown(results["rows"], results["baselines"], results["provenance"])
    assert page.index("## Causal") < page.index("## Offline") < page.index("## Published")
    causal = page[page.index("## Causal") : page.index("## Offline")]
    assert "the 13 classes of UCF-Crime" in causal
    assert "offline" not in causal.split("|", 1)[1]
    for words in ("VADTree", "LAVAD", "NOVA", "perfect video label", "abc123", "captions/s", "5 a side"):
        assert words in page
    assert not any(words in page for words in CAPTIONS)


def test_without_the_folder_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv(VARIABLE)
    with pytest.raises(RealDataError, match="TRACES_REAL_DATA is not set"):
        real.real_data()
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    with pytest.raises(RealDataError, match=r"lacks .*captions_corevad_1s\.parquet"):
        real.real_data()


def test_a_catalog_without_the_classes_is_refused(project: Project, tmp_path: Path) -> None:
    bare = project.machine.model_copy(update={"catalog": write_catalog(tmp_path / "bare")})
    with pytest.raises(UnknownNameError, match="abuse"):
        real_rows.headline(bench_of(Project(project.store, project.settings, bare)))


def test_each_row_is_a_run_of_mlflow(
    project: Project, encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    settings = {"corpus": {"contexts": ["street"]}, "captions": {"text_encoder": str(encoder_folder)}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(settings))
    machine = {
        "data": str(tmp_path / "data"),
        "catalog": str(project.machine.catalog),
        "params": str(tmp_path),
    }
    resources = {
        "project": ProjectResource(**machine),
        "tracker": TrackerResource(root=str(tmp_path)),
        "io_manager": ArtifactIOManager(project=ProjectResource(**machine)),
    }
    judged = next(one for one in chapter.MEASURED if one.key.path == ["real", "judges"])
    done = dg.materialize([*chapter.SENTENCES, judged], resources=resources)
    assert done.success
    client = MlflowClient(tracking_uri=Tracker(tmp_path).uri)
    runs = client.search_runs([client.get_experiment_by_name(EXPERIMENT).experiment_id])
    rows = [run.data for run in runs if "mlflow.parentRunId" in run.data.tags]
    assert all(row.metrics for row in rows)
    variants = {(row.params["table"], row.params["variant"]) for row in rows}
    assert len(variants) == 3 + 2
    assert len(runs) == 1 + len(variants)


def test_the_code_of_one_experiment_does_not_touch_the_rows_of_another() -> None:
    for step in (steps.real_rows, steps.real_results):
        reached = code.closure_of(step).definitions
        assert not {f"{real_rows.__name__}:{name}" for name in real_rows.EXPERIMENTS} & reached.keys()
    versions = {chapter.MEASURED[n].code_versions_by_key[one.key] for n, one in enumerate(chapter.MEASURED)}
    assert len(versions) == len(real_rows.EXPERIMENTS)
