from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from traces_core.encoders.base import WindowEncoder
from traces_core.encoders.settings import TimesformerSettings
from traces_core.encoders.timesformer import TimesformerEncoder, split_tokens
from traces_core.encoders.torch_compat import mend_torchvision
from traces_core.errors import MissingWeightsError, NotFiniteError

FRAMES, EDGE, WIDTH = 4, 2, 8


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A tiny TimeSformer as `save_pretrained` writes it, with labels of its own and motion channels."""
    mend_torchvision()
    from transformers import TimesformerConfig, TimesformerForVideoClassification

    torch.manual_seed(0)
    config = TimesformerConfig(
        image_size=16,
        patch_size=16 // EDGE,
        num_channels=2,
        num_frames=FRAMES,
        hidden_size=WIDTH,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=16,
        initializer_range=0.5,
        id2label={0: "people are fighting", 1: "a person is walking", 2: "nothing happens"},
    )
    folder = tmp_path_factory.mktemp("tiny")
    TimesformerForVideoClassification(config).save_pretrained(folder)
    recipe = {"size": 16, "resize_mode": "squash", "interpolation": "bilinear"}
    recipe |= {"channels": ["luminance", "change"], "mean": [0.0, 0.0], "std": [0.25, 0.25]}
    (folder / "traces_window.json").write_text(json.dumps(recipe))
    return folder


@pytest.fixture(scope="module")
def encoder(folder):
    return TimesformerEncoder.load(TimesformerSettings(model=str(folder), window_frames=FRAMES))


def _windows(count=3, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, FRAMES, 20, 24, 3), np.uint8)


def test_a_window_gives_a_token_for_each_frame_and_a_probability_for_each_label(encoder):
    features = encoder.encode_windows(_windows(), with_grid=True, with_attention=True)
    assert features.tokens.shape == (3, FRAMES, WIDTH)
    assert features.grid.shape == (3, FRAMES, EDGE, EDGE, WIDTH)
    assert features.label_probabilities.shape == (3, 3)
    assert features.label_probabilities.sum(axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert encoder.labels == ("people are fighting", "a person is walking", "nothing happens")
    assert isinstance(encoder, WindowEncoder)


def test_reading_weights_prints_nothing(folder, capfd):
    settings = TimesformerSettings(model=str(folder), window_frames=FRAMES)
    TimesformerEncoder.load(settings).encode_windows(_windows(1))
    assert "".join(capfd.readouterr()) == ""


def test_the_token_of_a_frame_is_the_mean_of_its_grid(encoder):
    features = encoder.encode_windows(_windows(), with_grid=True)
    assert np.allclose(features.tokens, features.grid.mean(axis=(2, 3)), atol=1e-6)


def test_grid_and_attention_are_given_only_where_asked_for(encoder):
    features = encoder.encode_windows(_windows())
    assert features.grid is None
    assert features.attention is None


def test_attention_over_a_frame_sums_to_one(encoder):
    attention = encoder.encode_windows(_windows(), with_attention=True).attention
    assert attention.shape == (3, FRAMES, EDGE, EDGE)
    assert attention.sum(axis=(2, 3)) == pytest.approx(np.ones((3, FRAMES)), abs=1e-5)


def test_tokens_are_split_in_the_order_in_which_the_model_lays_them_out(encoder):
    """Each axis gets values of its own, through the model's own embedding of patches, places and times."""
    embeddings = encoder._model.timesformer.embeddings
    before = {name: value.clone() for name, value in embeddings.state_dict().items()}
    places = torch.arange(EDGE * EDGE, dtype=torch.float32)
    try:
        for value in embeddings.parameters():
            value.zero_()
        embeddings.position_embeddings[0, 1:, 0] = places
        embeddings.time_embeddings[0, :, 1] = torch.arange(FRAMES, dtype=torch.float32)
        # A patch's content: 100 in the lower right corner of frame 2, else 0.
        embeddings.patch_embeddings.projection.weight[2].fill_(1.0 / (2 * (16 // EDGE) ** 2))
        pixels = torch.zeros(1, FRAMES, 2, 16, 16)
        pixels[0, 2, :, 8:, 8:] = 100.0
        laid_out = embeddings(pixels)[:, 1:]
    finally:
        embeddings.load_state_dict(before)
    split = split_tokens(laid_out, EDGE, FRAMES)[0]  # (W, G, G, D)
    rows_and_columns = places.view(1, EDGE, EDGE).expand(FRAMES, EDGE, EDGE)
    assert torch.equal(split[..., 0], rows_and_columns)
    assert torch.equal(split[..., 1], torch.arange(FRAMES).float().view(-1, 1, 1).expand(FRAMES, EDGE, EDGE))
    assert split[..., 2].nonzero().tolist() == [[2, 1, 1]]


def test_batches_do_not_change_the_features(encoder):
    windows = _windows(5)
    one, many = encoder.encode_windows(windows, batch=1), encoder.encode_windows(windows, batch=5)
    assert np.allclose(one.tokens, many.tokens, atol=1e-5)
    assert np.allclose(one.label_probabilities, many.label_probabilities, atol=1e-5)


def test_frames_resized_beforehand_give_the_same_features(encoder):
    windows = _windows()
    small = encoder.resize(windows.reshape(-1, 20, 24, 3))
    assert small.shape == (3 * FRAMES, 16, 16, 3)
    again = encoder.encode_windows(small.reshape(3, FRAMES, 16, 16, 3))
    assert np.array_equal(again.tokens, encoder.encode_windows(windows).tokens)


def test_no_windows_give_no_features(encoder):
    features = encoder.encode_windows(_windows(0), with_grid=True)
    assert features.tokens.shape == (0, FRAMES, WIDTH)
    assert features.grid.shape == (0, FRAMES, EDGE, EDGE, WIDTH)


@pytest.mark.parametrize("frames", [2, 3, 8])
def test_windows_of_another_length_than_the_checkpoint_stretch_its_time_embedding(folder, frames):
    encoder = TimesformerEncoder.load(TimesformerSettings(model=str(folder), window_frames=frames))
    windows = np.random.default_rng(0).integers(0, 256, (2, frames, 16, 16, 3), np.uint8)
    features = encoder.encode_windows(windows, with_grid=True)
    assert features.tokens.shape == (2, frames, WIDTH)
    assert features.grid.shape == (2, frames, EDGE, EDGE, WIDTH)


def test_windows_of_the_wrong_length_are_refused(encoder):
    with pytest.raises(ValueError, match=rf"\(T, {FRAMES}, H, W, 3\)"):
        encoder.encode_windows(np.zeros((1, FRAMES + 1, 16, 16, 3), np.uint8))


def test_the_fingerprint_knows_weights_window_and_precision_but_not_the_folder(folder, encoder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    settings = TimesformerSettings(model=str(tmp_path), window_frames=FRAMES)
    assert TimesformerEncoder.load(settings).fingerprint == encoder.fingerprint
    for other in ({"window_frames": FRAMES + 1}, {"precision": "bf16"}):
        changed = settings.model_copy(update=other)
        assert TimesformerEncoder.load(changed).fingerprint != encoder.fingerprint
    weights = load_file(tmp_path / "model.safetensors")
    save_file(
        {name: value * 1.5 for name, value in weights.items()},
        tmp_path / "model.safetensors",
        {"format": "pt"},
    )
    assert TimesformerEncoder.load(settings).fingerprint != encoder.fingerprint


def test_bf16_gives_nearly_the_same_probabilities(folder, encoder):
    half = TimesformerEncoder.load(
        TimesformerSettings(model=str(folder), window_frames=FRAMES, precision="bf16")
    )
    given, expected = (which.encode_windows(_windows()).label_probabilities for which in (half, encoder))
    assert np.abs(given - expected).max() < 0.05


def test_values_that_are_not_finite_are_an_error_and_no_feature(folder, tmp_path):
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    weights = load_file(tmp_path / "model.safetensors")
    weights["classifier.bias"][0] = torch.nan
    save_file(weights, tmp_path / "model.safetensors", {"format": "pt"})
    broken = TimesformerEncoder.load(TimesformerSettings(model=str(tmp_path), window_frames=FRAMES))
    with pytest.raises(NotFiniteError, match="not finite"):
        broken.encode_windows(_windows())


@pytest.mark.parametrize("missing", ["model.safetensors", "config.json"])
def test_a_folder_without_its_files_names_the_one_that_is_missing(folder, tmp_path, missing):
    for path in folder.iterdir():
        if path.name != missing:
            (tmp_path / path.name).write_bytes(path.read_bytes())
    with pytest.raises(MissingWeightsError, match=missing):
        TimesformerEncoder.load(TimesformerSettings(model=str(tmp_path)))


def test_a_pocket_model_that_is_not_shipped_says_where_it_would_be():
    with pytest.raises(MissingWeightsError, match=r"pocket-77.timesformer.config\.json"):
        TimesformerEncoder.load(TimesformerSettings(model="pocket-77"))


def test_a_name_on_a_hub_out_of_reach_says_so_at_once(monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingWeightsError, match="hub cannot be reached"):
        TimesformerEncoder.load(TimesformerSettings(model="facebook/timesformer-base-finetuned-k400"))
