"""Departures: a caption of a camera, against all of its earlier captions."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from traces_core.captions.history import departures


def drawn(seed: int, count: int = 12) -> tuple[NDArray[np.float32], NDArray[np.float64]]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(count, 5)).astype(np.float32), rng.uniform(0.1, 20, count)


def slow(vectors: NDArray[np.float32], seconds: NDArray[np.float64]) -> list[float]:
    departures = [0.0]
    for now in range(1, len(vectors)):
        past = [sum(seconds[j] * float(vectors[j][d]) for j in range(now)) for d in range(5)]
        dot = sum(float(a) * b for a, b in zip(vectors[now], past, strict=True))
        lengths = math.dist(vectors[now], [0] * 5) * math.dist(past, [0] * 5)
        departures.append(1 - dot / lengths)
    return departures


@settings(max_examples=25)
@given(seed=st.integers(0, 1000))
def test_a_departure_is_the_formula_of_its_docstring(seed: int) -> None:
    np.testing.assert_allclose(departures(*drawn(seed)), slow(*drawn(seed)), atol=1e-6)


def test_a_departure_does_not_know_what_comes_next() -> None:
    vectors, seconds = drawn(3)
    whole = departures(vectors, seconds)
    for count in range(1, len(vectors)):
        np.testing.assert_allclose(departures(vectors[:count], seconds[:count]), whole[:count], atol=1e-12)


def test_a_camera_that_shows_one_thing_never_departs() -> None:
    same = np.tile(drawn(1)[0][:1], (50, 1))
    assert departures(same, np.full(50, 0.04)) == pytest.approx(np.zeros(50), abs=1e-9)


def test_no_caption_and_a_caption_without_meaning_depart_from_nothing() -> None:
    assert departures(np.empty((0, 5)), np.empty(0)).shape == (0,)
    assert departures(np.zeros((3, 5)), np.ones(3)).tolist() == [0.0, 0.0, 0.0]
