"""What is seen at the places of a frame: motion in heights a second, pictures, and nothing of the future."""

from __future__ import annotations

import numpy as np
import pytest
from drawn_walkway import RATE, SMALL, Walker, draw, height_at

from traces_core.foreground.places import SIDE, Places, StreamingPlaces, _sums
from traces_core.foreground.surprise import ForegroundSurprise


def _watched(learned: ForegroundSurprise, video: np.ndarray) -> list[Places | None]:
    streaming = StreamingPlaces(learned.scene, SMALL, RATE)
    return [streaming(frame) for frame in video]


@pytest.mark.parametrize("speed", [0.7, -0.7, 1.6, 0.0])
@pytest.mark.parametrize("row", [40.0, 95.0])
def test_motion_is_in_heights_a_second_wherever_one_walks(
    learned: ForegroundSurprise, speed: float, row: float
) -> None:
    seen = _watched(learned, draw([Walker(row=row, start=90, speed=speed, seed=3)], 9))[-1]
    assert seen is not None
    inner = np.abs(seen.where[:, 1] - row) < 0.3 * height_at(row)
    assert np.median(seen.motion[inner, 0]) == pytest.approx(speed, abs=0.15)
    assert np.median(seen.motion[inner, 1]) == pytest.approx(0.0, abs=0.1)
    assert np.isfinite(seen.motion).all()


def test_there_are_places_where_somebody_is_and_nowhere_else(learned: ForegroundSurprise) -> None:
    seen = _watched(learned, draw([Walker(row=60, start=90, speed=0)], 6))[-1]
    assert seen is not None
    assert len(seen) > 4
    assert np.abs(seen.where[:, 0] - 90).max() < height_at(60)
    assert np.abs(seen.where[:, 1] - 60).max() < height_at(60)


def test_an_empty_scene_has_no_places_and_a_young_stream_none_yet(learned: ForegroundSurprise) -> None:
    seen = _watched(learned, draw([], 8))
    assert seen[: SMALL.path_frames] == [None] * SMALL.path_frames
    assert [len(one) for one in seen[SMALL.path_frames :]] == [0, 0, 0]


def test_a_picture_shows_what_differs_from_the_background_around_its_place(
    learned: ForegroundSurprise,
) -> None:
    seen = _watched(learned, draw([Walker(row=60, start=90, speed=0)], 6))[-1]
    assert seen is not None
    assert seen.pictures.shape[1:] == (2, SIDE, SIDE)
    middle = int(np.argmin(np.hypot(seen.where[:, 0] - 90, seen.where[:, 1] - 60)))
    off, foreground = seen.pictures[middle].astype(int)
    assert off[SIDE // 2, SIDE // 2] < 110  # dark clothes
    assert foreground[SIDE // 2, SIDE // 2] > 100
    assert np.abs(off[:, 0] - 128).max() < 10
    assert foreground[:, 0].max() < 30


def test_at_the_edge_of_the_frame_a_picture_goes_on_as_background(learned: ForegroundSurprise) -> None:
    seen = _watched(learned, draw([Walker(row=112, start=2, speed=0)], 6))[-1]
    assert seen is not None
    left = int(np.argmin(seen.where[:, 0]))
    assert seen.where[left, 0] == 0
    assert (seen.pictures[left, 0, :, : SIDE // 3] == 128).all()


def test_frames_that_are_only_followed_change_nothing(learned: ForegroundSurprise) -> None:
    video = draw([Walker(row=60, start=60, speed=0.7)], 9)
    streaming = StreamingPlaces(learned.scene, SMALL, RATE)
    followed = [streaming(frame, looks=number == 8) for number, frame in enumerate(video)]
    assert followed[:8] == [None] * 8
    whole = _watched(learned, video)[8]
    assert followed[8] is not None
    assert whole is not None
    np.testing.assert_array_equal(followed[8].motion, whole.motion)
    np.testing.assert_array_equal(followed[8].pictures, whole.pictures)


def test_sums_over_squares_are_those_of_the_pixels() -> None:
    image = np.random.default_rng(0).random((30, 40, 2)).astype(np.float32)
    where = np.array([[3.0, 2.0, 12.0], [20.4, 15.2, 10.0], [39.0, 29.0, 9.0]])
    for (x, y, height), measured in zip(where, _sums(image, where, 0.25), strict=True):
        rows = slice(max(0, round(y - height / 4)), min(30, round(y + height / 4)))
        columns = slice(max(0, round(x - height / 4)), min(40, round(x + height / 4)))
        np.testing.assert_allclose(measured, image[rows, columns].sum(axis=(0, 1)), rtol=1e-5)
