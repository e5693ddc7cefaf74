"""What the sets of practice footage promise: who learns from what, and what the files say."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import polars as pl
import pytest

from traces_core.practice import CONTEXTS, KINDS, VOCABULARY, anomalous_intervals, plan_clip, plan_video
from traces_core.practice.world import (
    FIRST_SEED,
    RATES,
    benchmark_plans,
    calibration_plans,
    render,
    training_plans,
    write_corpus,
)


def test_the_benchmark_is_twenty_minutes_of_held_out_scenes_in_every_context() -> None:
    plans = benchmark_plans(24, seed=7)
    assert sum(plan.duration_s for plan in plans) >= 20 * 60
    assert {plan.pool for plan in plans} == {"held_out"}
    assert Counter(plan.context for plan in plans) == dict.fromkeys(CONTEXTS, 4)
    assert {plan.rate for plan in plans} == set(RATES)
    assert len({plan.name for plan in plans}) == 24
    assert 4 <= sum(plan.variable_rate for plan in plans) <= 8


@pytest.mark.parametrize("seed", range(5))
def test_every_anomalous_kind_happens_twice_in_the_benchmark_and_some_videos_are_calm(seed: int) -> None:
    plans = benchmark_plans(24, seed=seed)
    alarms = [anomalous_intervals(plan) for plan in plans]
    happens = Counter(interval.label for intervals in alarms for interval in intervals)
    assert set(happens) == {kind.name for kind in KINDS.values() if kind.is_anomalous}
    assert min(happens.values()) >= 2
    assert max(map(len, alarms)) <= 3
    assert 0.5 <= np.mean([bool(intervals) for intervals in alarms]) <= 0.7


def test_a_benchmark_of_short_videos_holds_as_many_anomalies_as_fit() -> None:
    plans = benchmark_plans(6, seed=1, duration_s=12.0)
    assert max(len(anomalous_intervals(plan)) for plan in plans) == 1


def test_calibration_is_normal_life_before_the_cameras_of_the_benchmark() -> None:
    normal, benchmark = calibration_plans(14.5, seed=7), benchmark_plans(24, seed=7)
    assert not [plan for plan in normal if anomalous_intervals(plan)]
    assert sum(plan.duration_s for plan in normal) == pytest.approx(14.5 * 60)
    cameras = [{(plan.context, plan.camera) for plan in plans} for plans in (normal, benchmark)]
    assert cameras[0] == cameras[1]
    assert not {plan.seed for plan in normal} & {plan.seed for plan in benchmark}


def test_training_clips_are_generic_balanced_and_without_the_open_set() -> None:
    plans = training_plans(280, seed=7)
    kinds = Counter(plan.intervals[0].label for plan in plans)
    assert {plan.pool for plan in plans} == {"generic"}
    assert set(kinds) == {kind.name for kind in KINDS.values() if not kind.open_set}
    assert set(kinds.values()) == {10}
    assert len({plan.name for plan in plans}) == 280
    assert min(plan.seed for plan in plans) >= FIRST_SEED


def test_a_rendered_video_has_the_frames_and_times_of_its_plan(tmp_path: Path) -> None:
    plan = plan_video("street", seed=4, duration_s=2.0, rate=Fraction(25), variable_rate=True)
    with av.open(str(render(plan, tmp_path / "street.mp4"))) as container:
        times_s = [float(frame.time) for frame in container.decode(video=0)]
        assert container.streams.video[0].codec_context.name == "h264"
    assert np.allclose(times_s, plan.frame_times_s, atol=1e-4)


def test_a_written_set_says_what_happens_when(tmp_path: Path) -> None:
    plans = [
        plan_clip("walk", "shop", seed=1, duration_s=1.0),
        plan_video("plaza", seed=2, duration_s=12.0, anomalies=("fall",), rate=Fraction(12)),
    ]
    write_corpus(tmp_path, plans, captions_per_event=2)
    marked = pl.read_parquet(tmp_path / "annotations.parquet")
    captions = pl.read_parquet(tmp_path / "captions.parquet")
    (span,) = anomalous_intervals(plans[1])
    assert marked.rows() == [(f"plaza/{plans[1].name}.mp4", span.start_s, span.end_s, "fall")]
    assert captions.height == 2 * sum(len(plan.intervals) for plan in plans)
    assert {word for text in captions["caption"] for word in text.split()} <= VOCABULARY
    assert sorted(p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*.mp4")) == sorted(
        set(captions["video"])
    )


def test_a_set_without_anomalies_has_an_empty_table_of_annotations(tmp_path: Path) -> None:
    write_corpus(tmp_path, [plan_clip("sit", "plaza", duration_s=0.5)])
    marked = pl.read_parquet(tmp_path / "annotations.parquet")
    assert marked.is_empty()
    assert marked.columns == ["video", "start_s", "end_s", "label"]


def test_two_processes_write_the_same_files_as_one(tmp_path: Path) -> None:
    plans = [plan_clip("talk", "corridor", seed=seed, duration_s=0.5) for seed in range(2)]
    write_corpus(tmp_path / "one", plans)
    write_corpus(tmp_path / "two", plans, workers=2)
    for path in (tmp_path / "one").rglob("*.*"):
        assert path.read_bytes() == (tmp_path / "two" / path.relative_to(tmp_path / "one")).read_bytes()


def test_two_plans_of_one_name_are_refused(tmp_path: Path) -> None:
    plan = plan_clip("talk", "corridor", seed=1)
    with pytest.raises(ValueError, match="its own name"):
        write_corpus(tmp_path, [plan, plan])
