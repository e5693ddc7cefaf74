"""A promise is kept by as many cameras as it says, and says what it lacks."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import ndtr
from scipy.stats import binom

from traces_core.streams.promise import DAY_S, promise
from traces_core.streams.thresholds import threshold_of

BLOCK_S = 60.0
CAMERAS = 300
DELTA = 0.1


def blocks_of(cameras: int, count: int, correlation: float, seed: int) -> NDArray[np.float64]:
    """Highest alarms of blocks, standard normal, of which neighbours correlate: float64 (cameras, count)."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=(count, cameras))
    noise[1:] *= math.sqrt(1 - correlation**2)
    for number in range(1, count):
        noise[number] += correlation * noise[number - 1]
    return noise.T


def above(values: list[float], alarms_per_day: float) -> float:
    """The share of cameras with more alarms than that, given their thresholds: the truth, not a count."""
    return float(np.mean((1 - ndtr(values)) * DAY_S / BLOCK_S > alarms_per_day))


@pytest.mark.parametrize(("correlation", "days"), [(0.0, 1), (0.0, 7), (0.5, 3), (0.9, 14)])
def test_as_many_cameras_as_promised_stay_within_their_number(correlation: float, days: int) -> None:
    count = round(days * DAY_S / BLOCK_S)
    begins_s = BLOCK_S * np.arange(count)
    cameras = blocks_of(CAMERAS, count, correlation, seed=days)
    kept = [
        promise(begins_s, one, alarms_per_day=4, confidence=1 - DELTA, block_s=BLOCK_S) for one in cameras
    ]
    values = [one.value for one in kept if one.value is not None]
    assert len(values) > 0.9 * CAMERAS
    assert above(values, 4) <= DELTA + 0.05


def test_on_average_is_no_promise() -> None:
    made = [
        threshold_of(one, "late", false_alarms_per_hour=4 / 24, block_s=BLOCK_S)
        for one in blocks_of(CAMERAS, 1440, 0.0, seed=1)
    ]
    assert above([one.value for one in made if one is not None], 4) > 0.35


@pytest.mark.parametrize("days", [1, 3, 7])
def test_independent_blocks_give_the_order_statistic_of_wilks(days: int) -> None:
    count = round(days * DAY_S / BLOCK_S)
    apart_s = 2 * BLOCK_S * np.arange(count)  # none follows another at once
    highest = np.random.default_rng(3).permutation(count).astype(float)
    one = promise(apart_s, highest, alarms_per_day=4, confidence=0.9, block_s=BLOCK_S)
    alpha = 4 * BLOCK_S / DAY_S
    fitting = [j for j in range(1, count) if binom.sf(j - 1, count, alpha) >= 0.9]
    assert (one.correlation, one.rank) == (0.0, max(fitting))
    assert one.value == count - max(fitting)


def test_the_first_block_that_is_enough_is_the_one_that_was_missing() -> None:
    rng = np.random.default_rng(5)
    few = promise(2 * BLOCK_S * np.arange(100), rng.random(100), alarms_per_day=4)
    assert few.value is None
    assert "days more" in str(few)
    needed = 100 + round(few.missing_days * DAY_S / BLOCK_S)
    for count, is_enough in ((needed - 1, False), (needed, True)):
        one = promise(2 * BLOCK_S * np.arange(count), rng.random(count), alarms_per_day=4)
        assert (one.value is not None) == is_enough
    few_at = few.least_per_day
    least = promise(2 * BLOCK_S * np.arange(100), rng.random(100), alarms_per_day=few_at * 1.001)
    assert least.value is not None
    assert promise(2 * BLOCK_S * np.arange(100), rng.random(100), alarms_per_day=few_at * 0.99).value is None


def test_nothing_seen_promises_nothing_and_says_so() -> None:
    one = promise(np.zeros(0), np.zeros(0), alarms_per_day=4)
    assert (one.value, one.blocks, one.rank) == (None, 0, 0)
    assert one.missing_days == pytest.approx(0.575, abs=0.01)
    assert str(one) == "nothing was seen yet: 4 alarms a day with 90 % confidence take 0.6 days"


def test_equal_blocks_are_a_promise_too() -> None:
    one = promise(BLOCK_S * np.arange(5000), np.full(5000, 0.25), alarms_per_day=4)
    assert one.value == 0.25


@pytest.mark.parametrize("alarms_per_day", [0.0, -1.0, 1440.0, math.nan])
def test_an_alarm_in_every_block_is_no_promise(alarms_per_day: float) -> None:
    with pytest.raises(ValueError, match="one in every block"):
        promise(np.zeros(3), np.zeros(3), alarms_per_day=alarms_per_day)
