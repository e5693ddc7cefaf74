"""Pre-training of the pocket CLIP: frames and sentences of generic practice clips, into one space.

Frames that show the same kind of event in the same kind of place are positives of each other's sentences.
The model never sees motion, only words about it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from traces_core.encoders.pixels import Preprocess
from traces_core.encoders.pocket_models import clip_config, write_json, write_tokenizer
from traces_core.encoders.text_tower import encode_tokens
from traces_core.encoders.torch_compat import mend_torchvision
from traces_core.practice import VOCABULARY, Plan
from traces_core.practice.pretraining.augmentation import augment
from traces_core.practice.pretraining.optimisation import Optimisation

FRAME_STEP = 3
"""Of every so many frames of a clip, one is kept: neighbours are nearly equal."""


@dataclass(frozen=True, slots=True)
class ClipTraining:
    """How long and how fast."""

    steps: int = 500
    """Steps of the optimiser: a choice, not a limit. 1000 steps lift the zero-shot accuracy of a frame from
    about 0.5 to 0.76, and leave motion little to add in a world as simple as this one."""
    batch: int = 128
    """Frames, each with a sentence, in a step."""
    rate: float = 2e-3
    """Highest learning rate."""


def build_clip(folder: Path) -> tuple[nn.Module, Any]:
    """The pocket CLIP with random weights and its tokenizer; configuration and tokenizer go to `folder`."""
    mend_torchvision()
    import open_clip

    write_tokenizer(folder, VOCABULARY)
    write_json(folder / "open_clip_config.json", clip_config(tokenizer_size()))
    location = f"local-dir:{folder}"
    model = open_clip.create_model(location, load_weights=False)
    return model, open_clip.get_tokenizer(location)


def tokenizer_size() -> int:
    """Words and special tokens."""
    return len(VOCABULARY) + 4


def clip_preprocess() -> Preprocess:
    """Size and normalisation of the pocket CLIP."""
    config = clip_config(0)
    return Preprocess.from_config(
        {**config["preprocess_cfg"], "size": config["model_cfg"]["vision_cfg"]["image_size"]}
    )


def train_clip(
    model: nn.Module,
    tokenize: Callable[[Sequence[str]], Tensor],
    pixels: NDArray[np.uint8],
    plans: Sequence[Plan],
    captions: Sequence[Sequence[str]],
    training: ClipTraining,
    seed: int,
    report: Callable[[int, float], None],
) -> None:
    """Train in place.

    Parameters
    ----------
    model, tokenize : from `build_clip`.
    pixels : uint8 array of shape (N, F, 3, h, w).
    plans : what each of the N clips shows.
    captions : for each clip, the sentences that describe it.
    training, seed : how long, and what the draws follow from.
    report : called with the step and the loss.
    """
    rng = np.random.default_rng([seed, 1])
    preprocess = clip_preprocess()
    sentences = torch.stack([tokenize(list(texts)) for texts in captions])  # (N, S, L)
    events = np.unique([f"{plan.context}/{plan.events[0].kind}" for plan in plans], return_inverse=True)[1]
    mirrored = mirror_tokens(sentences, tokenize)
    optimisation = Optimisation(model, steps=training.steps, rate=training.rate)
    model.train()
    model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    for step in range(training.steps):
        clips = rng.choice(len(plans), training.batch, replace=training.batch > len(plans))
        which = rng.integers(pixels.shape[1], size=training.batch)
        frames, flipped = augment(torch.from_numpy(pixels[clips, which][:, None]), rng)
        chosen = rng.integers(sentences.shape[1], size=training.batch)
        texts = torch.where(
            torch.from_numpy(flipped)[:, None], mirrored[clips, chosen], sentences[clips, chosen]
        )
        images = preprocess.normalise(frames[:, 0].mul_(255.0)).contiguous(memory_format=torch.channels_last)
        loss = contrast(model, images, texts, torch.from_numpy(events[clips]))
        optimisation.step(loss)
        with torch.no_grad():
            model.logit_scale.clamp_(0.0, np.log(100.0))  # type: ignore[operator]
        report(step, loss.item())
    model.eval()


def contrast(model: nn.Module, images: Tensor, texts: Tensor, events: Tensor) -> Tensor:
    """Symmetric InfoNCE in which every sentence about the same event counts as right.

    Parameters
    ----------
    images : float tensor of shape (B, 3, h, w).
    texts : int tensor of shape (B, L).
    events : int tensor of shape (B,); equal numbers are positives of each other.
    """
    with torch.autocast("cpu", torch.bfloat16):
        image_vectors = model.encode_image(images)  # type: ignore[operator]
    text_vectors = functional.normalize(encode_tokens(model, texts).float(), dim=-1)
    image_vectors = functional.normalize(image_vectors.float(), dim=-1)
    logits = model.logit_scale.exp() * image_vectors @ text_vectors.T  # type: ignore[operator]
    same = (events[:, None] == events[None, :]).float()
    target = same / same.sum(dim=1, keepdim=True)
    both = functional.cross_entropy(logits, target) + functional.cross_entropy(logits.T, target)
    return both / 2


def mirror_tokens(sentences: Tensor, tokenize: Callable[[Sequence[str]], Tensor]) -> Tensor:
    """The same sentences for a mirrored picture: left for right, right for left."""
    left, right = (int(tokenize([word])[0, 1]) for word in ("left", "right"))
    return torch.where(sentences == left, right, torch.where(sentences == right, left, sentences))
