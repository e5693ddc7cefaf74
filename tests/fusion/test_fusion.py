from __future__ import annotations

import numpy as np
import pytest
import torch

from traces_core.errors import NotFiniteError, WindowShapeError
from traces_core.fusion.settings import FusionSettings
from traces_core.fusion.window_fusion import CrossAttentionFusion, MeanFusion, WindowFusion, build_fusion
from traces_core.fusion.windows import attention_maps, fuse_windows

W, D, D_TIME = 4, 8, 6
KINDS = ("cross_attention", "concatenation", "mean")
LEARNING_KINDS = KINDS[:2]


def windows(count: int = 7, grid: int = 1, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    frames = rng.normal(size=(count, W, D))
    frames /= np.linalg.norm(frames, axis=-1, keepdims=True)
    tokens = rng.normal(size=(count, W * grid * grid, D_TIME))
    return frames.astype(np.float32), tokens.astype(np.float32)


def untrained(kind: str, **settings: object) -> WindowFusion:
    chosen = FusionSettings(kind=kind, heads=2, hidden=5, **settings)
    return build_fusion(chosen, dimensions=D, token_dimensions=D_TIME, window_frames=W)


def shaken(kind: str, **settings: object) -> WindowFusion:
    """Give a fusion with every weight away from its start, as after training."""
    fusion = untrained(kind, **settings)
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for parameter in fusion.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape, generator=generator))
    return fusion


def layer_norm(x: np.ndarray, norm: torch.nn.LayerNorm) -> np.ndarray:
    z = (x - x.mean()) / np.sqrt(x.var() + norm.eps)
    return z * norm.weight.detach().numpy() + norm.bias.detach().numpy()


