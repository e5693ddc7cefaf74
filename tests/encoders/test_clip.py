from __future__ import annotations

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from traces_core.encoders.base import ImageEncoder, TextEncoder
from traces_core.encoders.clip import ClipEncoder
from traces_core.encoders.pocket_models import CONTEXT_LENGTH
from traces_core.encoders.settings import ClipSettings
from traces_core.errors import MissingWeightsError, NotFiniteError
from traces_core.practice.pretraining.clip import build_clip
from traces_core.practice.pretraining.recipe import save_weights


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The pocket architecture with random weights, in a folder of its own."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("clip")
    model, _ = build_clip(folder)
    save_weights(model, folder / "open_clip_model.safetensors")
    return folder


@pytest.fixture(scope="module")
def encoder(folder):
    return ClipEncoder.load(ClipSettings(model=str(folder)))


def _copy(folder, to):
    for path in folder.iterdir():
        (to / path.name).write_bytes(path.read_bytes())


def _frames(count=5, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (count, 48, 64, 3), np.uint8)


def test_frames_and_sentences_become_unit_vectors_of_one_space(encoder):
    images, text = encoder.encode_images(_frames()), encoder.encode_texts(["people are talking", "a fire"])
    assert images.shape == (5, encoder.dimensions)
    assert text.shape == (2, encoder.dimensions)
    for vectors in (images, text):
        assert vectors.dtype == np.float32
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(len(vectors)), abs=1e-5)
    assert isinstance(encoder, ImageEncoder)
    assert isinstance(encoder, TextEncoder)


def test_nothing_in_gives_nothing_out(encoder):
    assert encoder.encode_images(_frames(0)).shape == (0, encoder.dimensions)
    assert encoder.encode_texts([]).shape == (0, encoder.dimensions)


def test_a_sentence_keeps_its_vector_in_any_company(encoder):
    texts = ["a fire", "people are talking in the street near the shops", "a person walks", "a car"]
    together = encoder.encode_texts(texts)
    assert np.allclose(encoder.encode_texts(texts, batch=2), together, atol=1e-5)
    assert np.allclose(encoder.encode_texts(texts[::-1])[::-1], together, atol=1e-5)
    assert np.allclose(np.concatenate([encoder.encode_texts([text]) for text in texts]), together, atol=1e-5)


def test_leaving_out_the_padding_does_not_change_a_sentence(encoder):
    text = "two people are talking"
    tokens = encoder._tokenizer([text])
    assert tokens.shape == (1, CONTEXT_LENGTH)
    with torch.inference_mode():
        padded = torch.nn.functional.normalize(encoder._model.encode_text(tokens), dim=-1).numpy()
    assert np.allclose(encoder.encode_texts([text]), padded, atol=1e-5)


def test_the_vector_of_a_sentence_is_read_at_its_end_token(encoder):
    """Words after the others matter, capitals and punctuation do not."""
    plain, marked, longer = encoder.encode_texts(
        ["a person is walking", "A person is walking.", "a person is walking away"]
    )
    assert np.allclose(plain, marked, atol=1e-6)
    assert np.abs(plain - longer).max() > 1e-3


def test_a_sentence_beyond_the_context_is_cut_and_still_has_its_end(encoder):
    tokens = encoder._tokenizer([" ".join(["person"] * 60)])
    assert tokens.shape == (1, CONTEXT_LENGTH)
    assert int(tokens[0, -1]) == encoder._model.text.eos_id


def test_a_frame_keeps_its_vector_in_any_company(encoder):
    frames = _frames()
    together = encoder.encode_images(frames)
    assert np.allclose(encoder.encode_images(frames, batch=2), together, atol=1e-5)
    assert np.allclose(encoder.encode_images(frames[::-1])[::-1], together, atol=1e-5)


def test_unknown_words_are_named_in_their_order(encoder):
    assert encoder.unknown_words("a person is walking") == ()
    assert encoder.unknown_words("A zebra, walking with an Okapi!") == ("zebra", "okapi")


def test_the_space_names_the_model_and_its_weights(folder, encoder, tmp_path):
    assert encoder.space.startswith(f"open_clip:{folder.name}:")
    _copy(folder, tmp_path)
    weights = load_file(tmp_path / "open_clip_model.safetensors")
    weights["logit_scale"] += 1
    save_file(weights, tmp_path / "open_clip_model.safetensors")
    other = ClipEncoder.load(ClipSettings(model=str(tmp_path)))
    assert other.space.rsplit(":", 1)[1] != encoder.space.rsplit(":", 1)[1]
    assert other.fingerprint != encoder.fingerprint


def test_the_fingerprint_knows_the_precision_but_not_the_folder(folder, encoder, tmp_path):
    _copy(folder, tmp_path)
    assert ClipEncoder.load(ClipSettings(model=str(tmp_path))).fingerprint == encoder.fingerprint
    half = ClipEncoder.load(ClipSettings(model=str(folder), precision="bf16"))
    assert half.fingerprint != encoder.fingerprint
    assert (half.encode_images(_frames()) * encoder.encode_images(_frames())).sum(axis=1).min() > 0.99


def test_values_that_are_not_finite_are_an_error_and_no_vector(folder, tmp_path):
    _copy(folder, tmp_path)
    weights = load_file(tmp_path / "open_clip_model.safetensors")
    weights["visual.attnpool.c_proj.bias"][0] = torch.nan
    save_file(weights, tmp_path / "open_clip_model.safetensors")
    with pytest.raises(NotFiniteError, match="item 0"):
        ClipEncoder.load(ClipSettings(model=str(tmp_path))).encode_images(_frames(1))


@pytest.mark.parametrize("missing", ["open_clip_model.safetensors", "open_clip_config.json"])
def test_a_folder_without_its_files_names_the_one_that_is_missing(folder, tmp_path, missing):
    _copy(folder, tmp_path)
    (tmp_path / missing).unlink()
    with pytest.raises(MissingWeightsError, match=missing):
        ClipEncoder.load(ClipSettings(model=str(tmp_path)))


MISSING = [
    # settings, what the message says
    (ClipSettings(model="pocket-77"), r"pocket-77.clip.open_clip_config\.json"),
    (ClipSettings(model="ViT-B-16"), "laion2b_s34b_b88k"),  # no weights named: the tags are
    (ClipSettings(model="ViT-B-16", pretrained="/nowhere/b16.safetensors"), "nowhere"),
    (ClipSettings(model="ViT-B-16", pretrained="laion2b_s34b_b88k"), "hub cannot be reached"),
]


@pytest.mark.parametrize(("settings", "message"), MISSING)
def test_weights_that_cannot_be_had_are_named(settings, message, monkeypatch, tmp_path):
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingWeightsError, match=message):
        ClipEncoder.load(settings)


def test_a_name_that_is_no_model_is_refused():
    with pytest.raises(ValueError, match="no model of open_clip"):
        ClipEncoder.load(ClipSettings(model="ViT-Z-99"))
