"""Tables of captions: what is read, what is counted, what is refused and with which words."""

from __future__ import annotations

from datetime import timedelta
from fractions import Fraction
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from traces_core.captions.table import CaptionTable, check_captions, read_captions
from traces_core.errors import CaptionError

ROWS = {
    "video": ["a.mp4", "a.mp4", "b.mp4"],
    "first_frame": [0, 30, 0],
    "last_frame": [29, 89, 299],
    "caption": ["A man walks.", "Two men fight.", "A quiet road."],
}


def table(**columns: object) -> pl.DataFrame:
    return pl.DataFrame({**ROWS, **columns})


def seconds(checked: CaptionTable) -> list[tuple[float, float]]:
    return checked.rows.select("start_s", "end_s").rows()


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_both_formats_say_the_same(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"captions{suffix}"
    (table().write_csv if suffix == ".csv" else table().write_parquet)(path)
    read = read_captions(path)
    assert seconds(read) == [(0, 1), (1, 3), (0, 10)]
    assert read.rows.equals(check_captions(table()).rows)
    assert read.stretches.columns == ["video", "first_frame", "last_frame"]
    assert len(read) == read.counts["rows"] == 3
    assert read.counts["videos"] == 2


def test_a_rate_as_a_fraction_is_exact_and_kept_as_written() -> None:
    read = check_captions(table(fps=["30000/1001", "30000/1001", "25"]))
    assert read.rows["end_s"].to_list() == [30 * 1001 / 30000, 90 * 1001 / 30000, 12.0]
    assert read.stretches["fps"].to_list() == ["30000/1001", "30000/1001", "25"]
    assert check_captions(table(), fps=Fraction(24)).rows["end_s"][2] == 12.5
    assert "fps" not in check_captions(table()).rows.columns


def test_a_blank_rate_is_the_one_that_was_given() -> None:
    read = check_captions(table(fps=[None, None, "25"]), fps=Fraction(10))
    assert read.rows["end_s"].to_list() == [3, 9, 12]


def test_seconds_are_taken_as_they_are() -> None:
    rows = {
        "video": ["a"] * 3,
        "caption": ["x y"] * 3,
        "start_s": [0.0, 1.5, 11.5],
        "end_s": [1.5, 11.5, 11.75],
    }
    read = check_captions(pl.DataFrame(rows))
    assert seconds(read) == [(0, 1.5), (1.5, 11.5), (11.5, 11.75)]
    assert read.stretches.columns == ["video", "start_s", "end_s"]


def test_where_there_are_frames_and_seconds_the_frames_count() -> None:
    read = check_captions(table(start_s=[5, 6, 7], end_s=[6, 7, 8]))
    assert seconds(read)[0] == (0, 1)
    assert read.stretches.columns == ["video", "first_frame", "last_frame"]


def test_rows_in_another_order_are_the_same_table_and_counted() -> None:
    shuffled = check_captions(table()[[1, 2, 0]])
    assert shuffled.rows.equals(check_captions(table()).rows)
    assert shuffled.fingerprint == check_captions(table()).fingerprint
    assert shuffled.counts["out_of_order"] == 1
    assert check_captions(table()).counts["out_of_order"] == 0


def test_a_shared_edge_frame_belongs_to_the_later_stretch() -> None:
    read = check_captions(table(first_frame=[0, 29, 0]))
    assert seconds(read)[:2] == [(0, pytest.approx(29 / 30)), (pytest.approx(29 / 30), 3)]
    assert read.stretches["last_frame"][0] == 29
    assert read.counts["frames_shared"] == 1


def test_a_row_said_twice_counts_once() -> None:
    read = check_captions(pl.concat([table(), table()[1:2]]))
    assert read.rows.equals(check_captions(table()).rows)
    assert read.counts["rows_repeated"] == 1


def test_gaps_are_counted_and_left_open() -> None:
    read = check_captions(table(first_frame=[0, 60, 0]))
    assert read.counts["gaps"] == 1
    assert seconds(read)[:2] == [(0, 1), (2, 3)]


@pytest.mark.parametrize("every", [1, 30, 300])
def test_any_rate_of_captions_will_do(every: int) -> None:
    first = np.arange(0, 3000, every)
    rows = {"video": "a", "first_frame": first, "last_frame": first + every - 1, "caption": "A man walks."}
    read = check_captions(pl.DataFrame(rows))
    assert len(read) == 3000 // every
    assert (read.counts["frames_shared"], read.counts["gaps"]) == (0, 0)


REFUSED = [
    # what is in the table, what the message says
    (
        {"caption": ["A man.", None, "A road."]},
        r"row 2 \(video 'a\.mp4', from 30\.0 to 89\.0\): there is no cap",
    ),
    ({"caption": ["A man.", "  ", "A road."]}, "row 2 .*there is no caption; 1 of 3 rows.*Leave the row out"),
    ({"caption": [float("nan"), 1.0, 2.0]}, "row 1 .*there is no caption"),
    ({"video": ["a", None, "b"]}, "row 2 .*no video is named"),
    ({"first_frame": [0, 30, -1]}, "row 3 .*first_frame is not a whole number of at least 0"),
    ({"first_frame": [0.0, 30.5, 0.0]}, "row 2 .*first_frame is not a whole number"),
    ({"last_frame": [29.0, float("nan"), 299.0]}, "row 2 .*last_frame is not a whole number"),
    ({"last_frame": ["29", "late", "299"]}, "row 2 .*last_frame is not a whole number"),
    ({"last_frame": [29, 20, 299]}, "row 2 .*last_frame is not after first_frame"),
    ({"first_frame": [0, 28, 0]}, r"video 'a\.mp4'\): rows 1 and 2 overlap: 0 to 1 s and 0\.93"),
    ({"first_frame": [0, 0, 0], "last_frame": [0, 89, 299]}, "rows 1 and 2 overlap"),
    ({"first_frame": [0, 0, 0], "last_frame": [29, 29, 299]}, "rows 1 and 2 overlap"),
    ({"fps": ["30", "fast", "30"]}, "row 2: fps is 'fast'"),
    ({"caption": [None, ["A man.", "He runs."], ["A road."]]}, "row 2: caption is .*List.*one plain value"),
    ({"caption": [{"text": "A man."}] * 3}, "row 1: caption is .*Struct"),
    ({"last_frame": [29.0, 1e300, 299.0]}, "row 2 .*last_frame is not a whole number"),
    ({"last_frame": [timedelta(seconds=1)] * 3}, "row 1: last_frame is .*Duration"),
    ({"fps": ["30", "25", "30"]}, r"video 'a\.mp4'\): 30 frames per second in row 1, 25 in row 2"),
]


@pytest.mark.parametrize(("columns", "message"), REFUSED, ids=[case[1][:40] for case in REFUSED])
def test_what_is_wrong_is_refused_with_its_video_and_rows(columns: dict[str, object], message: str) -> None:
    with pytest.raises(CaptionError, match=message):
        check_captions(table(**columns), "captions.csv")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (
            table().drop("caption"),
            "found the columns video, first_frame, last_frame; expected video, caption",
        ),
        (table().drop("last_frame"), "expected video, caption and first_frame, last_frame"),
        (table().clear(), "no row"),
        (pl.DataFrame(), "found the columns none"),
    ],
)
def test_a_table_of_another_kind_says_what_is_expected(rows: pl.DataFrame, message: str) -> None:
    with pytest.raises(CaptionError, match=message):
        check_captions(rows)


