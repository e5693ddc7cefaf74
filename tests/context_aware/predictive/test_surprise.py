"""Surprise: a map of places and one number for it."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from traces_core.context_aware.predictive.surprise import window_scores


def _maps(seed: int) -> torch.Tensor:
    return torch.randn(2, 3, 4, 5, generator=torch.Generator().manual_seed(seed))


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
