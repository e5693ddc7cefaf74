"""The sentence encoder: the real library, a model of a few weights, every way in which it can be absent."""

from __future__ import annotations

import random
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_encoder import write_tiny_encoder

from traces_core.encoders.base import TextEncoder
from traces_core.encoders.sentence import SentenceEncoder
from traces_core.errors import MissingWeightsError

DEFAULT = "sentence-transformers/all-MiniLM-L6-v2"
WHERE = ("on the road", "at night by the fence", "in the yard with a bag and a bicycle")
SENTENCES = [
    f"a {who} {does} {where}" for who in ("man", "dog") for does in ("runs", "waits") for where in WHERE
]


def test_sentences_become_unit_vectors_in_their_order(encoder: SentenceEncoder) -> None:
    vectors = encoder.encode_texts(SENTENCES)
    assert isinstance(encoder, TextEncoder)
    assert vectors.shape == (len(SENTENCES), 16) == (len(SENTENCES), encoder.dimensions)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    alone = np.concatenate([encoder.encode_texts([text]) for text in SENTENCES])
    np.testing.assert_allclose(vectors, alone, atol=1e-5)
    assert len({tuple(row) for row in vectors.round(4).tolist()}) == len(SENTENCES)


def test_no_sentence_gives_no_vector(encoder: SentenceEncoder) -> None:
    assert encoder.encode_texts([]).shape == (0, 16)


def test_another_order_gives_the_same_vectors_bit_by_bit(encoder: SentenceEncoder) -> None:
    shuffled = random.Random(0).sample(SENTENCES, len(SENTENCES))
    first, second = encoder.encode_texts(SENTENCES), encoder.encode_texts(shuffled)
    rows = [shuffled.index(text) for text in SENTENCES]
    assert np.array_equal(first, second[rows])


def test_equal_sentences_are_encoded_once(encoder: SentenceEncoder, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []
    encode = encoder._encode
    monkeypatch.setattr(encoder, "_encode", lambda texts: seen.append(texts) or encode(texts))
    vectors = encoder.encode_texts(["a man waits", "a cat sleeps", "a man waits"])
    assert seen == [["a man waits", "a cat sleeps"]]
    assert np.array_equal(vectors[0], vectors[2])


def test_it_knows_no_words_and_so_calls_none_unknown(encoder: SentenceEncoder) -> None:
    assert encoder.unknown_words("a zeppelin lands") == ()


def test_the_fingerprint_is_of_content_and_space_names_the_weights(
    encoder: SentenceEncoder, encoder_folder: Path, tmp_path: Path
) -> None:
    copy = shutil.copytree(encoder_folder, tmp_path / "copy")
    (copy / "README.md").write_text("about it")
    again = SentenceEncoder.load(str(copy))
    assert again.fingerprint == encoder.fingerprint
    assert encoder.space.startswith("sentence-transformers:tiny:")
    other = SentenceEncoder.load(str(write_tiny_encoder(tmp_path / "tiny", seed=1)))
    assert other.fingerprint != encoder.fingerprint
    assert other.space != encoder.space


def test_the_environment_goes_before_the_settings(
    encoder: SentenceEncoder, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACES_TEXT_ENCODER", str(encoder_folder))
    assert SentenceEncoder.load(DEFAULT).fingerprint == encoder.fingerprint


@pytest.fixture
def without(encoder_folder: Path, tmp_path: Path) -> Path:
    return shutil.copytree(encoder_folder, tmp_path / "part")


@pytest.mark.parametrize("file", ["modules.json", "model.safetensors"])
def test_a_folder_that_lacks_a_file_is_named_with_the_file_and_the_variable(without: Path, file: str) -> None:
    (without / file).unlink()
    with pytest.raises(
        MissingWeightsError, match=rf"holds no {file}.*TRACES_TEXT_ENCODER.*captions\.text_enc"
    ):
        SentenceEncoder.load(str(without))


@pytest.mark.parametrize("name", ["/nowhere/at/all", "./nowhere", "a/b/c"])
def test_a_folder_that_is_not_there_is_not_looked_for_on_the_hub(name: str) -> None:
    with pytest.raises(MissingWeightsError, match="there is no such folder"):
        SentenceEncoder.load(name)


def test_a_hub_out_of_reach_says_what_is_expected_and_how_to_give_a_folder(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(MissingWeightsError) as caught:
        SentenceEncoder.load(DEFAULT)
    for words in (DEFAULT, "hub cannot be reached", "modules.json", "TRACES_TEXT_ENCODER"):
        assert words in str(caught.value)


def test_settings_are_read_without_loading_an_encoder() -> None:
    code = "import sys, traces_core.settings as s; print({'torch', 'sentence_transformers'} & {*sys.modules})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