def slow_attention(fusion: CrossAttentionFusion, adapted: np.ndarray, mapped: np.ndarray) -> np.ndarray:
    """Attend as the definition says: one window, one head, one query, one key at a time."""

    def linear(layer: torch.nn.Linear, x: np.ndarray) -> np.ndarray:
        return layer.weight.detach().numpy() @ x + layer.bias.detach().numpy()

    T, K = len(adapted), mapped.shape[1]
    width = D // fusion.heads
    places = np.zeros((W, D)) if fusion.position is None else fusion.position.detach().numpy()
    weights = np.zeros((T, fusion.heads, W, K))
    for t in range(T):
        for h in range(fusion.heads):
            part = slice(h * width, (h + 1) * width)
            for i in range(W):
                q = linear(fusion.query, layer_norm(adapted[t, i], fusion.norm) + places[i])[part]
                logits = np.array(
                    [q @ linear(fusion.key, mapped[t, j] + places[j * W // K])[part] for j in range(K)]
                )
                powers = np.exp(logits / np.sqrt(width))
                weights[t, h, i] = powers / powers.sum()
    return weights


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("grid", [1, 3])
def test_an_untrained_fusion_is_the_mean_of_clip_exactly(kind: str, grid: int) -> None:
    frames, tokens = windows(grid=grid)
    fused = fuse_windows(untrained(kind, dropout=0.5), frames, tokens)
    assert np.array_equal(fused, fuse_windows(MeanFusion(D, D_TIME, W), frames, tokens))
    mean = frames.astype(np.float64).mean(axis=1)
    np.testing.assert_allclose(fused, mean / np.linalg.norm(mean, axis=1, keepdims=True), atol=1e-7)


@pytest.mark.parametrize("grid", [1, 2])
@pytest.mark.parametrize("temporal_position", [True, False])
def test_the_attention_is_that_of_the_slow_reference(grid: int, temporal_position: bool) -> None:
    fusion = shaken("cross_attention", temporal_position=temporal_position).eval()
    assert isinstance(fusion, CrossAttentionFusion)
    frames, tokens = windows(3, grid)
    with torch.no_grad():
        adapted = fusion.appearance(torch.from_numpy(frames)).numpy()
        mapped = fusion.temporal(torch.from_numpy(tokens)).numpy()
        values = fusion.value(torch.from_numpy(mapped)).numpy()
    weights = slow_attention(fusion, adapted, mapped)
    np.testing.assert_allclose(attention_maps(fusion, frames, tokens), weights, atol=1e-5)

    heads = [values[..., h * D // 2 : (h + 1) * D // 2] for h in range(2)]
    attended = np.concatenate([weights[:, h] @ heads[h] for h in range(2)], axis=-1)
    output = attended @ fusion.output.weight.detach().numpy().T + fusion.output.bias.detach().numpy()
    mean = (adapted + output).mean(axis=1)
    expected = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    np.testing.assert_allclose(fuse_windows(fusion, frames, tokens), expected, atol=1e-5)


@pytest.mark.parametrize("grid", [1, 2])
def test_every_frame_spreads_one_unit_of_attention(grid: int) -> None:
    maps = attention_maps(shaken("cross_attention"), *windows(5, grid))
    assert maps is not None
    assert maps.shape == (5, 2, W, W * grid * grid)
    assert (maps >= 0).all()
    np.testing.assert_allclose(maps.sum(axis=-1), 1.0, atol=1e-6)


@pytest.mark.parametrize("kind", ["concatenation", "mean"])
def test_a_fusion_without_attention_shows_none(kind: str) -> None:
    assert attention_maps(untrained(kind), *windows()) is None


@pytest.mark.parametrize("kind", KINDS)
def test_a_fused_vector_has_unit_norm_and_depends_on_its_own_window_only(kind: str) -> None:
    fusion = shaken(kind)
    frames, tokens = windows(9)
    whole = fuse_windows(fusion, frames, tokens)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1.0, atol=1e-6)
    np.testing.assert_allclose(fuse_windows(fusion, frames, tokens, batch=2), whole, atol=1e-6)
    order = np.random.default_rng(2).permutation(9)
    np.testing.assert_allclose(fuse_windows(fusion, frames[order], tokens[order]), whole[order], atol=1e-6)


@pytest.mark.parametrize("kind", LEARNING_KINDS)
def test_a_trained_fusion_looks_at_the_tokens(kind: str) -> None:
    frames, tokens = windows()
    fusion = shaken(kind)
    assert not np.allclose(
        fuse_windows(fusion, frames, tokens), fuse_windows(fusion, frames, tokens[::-1].copy()), atol=1e-3
    )


@pytest.mark.parametrize(("temporal_position", "matters"), [(True, True), (False, False)])
def test_the_order_of_the_tokens_matters_only_with_a_learned_position(
    temporal_position: bool, matters: bool
) -> None:
    fusion = shaken("cross_attention", temporal_position=temporal_position)
    frames, tokens = windows()
    backwards = tokens[:, ::-1].copy()
    same = np.allclose(
        fuse_windows(fusion, frames, tokens), fuse_windows(fusion, frames, backwards), atol=1e-5
    )
    assert same is not matters


@pytest.mark.parametrize("kind", LEARNING_KINDS)
def test_a_grid_whose_places_are_alike_says_what_one_token_per_frame_says(kind: str) -> None:
    fusion = shaken(kind)
    frames, tokens = windows()
    grid = np.repeat(tokens, 9, axis=1)
    np.testing.assert_allclose(
        fuse_windows(fusion, frames, grid), fuse_windows(fusion, frames, tokens), atol=1e-5
    )


@pytest.mark.parametrize("kind", KINDS)
def test_fusing_leaves_the_mode_of_the_module_and_draws_no_random_number(kind: str) -> None:
    fusion = untrained(kind, dropout=0.9).train()
    before = torch.get_rng_state()
    fuse_windows(fusion, *windows())
    assert fusion.training
    assert torch.equal(torch.get_rng_state(), before)


def test_the_seed_decides_the_first_weights_and_nothing_else_does() -> None:
    torch.manual_seed(5)
    one = untrained("cross_attention", seed=3).state_dict()
    torch.manual_seed(6)
    two = untrained("cross_attention", seed=3).state_dict()
    other = untrained("cross_attention", seed=4).state_dict()
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert any(not torch.equal(one[name], other[name]) for name in one)


def test_heads_that_do_not_divide_the_width_are_refused() -> None:
    with pytest.raises(WindowShapeError, match="3 heads, expected a divisor of the 8"):
        CrossAttentionFusion(8, 6, 4, heads=3)


@pytest.mark.parametrize(
    ("frames", "tokens", "message"),
    [
        ((3, W, D), (2, W, D_TIME), "tokens"),  # not the same windows
        ((3, W, D), (3, W + 1, D_TIME), "tokens"),  # tokens that belong to no frame
        ((3, W, D), (3, 0, D_TIME), "tokens"),  # no token at all
        ((3, D), (3, W, D_TIME), "tokens"),  # one frame without its axis
        ((3, W + 1, D), (3, W + 1, D_TIME), "W, D, D_time"),  # another W than trained
        ((3, W, D), (3, W, D_TIME + 1), "W, D, D_time"),  # another window encoder
    ],
)
def test_windows_that_do_not_fit_are_refused(
    frames: tuple[int, ...], tokens: tuple[int, ...], message: str
) -> None:
    with pytest.raises(WindowShapeError, match=message):
        fuse_windows(untrained("mean"), np.ones(frames, np.float32), np.ones(tokens, np.float32))


@pytest.mark.parametrize("which", [0, 1])
def test_a_window_that_is_not_finite_is_named(which: int) -> None:
    arrays = windows()
    arrays[which][4, 1, 2] = np.nan
    with pytest.raises(NotFiniteError, match="first window 4"):
        fuse_windows(untrained("cross_attention"), *arrays)


def test_half_precision_windows_are_fused_in_single_precision() -> None:
    frames, tokens = windows()
    half = fuse_windows(shaken("cross_attention"), frames.astype(np.float16), tokens.astype(np.float16))
    assert half.dtype == np.float32
    np.testing.assert_allclose(half, fuse_windows(shaken("cross_attention"), frames, tokens), atol=5e-3)


def test_a_window_is_read_out_at_its_end() -> None:
    frames = torch.eye(4)[None]  # four frames, each its own direction
    tokens = torch.zeros(1, 4, 3)
    last = MeanFusion(4, 3, 4, readout_frames=1)(frames, tokens)
    assert torch.equal(last[0], frames[0, -1])
    half = MeanFusion(4, 3, 4, readout_frames=2)(frames, tokens)
    assert torch.allclose(half[0], torch.tensor([0.0, 0.0, 0.5**0.5, 0.5**0.5]))


def test_a_readout_longer_than_the_window_is_refused() -> None:
    with pytest.raises(WindowShapeError, match="readout of 5 frames"):
        MeanFusion(4, 3, 4, readout_frames=5)
