"""How improbable places are, and the score of a frame: slow references, and a runner among walkers."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from drawn_walkway import RATE, SMALL, Walker, draw, normal_video
from hypothesis import given
from hypothesis import strategies as st

from traces_core.errors import CorruptArtifactError, TooLittleFootageError
from traces_core.foreground.surprise import EVIDENCE, ForegroundSurprise, _body_mean, _smoothed
from traces_core.foreground.tail import Tail

WALKERS = [Walker(row=45, start=60, speed=0.7, seed=11), Walker(row=85, start=120, speed=-0.6, seed=12)]


def _score(learned: ForegroundSurprise, video: np.ndarray) -> np.ndarray:
    return learned.judged(video, RATE)[0].sum(axis=1)


# tails


def test_surprise_is_minus_the_log_of_the_share_of_normal_places_above() -> None:
    normal = np.random.default_rng(0).normal(size=20_000)
    tail = Tail.of(normal, SMALL, is_bounded=False)
    for value in (-1.0, 0.0, 1.0, 2.0):
        share = (normal > value).mean()
        assert tail.surprise(np.array([value]))[0] == pytest.approx(-math.log(share), abs=0.02)


def test_beyond_the_tail_it_rises_at_the_pace_of_the_highest_or_not_at_all() -> None:
    normal = np.random.default_rng(0).exponential(size=50_000)
    rising, bounded = (Tail.of(normal, SMALL, is_bounded=one) for one in (False, True))
    values = np.array([6.0, 8.0, 50.0])
    np.testing.assert_allclose(rising.surprise(values), values, rtol=0.1)  # of an exponential: itself
    np.testing.assert_allclose(bounded.surprise(values), -math.log(1 - SMALL.tail_quantile))


@given(st.lists(st.floats(-1e3, 1e3), min_size=2, max_size=30))
def test_more_evidence_is_never_less_surprising(values: list[float]) -> None:
    tail = Tail.of(np.random.default_rng(1).normal(size=500), SMALL, is_bounded=False)
    surprise = tail.surprise(np.sort(values))
    assert (np.diff(surprise) >= -1e-9).all()
    assert (surprise >= 0).all()


# frames


def test_evidence_is_averaged_over_one_body() -> None:
    rng = np.random.default_rng(0)
    where = np.column_stack([rng.uniform(0, 60, (30, 2)), np.repeat([20.0, 30.0], 15)])
    values = rng.random((30, 4))
    for place, averaged in zip(where, _body_mean(where, values, 0.5), strict=True):
        near = [
            value
            for other, value in zip(where, values, strict=True)
            if math.dist(place[:2], other[:2]) < 0.5 * place[2]
        ]
        np.testing.assert_allclose(averaged, np.mean(near, axis=0), rtol=1e-5)


def test_a_score_is_the_mean_of_its_frame_and_those_before_it() -> None:
    scores = np.random.default_rng(0).random((12, 4))
    for number, smoothed in enumerate(_smoothed(scores, 5)):
        np.testing.assert_allclose(smoothed, scores[max(0, number - 4) : number + 1].mean(axis=0))


def test_a_frame_is_as_surprising_as_its_oddest_places(learned: ForegroundSurprise) -> None:
    surprise = np.random.default_rng(0).random((9, 4))
    top = sorted(surprise.tolist(), key=sum, reverse=True)[: SMALL.top_places]
    np.testing.assert_allclose(learned.frame_score(surprise), np.mean(top, axis=0))
    # fewer places than that count as if the others were not surprising
    np.testing.assert_allclose(learned.frame_score(surprise[:1]), surprise[0] / SMALL.top_places)


# what was learned


@pytest.mark.parametrize(
    "odd",
    [
        Walker(row=65, start=20, speed=3.0, seed=13),
        Walker(row=65, start=160, speed=-3.0, seed=13),
        Walker(row=65, start=90, speed=0.7, width=2.5, seed=13),
    ],
    ids=["runs", "runs back", "is wide"],
)
def test_somebody_who_runs_or_is_as_wide_as_a_cart_stands_out(
    learned: ForegroundSurprise, odd: Walker
) -> None:
    usual, with_odd = (_score(learned, draw([*WALKERS, *more], 20, seed=50)) for more in ([], [odd]))
    assert with_odd[8:].min() > usual[8:].max()


def test_the_map_shows_where(learned: ForegroundSurprise) -> None:
    runner = Walker(row=65, start=30, speed=2.5, seed=13)
    _, maps = learned.judged(draw([*WALKERS, runner], 20, seed=50), RATE)
    assert maps.shape == (20, 15, 23)
    row, column = np.unravel_index(maps[14].argmax(), maps[14].shape)
    middle = runner.start + runner.speed * learned.scene.height(65) * 14 / RATE
    assert abs(8 * row + 4 - 65) < 20
    assert abs(8 * column + 4 - middle) < 25
    assert (maps[: SMALL.path_frames] == 0).all()


def test_normal_videos_that_it_never_saw_are_not_surprising(learned: ForegroundSurprise) -> None:
    runner = Walker(row=65, start=20, speed=3.0, seed=13)
    normal = np.concatenate([_score(learned, normal_video(seed))[8:] for seed in (20, 21, 22)])
    odd = _score(learned, draw([*WALKERS, runner], 20, seed=50))[8:]
    assert np.median(normal) < 0.5 * np.median(odd)


def test_what_comes_later_changes_no_score(learned: ForegroundSurprise) -> None:
    video = normal_video(30, frames=20)
    whole, part = (learned.judged(one, RATE) for one in (video, video[:12]))
    np.testing.assert_array_equal(whole[0][:12], part[0])
    np.testing.assert_array_equal(whole[1][:12], part[1])


def test_frames_too_early_to_be_judged_score_as_usual_and_an_empty_scene_nothing(
    learned: ForegroundSurprise,
) -> None:
    scores, _ = learned.judged(draw([], 8), RATE)
    assert scores.shape == (8, len(EVIDENCE))
    np.testing.assert_array_equal(scores[: SMALL.path_frames], np.tile(learned.usual, (SMALL.path_frames, 1)))
    assert (scores[SMALL.path_frames :] == 0).all()
    assert learned.usual.sum() > 0


def test_foreground_is_present_where_people_walk(learned: ForegroundSurprise) -> None:
    assert learned.presence.min() >= 0
    assert learned.presence.max() <= 1.5
    assert learned.presence[60:90].mean() > 3 * learned.presence[:5].mean()


# kept


def test_what_was_learned_comes_back_from_its_file(learned: ForegroundSurprise, tmp_path: Path) -> None:
    learned.save(tmp_path / "learned.safetensors")
    again = ForegroundSurprise.load(tmp_path / "learned.safetensors", SMALL)
    video = normal_video(31, frames=10)
    np.testing.assert_array_equal(again.judged(video, RATE)[0], learned.judged(video, RATE)[0])


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_file_cut_short_is_refused(learned: ForegroundSurprise, tmp_path: Path, kept: float) -> None:
    path = tmp_path / "learned.safetensors"
    learned.save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(CorruptArtifactError, match="cannot be read"):
        ForegroundSurprise.load(path, SMALL)


def test_learning_again_gives_the_same(videos: list[np.ndarray], learned: ForegroundSurprise) -> None:
    again = ForegroundSurprise.fit(videos, SMALL, RATE)
    np.testing.assert_array_equal(again.usual, learned.usual)
    np.testing.assert_array_equal(again.tails[0].quantiles, learned.tails[0].quantiles)


def test_fewer_videos_than_folds_are_refused(videos: list[np.ndarray]) -> None:
    with pytest.raises(TooLittleFootageError, match="2 normal videos for 3 folds"):
        ForegroundSurprise.fit(videos[:2], SMALL, RATE)


def test_a_video_that_shows_nobody_is_refused_by_its_place(videos: list[np.ndarray]) -> None:
    with pytest.raises(TooLittleFootageError, match="video 2 "):
        ForegroundSurprise.fit([*videos[:2], draw([], 20), *videos[2:]], SMALL, RATE)
