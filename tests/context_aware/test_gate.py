"""The context gate: the identity until it is trained, and its formulas against slow references."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from traces_core.context_aware.gate import GATES, FilmGate, SigmoidGate, TextGate
from traces_core.context_aware.objective import gated_similarities


def drawn(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def unit(*shape: int, seed: int = 0) -> Tensor:
    return torch.nn.functional.normalize(drawn(*shape, seed=seed), dim=-1)


def trained(gate: TextGate) -> TextGate:
    """The gate with other weights than it begins with."""
    with torch.no_grad():
        for place, parameter in enumerate(gate.parameters()):
            parameter.add_(0.3 * drawn(*parameter.shape, seed=place + 1))
    return gate


def layer_norm(x: list[float], weight: list[float], bias: list[float]) -> list[float]:
    mean = sum(x) / len(x)
    variance = sum((value - mean) ** 2 for value in x) / len(x)
    return [
        (value - mean) / math.sqrt(variance + 1e-5) * w + b
        for value, w, b in zip(x, weight, bias, strict=True)
    ]


def matrix(weight: Tensor, bias: Tensor | None, x: list[float]) -> list[float]:
    out = [sum(w * value for w, value in zip(row, x, strict=True)) for row in weight.tolist()]
    return out if bias is None else [a + b for a, b in zip(out, bias.tolist(), strict=True)]


def as_long(changed: list[float], text: list[float]) -> list[float]:
    before, after = math.hypot(*text), math.hypot(*changed)
    return [value * before / after for value in changed]


def slow_sigmoid(gate: SigmoidGate, text: list[float], scene: list[float]) -> list[float]:
    """One text under one scene, number by number."""
    place = layer_norm(scene, gate.scene_norm.weight.tolist(), gate.scene_norm.bias.tolist())
    words = layer_norm(text, gate.text_norm.weight.tolist(), gate.text_norm.bias.tolist())
    by_text = matrix(gate.text_opens.weight, gate.text_opens.bias, words)
    by_scene = matrix(gate.scene_opens.weight, None, place)
    added = matrix(gate.adds.weight, gate.adds.bias, place)
    changed = [
        t + gate.strength.item() * a / (1 + math.exp(-(x + y)))
        for t, x, y, a in zip(text, by_text, by_scene, added, strict=True)
    ]
    return as_long(changed, text)


def slow_film(gate: FilmGate, text: list[float], scene: list[float]) -> list[float]:
    """One text under one scene, number by number."""
    place = layer_norm(scene, gate.scene_norm.weight.tolist(), gate.scene_norm.bias.tolist())
    both = matrix(gate.film.weight, gate.film.bias, place)
    scale, shift = both[: len(text)], both[len(text) :]
    return as_long([t * (1 + g) + b for t, g, b in zip(text, scale, shift, strict=True)], text)


@pytest.mark.parametrize("kind", sorted(GATES))
@given(
    width=st.integers(2, 67), scene=st.integers(2, 33), texts=st.integers(1, 9), scenes=st.integers(1, 5),
    seed=st.integers(0, 99),
)  # fmt: skip
@settings(max_examples=25)
def test_an_untrained_gate_is_the_identity_to_the_last_bit(
    kind: str, width: int, scene: int, texts: int, scenes: int, seed: int
) -> None:
    gate = GATES[kind](width, scene)  # type: ignore[index]
    words = unit(texts, width, seed=seed)
    gated = gate(words, drawn(scenes, scene, seed=seed + 1))
    assert torch.equal(gated, words.expand(scenes, texts, width))


@pytest.mark.parametrize(("gate", "slow"), [(SigmoidGate(5, 4), slow_sigmoid), (FilmGate(5, 4), slow_film)])
def test_a_gate_is_its_formula_number_by_number(gate: TextGate, slow: object) -> None:
    texts, scenes = unit(3, 5), drawn(2, 4, seed=9)
    with torch.no_grad():
        gated = trained(gate)(texts, scenes)
    for t in range(2):
        for n in range(3):
            expected = slow(gate, texts[n].tolist(), scenes[t].tolist())  # type: ignore[operator]
            assert gated[t, n].tolist() == pytest.approx(expected, abs=1e-5)


@pytest.mark.parametrize("kind", ["sigmoid", "film"])
def test_a_trained_gate_turns_texts_and_leaves_their_length(kind: str) -> None:
    texts = unit(4, 6)
    with torch.no_grad():
        gated = trained(GATES[kind](6, 3))(texts, drawn(2, 3))  # type: ignore[index]
    assert gated.norm(dim=-1).numpy() == pytest.approx(1.0, abs=1e-5)
    assert float((gated - texts).abs().max()) > 1e-3
    assert float((gated[0] - gated[1]).abs().max()) > 1e-3  # another scene, another meaning


@pytest.mark.parametrize(
    ("kind", "moving"),
    [("sigmoid", {"strength"}), ("film", {"film.weight", "film.bias"})],
)
def test_at_the_start_learning_reaches_only_what_opens_the_gate(kind: str, moving: set[str]) -> None:
    gate = GATES[kind](6, 3)  # type: ignore[index]
    (gate(unit(4, 6), drawn(2, 3)) * drawn(2, 4, 6, seed=5)).sum().backward()
    reached = {
        name for name, p in gate.named_parameters() if p.grad is not None and float(p.grad.abs().max()) > 0
    }
    assert reached == moving


def test_every_text_is_seen_through_the_scene_of_the_window_it_is_compared_with() -> None:
    gate = trained(SigmoidGate(6, 3))
    video, texts, scenes = unit(3, 6, seed=1), unit(4, 6, seed=2), drawn(3, 3, seed=3)
    with torch.no_grad():
        similarities = gated_similarities(video, texts, scenes, gate)
        for t in range(3):
            alone = gate(texts, scenes[t : t + 1])[0]  # (N, D)
            assert similarities[t].tolist() == pytest.approx((alone @ video[t]).tolist(), abs=1e-6)
