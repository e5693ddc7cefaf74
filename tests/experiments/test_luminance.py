"""Luminance of clips: what each colour weighs, and that grey stays what it is."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.ped2.luminance import WEIGHTS, read_luminance
from traces_core.video import write_video


def _clip(path: Path, colour: tuple[int, int, int]) -> Path:
    picture = np.full((32, 48, 3), colour, np.uint8)
    return write_video(path, [(picture, number / 10) for number in range(5)], rate=Fraction(10))


@pytest.mark.parametrize(
    ("colour", "luminance"),
    [
        ((255, 0, 0), 0.299),  # a red clip is not black
        ((0, 255, 0), 0.587),
        ((0, 0, 255), 0.114),
        ((255, 255, 255), 1.0),
        ((0, 0, 0), 0.0),
        ((128, 128, 128), 128 / 255),
    ],
)
def test_each_colour_is_as_bright_as_bt_601_says(
    tmp_path: Path, colour: tuple[int, int, int], luminance: float
) -> None:
    frames, times_s = read_luminance(_clip(tmp_path / "clip.mp4", colour), 2)
    assert frames.shape == (5, 16, 24)
    assert np.allclose(times_s, np.arange(5) / 10)
    assert float(frames.mean()) == pytest.approx(luminance, abs=0.015)  # the codec rounds


def test_grey_is_exactly_what_any_of_its_channels_says() -> None:
    grey = torch.arange(256.0)[:, None].expand(-1, 3)
    assert torch.equal(grey @ WEIGHTS / 1000.0, grey[:, 0])
