"""Health is not anomaly: black, covered, frozen, moved, and what is none of these."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from traces_core.encoders.base import Pixels
from traces_core.live.health import FROZEN_S, MOVED_S, SETTLED_S, PictureHealth
from traces_core.live.masks import Mask

RNG = np.random.default_rng(5)


def place(seed: int) -> Pixels:
    """A view with edges of its own."""
    rng = np.random.default_rng(seed)
    picture = np.full((180, 320, 3), 120, np.uint8)
    for _ in range(14):
        x, y = rng.integers(0, 280), rng.integers(0, 150)
        picture[y : y + rng.integers(10, 60), x : x + rng.integers(10, 80)] = rng.integers(0, 255, 3)
    return picture


def noisy(picture: Pixels, light: float = 1.0) -> Pixels:
    return np.clip(picture * light + RNG.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)


def faults(
    health: PictureHealth, pictures: Callable[[float], Pixels], start_s: float, seconds: float
) -> list[str]:
    found = []
    for at_s in np.arange(start_s, start_s + seconds, 0.25):
        finding = health.look(pictures(float(at_s)), float(at_s))
        if finding is not None:
            found.append(finding.fault)
    return found


def test_a_view_with_noise_a_walker_and_changing_light_is_well() -> None:
    scene = place(1)

    def now(at_s: float) -> Pixels:
        picture = noisy(scene, 1 + 0.3 * np.sin(at_s / 20))
        x = int(at_s * 8) % 290
        picture[60:150, x : x + 25] = 30
        return picture

    assert faults(PictureHealth(), now, 0, 90) == []


@pytest.mark.parametrize("level", [0, 5])
def test_a_dark_picture_is_black(level: int) -> None:
    health = PictureHealth()
    assert faults(health, lambda _: noisy(place(1)), 0, 10) == []
    dark = np.full((180, 320, 3), level, np.uint8)
    assert set(faults(health, lambda _: noisy(dark), 10, 10)) == {"black"}
    assert faults(health, lambda _: noisy(place(1)), 20, 10) == []


def test_a_covered_lens_is_black_whatever_its_colour() -> None:
    flat = np.full((180, 320, 3), 140, np.uint8)
    assert set(faults(PictureHealth(), lambda _: noisy(flat), 0, 10)) == {"black"}


def test_the_same_picture_for_a_minute_is_frozen_and_one_new_picture_ends_that() -> None:
    health, still = PictureHealth(), noisy(place(1))
    assert faults(health, lambda _: still, 0, FROZEN_S - 1) == []
    assert set(faults(health, lambda _: still, FROZEN_S, 10)) == {"frozen"}
    assert faults(health, lambda _: noisy(place(1)), FROZEN_S + 10, 5) == []


def test_another_view_is_moved_until_it_has_settled() -> None:
    health = PictureHealth()
    assert faults(health, lambda _: noisy(place(1)), 0, 60) == []
    found = faults(health, lambda _: noisy(place(2)), 60, SETTLED_S)
    assert set(found) == {"moved"}
    faults(health, lambda _: noisy(place(2)), 60 + SETTLED_S, 5)
    assert faults(health, lambda _: noisy(place(2)), 70 + SETTLED_S, 20) == []


def test_a_train_that_fills_the_picture_for_some_seconds_is_no_move() -> None:
    health = PictureHealth()
    assert faults(health, lambda _: noisy(place(1)), 0, 60) == []
    assert faults(health, lambda _: noisy(place(2)), 60, MOVED_S - 1) == []
    assert faults(health, lambda _: noisy(place(1)), 59 + MOVED_S, 20) == []


def test_a_camera_that_begins_behind_a_train_has_not_moved_once_that_is_gone() -> None:
    health = PictureHealth()
    assert faults(health, lambda _: noisy(place(2)), 0, 6) == []
    assert faults(health, lambda _: noisy(place(1)), 6, 90) == []
    assert set(faults(health, lambda _: noisy(place(2)), 96, SETTLED_S)) == {"moved"}


def test_a_source_that_was_away_has_not_frozen_meanwhile() -> None:
    health, still = PictureHealth(), noisy(place(1))
    faults(health, lambda _: still, 0, 50)
    health.restart()
    assert faults(health, lambda _: still, 50, 50) == []


CORNER = Mask(watch=[[(0, 0), (0.3, 0), (0.3, 0.3), (0, 0.3)]])


def masked(mask: Mask, picture: Pixels) -> Pixels:
    return mask.applied(noisy(picture))


def test_a_camera_of_which_little_is_watched_is_not_black() -> None:
    health = PictureHealth(CORNER)
    assert faults(health, lambda _: masked(CORNER, place(1)), 0, 20) == []


def test_a_lens_is_covered_though_a_part_of_the_picture_was_hidden_before() -> None:
    health = PictureHealth(CORNER)
    assert faults(health, lambda _: masked(CORNER, place(1)), 0, 10) == []
    cover = np.full((180, 320, 3), 140, np.uint8)
    assert set(faults(health, lambda _: CORNER.applied(cover), 10, 10)) == {"black"}


def test_a_view_has_moved_behind_a_mask_whose_border_stays() -> None:
    bars = Mask(ignore=[[(x / 10, 0), (x / 10 + 0.03, 0), (x / 10 + 0.03, 1), (x / 10, 1)] for x in (1, 3)])
    health = PictureHealth(bars)
    assert faults(health, lambda _: masked(bars, place(1)), 0, SETTLED_S + 10) == []
    assert "moved" in faults(health, lambda _: masked(bars, place(2)), 60, MOVED_S + 10)


def test_a_camera_of_which_all_is_hidden_is_black() -> None:
    everything = Mask(ignore=[[(0, 0), (1, 0), (1, 1), (0, 1)]])
    assert set(faults(PictureHealth(everything), lambda _: masked(everything, place(1)), 4, 5)) == {"black"}
