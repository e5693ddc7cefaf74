"""The scene of a video: causal, of unit length, and what its controls give instead."""

from __future__ import annotations

import numpy as np
from drawn_views import unit

from traces_core.context_aware.scene import RunningScene, SceneReferences

FRAMES = unit(np.random.default_rng(0).normal(size=(9, 4)))
ENDS = np.array([0, 3, 8])


def test_a_scene_is_the_unit_mean_of_all_frames_so_far() -> None:
    slow = [np.mean([FRAMES[j].astype(float) for j in range(end + 1)], axis=0) for end in ENDS]
    np.testing.assert_allclose(RunningScene().push(FRAMES, ENDS), unit(np.stack(slow)), atol=1e-6)


def test_what_comes_later_changes_no_scene() -> None:
    later = FRAMES.copy()
    later[4:] = unit(np.random.default_rng(1).normal(size=(5, 4)))
    np.testing.assert_array_equal(RunningScene().push(later, ENDS)[:2], RunningScene().push(FRAMES, ENDS)[:2])


def references() -> SceneReferences:
    near, far = np.eye(4, dtype=np.float32)[[0, 0, 1]], np.eye(4, dtype=np.float32)[[2]]
    return SceneReferences.from_scenes({"street": near, "shop": far})


def test_the_matched_scene_is_the_videos_own() -> None:
    assert references().apply_control(FRAMES, "matched") is FRAMES


def test_the_generic_scene_is_the_same_for_every_video() -> None:
    generic = references().apply_control(FRAMES, "generic")
    assert np.ptp(generic, axis=0).max() == 0
    np.testing.assert_allclose(np.linalg.norm(generic, axis=1), 1, atol=1e-6)


def test_the_mismatched_scene_is_the_place_least_like_it() -> None:
    scenes = unit(np.array([[1.0, 0.2, 0.1, 0], [0.1, 0, 1, 0]]))
    mismatched = references().apply_control(scenes, "mismatched")
    np.testing.assert_allclose(mismatched[0], [0, 0, 1, 0], atol=1e-6)  # a street is shown a shop
    np.testing.assert_allclose(mismatched[1], unit(np.array([2.0, 1, 0, 0])), atol=1e-6)
