"""The classes of the paper profile at full size, with random weights: `make test-full`."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from traces_core.encoders.clip import ClipEncoder
from traces_core.encoders.settings import ClipSettings, TimesformerSettings
from traces_core.encoders.timesformer import TimesformerEncoder
from traces_core.encoders.torch_compat import mend_torchvision
from traces_core.practice.pretraining.recipe import save_weights

pytestmark = pytest.mark.full_size


@pytest.fixture(scope="module")
def frames():
    return np.random.default_rng(0).integers(0, 256, (16, 240, 320, 3), np.uint8)


@pytest.fixture(scope="module")
def clip_weights(tmp_path_factory):
    mend_torchvision()
    import open_clip

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("b16") / "open_clip_model.safetensors"
    save_weights(open_clip.create_model("ViT-B-16"), path)
    return path


@pytest.fixture(scope="module")
def timesformer_folder(tmp_path_factory):
    mend_torchvision()
    from transformers import TimesformerConfig, TimesformerForVideoClassification

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("timesformer-base")
    TimesformerForVideoClassification(TimesformerConfig(num_labels=400)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_vit_b_16_puts_frames_and_sentences_into_512_dimensions(clip_weights, frames, precision):
    settings = ClipSettings(model="ViT-B-16", pretrained=str(clip_weights), precision=precision)
    clip = ClipEncoder.load(settings)
    images = clip.encode_images(frames[:2])
    texts = clip.encode_texts(["a person is walking on the pavement", "two men are fighting in a car park"])
    assert clip.dimensions == 512
    assert clip.preprocess.size == (224, 224)
    for vectors in (images, texts):
        assert vectors.shape == (2, 512)
        assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(2), abs=1e-4)
    assert clip.unknown_words("zyzzyva") == ()


def test_sentences_of_vit_b_16_keep_their_vectors_without_padding(clip_weights):
    clip = ClipEncoder.load(ClipSettings(model="ViT-B-16", pretrained=str(clip_weights)))
    texts = ["a person is walking", "a fire burns in the corridor near the door of the school"]
    with torch.inference_mode():
        padded = torch.nn.functional.normalize(clip._model.encode_text(clip._tokenizer(texts)), dim=-1)
    assert np.allclose(clip.encode_texts(texts), padded.numpy(), atol=1e-5)


@pytest.mark.parametrize("window_frames", [8, 16])
def test_timesformer_base_gives_a_token_for_each_frame(timesformer_folder, frames, window_frames):
    settings = TimesformerSettings(model=str(timesformer_folder), window_frames=window_frames)
    encoder = TimesformerEncoder.load(settings)
    features = encoder.encode_windows(frames[None, :window_frames], with_grid=True, with_attention=True)
    assert features.tokens.shape == (1, window_frames, 768)
    assert features.grid.shape == (1, window_frames, 14, 14, 768)
    assert features.attention.shape == (1, window_frames, 14, 14)
    assert features.label_probabilities.shape == (1, 400)
    assert np.isfinite(features.tokens).all()
