"""Tables of scores as strangers write them: what is refused, what is mended by a stated rule and counted."""

from __future__ import annotations

from datetime import datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from traces_core.datasets import Length, Mark, truth_from_marks
from traces_core.errors import EvaluationError, NotFiniteError, TracesError
from traces_core.metrics import FrameScores, read_scores

LENGTHS = {"a_x264": Length(10), "b_x264": Length(6)}
TRUTH = truth_from_marks("two videos", [Mark("a_x264", 2, 4)], LENGTHS, rate=Fraction(30), ends="inclusive")
B = "b,0,5,0.5\n"


def table(folder: Path, rows: str, head: str = "video,first_frame,last_frame,score") -> Path:
    path = folder / "scores.csv"
    path.write_text(f"{head}\n{rows}")
    return path


def frames_of(path: Path, truth=TRUTH, **options) -> tuple[dict[str, list[float]], dict[str, int]]:
    """Score of each frame, minus infinity where it ranks lowest."""
    read = read_scores(path, truth, **options)
    frames = FrameScores.from_tracks(read.tracks, read.truth)
    lowest = frames.scores.min()
    by_frame = {video: frames.of(video)[0] for video in read.truth.videos}
    counted = {name: n for name, n in read.counts.items() if n and name != "rows"}
    before = counted.get("frames_before_first", 0)
    return {
        video: [float("-inf") if before and s == lowest else float(s) for s in scores]
        for video, scores in by_frame.items()
    }, counted


def test_a_stretch_holds_from_its_first_to_its_last_frame(tmp_path):
    scores, counted = frames_of(table(tmp_path, "a_x264,5,9,0.7\na_x264,0,4,0.1\nb_x264,0,5,0.5\n"))
    assert scores == {"a_x264": [0.1] * 5 + [0.7] * 5, "b_x264": [0.5] * 6}
    assert counted == {}


def test_one_row_a_frame_is_a_table_too(tmp_path):
    rows = "".join(f"a_x264,{i},{i},{i / 10}\n" for i in range(10))
    scores, counted = frames_of(table(tmp_path, rows + "b_x264,0,5,1\n"))
    assert scores["a_x264"] == [i / 10 for i in range(10)]
    assert counted == {}


def test_other_spellings_of_a_video_are_understood_and_counted(tmp_path):
    scores, counted = frames_of(table(tmp_path, "x/a_x264.mp4,0,9,0.1\n" + B))
    assert scores["b_x264"] == [0.5] * 6
    assert counted == {"videos_spelled_otherwise": 2}


def test_a_gap_holds_the_last_score_and_is_counted(tmp_path):
    scores, counted = frames_of(table(tmp_path, "a,0,1,0.1\na,4,7,0.9\n" + B))
    assert scores["a_x264"] == [0.1] * 4 + [0.9] * 6
    assert counted["frames_held_in_gaps"] == 4  # 2 inside, 2 at the end


def test_frames_before_the_first_score_rank_lowest_and_are_counted(tmp_path):
    scores, counted = frames_of(table(tmp_path, "a,3,9,-2\n" + B))
    assert scores["a_x264"] == [float("-inf")] * 3 + [-2.0] * 7
    assert counted["frames_before_first"] == 3


def test_what_reaches_beyond_the_end_is_cut_off_and_counted(tmp_path):
    scores, counted = frames_of(table(tmp_path, "a,0,12,0.1\na,13,14,0.2\n" + B))
    assert scores["a_x264"] == [0.1] * 10
    assert counted["frames_beyond_end"] == 5


def test_a_shared_frame_goes_to_the_later_stretch_and_is_counted(tmp_path):
    scores, counted = frames_of(table(tmp_path, "a,0,4,0.1\na,4,9,0.7\n" + B))
    assert scores["a_x264"] == [0.1] * 4 + [0.7] * 6
    assert counted["frames_shared"] == 1


@pytest.mark.parametrize("rows", ["a,0,5,0.1\na,4,9,0.7\n", "a,0,9,0.1\na,0,9,0.1\n", "a,0,0,1\na,0,9,1\n"])
def test_more_in_common_is_refused_with_both_rows(tmp_path, rows):
    with pytest.raises(EvaluationError, match=r"video 'a_x264'.: rows 1 and 2 overlap"):
        read_scores(table(tmp_path, rows + B), TRUTH)


