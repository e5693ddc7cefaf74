"""DPC-RNN's ResNet-34-3D at the paper's sizes, with random weights: `make test-full`."""

from __future__ import annotations

import pytest
import torch

from experiments.ped2.coding.encoder3d import build_coder
from experiments.ped2.settings import CoderSettings
from traces_core.context_aware.predictive.contrast import cpc_loss

pytestmark = pytest.mark.full_size

PAPER = CoderSettings(
    encoder="resnet34",
    channels=("red", "green", "blue"),
    block_frames=5,
    blocks=6,
    steps_ahead=3,
    dimensions=256,
    hidden=256,
    reach=0,
)


@pytest.mark.parametrize(("edge", "places"), [(112, 4), (224, 7)])
def test_resnet_34_runs_forward_and_one_training_step(edge: int, places: int) -> None:
    coder = build_coder(PAPER)
    optimizer = torch.optim.AdamW(coder.parameters(), lr=1e-3)
    before = {name: value.clone() for name, value in coder.named_parameters()}
    clips = torch.rand(1, 6, 3, 5, edge, edge, generator=torch.Generator().manual_seed(0))
    predictions = coder(clips)
    assert predictions.predicted.shape == predictions.target.shape == (1, 3, 256, places, places)
    contrast = cpc_loss(predictions, 0.07)
    contrast.loss.backward()
    optimizer.step()
    assert torch.isfinite(contrast.loss)
    assert contrast.candidates == 3 * places * places
    still = [name for name, value in coder.named_parameters() if torch.equal(value, before[name])]
    assert still == []


def test_the_encoder_is_a_resnet_34_by_its_layers() -> None:
    convolutions = [m for m in build_coder(PAPER).encoder.modules() if isinstance(m, torch.nn.Conv3d)]
    main_path = [one for one in convolutions if one.kernel_size != (1, 1, 1)]
    assert len(main_path) == 33  # the 34th layer of the name is the classifier
    assert {one.kernel_size[0] for one in main_path} == {1, 3}
