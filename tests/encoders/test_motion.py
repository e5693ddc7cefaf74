from __future__ import annotations

import pytest
import torch

from traces_core.encoders.motion import CHANNELS, RGB, window_channels


def _windows(seed=0):
    return torch.rand((2, 8, 3, 4, 4), generator=torch.Generator().manual_seed(seed))


def test_colour_channels_are_the_frames_as_they_are():
    windows = _windows()
    assert torch.equal(window_channels(windows, RGB), windows)


def test_a_still_window_has_no_motion():
    still = _windows()[:, :1].expand(-1, 8, -1, -1, -1)
    moving = window_channels(still, ("change", "slow_change", "change_size", "novelty"))
    assert float(moving.abs().max()) < 1e-5


def test_change_is_known_from_the_second_frame_on():
    changes = window_channels(_windows(), ("change", "slow_change"))
    assert float(changes[:, 0].abs().max()) == 0.0
    assert float(changes[:, :4, 1].abs().max()) == 0.0
    assert float(changes[:, 4:, 1].abs().min()) > 0.0


@pytest.mark.parametrize("name", [name for name in CHANNELS if name != "novelty"])
def test_all_channels_but_novelty_ignore_later_frames(name):
    windows = _windows()
    later = windows.clone()
    later[:, 5:] = 0.0
    assert torch.equal(window_channels(windows, (name,))[:, :5], window_channels(later, (name,))[:, :5])


def test_one_window_says_nothing_about_another():
    windows = _windows()
    together = window_channels(windows, CHANNELS)
    apart = torch.cat([window_channels(window[None], CHANNELS) for window in windows])
    assert torch.allclose(together, apart)


def test_a_name_that_is_no_channel_is_refused():
    with pytest.raises(ValueError, match="optical_flow"):
        window_channels(_windows(), ("red", "optical_flow"))
