"""Clips to blocks: every axis keeps its own values."""

from __future__ import annotations

import pytest
import torch

from experiments.ped2.coding.clips import to_blocks


def _numbered(batch: int, channels: int, frames: int, height: int, width: int) -> torch.Tensor:
    """A clip whose every value says where it stands: digits batch, channel, frame, row, column."""
    shape = (batch, channels, frames, height, width)
    clip = torch.zeros(shape, dtype=torch.int64)
    for place, extent in enumerate(shape):
        digit = torch.arange(extent) * 10 ** (2 * (4 - place))
        clip += digit.view([-1 if axis == place else 1 for axis in range(5)])
    return clip


def test_block_n_holds_the_frames_from_n_times_l_on() -> None:
    clip = _numbered(2, 3, 12, 4, 5)
    blocks = to_blocks(clip, 4)
    assert blocks.shape == (2, 3, 3, 4, 4, 5)
    for n in range(3):
        for frame in range(4):
            assert torch.equal(blocks[:, n, :, frame], clip[:, :, 4 * n + frame])


def test_a_bare_view_of_frames_first_clips_mixes_channels_with_frames() -> None:
    clip = _numbered(1, 3, 6, 1, 1)
    viewed = clip.transpose(1, 2).reshape(1, 2, 3, 3, 1, 1)  # (B, T, C, H, W) seen as (B, N, C, L, H, W)
    assert not torch.equal(viewed, to_blocks(clip, 3))


@pytest.mark.parametrize(("shape", "frames"), [((1, 3, 7, 2, 2), 3), ((3, 6, 2, 2), 3), ((1, 3, 6, 2, 2), 0)])
def test_a_clip_that_is_not_whole_blocks_is_refused(shape: tuple[int, ...], frames: int) -> None:
    with pytest.raises(ValueError, match=r"expected \(B, C, T, H, W\) with T a multiple"):
        to_blocks(torch.zeros(shape), frames)
