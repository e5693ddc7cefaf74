"""A sentence encoder of the real library with a handful of random weights, written by code."""

from __future__ import annotations

from pathlib import Path

import torch

from traces_core.encoders.torch_compat import mend_torchvision

_TEXT = """\
a the and is on in at to of by with man woman two people person walks walk runs waits stands car road street
yard fight fights fighting punches falls ground fire smoke burning flames house shed bin cat sleeps wall
waters flowers stranger steals bicycle fence bag door night day quiet empty nothing happens talks child dog
plays bench
"""
WORDS = _TEXT.split()


def write_tiny_encoder(folder: Path, *, seed: int = 0) -> Path:
    """A folder that sentence-transformers loads: a BERT of one layer, mean pooling, normalisation; 16-d."""
    mend_torchvision()
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer
    from transformers import BertConfig, BertModel, BertTokenizer

    parts = folder.with_name(f"{folder.name}-parts")
    parts.mkdir(parents=True)
    vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", ".", ",", *"abcdefghijklmnopqrstuvwxyz"]
    vocabulary += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"]
    (parts / "vocab.txt").write_text("\n".join(dict.fromkeys([*vocabulary, *WORDS])))
    BertTokenizer(str(parts / "vocab.txt")).save_pretrained(parts)
    torch.manual_seed(seed)
    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    config = BertConfig(vocab_size=len({*vocabulary, *WORDS}), max_position_embeddings=64, **shape)
    model = BertModel(config)
    with torch.no_grad():  # at the usual scale a single random layer says the same of every sentence
        model.embeddings.word_embeddings.weight.mul_(50)
    model.save_pretrained(parts)
    transformer = Transformer(str(parts), max_seq_length=48)
    encoder = SentenceTransformer(modules=[transformer, Pooling(16), Normalize()], device="cpu")
    encoder.save_pretrained(str(folder), create_model_card=False)
    return folder
