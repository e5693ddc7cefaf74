"""The ConvGRU against a reference that is written out place by place."""

from __future__ import annotations

import math

import pytest
import torch

from traces_core.context_aware.predictive.convgru import ConvGRU, ConvGRUCell


def _convolved(weight: torch.Tensor, bias: torch.Tensor, picture: torch.Tensor) -> list[list[list[float]]]:
    """Outputs (C, rows, columns) of a zero-padded convolution, by loops."""
    outputs, inputs, edge, _ = weight.shape
    _, rows, columns = picture.shape
    reach = edge // 2
    planes = []
    for o in range(outputs):
        plane = []
        for y in range(rows):
            line = []
            for x in range(columns):
                total = float(bias[o])
                for i in range(inputs):
                    for dy in range(-reach, reach + 1):
                        for dx in range(-reach, reach + 1):
                            if 0 <= y + dy < rows and 0 <= x + dx < columns:
                                total += float(weight[o, i, dy + reach, dx + reach]) * float(
                                    picture[i, y + dy, x + dx]
                                )
                line.append(total)
            plane.append(line)
        planes.append(plane)
    return planes


def _sigmoid(x: float) -> float:
    return 1.0 / (1.0 + math.exp(-x))


def _reference(cell: ConvGRUCell, seen: torch.Tensor, state: torch.Tensor) -> torch.Tensor:
    hidden = state.shape[0]
    gates = _convolved(cell.gates.weight, cell.gates.bias, torch.cat([seen, state]))
    reset = torch.empty_like(state)
    for h, y, x in torch.cartesian_prod(*(torch.arange(n) for n in state.shape)).tolist():
        reset[h, y, x] = _sigmoid(gates[hidden + h][y][x]) * state[h, y, x]
    candidate = _convolved(cell.candidate.weight, cell.candidate.bias, torch.cat([seen, reset]))
    after = torch.empty_like(state)
    for h, y, x in torch.cartesian_prod(*(torch.arange(n) for n in state.shape)).tolist():
        update = _sigmoid(gates[h][y][x])
        after[h, y, x] = (1 - update) * state[h, y, x] + update * math.tanh(candidate[h][y][x])
    return after


@pytest.fixture
def drawn() -> torch.Generator:
    return torch.Generator().manual_seed(5)


@pytest.mark.parametrize("reach", [0, 1])
@torch.no_grad()
def test_a_cell_is_the_reference_written_place_by_place(reach: int, drawn: torch.Generator) -> None:
    torch.manual_seed(1)
    cell = ConvGRUCell(2, 3, reach)
    seen, state = torch.randn(2, 4, 5, generator=drawn), torch.randn(3, 4, 5, generator=drawn)
    assert torch.allclose(cell(seen[None], state[None])[0], _reference(cell, seen, state), atol=1e-5)


@torch.no_grad()
def test_the_second_layer_sees_what_the_first_one_gives(drawn: torch.Generator) -> None:
    torch.manual_seed(2)
    layers = ConvGRU(2, 3, layers=2, reach=1)
    seen = torch.randn(1, 2, 4, 4, generator=drawn)
    state = torch.randn(1, 2, 3, 4, 4, generator=drawn)
    after = layers(seen, state)
    first = _reference(layers.cells[0], seen[0], state[0, 0])
    assert torch.allclose(after[0, 0], first, atol=1e-5)
    assert torch.allclose(after[0, 1], _reference(layers.cells[1], first, state[0, 1]), atol=1e-5)


@torch.no_grad()
def test_a_state_starts_at_zero_and_stays_between_minus_one_and_one(drawn: torch.Generator) -> None:
    layers = ConvGRU(2, 3)
    seen = 100 * torch.randn(2, 2, 3, 3, generator=drawn)
    state = layers.start(seen)
    assert state.shape == (2, 1, 3, 3, 3)
    assert not state.any()
    for _ in range(20):
        state = layers(seen, state)
    assert state.abs().max() <= 1.0
