"""The network that predicts places: its errors against slow references, and that it learns."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from drawn_walkway import SMALL

from traces_core.errors import NotFiniteError
from traces_core.foreground.network import (
    CODE,
    COMPONENTS,
    FREEDOM,
    SUREST,
    PlaceNetwork,
    errors_of,
    train_network,
)
from traces_core.foreground.places import SIDE, Places


def _places(count: int = 400, seed: int = 0) -> tuple[Places, np.ndarray]:
    """Bright things move down and dark ones up, a little noise on top."""
    rng = np.random.default_rng(seed)
    sign = rng.choice([-1, 1], count)
    pictures = np.full((count, 2, SIDE, SIDE), 128, np.uint8)
    pictures[:, 0, 8:24, 8:24] = (128 + 60 * sign)[:, None, None]
    pictures[:, 1] = 0
    motion = rng.normal(0, 0.3, (count, 3)) + np.stack([np.zeros(count), 2 * sign, np.full(count, -2)], 1)
    where = np.zeros((count, 3))
    return Places(where, pictures, motion.astype(np.float32)), rng.uniform(-1, 1, count).astype(np.float32)


def _network() -> PlaceNetwork:
    torch.manual_seed(0)
    return PlaceNetwork(SMALL).eval()


def test_the_error_of_a_motion_is_minus_the_log_of_its_density_up_to_a_constant() -> None:
    network = _network()
    code, rows, motion = torch.randn(3, CODE), torch.tensor([-1.0, 0.0, 1.0]), torch.randn(3, 3)
    with torch.no_grad():
        errors = network._motion_error(code, rows, motion)
        mixture = network.mixture(torch.cat([code, rows[:, None]], dim=1)).view(3, COMPONENTS, 7).numpy()
    constant = math.gamma((FREEDOM + 1) / 2) / (math.gamma(FREEDOM / 2) * math.sqrt(FREEDOM * math.pi))
    for place in range(3):
        weights = np.exp(mixture[place, :, 0]) / np.exp(mixture[place, :, 0]).sum()
        density = 0.0
        for weight, one in zip(weights, mixture[place], strict=True):
            product = weight
            for axis in range(3):
                scale = SMALL.still + math.log1p(math.exp(one[4 + axis]))
                off = (float(motion[place, axis]) - one[1 + axis]) / scale
                product *= constant * (1 + off**2 / FREEDOM) ** (-(FREEDOM + 1) / 2) / scale
            density += product
        assert float(errors[place]) == pytest.approx(-math.log(density) + 3 * math.log(constant), abs=1e-4)


def test_the_error_of_a_look_weighs_the_middle_most() -> None:
    network = _network()
    seen = torch.rand(2, 2, SIDE, SIDE)
    code = torch.randn(2, CODE)
    with torch.no_grad():
        errors, decoded = network._look_error(code, seen), network.decoder(code)
    for place in range(2):
        total = 0.0
        for channel in range(2):
            for row in range(SIDE // 2):
                for column in range(SIDE // 2):
                    pixels = seen[place, channel, 2 * row : 2 * row + 2, 2 * column : 2 * column + 2]
                    scale = SUREST + math.log1p(math.exp(float(decoded[place, 2 + channel, row, column])))
                    off = abs(float(pixels.mean() - decoded[place, channel, row, column])) / scale
                    total += float(network.near[row, column]) * (off + math.log(scale)) / 2
        assert float(errors[place]) == pytest.approx(total, abs=1e-3)
    assert float(network.near.sum()) == pytest.approx(1.0, abs=1e-5)
    assert network.near.argmax().item() in {119, 120, 135, 136}  # the four in the middle of 16 x 16


def test_the_row_alone_does_not_know_the_picture() -> None:
    network, (places, rows) = _network(), _places(8)
    other = Places(places.where, 255 - places.pictures, places.motion)
    one, two = (errors_of([network], some, rows) for some in (places, other))
    np.testing.assert_array_equal(one[:, 1], two[:, 1])
    assert np.abs(one[:, 0] - two[:, 0]).max() > 1e-6


def test_it_learns_to_tell_the_motion_from_the_picture() -> None:
    places, rows = _places()
    settings = SMALL.model_copy(update={"epochs": 20})
    trained = train_network(places, rows, settings, seed=0)
    test, test_rows = _places(100, seed=1)
    before, after = (errors_of([one], test, test_rows).mean(axis=0) for one in (_network(), trained))
    assert (after < before).all()
    assert after[0] < after[1] - 0.3  # the row alone cannot tell up from down
    backwards = Places(test.where, test.pictures, test.motion * np.float32([1, -1, 1]))
    wrong = errors_of([trained], backwards, test_rows).mean(axis=0)
    assert wrong[0] > after[0] + 2.0
    assert wrong[1] == pytest.approx(after[1], abs=0.5)
    assert wrong[2] == after[2]


def test_the_same_seed_gives_the_same_weights_and_touches_nobody_elses() -> None:
    places, rows = _places()
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    one, same, other = (train_network(places, rows, SMALL, seed) for seed in (0, 0, 1))
    assert torch.equal(torch.rand(1), expected)
    states = [network.state_dict() for network in (one, same, other)]
    assert all(torch.equal(value, states[1][name]) for name, value in states[0].items())
    assert any(not torch.equal(value, states[2][name]) for name, value in states[0].items())
    assert not one.training


def test_a_loss_that_is_not_finite_ends_the_training() -> None:
    places, rows = _places()
    broken = Places(places.where, places.pictures, np.full_like(places.motion, np.inf))
    with pytest.raises(NotFiniteError, match="learning rate"):
        train_network(broken, rows, SMALL, 0)