@pytest.mark.parametrize(
    ("rate", "fps"), [(Fraction(30), "30"), (Fraction(30000, 1001), "29.97"), (Fraction(25), "25.0")]
)
@pytest.mark.parametrize("digits", [3, 9])
def test_seconds_fall_on_the_frames_that_were_meant(tmp_path, rate, fps, digits):
    """Also where they were rounded to milliseconds."""
    frames = 3000
    lengths = {"v": Length(frames, rate)}
    truth = truth_from_marks("t", [Mark("v", 2, 4)], lengths, rate=rate, ends="inclusive")
    edges = [0, 1, 2, 7, 100, 101, 1799, 1800, frames]
    rows = "".join(
        f"v,{float(first / rate):.{digits}f},{float(after / rate):.{digits}f},{fps},{i}\n"
        for i, (first, after) in enumerate(pairwise(edges))
    )
    scores, counted = frames_of(table(tmp_path, rows, "video,start_s,end_s,fps,score"), truth)
    assert scores["v"] == np.repeat(np.arange(8.0), np.diff(edges)).tolist()
    assert counted == {}


def test_seconds_without_fps_are_on_the_data_sets_clock(tmp_path):
    path = table(tmp_path, "a,0,0.1,1\na,0.1,9,2\nb,0,1,3\n", "video,start_s,end_s,score")
    scores, counted = frames_of(path)
    assert scores["a_x264"] == [1.0] * 3 + [2.0] * 7
    assert counted["frames_beyond_end"] > 0


def test_a_stretch_between_two_frames_is_left_out_and_counted(tmp_path):
    path = table(tmp_path, "a,0,0.05,1\na,0.04,0.05,9\na,0.05,9,2\nb,0,1,3\n", "video,start_s,end_s,score")
    scores, counted = frames_of(path)
    assert 9.0 not in scores["a_x264"]
    assert counted["stretches_without_frame"] == 1


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        (B, EvaluationError, "1 of the 2 videos of 'two videos' have no score, such as 'a_x264'"),
        ("a,0,9,1\nc,0,5,1\n" + B, EvaluationError, "row 2: there is no video 'c'"),
        ("a,0,9,nan\n" + B, NotFiniteError, r"row 1 .*'a'.*score nan.*; 1 of 2 rows"),
        ("a,0,9,inf\n" + B, NotFiniteError, "row 1"),
        ("a,0,9,\n" + B, NotFiniteError, "row 1"),
        ("a,0,9,high\n" + B, NotFiniteError, "row 1"),
        ("a,-1,9,1\n" + B, EvaluationError, "row 1 .*first_frame is not a whole number"),
        ("a,0.5,9,1\n" + B, EvaluationError, "row 1 .*first_frame is not a whole number"),
        ("a,0,,1\n" + B, EvaluationError, "row 1 .*last_frame is not a whole number"),
        ("a,5,4,1\n" + B, EvaluationError, "row 1 .*last_frame is before first_frame"),
        (",0,9,1\n" + B, EvaluationError, "row 1 .*no video is named"),
        ("a,0,4,1\na_x264.mp4,5,9,1\n" + B, EvaluationError, "both mean 'a_x264'"),
        ("a,10,12,1\n" + B, EvaluationError, "'a_x264'.: no score within its 10 frames"),
        ("", EvaluationError, "no row"),
    ],
)
def test_a_wrong_table_is_refused_with_its_row(tmp_path, rows, error, message):
    with pytest.raises(error, match=message):
        read_scores(table(tmp_path, rows), TRUTH)


def test_missing_videos_are_judged_without_when_that_is_asked_for_and_the_name_says_so(tmp_path):
    read = read_scores(table(tmp_path, "a,0,9,1\n"), TRUTH, allow_missing=True)
    assert read.truth.videos == ("a_x264",)
    assert read.truth.name == "two videos, 1 of 2 videos"
    assert read.truth.fingerprint != TRUTH.fingerprint
    assert read.counts["videos_missing"] == 1


@pytest.mark.parametrize("head", ["video,score", "video,first_frame,score", "name,start_s,end_s,score"])
def test_a_table_without_its_columns_says_which_it_has(tmp_path, head):
    with pytest.raises(EvaluationError, match=f"found the columns {head.replace(',', ', ')}; expected"):
        read_scores(table(tmp_path, "", head), TRUTH)


def test_a_wrong_fps_is_refused(tmp_path):
    path = table(tmp_path, "a,0,1,0,1\n", "video,start_s,end_s,fps,score")
    with pytest.raises(EvaluationError, match="row 1: fps is '0'"):
        read_scores(path, TRUTH, allow_missing=True)


@pytest.mark.parametrize("name", ["scores.txt", "nowhere.csv", "nowhere.parquet"])
def test_a_file_that_is_no_table_is_named(tmp_path, name):
    with pytest.raises(TracesError, match=name):
        read_scores(tmp_path / name, TRUTH)


