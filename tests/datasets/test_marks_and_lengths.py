"""From frame numbers to ground truth, and the lists of lengths."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces_core.datasets import (
    Length,
    Mark,
    parse_rate,
    read_lengths,
    truth_from_labels,
    truth_from_marks,
)
from traces_core.errors import AnnotationError

RATES = [Fraction(30), Fraction(30000, 1001), Fraction(24), Fraction(10)]


def truth(*marks: Mark, frames: int = 100, ends: str = "inclusive", rate: Fraction = Fraction(30)):
    return truth_from_marks("t", marks, {"v": Length(frames)}, rate=rate, ends=ends)


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize(("ends", "expected"), [("inclusive", [3, 4, 5, 6, 7]), ("exclusive", [3, 4, 5, 6])])
def test_the_end_mark_is_the_last_frame_or_the_first_after_it(ends, expected, rate):
    marked = truth(Mark("v", 3, 7), ends=ends, rate=rate).frame_labels("v")
    assert np.flatnonzero(marked).tolist() == expected


@pytest.mark.parametrize(
    ("end", "ends", "clamped"),
    [
        (98, "inclusive", 0),
        (99, "inclusive", 0),
        (100, "inclusive", 1),
        (100, "exclusive", 0),
        (140, "exclusive", 1),
    ],
)
def test_an_end_beyond_the_last_frame_is_clamped_and_counted(end, ends, clamped):
    clamped_truth = truth(Mark("v", 90, end), ends=ends)
    assert clamped_truth.clamped == clamped
    assert clamped_truth.frame_labels("v").sum() == min(end + (ends == "inclusive"), 100) - 90


@pytest.mark.parametrize(("first", "end"), [(-1, 5), (100, 120), (9, 8), (5, -1)])
def test_a_mark_outside_the_video_or_backwards_is_refused_with_where_it_is(first, end):
    with pytest.raises(AnnotationError, match=r"line 3 .*'v'.* marked from frame"):
        truth(Mark("v", first, end, where="line 3"))


@pytest.mark.parametrize("rate", RATES)
@given(labels=st.lists(st.booleans(), min_size=1, max_size=300))
def test_labels_of_frames_come_back_as_they_were(rate, labels):
    restored = truth_from_labels("t", {"v": np.array(labels)}, rates=rate)
    assert restored.frame_labels("v").tolist() == labels


def test_a_length_keeps_its_own_rate():
    mixed = truth_from_marks(
        "t", [], {"a": Length(50, Fraction(25)), "b": Length(60)}, rate=Fraction(30), ends="inclusive"
    )
    assert mixed.durations_s == {"a": 2.0, "b": 2.0}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("l.txt", "a.b#=1 0 99 4\n\nc 0 9 6,0\n"),
        ("l.txt", "a.b#=1 100\nc 10\n"),
        ("l.csv", "video,frames\na.b#=1,100\nc,10\n"),
    ],
)
def test_lengths_are_read_from_each_layout(tmp_path, name, text):
    (tmp_path / name).write_text(text)
    assert read_lengths(tmp_path / name) == {"a.b#=1": Length(100), "c": Length(10)}


def test_a_table_of_lengths_may_say_each_rate(tmp_path):
    table = pl.DataFrame({"video": ["a", "b"], "frames": [10, 20], "fps": [29.97, None]})
    table.write_parquet(tmp_path / "l.parquet")
    assert read_lengths(tmp_path / "l.parquet") == {"a": Length(10, Fraction(30000, 1001)), "b": Length(20)}


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("l.txt", "a 0 ten", "line 1: 'a 0 ten' is not"),
        ("l.txt", "a 1 10", "line 1.*counted from 0"),
        ("l.txt", "ok 0 3\na", "line 2"),
        ("l.txt", "a 0 9\na 0 9", "line 2: 'a' is named a second time"),
        ("l.txt", "", "no video is named"),
        ("l.csv", "video,length\na,3\n", "expected video, frames"),
        ("l.csv", "video,frames\na,3.5\n", "row 1.*whole number"),
        ("l.csv", "video,frames\na,0\n", "0 frames"),
        ("l.csv", "video,frames,fps\na,3,fast\n", "row 1: fps is 'fast'"),
    ],
)
def test_a_list_of_lengths_that_is_wrong_is_refused_with_its_place(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(AnnotationError, match=message):
        read_lengths(tmp_path / name)


def test_a_list_that_is_not_there_is_named(tmp_path):
    with pytest.raises(AnnotationError, match=r"nowhere\.txt"):
        read_lengths(tmp_path / "nowhere.txt")


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("30", Fraction(30)),
        (30.0, Fraction(30)),
        ("23.976", Fraction(24000, 1001)),
        ("29.97002997", Fraction(30000, 1001)),
        ("59.94", Fraction(60000, 1001)),
        ("30000/1001", Fraction(30000, 1001)),
        (12.5, Fraction(25, 2)),
        ("29.970000", Fraction(30000, 1001)),
        ("23.98", Fraction(24000, 1001)),
        ("119.88", Fraction(120000, 1001)),
        (30000 / 1001, Fraction(30000, 1001)),
        ("4.9999", Fraction(49999, 10000)),  # not an NTSC rate, however near
        ("4.995", Fraction(4995, 1000)),
        ("14.9999", Fraction(149999, 10000)),
        ("29.9701", Fraction(299701, 10000)),
        ("24.975", Fraction(24975, 1000)),
        ("0.9999", Fraction(9999, 10000)),
        ("2997/100", Fraction(2997, 100)),
        ("1/300", Fraction(1, 300)),  # one picture every five minutes
        ("0.004", Fraction(1, 250)),
    ],
)
def test_a_rate_is_the_fraction_that_was_meant(text, rate):
    assert parse_rate(text, where="x") == rate


@pytest.mark.parametrize(
    "text", ["0", "-3", "fast", "", "1/0", "nan", None, "inf", "1e300", "1e999999999", "1e-9", "1/1e9"]
)
def test_a_rate_that_is_none_is_refused(text):
    with pytest.raises(AnnotationError, match="here: fps is"):
        parse_rate(text, where="here")


def test_a_length_may_be_a_whole_number_of_any_type_and_a_rate_blank(tmp_path):
    table = pl.DataFrame({"video": ["a", "b"], "frames": [300.0, 20.0], "fps": [float("nan"), 4.9999]})
    table.write_parquet(tmp_path / "lengths.parquet")
    assert read_lengths(tmp_path / "lengths.parquet") == {
        "a": Length(300),
        "b": Length(20, Fraction(49999, 10000)),
    }


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"frames": [10, 1 << 30]}, "row 2: 'b' has 1073741824 frames"),
        ({"frames": [10.0, 1e300]}, "row 2: frames is 1e\\+300; expected a whole number"),
        ({"frames": [10.0, 0.5]}, "row 2: frames is 0.5"),
        ({"frames": [timedelta(seconds=1)] * 2}, r"row 1: frames is .*a column of Duration.*expected plain"),
        ({"video": ["a", None]}, "row 2: no video is named"),
        ({"video": [["a"], ["b"]]}, "row 1: video is .*a column of List"),
    ],
)
def test_a_length_of_another_type_is_refused_with_its_row(tmp_path, columns, message):
    table = pl.DataFrame({"video": ["a", "b"], "frames": [10, 20], **columns})
    table.write_parquet(tmp_path / "lengths.parquet")
    with pytest.raises(AnnotationError, match=message):
        read_lengths(tmp_path / "lengths.parquet")
