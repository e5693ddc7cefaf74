"""TimeSformer-base through joint training at full size, with random weights: `make test-full`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from drawn_views import unit

from traces_core.context_aware.corpus import JointCorpus, NormalVideo
from traces_core.context_aware.predictive.settings import PredictorSettings
from traces_core.context_aware.saved import Blueprint
from traces_core.context_aware.settings import JointSettings
from traces_core.context_aware.training import train_jointly
from traces_core.context_aware.views import Views
from traces_core.encoders.features import Features
from traces_core.encoders.settings import TimesformerSettings
from traces_core.encoders.timesformer import TimesformerEncoder
from traces_core.encoders.torch_compat import mend_torchvision
from traces_core.errors import MissingWeightsError

pytestmark = pytest.mark.full_size

BLOCKS, LENGTH, D = 3, 8, 512


@pytest.fixture(scope="module")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> TimesformerEncoder:
    """TimeSformer-base, 8 frames of 224 px, with random weights."""
    mend_torchvision()
    from transformers import TimesformerConfig, TimesformerForVideoClassification

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("timesformer-base")
    TimesformerForVideoClassification(TimesformerConfig(num_labels=400)).save_pretrained(folder)
    return TimesformerEncoder.load(TimesformerSettings(model=str(folder), window_frames=LENGTH))


def seen_by(encoder: TimesformerEncoder, seed: int) -> Views:
    """Three blocks of a video of noise, as the steps put them together."""
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 256, (BLOCKS, LENGTH, 240, 320, 3), np.uint8)
    windows = encoder.encode_windows(frames, batch=1, with_grid=True)
    assert windows.grid is not None
    ends = np.arange(1, BLOCKS + 1) * LENGTH - 1
    times_s = np.arange(BLOCKS * LENGTH) / 8
    vectors = unit(rng.normal(size=(len(times_s), D)))
    features = Features(times_s, vectors, ends, windows.tokens, windows.label_probabilities)
    grids = np.moveaxis(windows.grid.mean(axis=1), -1, 1)
    return Views.of(features.evidence(block_times_s=times_s[ends], grids=grids), readout_frames=4)


def test_one_joint_step_of_timesformer_base_leaves_the_encoder_as_it_was(encoder: TimesformerEncoder) -> None:
    before = {name: value.clone() for name, value in encoder._model.state_dict().items()}
    events = ("walk", "sit", "walk")
    videos = [NormalVideo(f"v{n}", seen_by(encoder, n), [one] * BLOCKS) for n, one in enumerate(events)]
    assert videos[0].views.grids is not None
    assert videos[0].views.grids.shape == (BLOCKS, 768, 14, 14)
    words = {name: unit(np.random.default_rng(9).normal(size=(2, D))) for name in ("walk", "sit")}
    predictor = PredictorSettings(blocks=BLOCKS, steps_ahead=1, dimensions=256, hidden=256)
    joint = JointSettings(steps=1, evaluate_every=1, batch=2, hidden=512)
    blueprint = Blueprint(joint, "sigmoid", predictor, 768, D, 768, D)
    done = train_jointly(
        blueprint.build(), JointCorpus(videos, words, BLOCKS), joint, cpc_temperature=predictor.temperature
    )
    assert done.steps == 1
    assert np.isfinite([point.validation.loss for point in done.curve]).all()
    assert not encoder._model.training
    after = encoder._model.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_released_weights_that_are_not_there_are_named(tmp_path: Path) -> None:
    missing = TimesformerSettings(model=str(tmp_path / "timesformer-base-finetuned-k400"))
    with pytest.raises(MissingWeightsError, match="timesformer-base-finetuned-k400"):
        TimesformerEncoder.load(missing)
