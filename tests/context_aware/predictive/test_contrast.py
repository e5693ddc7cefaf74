"""The CPC loss against DPC's mask built by loops and a loss written pair by pair."""

from __future__ import annotations

import math

import pytest
import torch

from traces_core.context_aware.predictive.coder import Predictions
from traces_core.context_aware.predictive.contrast import (
    EASY,
    POSITIVE,
    SPATIAL,
    TEMPORAL,
    cpc_loss,
    pair_kinds,
)

B, P, D, G = 3, 2, 5, (2, 3)


def _predictions(seed: int = 0, shape: tuple[int, ...] = (B, P, D, *G)) -> Predictions:
    generator = torch.Generator().manual_seed(seed)
    predicted, target = (torch.randn(shape, generator=generator) for _ in range(2))
    return Predictions(predicted, target, torch.zeros(1))


def _released_mask(batch: int, steps: int, places: int) -> torch.Tensor:
    """As DPC-RNN marks pairs: all easy, then the own clip spatial, its own place temporal, then itself."""
    mask = torch.zeros(batch, steps, places, batch, steps, places, dtype=torch.int8)
    for clip in range(batch):
        mask[clip, :, :, clip, :, :] = -3
        for place in range(places):
            mask[clip, :, place, clip, :, place] = -1
            for step in range(steps):
                mask[clip, step, place, clip, step, place] = 1
    return mask.reshape(batch * steps * places, -1)


def _reference(predictions: Predictions, temperature: float) -> float:
    """Mean over (clip, block, place) of -log softmax of the own candidate, by loops."""
    sites = [(b, p, y, x) for b in range(B) for p in range(P) for y in range(G[0]) for x in range(G[1])]

    def cosine(one: tuple[int, ...], other: tuple[int, ...]) -> float:
        u = predictions.predicted[one[0], one[1], :, one[2], one[3]].double()
        v = predictions.target[other[0], other[1], :, other[2], other[3]].double()
        return float(u @ v / u.norm() / v.norm())

    total = 0.0
    for site in sites:
        scores = [math.exp(cosine(site, other) / temperature) for other in sites]
        total -= math.log(math.exp(cosine(site, site) / temperature) / sum(scores))
    return total / len(sites)


@pytest.mark.parametrize(("batch", "steps", "places"), [(3, 2, 4), (1, 3, 2), (2, 1, 5), (1, 1, 1)])
def test_pairs_are_marked_as_in_the_released_mask(batch: int, steps: int, places: int) -> None:
    own = torch.arange(batch * steps * places)
    marked = pair_kinds(own[:, None], own, steps=steps, places=places)
    assert torch.equal(marked, _released_mask(batch, steps, places))


def test_every_kind_of_negative_occurs_as_often_as_counted_by_hand() -> None:
    own = torch.arange(B * P * 6)
    marked = pair_kinds(own[:, None], own, steps=P, places=6)
    counts = {mark: int((marked[0] == mark).sum()) for mark in (POSITIVE, EASY, SPATIAL, TEMPORAL)}
    assert counts == {POSITIVE: 1, TEMPORAL: P - 1, SPATIAL: P * 5, EASY: (B - 1) * P * 6}


@pytest.mark.parametrize("temperature", [0.1, 1.0])
def test_the_loss_is_the_one_written_pair_by_pair(temperature: float) -> None:
    predictions = _predictions()
    contrast = cpc_loss(predictions, temperature)
    assert float(contrast.loss) == pytest.approx(_reference(predictions, temperature), rel=1e-5)
    assert contrast.candidates == B * P * G[0] * G[1]


def test_all_sites_in_another_order_give_the_same_loss() -> None:
    predictions = _predictions()
    order = torch.randperm(B * P * 6, generator=torch.Generator().manual_seed(3))
    assert float(cpc_loss(predictions, 0.2, order).loss) == pytest.approx(
        float(cpc_loss(predictions, 0.2).loss), rel=1e-5
    )


def test_chosen_sites_are_compared_with_chosen_sites_only() -> None:
    predictions = _predictions()
    chosen = torch.tensor([0, 7, 20])
    flat = [
        t.permute(0, 1, 3, 4, 2).reshape(-1, D)[chosen] for t in (predictions.predicted, predictions.target)
    ]
    few = Predictions(*(t[:, None, :, None, None] for t in flat), torch.zeros(1))
    assert float(cpc_loss(predictions, 0.1, chosen).loss) == pytest.approx(
        float(cpc_loss(few, 0.1).loss), rel=1e-5
    )


def test_a_perfect_prediction_is_always_found_and_shares_add_up_to_one() -> None:
    target = _predictions().target
    contrast = cpc_loss(Predictions(target, target, torch.zeros(1)), 0.01)
    assert contrast.accuracy == 1.0
    assert float(contrast.loss) < 1e-3
    other = cpc_loss(_predictions(4))
    assert other.accuracy + sum(other.mistaken_for.values()) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("moved", "kind"),
    [
        (lambda t: t.roll(1, dims=0), "easy"),
        (lambda t: t.roll(1, dims=1), "temporal"),
        (lambda t: t.roll(1, dims=4), "spatial"),
    ],
)
def test_a_prediction_of_the_wrong_block_says_of_which_kind(moved, kind: str) -> None:
    target = _predictions().target
    contrast = cpc_loss(Predictions(moved(target), target, torch.zeros(1)))
    assert contrast.mistaken_for[kind] == 1.0


def test_what_cannot_be_told_apart_costs_the_logarithm_of_the_candidates() -> None:
    same = torch.ones(B, P, D, *G)
    contrast = cpc_loss(Predictions(same, same, torch.zeros(1)))
    assert float(contrast.loss) == pytest.approx(math.log(contrast.candidates), rel=1e-5)


def test_the_loss_does_not_see_how_long_vectors_are() -> None:
    one = _predictions()
    longer = Predictions(7 * one.predicted, 3 * one.target, one.aggregated)
    assert float(cpc_loss(longer).loss) == pytest.approx(float(cpc_loss(one).loss), rel=1e-5)


def test_predictions_and_targets_of_two_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match="equal shapes"):
        cpc_loss(Predictions(torch.zeros(1, 1, 2, 1, 1), torch.zeros(1, 1, 3, 1, 1), torch.zeros(1)))
    with pytest.raises(ValueError, match="positive temperature"):
        cpc_loss(_predictions(), 0.0)
