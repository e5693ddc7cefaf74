"""`traces evaluate`: what it writes and says of a stranger's scores, and how it ends."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from click.testing import Result
from sklearn.metrics import average_precision_score, roc_auc_score
from typer.testing import CliRunner

from traces_core.commands import evaluate as cli_evaluate
from traces_core.commands import main as cli

LENGTHS = {"Abuse001_x264": 400, "Arson002_x264": 300, "Normal_Videos_003_x264": 500}
MARKS = {"Abuse001_x264": (100, 180), "Arson002_x264": (0, 60)}
ASKED = {
    *("auc", "auc_low", "auc_high", "auc_anomalous", "auc_macro", "average_precision", "pr_auc_trapezoid"),
    *("tie_share", "ground_truth", "baselines", "events"),
}


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    for console in (cli_evaluate.out, cli_evaluate.err):
        monkeypatch.setattr(console, "_width", 400)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """Three videos in UCF-Crime's layout, with scores of windows of 16 frames."""
    lines = [f"{v}.mp4  {v[:5]}  {first}  {last}  -1  -1  " for v, (first, last) in MARKS.items()]
    lines.append("Normal_Videos_003_x264.mp4  Normal  -1  -1  -1  -1  ")
    (tmp_path / "annotation.txt").write_text("\n".join(lines))
    (tmp_path / "lengths.txt").write_text("".join(f"{v} 0 {n - 1} 0\n" for v, n in LENGTHS.items()))
    rng = np.random.default_rng(0)
    rows = []
    for video, frames in LENGTHS.items():
        for first in range(0, frames, 16):
            inside = video in MARKS and MARKS[video][0] <= first <= MARKS[video][1]
            rows.append((video, first, min(first + 15, frames - 1), float(rng.normal()) + inside))
    schema = ["video", "first_frame", "last_frame", "score"]
    pl.DataFrame(rows, schema=schema, orient="row").write_parquet(tmp_path / "scores.parquet")
    return tmp_path


def run(world: Path, *words: object, scores: str = "scores.parquet", layout: str = "ucf-crime") -> Result:
    asked = ["evaluate", world / scores, "--format", layout, *words]
    if "--annotations" not in words:
        asked += ["--annotations", world / "annotation.txt", "--lengths", world / "lengths.txt"]
    return CliRunner().invoke(cli.app, [str(word) for word in [*asked, "--resamples", 50]])


def numbers(world: Path, *words: object, **options: str) -> dict[str, Any]:
    done = run(world, "--json", world / "out.json", *words, **options)
    assert done.exit_code == 0, done.output
    return json.loads((world / "out.json").read_text())


