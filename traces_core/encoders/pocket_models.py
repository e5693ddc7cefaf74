"""The pocket models' architecture: small configurations of the classes used at full size.

Shapes, vocabulary and places of files belong here; weights are made in `pretraining` and read by `clip`
and `timesformer`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).parent / "pocket"
"""Where the shipped weights are: `pocket-<seed>/clip` and `pocket-<seed>/timesformer`."""

PREFIX = "pocket-"
DIMENSIONS = 128
"""Width of the pocket space."""
CONTEXT_LENGTH = 32
"""Most tokens of a sentence, with its begin and end."""
PAD, UNKNOWN, BEGIN, END = "[PAD]", "[UNK]", "[BOS]", "[EOS]"
SPECIAL = (PAD, UNKNOWN, BEGIN, END)

WINDOW_FRAMES = 16
SAMPLE_FPS = 8
"""Frames per second that pocket windows were trained at: a window is two seconds."""
WINDOW_CHANNELS = ("luminance", "warmth", "change", "slow_change", "change_size", "novelty")


def pocket_folder(model: str, tower: str) -> Path | None:
    """Folder of a pocket model's tower (`clip` or `timesformer`); None where the name is not a pocket one.

    Examples
    --------
    >>> pocket_folder("pocket-0", "clip").parts[-2:]
    ('pocket-0', 'clip')
    >>> pocket_folder("ViT-B-16", "clip") is None
    True
    """
    return FOLDER / model / tower if is_pocket(model) else None


def is_pocket(model: str) -> bool:
    """Whether a model has that name which was trained on drawn figures and has seen no real video."""
    return model.startswith(PREFIX) and model[len(PREFIX) :].isdigit()


def clip_config(vocabulary_size: int) -> dict[str, Any]:
    """`open_clip_config.json` of the pocket model: a small residual network and a small transformer."""
    return {
        "model_cfg": {
            "embed_dim": DIMENSIONS,
            "custom_text": True,
            "vision_cfg": {"image_size": 96, "layers": [1, 1, 1, 1], "width": 16, "head_width": 64},
            "text_cfg": {
                "context_length": CONTEXT_LENGTH,
                "vocab_size": vocabulary_size,
                "hf_tokenizer_name": "local",  # any name: open_clip reads the tokenizer beside this file
                "tokenizer_kwargs": {"clean": "lower"},
                "width": 128,
                "heads": 4,
                "layers": 2,
                "pool_type": "eos",
                "pad_id": SPECIAL.index(PAD),
                "eos_id": SPECIAL.index(END),
            },
        },
        "preprocess_cfg": {
            "mean": [0.45, 0.45, 0.45],
            "std": [0.25, 0.25, 0.25],
            "interpolation": "bicubic",
            "resize_mode": "squash",
        },
    }


def timesformer_config(labels: Iterable[str]) -> dict[str, Any]:
    """Arguments of the pocket `TimesformerConfig`."""
    names = dict(enumerate(labels))
    return {
        "image_size": 96,
        "patch_size": 16,
        "num_channels": len(WINDOW_CHANNELS),
        "num_frames": WINDOW_FRAMES,
        "hidden_size": 128,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "intermediate_size": 512,
        "hidden_act": "relu",  # a tenth quicker than gelu on a CPU, and no worse here
        "initializer_range": 0.08,  # the default 0.02 is meant for 768 dimensions: 128 start too slowly
        "id2label": names,
        "label2id": {label: index for index, label in names.items()},
    }


def window_recipe() -> dict[str, Any]:
    """`traces_window.json` of the pocket model: how frames become the channels it was trained with."""
    size = timesformer_config(())["image_size"]
    return {
        "size": size,
        "resize_mode": "squash",
        "interpolation": "bilinear",
        "channels": list(WINDOW_CHANNELS),
        "mean": [0.0] * len(WINDOW_CHANNELS),
        "std": [0.25] * len(WINDOW_CHANNELS),
    }


def write_tokenizer(folder: Path, vocabulary: Iterable[str]) -> None:
    """Write a word-level tokenizer in the format of `transformers`: one token a word, `[UNK]` for others.

    Parameters
    ----------
    folder : where `tokenizer.json` and `tokenizer_config.json` go.
    vocabulary : the words, in any order; their ids follow their alphabetical order.
    """
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    ids = {word: index for index, word in enumerate((*SPECIAL, *sorted(vocabulary)))}
    tokenizer = Tokenizer(models.WordLevel(ids, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.Sequence([normalizers.NFKC(), normalizers.Lowercase()])
    # Punctuation is dropped: a full stop at the end of a sentence must not change its meaning.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation(behavior="removed")]
    )
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{BEGIN} $A {END}", special_tokens=[(BEGIN, ids[BEGIN]), (END, ids[END])]
    )
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "pad_token": PAD,
        "unk_token": UNKNOWN,
        "bos_token": BEGIN,
        "eos_token": END,
        "model_max_length": CONTEXT_LENGTH,
    }
    write_json(folder / "tokenizer_config.json", config)


def write_json(path: Path, value: Any) -> None:
    """Write a value as indented JSON with a final line break."""
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
