"""The background, how tall people are, and where to look."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_walkway import COLUMNS, ROWS, SMALL, Walker, background, draw, height_at

from traces_core.errors import TooLittleFootageError
from traces_core.foreground.scene import CameraBackground
from traces_core.foreground.surprise import ForegroundSurprise


def test_the_background_is_what_stays(learned: ForegroundSurprise) -> None:
    assert np.abs(learned.scene.usual - background()).mean() < 1.5


def test_only_people_stand_out_of_it(learned: ForegroundSurprise) -> None:
    frame = draw([Walker(row=60, start=90, speed=0)], 1)[0]
    off = learned.scene.contrast(frame) > SMALL.contrast
    tall = height_at(60)
    assert off[60, 90]
    assert off.sum() == pytest.approx(0.4 * tall * tall, rel=0.25)
    outside = np.ones_like(off)
    outside[int(60 - tall) : int(60 + tall), int(90 - tall) : int(90 + tall)] = False
    assert off[outside].mean() < 0.001


@pytest.mark.parametrize("row", [30, 60, 100])
def test_a_person_is_as_tall_as_those_who_walk_at_that_row(learned: ForegroundSurprise, row: int) -> None:
    assert learned.scene.height(row) == pytest.approx(height_at(row), rel=0.12)


def test_places_are_a_share_of_a_height_apart(learned: ForegroundSurprise) -> None:
    places = learned.scene.places(0.25)
    assert places[:, 0].max() < COLUMNS
    assert places[:, 1].max() < ROWS
    for row in np.unique(places[:, 1]):
        here = places[places[:, 1] == row]
        height = learned.scene.height(row)
        np.testing.assert_allclose(here[:, 2], height)
        np.testing.assert_allclose(np.diff(here[:, 0]), 0.25 * height)
    rows = np.unique(places[:, 1])
    np.testing.assert_allclose(np.diff(rows), [0.25 * learned.scene.height(row) for row in rows[:-1]])


def test_a_place_without_people_has_no_heights_and_says_so() -> None:
    with pytest.raises(TooLittleFootageError, match="Add normal footage in which people walk"):
        CameraBackground.learn([draw([], 20, seed) for seed in range(3)], SMALL)
