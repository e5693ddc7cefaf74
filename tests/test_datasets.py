"""Ground truth: the project's own table, its checks, the frame clock and the fingerprint."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from traces_core.datasets import COLUMNS, AnnotationRow, GroundTruth, frame_times, read_annotations
from traces_core.errors import AnnotationError
from traces_core.types import Interval

DURATIONS = {"street/a.mp4": 30.0, "street/b.mp4": 12.5, "c #1=x.avi": 60.0}
RATES = Fraction(30000, 1001)


def written(folder: Path, text: str, name: str = "events.csv") -> Path:
    path = folder / name
    path.write_text(text)
    return path


def truth_of(*rows: tuple[str, float, float, str], durations_s: dict[str, float] = DURATIONS) -> GroundTruth:
    return GroundTruth.from_rows(
        "t", [AnnotationRow(*row) for row in rows], durations_s=durations_s, rates=RATES
    )


@pytest.mark.parametrize("name", ["events.csv", "events.parquet"])
def test_what_a_table_says_is_read(tmp_path, name):
    intervals = {
        "street/a.mp4": (Interval(1.5, 2.25, "fight"), Interval(4.0, 9.0, "fire")),
        "c #1=x.avi": (Interval(0.1, 59.9, ""),),
    }
    rows = [(video, one.start_s, one.end_s, one.label) for video, some in intervals.items() for one in some]
    table = pl.DataFrame(rows, schema=list(COLUMNS), orient="row")
    (table.write_csv if name.endswith(".csv") else table.write_parquet)(tmp_path / name)
    truth = read_annotations(tmp_path / name, durations_s=DURATIONS, rates=RATES)
    assert truth.name == "events"
    assert {v: i for v, i in truth.intervals.items() if i} == intervals


def test_a_video_without_a_row_is_normal(tmp_path):
    path = written(tmp_path, "video,start_s,end_s,label\nstreet/a.mp4,1,2,fall\n")
    truth = read_annotations(path, durations_s=DURATIONS, rates=RATES)
    assert truth.videos == ("c #1=x.avi", "street/a.mp4", "street/b.mp4")
    assert not truth.frame_labels("street/b.mp4").any()
    assert truth.frame_labels("street/a.mp4").sum() == 30
    assert (truth.events, truth.classes) == (1, ("fall",))


def test_the_most_eventful_video_is_the_first_by_name_of_several():
    two = [("street/b.mp4", 1.0, 2.0, "fall"), ("street/b.mp4", 3.0, 4.0, "fall")]
    assert truth_of(*two, ("c #1=x.avi", 1.0, 2.0, "fall")).most_eventful == "street/b.mp4"
    also = [("street/a.mp4", 1.0, 2.0, "fire"), ("street/a.mp4", 3.0, 4.0, "fire")]
    assert truth_of(*two, *also).most_eventful == "street/a.mp4"


def test_a_table_of_normal_videos_only_may_have_no_row(tmp_path):
    truth = read_annotations(
        written(tmp_path, "video,start_s,end_s,label\n"), durations_s=DURATIONS, rates=RATES
    )
    assert (truth.events, truth.anomalous_share) == (0, 0.0)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("street/A.mp4,1,2,x", "row 2.*no such video.*did you mean 'street/a.mp4'"),
        ("street\\a.mp4,1,2,x", "row 2.*no such video.*did you mean 'street/a.mp4'"),
        ("b.mp4,1,2,x", "row 2.*no such video.*did you mean 'street/b.mp4'"),
        ("street/aa.mp4,1,2,x", "row 2.*no such video.*did you mean 'street/a.mp4'"),
        ("quite another,1,2,x", "row 2.*no such video among 3; Name it"),
        ("street/a.mp4,-1,2,x", "row 2.*before the video"),
        ("street/a.mp4,5,4,x", "row 2.*backwards"),
        ("street/a.mp4,5,5,x", "row 2.*empty"),
        ("street/a.mp4,450,900,x", "row 2.*frame numbers"),
        ("street/a.mp4,nan,3,x", "row 2.*not a stretch"),
        ("street/a.mp4,inf,inf,x", "row 2.*not a stretch"),
        ("street/a.mp4,one,3,x", "row 2.*not both numbers"),
        ("street/a.mp4,,3,x", "row 2.*not both numbers"),
        (",1,3,x", "row 2.*no video"),
    ],
)
def test_a_wrong_row_is_refused_with_its_number_and_what_to_do(tmp_path, row, message):
    path = written(tmp_path, f"video,start_s,end_s,label\nstreet/b.mp4,1,2,ok\n{row}\n")
    with pytest.raises(AnnotationError, match=f"events.csv.*{message}"):
        read_annotations(path, durations_s=DURATIONS, rates=RATES)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("events.csv", "video,start_s,label\na,1,x\n", "no column end_s"),
        ("events.csv", "", "cannot be read"),
        ("events.parquet", "not parquet", "cannot be read"),
        ("events.txt", "video,start_s,end_s\n", ".csv or a .parquet"),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path, name, text, message):
    with pytest.raises(AnnotationError, match=message):
        read_annotations(written(tmp_path, text, name), durations_s=DURATIONS, rates=RATES)


def test_a_table_that_is_not_there_is_named(tmp_path):
    with pytest.raises(AnnotationError, match=r"nowhere\.csv"):
        read_annotations(tmp_path / "nowhere.csv", durations_s=DURATIONS, rates=RATES)


def test_a_label_may_be_left_out(tmp_path):
    pl.DataFrame({"video": ["street/b.mp4"], "start_s": [1], "end_s": [2]}).write_parquet(
        tmp_path / "e.parquet"
    )
    truth = read_annotations(tmp_path / "e.parquet", durations_s=DURATIONS, rates=RATES)
    assert truth.intervals["street/b.mp4"] == (Interval(1.0, 2.0),)
    assert truth.classes == ()


def test_a_mark_beyond_the_end_is_clamped_and_counted():
    truth = truth_of(("street/b.mp4", 10.0, 13.0, "x"), ("street/a.mp4", 0.0, 30.0, "x"))
    assert truth.intervals["street/b.mp4"] == (Interval(10.0, 12.5, "x"),)
    assert truth.clamped == 1


def test_overlaps_of_one_class_are_joined_and_counted_others_stay_events():
    truth = truth_of(
        ("street/a.mp4", 1.0, 5.0, "fire"),
        ("street/a.mp4", 4.0, 7.0, "fire"),
        ("street/a.mp4", 2.0, 3.0, "fire"),
        ("street/a.mp4", 6.0, 9.0, "fight"),  # overlaps, but is something else
        ("street/a.mp4", 9.0, 10.0, "fight"),  # only touches
    )
    assert truth.intervals["street/a.mp4"] == (
        Interval(1.0, 7.0, "fire"),
        Interval(6.0, 9.0, "fight"),
        Interval(9.0, 10.0, "fight"),
    )
    assert truth.merged == 2


@given(
    st.lists(
        st.tuples(st.integers(0, 40), st.integers(1, 20), st.sampled_from(["x", "y"])),
        min_size=1,
        max_size=10,
    )
)
def test_joining_changes_no_frame_and_no_order_matters(stretches):
    rows = [("v", start / 2, (start + length) / 2, label) for start, length, label in stretches]
    forwards, backwards = (truth_of(*r, durations_s={"v": 25.0}) for r in (rows, rows[::-1]))
    assert forwards == backwards
    times = forwards.frame_times("v")
    for label in ("x", "y"):
        marked = np.zeros(len(times), dtype=bool)
        for _, start_s, end_s, name in rows:
            marked |= (times >= start_s) & (times < end_s) & (name == label)
        np.testing.assert_array_equal(forwards.frame_labels("v", label), marked)


@pytest.mark.parametrize("rate", [Fraction(30), Fraction(30000, 1001), Fraction(24), Fraction(25, 2)])
def test_marks_written_as_frame_numbers_fall_on_their_frames_exactly(rate):
    frames = 20_000
    duration_s = float(frames / rate)
    times = frame_times(duration_s, rate)
    assert times.tolist() == [float(number / rate) for number in range(frames)]
    rng = np.random.default_rng(0)
    for first in rng.integers(0, frames - 300, 50).tolist():
        after = first + int(rng.integers(1, 300))
        row = AnnotationRow("v", float(first / rate), float(after / rate))
        truth = GroundTruth.from_rows("t", [row], durations_s={"v": duration_s}, rates=rate)
        np.testing.assert_array_equal(np.flatnonzero(truth.frame_labels("v")), np.arange(first, after))


def test_the_anomalous_share_is_a_share_of_frames():
    truth = GroundTruth.from_rows(
        "t",
        [AnnotationRow("fast", 0.0, 5.0)],
        durations_s={"fast": 10.0, "slow": 10.0},
        rates={"fast": Fraction(30), "slow": Fraction(10)},
    )
    assert truth.anomalous_share == 150 / 400
    assert truth.hours == pytest.approx(20 / 3600)


def test_the_fingerprint_is_that_of_the_content():
    base = truth_of(("street/a.mp4", 1.0, 2.0, "x"), ("street/b.mp4", 1.0, 2.0, "x"))
    swapped = truth_of(("street/b.mp4", 1.0, 2.0, "x"), ("street/a.mp4", 1.0, 2.0, "x"))
    renamed = GroundTruth(
        "other name", base.intervals, dict(reversed(base.durations_s.items())), base.rates, 3, 4
    )
    assert base.fingerprint == swapped.fingerprint == renamed.fingerprint
    changed = [
        truth_of(("street/a.mp4", 1.0, 2.0, "x")),
        truth_of(("street/a.mp4", 1.0, 2.0, "y"), ("street/b.mp4", 1.0, 2.0, "x")),
        truth_of(("street/a.mp4", 1.0, 2.0000001, "x"), ("street/b.mp4", 1.0, 2.0, "x")),
        GroundTruth("t", base.intervals, {**base.durations_s, "street/b.mp4": 12.6}, base.rates),
        GroundTruth("t", base.intervals, base.durations_s, {**base.rates, "street/b.mp4": Fraction(30)}),
    ]
    fingerprints = {truth.fingerprint for truth in [base, *changed]}
    assert len(fingerprints) == 6
    assert all(len(fingerprint) == 16 for fingerprint in fingerprints)


@pytest.mark.parametrize(
    ("durations_s", "rates", "message"),
    [
        ({"a": 0.0}, Fraction(30), "duration"),
        ({"a": np.nan}, Fraction(30), "duration"),
        ({"a": 3.0}, Fraction(0), "frame rate"),
        ({"a": 3.0}, {"b": Fraction(30)}, "frame rate"),
        ({"/etc/a": 3.0}, Fraction(30), "relative"),
        ({"../a": 3.0}, Fraction(30), "relative"),
        ({"x\\a": 3.0}, Fraction(30), "forward slashes"),
    ],
)
def test_a_video_without_a_clock_or_a_proper_name_is_refused(durations_s, rates, message):
    with pytest.raises(AnnotationError, match=message):
        GroundTruth.from_rows("t", [], durations_s=durations_s, rates=rates)
