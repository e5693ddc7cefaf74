"""What the drawings promise: the same bytes, other cameras, things that move where they should."""

from __future__ import annotations

import time
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from traces_core.practice import CONTEXTS, KINDS, Plan, frames, paints, plan_clip, plan_video
from traces_core.practice.backdrops import backdrop
from traces_core.practice.drawing import acts_of, draw_scene
from traces_core.practice.phrases import COLOURS
from traces_core.practice.scenes import HORIZON_PX, VANISHING_PX, SceneLayout, scene_of


def film(plan: Plan) -> np.ndarray:
    return np.stack([pixels for pixels, _ in frames(plan)])


def test_equal_plans_give_equal_bytes() -> None:
    plan = plan_clip("fight", "plaza", seed=3, duration_s=0.5)
    assert np.array_equal(film(plan), film(replace(plan)))


def test_another_seed_gives_another_film() -> None:
    one, other = (film(plan_clip("walk", "street", seed=seed, duration_s=0.25)) for seed in (1, 2))
    assert np.abs(one.astype(int) - other).mean() > 5


def test_frames_come_at_the_times_of_the_plan_as_small_rgb_pictures() -> None:
    plan = plan_video("shop", seed=1, duration_s=1.0, rate=Fraction(25), variable_rate=True)
    drawn = list(frames(plan))
    assert [time_s for _, time_s in drawn] == plan.frame_times_s.tolist()
    assert all(pixels.shape == (96, 128, 3) and pixels.dtype == np.uint8 for pixels, _ in drawn)


@pytest.mark.parametrize("kind", list(KINDS))
def test_every_kind_is_drawn_in_each_of_its_contexts(kind: str) -> None:
    for context in KINDS[kind].contexts:
        plan = replace(plan_clip(kind, context, seed=7, rate=Fraction(4)), passers=())
        assert (_changed(plan) > 0.002) == (kind != "empty")


def _changed(plan: Plan) -> float:
    """The largest share of pixels by which a frame without noise differs from the background."""
    scene = scene_of(plan)
    acts = [act for event in plan.events for act in acts_of(event, scene)]
    bare = np.asarray(draw_scene(backdrop(scene), scene, [], 0.0)).astype(int)
    pictures = (np.asarray(draw_scene(backdrop(scene), scene, acts, t)) for t in plan.frame_times_s.tolist())
    return max(float((np.abs(picture - bare).max(-1) > 12).mean()) for picture in pictures)


def _motion(kind: str) -> float:
    """Mean change from frame to frame (8 a second) without noise, over clips of a kind without passers."""
    changes = []
    for seed in range(6):
        plan = replace(plan_clip(kind, "plaza", seed=seed, rate=Fraction(8)), passers=())
        scene = scene_of(plan)
        acts = [act for event in plan.events for act in acts_of(event, scene)]
        pictures = [
            np.asarray(draw_scene(backdrop(scene), scene, acts, t)) for t in plan.frame_times_s.tolist()
        ]
        changes.append(np.abs(np.diff(np.stack(pictures).astype(int), axis=0)).mean())
    return float(np.mean(changes))


@pytest.mark.parametrize(("quick", "slow"), [("run", "walk"), ("fight", "talk"), ("scatter", "group_walk")])
def test_anomalous_motion_is_faster_than_the_normal_motion_it_resembles(quick: str, slow: str) -> None:
    assert _motion(quick) > 1.3 * _motion(slow)


def test_nothing_of_an_anomaly_is_seen_long_before_or_after_it() -> None:
    plan = plan_video("plaza", seed=5, duration_s=40.0, anomalies=("fire",))
    (event,) = [event for event in plan.events if event.kind == "fire"]
    (act,) = acts_of(event, scene_of(plan))
    assert act(event.start_s - 0.01) == []
    assert act(event.end_s + 0.01) == []
    assert act((event.start_s + event.end_s) / 2)


def test_figures_walk_in_before_their_event_and_out_after_it() -> None:
    plan = plan_video("plaza", seed=5, duration_s=40.0, anomalies=("fight",))
    (event,) = [event for event in plan.events if event.kind == "fight"]
    (act,) = acts_of(event, scene_of(plan))
    assert len(act(event.start_s - 0.3)) == len(event.people)
    assert len(act(event.end_s + 0.3)) == len(event.people)
    assert act(event.end_s + 6.5) == []


def test_noise_is_as_strong_as_its_scene_says() -> None:
    plan = replace(plan_clip("empty", "corridor", seed=2), light="day")
    scene = scene_of(plan)
    spread = float(film(plan).astype(float).std(axis=0).mean())
    assert 0.8 * scene.sigma < spread < 1.3 * scene.sigma


def _scenes(pool: str, context: str) -> list[SceneLayout]:
    return [scene_of(plan_clip("walk", context, pool=pool, seed=seed)) for seed in range(30)]


@pytest.mark.parametrize("context", CONTEXTS)
def test_the_two_pools_share_no_camera(context: str) -> None:
    generic, held_out = _scenes("generic", context), _scenes("held_out", context)
    assert max(scene.horizon for scene in generic) < min(scene.horizon for scene in held_out)
    for low, high in VANISHING_PX["generic"]:
        assert not [scene for scene in held_out if low <= scene.vanishing <= high]
    assert HORIZON_PX["generic"][1] < HORIZON_PX["held_out"][0]


def test_the_two_pools_share_no_cloth() -> None:
    generic, held_out = (
        {cloth for name in COLOURS for cloth in paints.cloths(pool, name)} for pool in ("generic", "held_out")
    )
    assert not generic & held_out


def test_the_two_pools_share_no_hue_of_walls_and_grounds() -> None:
    generic, held_out = (np.array(paints.SURFACE_HUES[pool]) for pool in ("generic", "held_out"))
    assert np.abs(generic[:, None] - held_out[None, :]).min() > 2 * paints.HUE_SPREAD


def test_the_two_pools_share_no_trousers_skin_or_hair() -> None:
    for palette in (paints.trousers, paints.skins, paints.hairs):
        assert not set(palette("generic")) & set(palette("held_out"))


def test_a_core_draws_three_hundred_frames_a_second() -> None:
    plan = plan_video("street", seed=3, duration_s=20.0, anomalies=("scatter",), rate=Fraction(16))
    begin = time.process_time()
    count = sum(1 for _ in frames(plan))
    assert count / (time.process_time() - begin) > 300
