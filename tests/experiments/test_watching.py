"""A video as the coder watches it, and what it expects of it."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.ped2.coding.carried import speed_of
from experiments.ped2.coding.encoder3d import build_coder
from experiments.ped2.coding.expectation import MotionExpectation
from experiments.ped2.coding.watching import StreamingCoder
from experiments.ped2.settings import CoderSettings, MotionSettings

L = 3
CODER = build_coder(CoderSettings(encoder="fine", block_frames=L, dimensions=4, hidden=4)).eval()


def _frames(count: int = 11) -> torch.Tensor:
    return torch.rand(count, 16, 24, generator=torch.Generator().manual_seed(3))


def _watched(frames: torch.Tensor) -> torch.Tensor:
    return StreamingCoder(CODER, block_frames=L)(frames)


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
@settings(max_examples=15, deadline=None)
def test_a_stream_gives_what_the_whole_video_gives(parts: list[int]) -> None:
    frames = _frames(sum(parts))
    watcher = StreamingCoder(CODER, block_frames=L)
    streamed = torch.cat([watcher(part) for part in frames.split(parts)])
    assert torch.allclose(streamed, _watched(frames), atol=1e-5)


def test_every_frame_has_a_context_of_state_and_prediction() -> None:
    assert _watched(_frames()).shape == (11, 8, 4, 6)


def test_a_context_knows_nothing_of_its_own_block() -> None:
    frames = _frames()
    for changed in range(len(frames)):
        other = frames.clone()
        other[changed] = 0.9
        same = [
            torch.allclose(a, b, atol=1e-6) for a, b in zip(_watched(other), _watched(frames), strict=True)
        ]
        if changed > 0:  # the first frame stands for all before it
            assert all(same[: changed + L])
        if changed + L < len(frames):
            assert not same[changed + L]


def test_blocks_that_end_a_block_apart_are_one_stream() -> None:
    frames = _frames(3 * L)
    cut = frames.view(1, 3, 1, L, 16, 24)
    still = frames[:1].expand(L, -1, -1)[None, None, None]
    one_by_one = CODER.next_blocks(torch.cat([still, cut], dim=1)).predicted[0]
    assert torch.allclose(_watched(frames)[L - 1 :: L, 4:], one_by_one, atol=1e-5)


def _normal(seed: int, frames: int = 60) -> tuple[torch.Tensor, torch.Tensor]:
    """Context with two channels; the speed is twice the first one plus a half, and a little noise."""
    generator = torch.Generator().manual_seed(seed)
    context = torch.rand(frames, 2, 4, 5, generator=generator)
    noise = 0.02 * torch.rand(frames, 4, 5, generator=generator)
    return context, 2.0 * context[:, 0] + 0.5 + noise


def _settings(share: float) -> MotionSettings:
    return MotionSettings(expected_share=share, scale_quantile=0.999, least_of_row=0.7, least_of_all=0.15)


def _fitted(share: float = 1.0) -> MotionExpectation:
    contexts, speeds = zip(*(_normal(seed) for seed in range(3)), strict=True)
    return MotionExpectation.fit(contexts, speeds, _settings(share))


def test_a_speed_that_hangs_on_the_context_is_expected() -> None:
    context, speed = _normal(9)
    assert torch.allclose(_fitted().expected(context), speed, atol=0.05)


def test_what_moves_as_expected_does_not_surprise_and_a_fast_place_does() -> None:
    context, speed = _normal(9)
    fast = speed.clone()
    fast[7, 2, 3] += 1.0
    maps, calm = _fitted().maps(context, fast), _fitted().maps(context, speed)
    assert float(maps[7, 2, 3]) > 5 * float(calm.max())
    assert torch.equal(maps[:7], calm[:7])
    assert bool((calm >= 0).all())


def test_nothing_is_surprising_for_being_slow() -> None:
    context, speed = _normal(9)
    assert not _fitted().maps(context, 0.0 * speed).any()


def test_without_a_share_the_speed_alone_counts() -> None:
    context, speed = _normal(9)
    alone = _fitted(share=0.0)
    assert torch.allclose(alone.maps(context, speed), alone.maps(0.0 * context, speed))


def test_a_place_where_normal_things_are_fast_is_scaled_by_them() -> None:
    contexts, speeds = [torch.zeros(200, 1, 6, 8)], [torch.rand(200, 6, 8)]
    speeds[0][:, :, 4:] *= 10.0
    scale = MotionExpectation.fit(contexts, speeds, _settings(0.0)).scale
    assert scale.shape == (6, 8)
    assert float(scale[3, 6]) > float(scale[3, 1])


def test_speed_is_the_mean_length_of_motion_around_a_place() -> None:
    motion = torch.zeros(1, 2, 8, 12)
    motion[:, 0] = 3.0
    motion[:, 1] = -4.0
    assert torch.allclose(speed_of(motion, (4, 6), 2), torch.full((1, 4, 6), 5.0))
    assert not speed_of(torch.zeros(2, 2, 8, 12), (3, 5), 2).any()


def test_the_readout_does_not_hang_on_how_videos_are_cut() -> None:
    context, speed = _normal(1)
    whole = MotionExpectation.fit([context], [speed], _settings(0.5))
    halves = MotionExpectation.fit(context.split(30), speed.split(30), _settings(0.5))
    assert torch.allclose(whole.weights, halves.weights, atol=1e-5)
    assert whole.bias == pytest.approx(halves.bias, abs=1e-5)