def test_an_instant_in_seconds_is_no_stretch() -> None:
    rows = pl.DataFrame({"video": ["a"], "caption": ["A man."], "start_s": [1.0], "end_s": [1.0]})
    with pytest.raises(CaptionError, match="end_s is not after start_s"):
        check_captions(rows)


def test_a_file_that_is_no_table_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"nothing of the kind")
    (tmp_path / "empty.csv").touch()
    for name in ("a.parquet", "empty.csv", "missing.csv", "a.json"):
        with pytest.raises(CaptionError, match=name):
            read_captions(tmp_path / name)


def test_durations_are_seconds_and_a_slow_rate_stays_slow() -> None:
    rows = {"video": ["a", "a"], "caption": ["A man walks.", "A quiet road."]}
    start, end = [timedelta(0), timedelta(seconds=1.5)], [timedelta(seconds=1.5), timedelta(seconds=11)]
    read = check_captions(pl.DataFrame({**rows, "start_s": start, "end_s": end}))
    assert seconds(read) == [(0, 1.5), (1.5, 11)]
    assert check_captions(table(fps=["1/300"] * 3)).rows["end_s"].to_list() == [9000, 27000, 90000]


def test_what_a_model_thought_is_no_caption_and_is_counted() -> None:
    said = ["He stabs him? No.</think>A man walks.", "<thinking>A fight, or", "A quiet road."]
    read = check_captions(table(caption=said))
    assert read.rows["caption"].to_list() == ["A man walks.", "A quiet road."]
    assert (read.counts["thoughts_removed"], read.counts["thoughts_only"]) == (1, 1)


def test_a_table_of_nothing_but_thoughts_is_refused() -> None:
    with pytest.raises(CaptionError, match="every one of the 3 captions is what a model thought"):
        check_captions(table(caption=["<think>A man"] * 3))
