"""Flow and carried motion on pictures that move as drawn."""

from __future__ import annotations

import pytest
import torch
from torch.nn import functional as F

from experiments.ped2.coding.carried import AdvectedMotion


def _texture(rows: int = 48, columns: int = 96, seed: int = 0) -> torch.Tensor:
    noise = torch.rand(1, 1, rows + 8, columns + 8, generator=torch.Generator().manual_seed(seed))
    return F.avg_pool2d(noise, 5, 1)[0, 0, 2 : rows + 2, 2 : columns + 2]


def _panned(frames: int, right: int = 0, down: int = 0) -> torch.Tensor:
    """A texture that moves so many pixels a frame: (F, 32, 48)."""
    wide = _texture(32 + abs(down) * frames, 48 + abs(right) * frames)
    begin_y, begin_x = max(down, 0) * frames, max(right, 0) * frames
    starts = [(begin_y - down * t, begin_x - right * t) for t in range(frames)]
    return torch.stack([wide[y : y + 32, x : x + 48] for y, x in starts])


def test_a_stream_gives_what_the_whole_video_gives() -> None:
    frames = torch.rand(9, 24, 36, generator=torch.Generator().manual_seed(1))
    whole = AdvectedMotion(0.2, 0.4)(frames)
    stream = AdvectedMotion(0.2, 0.4)
    parts = torch.cat([stream(part) for part in frames.split([1, 3, 5])])
    assert whole.shape == (9, 2, 12, 18)
    assert torch.allclose(parts, whole, atol=1e-5)


def test_motion_rests_on_no_later_frame() -> None:
    frames = torch.rand(6, 24, 36, generator=torch.Generator().manual_seed(2))
    other = frames.clone()
    other[4:] = 0.3
    assert torch.allclose(
        AdvectedMotion(0.2, 0.4)(other)[:4], AdvectedMotion(0.2, 0.4)(frames)[:4], atol=1e-6
    )
    assert not torch.allclose(
        AdvectedMotion(0.2, 0.4)(other)[4], AdvectedMotion(0.2, 0.4)(frames)[4], atol=1e-2
    )


def test_nothing_has_moved_at_the_first_frame() -> None:
    assert float(AdvectedMotion(0.2, 0.4)(_panned(1, 1)).abs().max()) < 1e-4


def test_steady_motion_is_carried_at_its_own_speed() -> None:
    carried = AdvectedMotion(0.12, 0.4)(_panned(16, right=2))[-1, 0, 4:-4, 8:-4]
    assert float(carried.median()) == pytest.approx(2.0, abs=0.25)


def test_motion_that_swings_cancels_where_steady_motion_does_not() -> None:
    steady = _panned(13, right=1)
    swinging = torch.stack([steady[3 + (t % 2)] for t in range(13)])  # back and forth, one pixel
    speeds = [
        float(AdvectedMotion(0.12, 0.4)(frames)[-1].norm(dim=0)[4:-4, 6:-6].mean())
        for frames in (steady, swinging)
    ]
    assert speeds[1] < 0.4 * speeds[0]


def test_what_just_came_in_is_not_trusted_at_once() -> None:
    carried = AdvectedMotion(0.12, 0.4)(_panned(12, right=1))[:, 0, 4:-4, 8:-4].mean(dim=(1, 2))
    assert 0.1 < float(carried[1]) < 0.5 < float(carried[-1])
