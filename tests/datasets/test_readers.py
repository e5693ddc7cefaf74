"""The official layouts, each written small by code and read back."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from traces_core.datasets import (
    Length,
    Mark,
    read_frame_table,
    read_msad,
    read_ucf_crime,
    read_xd_violence,
)
from traces_core.datasets.ucf_crime import KNOWN_MARKS, marks_digest
from traces_core.datasets.xd_violence import class_in_name
from traces_core.errors import AnnotationError

UCF = """Abuse028_x264.mp4  Abuse  165  240  -1  -1
Arson011_x264.mp4  Arson  10  20  50  99
Normal_Videos_027_x264.mp4  Normal  -1  -1  -1  -1
"""
UCF_LENGTHS = {
    "Abuse028_x264": Length(300),
    "Arson011_x264": Length(90),
    "Normal_Videos_027_x264": Length(50),
}
RIOT, NORMAL, BOTH = (
    "v=S-7r__#1_label_B4-0-0",
    "A.Mind.2001__#00-25_label_A",
    "Fast.2001__#00-52_label_B2-G-0",
)
XD_LENGTHS = {RIOT: Length(100), NORMAL: Length(50), BOTH: Length(80)}


def written(folder: Path, text: str, name: str = "annotations.txt") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def marked(truth, video: str) -> list[int]:
    return np.flatnonzero(truth.frame_labels(video)).tolist()


def test_ucf_crime_marks_include_their_end(tmp_path):
    truth = read_ucf_crime(written(tmp_path, UCF), UCF_LENGTHS)
    assert marked(truth, "Abuse028_x264") == list(range(165, 241))
    assert marked(truth, "Arson011_x264") == [*range(10, 21), *range(50, 90)]
    assert marked(truth, "Normal_Videos_027_x264") == []
    assert (truth.clamped, truth.events, truth.classes) == (1, 3, ("Abuse", "Arson"))
    assert set(truth.rates.values()) == {Fraction(30)}


def test_exclusive_ends_are_another_ground_truth_with_another_name(tmp_path):
    path = written(tmp_path, UCF)
    both = [read_ucf_crime(path, UCF_LENGTHS, ends=ends) for ends in ("inclusive", "exclusive")]
    assert marked(both[1], "Abuse028_x264") == list(range(165, 240))
    assert len({truth.name for truth in both}) == len({truth.fingerprint for truth in both}) == 2


def test_a_line_may_hold_any_number_of_stretches_and_names_go_without_extension(tmp_path):
    path = written(tmp_path, "a Fall 1 2 5 6 9 9\nb Normal -1 -1\n")
    truth = read_msad(path, {"msad/a.mp4": Length(20, Fraction(25)), "msad/b.mp4": Length(20)})
    assert marked(truth, "a") == [1, 2, 5, 6, 9]
    assert (truth.name, truth.rates["a"], truth.rates["b"]) == ("MSAD, annotations.txt", 25, 30)


def test_veras_json_brings_its_own_lengths(tmp_path):
    entries = [
        {"video": "frames/Abuse/Abuse028_x264.mp4", "temporal_label": [165, 240, -1, -1], "length": 300},
        {"video": "frames/Normal/Normal_1_x264.mp4", "temporal_label": [-1, -1, -1, -1], "length": 50},
    ]
    truth = read_ucf_crime(written(tmp_path, json.dumps(entries), "vera.json"), None)
    assert marked(truth, "Abuse028_x264") == list(range(165, 241))
    assert truth.durations_s["Normal_1_x264"] == pytest.approx(50 / 30)
    assert truth.classes == ("Abuse",)


def test_ground_truths_of_the_same_videos_are_told_apart_by_their_marks(tmp_path, monkeypatch):
    marks = [Mark("Arson011_x264", 10, 20), Mark("Abuse028_x264", 165, 240), Mark("Arson011_x264", 50, 99)]
    monkeypatch.setitem(KNOWN_MARKS, marks_digest(marks), "the known one")
    assert read_ucf_crime(written(tmp_path, UCF), UCF_LENGTHS).name == "the known one"
    moved = UCF.replace("165", "166")
    assert read_ucf_crime(written(tmp_path, moved), UCF_LENGTHS).name == "UCF-Crime, annotations.txt"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (UCF.replace("165", "here"), "line 1: .* is not 'name class start end"),
        (UCF.replace("  -1  -1\nArson", "  -1\nArson"), "line 1"),
        (UCF.replace("Abuse028", "Abuse029"), "line 1: there is no video 'Abuse029_x264.mp4'.*did you mean"),
        (UCF + "Abuse028.mp4 Abuse 1 2 -1 -1\n", "line 4: 'Abuse028_x264' was annotated before .*line 1"),
        (UCF[: UCF.index("Normal")], "1 of the 3 videos of the lengths are not annotated.*Normal_Videos_027"),
        (UCF.replace("Abuse  165  240", "Abuse  -1  -1"), "line 1.*'Abuse' with no stretch"),
        (UCF.replace("Abuse  ", "Normal  "), "line 1.*'Normal' with 1 stretches"),
        (UCF.replace("165  240", "165  -1"), "line 1.*marked from frame 165 to -1"),
        (UCF.replace("165  240", "300  320"), "line 1.*of 300 frames"),
        ("", "3 of the 3 videos"),
    ],
)
def test_a_wrong_line_of_ucf_crime_is_refused_with_its_number(tmp_path, text, message):
    with pytest.raises(AnnotationError, match=message):
        read_ucf_crime(written(tmp_path, text), UCF_LENGTHS)


@pytest.mark.parametrize("text", ["{", "[1]", '[{"video": "a/b.mp4"}]', '{"a": 1}'])
def test_a_json_that_is_not_veras_is_refused(tmp_path, text):
    with pytest.raises(AnnotationError, match="not the re-annotation of VERA"):
        read_ucf_crime(written(tmp_path, text, "vera.json"), None)


@pytest.mark.parametrize("reader", [read_ucf_crime, read_msad, read_xd_violence])
def test_lengths_are_asked_for_where_the_annotation_has_none(tmp_path, reader):
    with pytest.raises(AnnotationError, match=r"Give .* lengths"):
        reader(written(tmp_path, UCF), None)


def test_xd_violence_takes_normal_videos_from_the_lengths_and_classes_from_the_names(tmp_path):
    truth = read_xd_violence(written(tmp_path, f"{RIOT} 0 10 90 99\n{BOTH}.mp4 5 6\n"), XD_LENGTHS)
    assert marked(truth, RIOT) == [*range(11), *range(90, 100)]
    assert marked(truth, NORMAL) == []
    assert truth.classes == ("riot", "shooting+explosion")
    assert (set(truth.rates.values()), truth.clamped) == ({Fraction(24)}, 0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (f"{RIOT} 0 10\n", "1 videos are violent by their names but not marked"),
        (f"{RIOT} 0 10\n{BOTH} 1 2\n{NORMAL} 3 4\n", "line 3.*is normal by its name"),
        (f"{RIOT} 0 10 90\n{BOTH} 1 2\n", "line 1.*expected 'name start end"),
        (f"{RIOT} 0 x\n{BOTH} 1 2\n", "line 1.*expected 'name start end"),
        ("v=unknown_label_G-0-0 1 2\n", "line 1: there is no video"),
    ],
)
def test_a_wrong_line_of_xd_violence_is_refused(tmp_path, text, message):
    with pytest.raises(AnnotationError, match=message):
        read_xd_violence(written(tmp_path, text), XD_LENGTHS)


def test_the_order_of_the_letters_makes_no_other_class():
    assert class_in_name("x_label_G-B2-0") == class_in_name("x_label_B2-G-0") == "shooting+explosion"
    assert class_in_name("x_label_A") == ""
    with pytest.raises(AnnotationError, match="ends in label_A"):
        class_in_name("x")


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("kind", [pl.Int8, pl.Boolean, pl.Float64])
def test_a_table_of_frames_is_read_in_any_order_and_type(tmp_path, suffix, kind):
    table = pl.DataFrame(
        {"video": ["b", "a", "a", "a", "b"], "frame": [1, 2, 0, 1, 0], "anomalous": [1, 1, 0, 1, 0]}
    ).with_columns(pl.col("anomalous").cast(kind))
    path = tmp_path / f"truth{suffix}"
    table.write_csv(path) if suffix == ".csv" else table.write_parquet(path)
    truth = read_frame_table(path, {"a": Length(3), "b": Length(2, Fraction(25))})
    assert {video: marked(truth, video) for video in truth.videos} == {"a": [1, 2], "b": [1]}
    assert truth.rates == {"a": 30, "b": 25}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("video,frame\na,0\n", "no column anomalous"),
        ("video,frame,anomalous\na,0,0\na,2,1\n", "2 rows, but frame 1 is missing or doubled"),
        ("video,frame,anomalous\na,0,0\na,0,1\n", "frame 1 is missing or doubled"),
        ("video,frame,anomalous\na,1,0\n", "frame 0 is missing"),
        ("video,frame,anomalous\na,0,0\na,1,maybe\n", "row 2 .*'maybe'"),
        ("video,frame,anomalous\na,0.5,0\n", "row 1"),
        ("video,frame,anomalous\na,1e300,0\n", "row 1"),
        ("video,frame,anomalous\n", "no frame"),
    ],
)
def test_a_wrong_table_of_frames_is_refused(tmp_path, text, message):
    with pytest.raises(AnnotationError, match=message):
        read_frame_table(written(tmp_path, text, "truth.csv"))


def test_a_table_of_frames_and_its_lengths_must_agree(tmp_path):
    path = written(tmp_path, "video,frame,anomalous\na,0,0\na,1,1\n", "truth.csv")
    with pytest.raises(AnnotationError, match="2 frames in the table, 3 in the lengths"):
        read_frame_table(path, {"a": Length(3)})
    with pytest.raises(AnnotationError, match="lengths: there is no video 'b'"):
        read_frame_table(path, {"a": Length(2), "b": Length(1)})
    assert read_frame_table(path, {"x/a.mp4": Length(2, Fraction(25))}).rates == {"a": 25}


MSAD = "Assault_1 Assault 3 6 -1 -1\nMSAD_normal_testing_1 MSAD -1 -1 -1 -1\n"
MSAD_LENGTHS = {"Assault_1.mp4": Length(20), "MSAD_normal_testing_1.mp4": Length(10)}


def test_the_normal_videos_of_msad_are_of_class_msad(tmp_path):
    truth = read_msad(written(tmp_path, MSAD), MSAD_LENGTHS)
    assert {video: marked(truth, video) for video in truth.videos} == {
        "Assault_1": [3, 4, 5, 6],
        "MSAD_normal_testing_1": [],
    }
    assert truth.classes == ("Assault",)
    assert read_msad(written(tmp_path, MSAD.replace(" MSAD ", " Normal ")), MSAD_LENGTHS).events == 1


@pytest.mark.parametrize(
    ("reader", "text", "message"),
    [
        (read_msad, MSAD.replace(" MSAD -1 -1", " MSAD 1 2"), "line 2.*class 'MSAD' with 1 stretches"),
        (read_msad, MSAD.replace("3 6", "-1 -1"), "line 1.*class 'Assault' with no stretch"),
        (read_ucf_crime, MSAD, "line 2.*class 'MSAD' with no stretch"),
    ],
)
def test_another_class_without_a_stretch_stays_an_error(tmp_path, reader, text, message):
    with pytest.raises(AnnotationError, match=message):
        reader(written(tmp_path, text), MSAD_LENGTHS)


def test_a_frame_between_two_frames_is_refused_in_a_table_of_numbers_too(tmp_path):
    table = pl.DataFrame({"video": ["a", "a"], "frame": [0.5, 1.5], "anomalous": [0, 1]})
    table.write_parquet(tmp_path / "truth.parquet")
    with pytest.raises(AnnotationError, match=r"row 1 .*0\.5"):
        read_frame_table(tmp_path / "truth.parquet")
