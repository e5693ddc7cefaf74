from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from drawn_reports import make_benchmark_report, make_moment, make_row, make_track, make_video_report
from hypothesis import given
from hypothesis import strategies as st

from traces_core.errors import NotFiniteError
from traces_core.report.formatting import clock
from traces_core.report.strips import Scale, curve_path, digits_of, time_ticks, value_ticks
from traces_core.types import Episode, ScoreTrack


@pytest.mark.parametrize(
    "changes",
    [
        {"tracks": {"fused": ScoreTrack(np.arange(2.0), np.array([0.1, np.nan]))}},  # a score
        {"thresholds": {"fused": float("inf")}},
        {"duration_s": float("nan")},
    ],
)
def test_nan_in_a_video_report_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(NotFiniteError, match=r"clip\.mp4"):
        make_video_report(**changes)


@pytest.mark.parametrize(
    "changes",
    [
        {"score": float("nan")},
        {"anomalous": [("a", float("nan"), "")]},
        {"attention": np.array([[np.nan]])},
        {"window_attention": np.array([np.inf])},
    ],
)
def test_nan_in_a_moment_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(NotFiniteError, match=r"12\.0 s of 'fused'"):
        make_moment(**changes)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"frame": np.zeros((4, 4, 3), np.float32)}, "float32"),
        ({"frame": np.zeros((4, 4), np.uint8)}, r"\(4, 4\)"),
        ({"frame": np.zeros((0, 4, 3), np.uint8)}, r"\(0, 4, 3\)"),
        ({"attention": np.zeros(16)}, r"attention: found float64 \(16,\)"),
        ({"attention": -np.eye(2)}, "found -1.0, expected weights of at least 0"),
    ],
)
def test_what_no_picture_can_be_drawn_of_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_moment(**changes)


def test_an_episode_of_a_stream_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValueError, match=r"episodes of \['late'\]"):
        make_video_report(episodes={"late": [Episode(0.0, 1.0, 0.5, 0.5)]})


@pytest.mark.parametrize(
    "changes",
    [
        {"rows": [make_row("fused", float("nan"))]},
        {"rows": [make_row("fused", 0.9, per_class={"fight": float("nan")})]},
        {"baselines": [{"stream": "fused", "auc": np.float32("inf")}]},
        {"ablations": {"k": [{"variant": 1, "stream": "fused", "auc": float("nan")}]}},
    ],
)
def test_nan_in_a_benchmark_is_refused_by_name(changes: dict[str, Any]) -> None:
    with pytest.raises(NotFiniteError, match="fused"):
        make_benchmark_report(**changes)


@given(st.floats(0.3, 1e6))
def test_time_ticks_start_at_zero_rise_evenly_and_stay_inside(duration_s: float) -> None:
    ticks = time_ticks(duration_s)
    assert ticks[0] == 0
    assert ticks[-1] <= duration_s
    assert len(ticks) <= 7 or duration_s > 86400
    assert np.allclose(np.diff(ticks), ticks[1] - ticks[0] if len(ticks) > 1 else 0)


@given(st.floats(-1e3, 1e3), st.floats(1e-3, 1e3))
def test_value_ticks_are_at_least_two_inside_the_range_and_told_apart(low: float, span: float) -> None:
    scale = Scale(low, low + span)
    ticks = value_ticks(scale)
    assert len(ticks) >= 2
    assert all(low - 1e-6 * span <= tick <= low + span * (1 + 1e-6) for tick in ticks)
    assert len({f"{tick:.{digits_of(ticks)}f}" for tick in ticks}) == len(ticks)


def test_a_curve_with_more_scores_than_columns_keeps_its_highest_score() -> None:
    values = np.zeros(50_000)
    values[31_337] = 1.0
    path = curve_path(ScoreTrack(np.arange(50_000) / 8, values), 6250.0, Scale(0.0, 1.0))
    assert "V0H" in path
    assert len(path) < 30_000


def test_a_score_holds_until_the_next_time_and_the_last_until_the_end() -> None:
    track = ScoreTrack(np.array([2.0, 4.0]), np.array([0.25, 0.75]))
    assert curve_path(track, 8.0, Scale(0.0, 1.0)) == "M250 75H500V25H1000"


@given(st.floats(0, 1e6))
def test_a_clock_never_shows_sixty_seconds(time_s: float) -> None:
    parts = clock(time_s, 1).split(":")
    assert float(parts[-1]) < 60
    assert sum(float(p) * 60**i for i, p in enumerate(reversed(parts))) == pytest.approx(time_s, abs=0.051)


def test_a_sound_report_is_taken_as_it_is() -> None:
    assert make_video_report().tracks["fused"].values.shape == make_track().values.shape
