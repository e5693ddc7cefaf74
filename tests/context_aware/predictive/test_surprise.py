"""Surprise: a map of places and one number for it."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from traces_core.context_aware.predictive.coder import Predictions
from traces_core.context_aware.predictive.surprise import surprise_maps, window_scores


def _maps(seed: int) -> torch.Tensor:
    return torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(seed))


def test_what_came_as_predicted_does_not_surprise_and_the_opposite_surprises_most() -> None:
    target = torch.randn(2, 3, 4, 2, 2)
    nothing = torch.zeros(1)
    assert torch.allclose(
        surprise_maps(Predictions(3 * target, target, nothing)), torch.zeros(2, 3, 2, 2), atol=1e-6
    )
    assert torch.allclose(surprise_maps(Predictions(-target, target, nothing)), torch.full((2, 3, 2, 2), 2.0))


def test_one_odd_place_surprises_there_and_nowhere_else() -> None:
    target = torch.randn(1, 1, 4, 3, 3)
    predicted = target.clone()
    predicted[0, 0, :, 1, 2] *= -1
    maps = surprise_maps(Predictions(predicted, target, torch.zeros(1)))
    assert maps[0, 0, 1, 2] == pytest.approx(2.0)
    assert float(maps.sum()) == pytest.approx(2.0, abs=1e-5)


@given(st.integers(0, 50), st.floats(0.01, 1.0))
def test_a_score_lies_between_the_mean_of_its_map_and_its_maximum(seed: int, share: float) -> None:
    maps = _maps(seed)
    scores = window_scores(maps, share)
    assert scores.shape == (2, 3)
    assert bool((scores <= maps.amax(dim=(-1, -2)) + 1e-6).all())
    assert bool((scores >= maps.mean(dim=(-1, -2)) - 1e-6).all())


@given(st.integers(0, 50))
def test_more_places_never_raise_the_score(seed: int) -> None:
    scores = [window_scores(_maps(seed), share) for share in (0.05, 0.2, 0.5, 1.0)]
    for fewer, more in itertools.pairwise(scores):
        assert bool((fewer >= more - 1e-6).all())


def test_where_a_place_lies_does_not_matter_to_the_score() -> None:
    maps = _maps(0)
    assert torch.allclose(window_scores(maps, 0.2), window_scores(maps.flip(-1).roll(2, -2), 0.2))


@pytest.mark.parametrize("share", [0.0, -0.1, 1.01])
def test_a_share_that_is_none_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="expected more than 0"):
        window_scores(_maps(0), share)
