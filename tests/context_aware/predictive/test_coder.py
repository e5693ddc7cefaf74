"""The predictive coder: what it may know, where gradients flow, and that a stream is a batch."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.ped2.coding.encoder3d import SMALL, Encoder3d
from traces_core.context_aware.predictive.coder import PredictiveCoder
from traces_core.context_aware.predictive.contrast import cpc_loss


def _token_coder(*, layers: int = 1, reach: int = 1, steps_ahead: int = 2) -> PredictiveCoder:
    torch.manual_seed(0)
    return PredictiveCoder(
        inputs=4, dimensions=5, hidden=6, steps_ahead=steps_ahead, layers=layers, reach=reach
    ).eval()


def _pixel_coder() -> PredictiveCoder:
    torch.manual_seed(0)
    encoder = Encoder3d(channels=2, frames=3, architecture=SMALL)
    return PredictiveCoder(
        inputs=encoder.dimensions, dimensions=5, hidden=6, steps_ahead=2, encoder=encoder
    ).eval()


def _tokens(blocks: int = 5, seed: int = 0, edge: int = 3) -> torch.Tensor:
    return torch.randn(2, blocks, 4, edge, edge, generator=torch.Generator().manual_seed(seed))


def _pixels(blocks: int = 4) -> torch.Tensor:
    return torch.randn(2, blocks, 2, 3, 24, 16, generator=torch.Generator().manual_seed(1))


BOTH = pytest.mark.parametrize(
    ("coder", "source"),
    [(_token_coder(layers=2), _tokens()), (_pixel_coder(), _pixels())],
    ids=["tokens", "pixels"],
)


@BOTH
@torch.no_grad()
def test_shapes_are_those_of_the_blocks_and_places(coder: PredictiveCoder, source: torch.Tensor) -> None:
    grid = (3, 3) if source.ndim == 5 else (3, 2)
    trained, asked = coder(source), coder.next_blocks(source)
    assert trained.predicted.shape == trained.target.shape == (2, 2, 5, *grid)
    assert trained.aggregated.shape == (2, 2, 6, *grid)
    assert asked.predicted.shape == asked.target.shape == (2, source.shape[1] - 1, 5, *grid)


@BOTH
@torch.no_grad()
def test_the_target_is_the_block_that_was_predicted(coder: PredictiveCoder, source: torch.Tensor) -> None:
    embedded = coder.embed(source)
    assert torch.equal(coder(source).target, embedded[:, -2:])
    assert torch.equal(coder.next_blocks(source).target, embedded[:, 1:])


@BOTH
@torch.no_grad()
def test_the_first_step_of_training_is_what_inference_predicts(
    coder: PredictiveCoder, source: torch.Tensor
) -> None:
    first = coder(source).predicted[:, 0]
    assert torch.allclose(coder.next_blocks(source).predicted[:, -2], first, atol=1e-5)


@given(blocks=st.integers(2, 9), seed=st.integers(0, 99), layers=st.integers(1, 2), reach=st.integers(0, 1))
@settings(max_examples=20)
@torch.no_grad()
def test_a_stream_gives_what_the_whole_video_gives(blocks: int, seed: int, layers: int, reach: int) -> None:
    coder, source = _token_coder(layers=layers, reach=reach), _tokens(blocks, seed)
    whole = coder.next_blocks(source)
    state, steps = None, []
    for block in range(blocks):
        seen, state = coder.observe(source[:, block], state)
        steps.append(seen)
    assert steps[0] is None
    for name in ("predicted", "target", "aggregated"):
        streamed = torch.cat([getattr(one, name) for one in steps[1:]], dim=1)
        assert torch.allclose(streamed, getattr(whole, name), atol=1e-5)


@torch.no_grad()
def test_a_stream_of_pixels_gives_what_the_whole_video_gives() -> None:
    coder, source = _pixel_coder(), _pixels()
    state, steps = None, []
    for block in range(4):
        seen, state = coder.observe(source[:, block], state)
        steps.append(seen)
    streamed = torch.cat([one.predicted for one in steps[1:]], dim=1)
    assert torch.allclose(streamed, coder.next_blocks(source).predicted, atol=1e-5)


@BOTH
def test_a_prediction_knows_nothing_of_its_block_or_later_ones(
    coder: PredictiveCoder, source: torch.Tensor
) -> None:
    source = source.clone().requires_grad_()
    predictions = coder.next_blocks(source)
    for block in range(1, source.shape[1]):
        (gradient,) = torch.autograd.grad(
            predictions.predicted[:, block - 1].sum(), source, retain_graph=True
        )
        assert gradient[:, :block].abs().sum() > 0
        assert not gradient[:, block:].any()


def test_training_predictions_know_nothing_of_the_blocks_they_predict() -> None:
    source = _tokens().requires_grad_()
    _token_coder()(source).predicted.sum().backward()
    assert source.grad is not None
    assert not source.grad[:, -2:].any()
    assert source.grad[:, :-2].abs().sum() > 0


def test_clips_of_a_batch_do_not_see_each_other() -> None:
    source = _tokens().requires_grad_()
    _token_coder().next_blocks(source).predicted[0].sum().backward()
    assert source.grad is not None
    assert not source.grad[1].any()


def test_a_place_sees_as_far_as_the_reach_for_each_block_before_it() -> None:
    source = torch.randn(1, 2, 4, 9, 9).requires_grad_()
    _token_coder(reach=1).next_blocks(source).predicted[0, 0, :, 4, 4].sum().backward()
    assert source.grad is not None
    seen = source.grad[0, 0].abs().sum(0) > 0
    # gates and candidate convolve one after the other, but the start state is zero: one convolution is seen
    assert seen[3:6, 3:6].all()
    assert int(seen.sum()) == 9


@BOTH
def test_the_loss_reaches_every_weight(coder: PredictiveCoder, source: torch.Tensor) -> None:
    coder.train()
    cpc_loss(coder(source)).loss.backward()
    silent = [name for name, p in coder.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    coder.zero_grad()
    coder.eval()
    assert silent == []


@pytest.mark.parametrize(
    ("coder", "source", "message"),
    [
        (_token_coder(), _pixels(), "expected token grids"),
        (_pixel_coder(), _tokens(), "expected pixel blocks"),
        (_token_coder(steps_ahead=5), _tokens(5), "5 blocks, 5 of them to be predicted"),
    ],
    ids=["pixels to a coder of tokens", "tokens to a coder of pixels", "nothing left to predict from"],
)
def test_a_source_that_does_not_fit_is_refused(
    coder: PredictiveCoder, source: torch.Tensor, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        coder(source)