def test_a_column_of_something_else_is_refused(tmp_path):
    rows = {"video": ["a"], "first_frame": [0], "last_frame": [9], "score": [[0.5, 0.6]]}
    pl.DataFrame(rows).write_parquet(tmp_path / "scores.parquet")
    with pytest.raises(TracesError, match=r"scores\.parquet"):
        read_scores(tmp_path / "scores.parquet", TRUTH, allow_missing=True)


def test_parquet_and_csv_are_the_same_table(tmp_path):
    path = table(tmp_path, "a,0,4,0.1\na,5,9,0.7\n" + B)
    pl.read_csv(path).write_parquet(tmp_path / "scores.parquet")
    assert frames_of(path) == frames_of(tmp_path / "scores.parquet")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_the_frames_are_those_of_painting_stretch_by_stretch(tmp_path, data):
    """The slow reference: each frame is painted with the last stretch that has begun."""
    cuts = data.draw(st.lists(st.integers(0, 40), min_size=2, max_size=8, unique=True).map(sorted))
    truth = truth_from_marks("t", [], {"v": Length(30)}, rate=Fraction(25), ends="inclusive")
    stretches = []
    for first, after in pairwise(cuts):
        stretches.append((first, data.draw(st.integers(first, after - 1)), float(len(stretches))))
    if stretches[0][0] >= 30:
        return
    painted = np.full(30, -np.inf)
    for first, _, score in stretches:
        painted[first:] = score
    rows = "".join(f"v,{first},{last},{score}\n" for first, last, score in reversed(stretches))
    scores, counted = frames_of(table(tmp_path, rows), truth)
    assert scores["v"] == painted.tolist()
    covered = np.zeros(41, dtype=bool)
    for first, last, _ in stretches:
        covered[first : last + 1] = True
    assert counted.get("frames_beyond_end", 0) == covered[30:].sum()
    assert counted.get("frames_held_in_gaps", 0) == (~covered[stretches[0][0] : 30]).sum()


@pytest.mark.parametrize("name", ["s[12]", "s*", "s?", "[s]1", "~s", "{s1,s2}"])
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_name_that_looks_like_a_pattern_is_the_name_of_one_file(tmp_path, name, suffix):
    folder = tmp_path / "cams [north]"
    folder.mkdir()
    for stem, score in (("s1", 0.1), ("s2", 0.2), (name, 0.9)):
        rows = pl.read_csv(table(folder, f"a,0,9,{score}\nb,0,5,{score}\n"), glob=False)
        (rows.write_csv if suffix == ".csv" else rows.write_parquet)(folder / f"{stem}{suffix}")
    scores, _ = frames_of(folder / f"{name}{suffix}")
    assert scores == {"a_x264": [0.9] * 10, "b_x264": [0.9] * 6}


@pytest.mark.parametrize("name", ["file:s.csv", "~/s.csv"])
def test_a_relative_path_that_looks_like_an_address_is_a_path(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    Path(name).parent.mkdir(exist_ok=True)
    table(tmp_path, "a,0,9,0.9\nb,0,5,0.9\n").rename(name)
    assert frames_of(Path(name))[0] == {"a_x264": [0.9] * 10, "b_x264": [0.9] * 6}


def test_two_columns_of_one_name_are_refused(tmp_path):
    twice = table(tmp_path, "a,0,9,0.9,0.1", head="video,first_frame,last_frame,score,score")
    with pytest.raises(EvaluationError, match="two columns are called score"):
        frames_of(twice)


TIMES = {"start_s": [0.0, 5 / 30, 0.0], "end_s": [5 / 30, 10 / 30, 6 / 30]}
"""Seconds of three stretches, on the frames of `TRUTH`."""


def timed(folder: Path, **columns: object) -> Path:
    path = folder / "scores.parquet"
    rows = pl.DataFrame({"video": ["a", "a", "b"], **TIMES, "score": [0.1, 0.7, 0.5]})
    rows.with_columns(**columns).write_parquet(path)
    return path


@pytest.mark.parametrize("kind", [pl.Duration("ns"), pl.Duration("us"), pl.Duration("ms"), pl.Time])
def test_durations_and_times_of_day_are_seconds(tmp_path, kind):
    ticks = 10**3 if kind == pl.Duration("ms") else 10**6 if kind == pl.Duration("us") else 10**9
    cast = {name: (pl.col(name) * ticks).round().cast(pl.Int64).cast(kind) for name in TIMES}
    assert frames_of(timed(tmp_path, **cast)) == frames_of(timed(tmp_path))


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"end_s": pl.lit(datetime(2026, 1, 1))}, "row 1: end_s is .*Datetime.*expected seconds"),
        (
            {"score": pl.lit(timedelta(seconds=1))},
            "row 1: score is .*Duration.*expected plain text or numbers",
        ),
        ({"score": pl.concat_list("score")}, "row 1: score is .*List"),
        ({"video": pl.struct("video")}, "row 1: video is .*Struct"),
        ({"video": pl.lit(b"\xff")}, "row 1: video is .*Binary"),
        (
            {"end_s": pl.lit(1e300)},
            "row 1 .*end_s is not a number of seconds of at least 0 .and at most 1e.11",
        ),
        ({"first_frame": 0, "last_frame": 1e300}, "row 1 .*last_frame is not a whole number"),
        ({"fps": pl.lit(1e300)}, r"row 1: fps is '1e\+300'"),
    ],
)
def test_a_value_that_is_no_number_of_its_column_is_refused_in_words(tmp_path, columns, message):
    with pytest.raises(EvaluationError, match=message):
        read_scores(timed(tmp_path, **columns), TRUTH)


