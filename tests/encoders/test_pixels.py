from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from traces_core.encoders.pixels import Preprocess
from traces_core.encoders.torch_compat import mend_torchvision

mend_torchvision()
from open_clip.transform import PreprocessCfg, image_transform_v2  # noqa: E402

MODES = [
    # (height, width) of the frame, size of the input, resize mode, interpolation
    ((96, 128), 224, "shortest", "bicubic"),  # enlarged, then cropped
    ((240, 320), 96, "shortest", "bicubic"),  # an ordinary camera
    ((135, 77), 64, "shortest", "bicubic"),  # portrait, odd edges
    ((240, 320), 96, "squash", "bicubic"),  # the pocket model
    ((240, 320), 64, "squash", "bilinear"),
    ((241, 319), 64, "longest", "bicubic"),  # padded above and below
    ((90, 200), (60, 80), "shortest", "bicubic"),  # not square
]


@pytest.mark.parametrize(("frame", "size", "mode", "interpolation"), MODES)
def test_a_batch_is_prepared_as_open_clip_prepares_each_picture(frame, size, mode, interpolation):
    pixels = np.random.default_rng(3).integers(0, 256, (3, *frame, 3), np.uint8)
    config = PreprocessCfg(size=size, resize_mode=mode, interpolation=interpolation)
    one_by_one = image_transform_v2(config, is_train=False)
    expected = torch.stack([one_by_one(Image.fromarray(picture)) for picture in pixels])

    prepared = Preprocess.from_config(vars(config))(pixels)

    assert prepared.shape == expected.shape
    # Two rounding steps of uint8, 2/255 before the division by the spread (at least 0.26), on pure noise.
    assert float((prepared - expected).abs().max()) <= 2.01 / 255 / 0.26
    assert float((prepared - expected).abs().mean()) < 2e-4


def test_frames_of_the_right_size_are_only_normalised():
    pixels = np.full((1, 8, 8, 3), 255, np.uint8)
    prepare = Preprocess((8, 8), (0.5, 0.5, 0.5), (0.25, 0.5, 1.0), resize_mode="squash")
    assert prepare(pixels)[0, :, 0, 0].tolist() == pytest.approx([2.0, 1.0, 0.5])


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((2, 8, 8, 3), np.float32),  # already scaled
        np.zeros((8, 8, 3), np.uint8),  # a single frame
        np.zeros((2, 3, 8, 8), np.uint8),  # channels first
    ],
)
def test_arrays_that_are_not_uint8_rgb_are_refused(pixels):
    with pytest.raises(ValueError, match="uint8"):
        Preprocess((8, 8), (0.5,) * 3, (0.5,) * 3)(pixels)
