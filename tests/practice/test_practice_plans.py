"""What a plan promises: what happens when, the same for the same seed."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traces_core.practice import CONTEXTS, KINDS, anomalous_intervals, kinds_in, plan_clip, plan_video
from traces_core.practice.kinds import LIGHTS


def test_every_context_has_normal_anomalous_and_open_set_kinds() -> None:
    for context in CONTEXTS:
        assert len(kinds_in(context, anomalous=False)) >= 8
        assert len(kinds_in(context, anomalous=True, open_set=False)) >= 6
        assert kinds_in(context, open_set=True)


def test_an_open_set_kind_is_always_anomalous() -> None:
    assert all(kind.is_anomalous for kind in KINDS.values() if kind.open_set)


@pytest.mark.parametrize("kind", list(KINDS))
def test_a_clip_shows_its_kind_from_beginning_to_end(kind: str) -> None:
    plan = plan_clip(kind, KINDS[kind].contexts[0], seed=4, duration_s=2.5)
    (interval,) = plan.intervals
    assert (interval.start_s, interval.end_s, interval.label) == (0.0, 2.5, kind)
    assert bool(anomalous_intervals(plan)) == KINDS[kind].is_anomalous


@pytest.mark.parametrize(
    ("kind", "context", "pool", "names"),
    [
        ("juggle", "plaza", "generic", "juggle"),  # no such kind
        ("walk", "moon", "generic", "moon"),  # no such context
        ("walk", "plaza", "public", "public"),  # no such pool
        ("crash", "corridor", "generic", "car_park"),  # not there: says where instead
    ],
)
def test_what_does_not_exist_is_refused_by_name(kind: str, context: str, pool: str, names: str) -> None:
    with pytest.raises(ValueError, match=names):
        plan_clip(kind, context, pool=pool)


@settings(max_examples=40)
@given(seed=st.integers(0, 2**31), context=st.sampled_from(CONTEXTS), count=st.integers(0, 3))
def test_anomalies_stand_apart_and_normal_life_leaves_them_room(seed: int, context: str, count: int) -> None:
    kinds = kinds_in(context, anomalous=True)[:count]
    plan = plan_video(context, seed=seed, anomalies=kinds)
    alarms = anomalous_intervals(plan)
    assert [alarm.label for alarm in alarms] == list(kinds)
    for alarm in alarms:
        assert 2.99 <= alarm.duration_s <= 10.01
        assert alarm.start_s >= 3.99
        assert alarm.end_s <= plan.duration_s - 3.99
    for before, after in pairwise(alarms):
        assert after.start_s - before.end_s >= 3.99
    for interval in plan.intervals:
        assert 0.0 <= interval.start_s < interval.end_s <= plan.duration_s
        if not KINDS[interval.label].is_anomalous:
            assert all(interval.end_s <= a.start_s or a.end_s <= interval.start_s for a in alarms)


def test_normal_life_fills_most_of_a_video_without_anomalies() -> None:
    busy = sum(interval.duration_s for interval in plan_video("street", seed=1).intervals)
    assert busy > 40.0


def test_too_many_anomalies_are_refused_with_the_length_they_need() -> None:
    with pytest.raises(ValueError, match="allow 25 s"):
        plan_video("plaza", anomalies=("fight", "fall", "fire"), duration_s=20.0)


def test_the_same_seed_gives_the_same_plan_and_another_seed_another() -> None:
    one, same, other = (plan_video("shop", seed=seed, anomalies=("fire",)) for seed in (5, 5, 6))
    assert one == same
    assert one != other


@pytest.mark.parametrize("rate", [Fraction(12), Fraction(25), Fraction(30000, 1001)])
def test_frames_of_a_constant_rate_are_evenly_spaced(rate: Fraction) -> None:
    times = plan_clip("walk", "street", rate=rate).frame_times_s
    assert np.allclose(np.diff(times), float(1 / rate), atol=1e-12)
    assert times[0] == 0.0
    assert times[-1] < 3.0


def test_frames_of_a_variable_rate_rise_unevenly_and_keep_their_number() -> None:
    constant = plan_video("street", seed=2, rate=Fraction(25))
    varying = replace(constant, variable_rate=True)
    gaps = np.diff(varying.frame_times_s)
    assert len(varying.frame_times_s) == len(constant.frame_times_s)
    assert gaps.min() > 0
    assert gaps.max() > 1.2 * gaps.min()


def test_normal_and_anomalous_clips_are_filmed_in_the_same_light_with_as_many_passers() -> None:
    shares = {False: [], True: []}
    passers = {False: [], True: []}
    for kind in KINDS.values():
        if kind.name == "empty":
            continue
        for seed in range(40):
            plan = plan_clip(kind.name, kind.contexts[seed % len(kind.contexts)], seed=seed)
            shares[kind.is_anomalous].append(LIGHTS.index(plan.light))
            passers[kind.is_anomalous].append(len(plan.passers))
    for light in range(len(LIGHTS)):
        normal, alarm = (np.mean(np.array(shares[side]) == light) for side in (False, True))
        assert abs(normal - alarm) < 0.08
    assert abs(np.mean(passers[False]) - np.mean(passers[True])) < 0.15