def frames_of(world: Path, after: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Scores and labels of all frames, painted by hand."""
    scores, labels = [], []
    table = pl.read_parquet(world / "scores.parquet")
    for video, frames in LENGTHS.items():
        rows = table.filter(pl.col("video") == video)
        scores.append(np.repeat(rows["score"], rows["last_frame"] - rows["first_frame"] + 1))
        label = np.zeros(frames, dtype=bool)
        if video in MARKS:
            label[MARKS[video][0] : MARKS[video][1] + after] = True
        labels.append(label)
    return np.concatenate(scores), np.concatenate(labels)


def test_the_json_has_every_number_asked_for_and_they_are_scikit_learns(world):
    row = numbers(world)
    assert row.keys() >= ASKED
    scores, labels = frames_of(world)
    assert row["auc"] == pytest.approx(roc_auc_score(labels, scores))
    assert row["average_precision"] == pytest.approx(average_precision_score(labels, scores))
    assert row["auc_low"] <= row["auc"] <= row["auc_high"]
    assert row["ground_truth"]["name"] == "UCF-Crime, annotation.txt"
    assert len(row["ground_truth"]["fingerprint"]) == 16
    assert row["frames"] == 1200
    assert set(row["events"]["at_recall"]) == {"0.5", "0.8", "0.9"}


def test_the_baselines_stand_beside_the_result(world):
    done = run(world)
    assert done.exit_code == 0
    for name in ("constant", "centre prior offline", "perfect video label oracle offline"):
        assert name in done.stdout
    assert "UCF-Crime, annotation.txt" in done.stdout


def test_the_end_mark_is_what_is_said_of_it(world):
    inclusive, exclusive = numbers(world), numbers(world, "--ends", "exclusive")
    scores, labels = frames_of(world, after=0)
    assert exclusive["auc"] == pytest.approx(roc_auc_score(labels, scores))
    assert exclusive["auc"] != inclusive["auc"]
    assert exclusive["ground_truth"]["ends"] == "exclusive"
    assert exclusive["ground_truth"]["fingerprint"] != inclusive["ground_truth"]["fingerprint"]


def test_seconds_and_frames_and_a_table_of_frames_give_the_same_numbers(world):
    table = pl.read_parquet(world / "scores.parquet")
    table.select(
        "score",
        video=pl.col("video") + ".mp4",
        start_s=pl.col("first_frame") / 30,
        end_s=(pl.col("last_frame") + 1) / 30,
        fps=pl.lit(30.0),
    ).sample(fraction=1.0, shuffle=True, seed=1).write_csv(world / "seconds.csv")
    truth = [
        (video, frame, int(video in MARKS and MARKS[video][0] <= frame <= MARKS[video][1]))
        for video, frames in LENGTHS.items()
        for frame in range(frames)
    ]
    pl.DataFrame(truth, schema=["video", "frame", "anomalous"], orient="row").write_csv(world / "truth.csv")
    rows = [
        numbers(world),
        numbers(world, scores="seconds.csv"),
        numbers(world, layout="msad"),
        numbers(world, "--annotations", world / "truth.csv", layout="frames"),
    ]
    for name in ("auc", "auc_low", "average_precision", "auc_macro", "tie_share", "frames", "localisation"):
        assert [row[name] for row in rows] == [rows[0][name]] * 4
    assert rows[1]["scores"]["videos_spelled_otherwise"] == 3
    assert rows[2]["ground_truth"]["name"].startswith("MSAD")


def test_xd_violence_is_read_with_its_normal_videos(world):
    names = {v: f"v={v}#1_label_{'B1-0-0' if v in MARKS else 'A'}" for v in LENGTHS}
    (world / "xd.txt").write_text("".join(f"{names[v]}.mp4 {a} {b}\n" for v, (a, b) in MARKS.items()))
    (world / "xd_lengths.txt").write_text("".join(f"{names[v]} 0 {n - 1} 4\n" for v, n in LENGTHS.items()))
    table = pl.read_parquet(world / "scores.parquet").with_columns(pl.col("video").replace_strict(names))
    table.write_parquet(world / "xd.parquet")
    places = ("--annotations", world / "xd.txt", "--lengths", world / "xd_lengths.txt")
    row = numbers(world, *places, scores="xd.parquet", layout="xd-violence")
    assert row["auc"] == numbers(world)["auc"]
    assert row["hours"] == pytest.approx(1200 / 24 / 3600)
    assert list(row["per_class"]) == ["fighting"]


@pytest.mark.parametrize(("word", "kept"), [(None, None), ("--causal", True), ("--offline", False)])
def test_whether_scores_look_ahead_is_written_as_it_was_said(world, word, kept):
    assert numbers(world, *([word] if word else []))["causal"] is kept


def test_an_alarm_near_an_event_counts_within_the_tolerance(world):
    near = [numbers(world, "--tolerance", seconds)["events"] for seconds in (0, 5)]
    assert [events["tolerance_s"] for events in near] == [0.0, 5.0]
    assert near[1]["at_recall"]["0.5"]["false_alarms"] <= near[0]["at_recall"]["0.5"]["false_alarms"]


def test_the_same_command_gives_the_same_file(world):
    numbers(world)
    first = (world / "out.json").read_bytes()
    numbers(world)
    assert (world / "out.json").read_bytes() == first
    assert [path.name for path in world.iterdir() if path.name.startswith(".")] == []


def test_a_missing_video_is_an_error_unless_it_is_allowed_and_then_the_name_says_so(world):
    table = pl.read_parquet(world / "scores.parquet").filter(pl.col("video") != "Arson002_x264")
    table.write_parquet(world / "few.parquet")
    done = run(world, scores="few.parquet")
    assert done.exit_code == 1
    assert "1 of the 3 videos" in done.stderr
    row = numbers(world, "--allow-missing", scores="few.parquet")
    assert row["ground_truth"]["name"] == "UCF-Crime, annotation.txt, 2 of 3 videos"
    assert row["scores"]["videos_missing"] == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--fps", "fast"), "fps is 'fast'"),
        (("--annotations", "nowhere.txt", "--lengths", "nowhere.txt"), "nowhere.txt"),
        (("--annotations", "{world}/annotation.txt"), "Give their lengths"),
    ],
)
def test_what_cannot_be_read_is_a_sentence_and_status_one(world, words, message):
    done = run(world, *(word.replace("{world}", str(world)) for word in words))
    assert done.exit_code == 1
    assert message in done.stderr
    assert not isinstance(done.exception, AttributeError | KeyError | OSError)


def test_a_place_that_cannot_be_written_is_named(world):
    done = run(world, "--json", world / "scores.parquet" / "out.json")
    assert done.exit_code == 1
    assert str(world / "scores.parquet") in done.stderr
    assert "name another folder" in done.stderr


@pytest.mark.parametrize("words", [("--ends", "open"), ("--tolerance", "-1"), ("--resamples", "many")])
def test_a_word_that_is_not_understood_ends_with_status_two(world, words):
    asked = ("--annotations", world / "annotation.txt", "--lengths", world / "lengths.txt")
    line = ["evaluate", world / "scores.parquet", "--format", "ucf-crime", *asked, *words]
    assert CliRunner().invoke(cli.app, [str(word) for word in line]).exit_code == 2


def test_a_class_is_printed_as_it_is(world):
    annotation = world / "annotation.txt"
    annotation.write_text(annotation.read_text().replace("  Abuse  ", "  [/y]\x1b[31mAbuse  "))
    done = run(world)
    assert done.exit_code == 0, done.output
    assert "[/y]\\x1b[31mAbuse" in done.stdout
    assert "\x1b" not in done.stdout