@pytest.mark.parametrize("kind", [pl.Categorical, pl.Decimal(scale=1), pl.Float32])
def test_numbers_of_every_type_are_their_values(tmp_path, kind):
    cast = (
        pl.col("score").cast(pl.String).cast(kind) if kind is pl.Categorical else pl.col("score").cast(kind)
    )
    scores, _ = frames_of(timed(tmp_path, score=cast))
    assert scores["a_x264"] == pytest.approx([0.1] * 5 + [0.7] * 5)


def test_a_table_of_stretches_without_a_frame_is_refused_in_words(tmp_path):
    with pytest.raises(EvaluationError, match="no score within its 10 frames"):
        read_scores(timed(tmp_path, end_s=pl.col("start_s")), TRUTH)


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_damaged_table_is_read_or_refused_and_never_ends_the_process(tmp_path, suffix):
    source = timed(tmp_path)
    sound = source.read_bytes()
    if suffix == ".csv":
        sound = pl.read_parquet(source, glob=False).write_csv().encode()
    generator, outcomes = np.random.default_rng(0), set()
    for _ in range(150):
        damaged = bytearray(sound)
        for place in generator.integers(len(damaged), size=2):
            damaged[place] = generator.integers(256)
        (tmp_path / f"damaged{suffix}").write_bytes(damaged)
        try:
            read_scores(tmp_path / f"damaged{suffix}", TRUTH)
            outcomes.add("read")
        except TracesError:
            outcomes.add("refused")
    assert "refused" in outcomes


BOMBS = [
    # columns that unpack to 100 MiB and more of a file of kilobytes, as they are written (not at import)
    ("a text that repeats", lambda: {"video": ["x" * 2**20] * 100}, {}),
    ("the same, as a category", lambda: {"video": pa.array(["x" * 2**20] * 100).dictionary_encode()}, {}),
    ("the same, compressed", lambda: {"video": ["x" * 2**20] * 100}, {"use_dictionary": False}),
    ("a number that repeats", lambda: {"score": pa.array(np.zeros(2**24))}, {}),
]


@pytest.mark.parametrize("what", BOMBS, ids=lambda what: what[0])
def test_a_small_file_that_unpacks_to_very_much_is_refused_in_words(tmp_path, monkeypatch, what):
    _, columns, how = what
    monkeypatch.setattr("traces_core.datasets.table.MOST_BYTES", 2**24)
    path = tmp_path / "bomb.parquet"
    pq.write_table(pa.table(columns()), path, compression="zstd", **how)
    assert path.stat().st_size < 2**18
    before = pa.total_allocated_bytes()
    with pytest.raises(EvaluationError, match=r"bomb.parquet: .*unpacks to more than 16 MiB.*divide it"):
        read_scores(path, TRUTH)
    assert pa.total_allocated_bytes() - before < 2**26


def test_a_footer_that_states_too_little_is_noticed_while_rows_come_out(tmp_path, monkeypatch):
    monkeypatch.setattr("traces_core.datasets.table.MOST_BYTES", 2**24)
    monkeypatch.setattr("traces_core.datasets.table._batch_rows", lambda file: 2)
    pq.write_table(pa.table({"video": ["x" * 2**20] * 100}), tmp_path / "forged.parquet")
    with pytest.raises(EvaluationError, match="unpacks to more than 16 MiB"):
        read_scores(tmp_path / "forged.parquet", TRUTH)


def test_the_values_of_a_list_are_not_read(tmp_path, monkeypatch):
    monkeypatch.setattr("traces_core.datasets.table.MOST_BYTES", 2**24)
    sound = pq.read_table(timed(tmp_path))
    lists = pa.array([["x" * 2**20] * 100] * len(sound), pa.list_(pa.string()))
    pq.write_table(sound.add_column(0, "further", lists), tmp_path / "lists.parquet")
    read_scores(tmp_path / "lists.parquet", TRUTH)
