"""How good pocket encoders are on clips that they were not trained on: other seeds of the generic pool.

The benchmark proper, on held-out places and long videos, belongs to the graph. These numbers only say
whether a pre-training went as the recipe states.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional

from traces_core.encoders.pocket_models import WINDOW_FRAMES, window_recipe
from traces_core.encoders.text_tower import encode_tokens
from traces_core.encoders.window_input import WindowInput
from traces_core.practice import KINDS, Plan
from traces_core.practice.pretraining.clip import clip_preprocess


@torch.inference_mode()
def measure_clip(
    model: nn.Module,
    tokenize: Callable[[Sequence[str]], Tensor],
    pixels: NDArray[np.uint8],
    plans: Sequence[Plan],
    captions: Sequence[Sequence[str]],
) -> dict[str, float]:
    """Zero-shot accuracy of frames by label sentence, and retrieval.

    Parameters
    ----------
    model, tokenize : the pocket CLIP in eval mode.
    pixels : uint8 array of shape (N, F, 3, h, w).
    plans, captions : what each clip shows, and the sentences that describe it.

    Returns
    -------
    `zero_shot` (chance 1 / kinds), `zero_shot_anomaly` (chance 0.5) and `retrieval_at_5`: share of clips
    whose own sentence is among the five nearest of all clips' first sentences to its middle frame.
    """
    seen = torch.stack([_images(model, torch.from_numpy(clip.copy())) for clip in pixels])  # (N, F, D)
    names = list(KINDS)
    labels = _sentences(model, tokenize, [KINDS[name].action for name in names])
    guess = (seen @ labels.T).argmax(dim=-1)
    truth = torch.tensor([names.index(plan.events[0].kind) for plan in plans])[:, None]
    alarm = torch.tensor([KINDS[name].is_anomalous for name in names])
    own = seen[:, pixels.shape[1] // 2] @ _sentences(model, tokenize, [texts[0] for texts in captions]).T
    rank = (own > own.diagonal()[:, None]).sum(dim=1)
    return {
        "zero_shot": (guess == truth).float().mean().item(),
        "zero_shot_anomaly": (alarm[guess] == alarm[truth]).float().mean().item(),
        "retrieval_at_5": (rank < 5).float().mean().item(),
    }


def _images(model: nn.Module, frames: Tensor) -> Tensor:
    return functional.normalize(model.encode_image(clip_preprocess().normalise(frames)), dim=-1)  # type: ignore[operator]


def _sentences(model: nn.Module, tokenize: Callable[[Sequence[str]], Tensor], texts: list[str]) -> Tensor:
    return functional.normalize(encode_tokens(model, tokenize(texts)), dim=-1)


@torch.inference_mode()
def measure_timesformer(
    model: nn.Module, pixels: NDArray[np.uint8], plans: Sequence[Plan], labels: NDArray[np.int64]
) -> dict[str, float]:
    """Accuracy of the action head on the middle window of each clip.

    Parameters
    ----------
    model : the pocket TimeSformer in eval mode.
    pixels : uint8 array of shape (N, F, 3, h, w).
    plans : what each clip shows.
    labels : int array of shape (N,), positions of the true labels.
    """
    window_input = WindowInput.from_recipe(window_recipe())
    start = (pixels.shape[1] - WINDOW_FRAMES) // 2
    windows = pixels[:, start : start + WINDOW_FRAMES]
    guess = torch.cat(
        [
            model(window_input(torch.from_numpy(windows[at : at + 16].copy()).float() / 255)).logits.argmax(
                dim=-1
            )
            for at in range(0, len(windows), 16)
        ]
    ).numpy()
    alarms = np.array([kind.is_anomalous for kind in KINDS.values() if not kind.open_set])
    return {
        "accuracy": float((guess == labels).mean()),
        "accuracy_anomaly": float((alarms[guess] == alarms[labels]).mean()),
        **{
            f"recall/{name}": float((guess == labels)[[plan.events[0].kind == name for plan in plans]].mean())
            for name in dict.fromkeys(plan.events[0].kind for plan in plans)
        },
    }


@torch.inference_mode()
def measure_on_videos(
    model: nn.Module, pixels: NDArray[np.uint8], labels: NDArray[np.int64]
) -> dict[str, float]:
    """How well the head finds anomalies in untrimmed videos, window by window, every half second.

    Parameters
    ----------
    model : the pocket TimeSformer in eval mode.
    pixels : uint8 array of shape (N, F, 3, h, w).
    labels : int array of shape (N, F) of the windows that end with each frame, -1 where none counts.

    Returns
    -------
    `video_accuracy` over all labels, and `video_auc`, the area under the curve of the anomalous labels'
    probability (chance 0.5).
    """
    window_input = WindowInput.from_recipe(window_recipe())
    ends = np.argwhere(labels >= 0)[::4]
    batches = []
    for at in range(0, len(ends), 16):
        windows = np.stack(
            [pixels[video, end + 1 - WINDOW_FRAMES : end + 1] for video, end in ends[at : at + 16]]
        )
        inputs = window_input(torch.from_numpy(windows / np.float32(255)))
        batches.append(model(inputs).logits.softmax(dim=-1))
    probabilities = torch.cat(batches).numpy()
    truth = labels[ends[:, 0], ends[:, 1]]
    alarms = np.array([kind.is_anomalous for kind in KINDS.values() if not kind.open_set])
    return {
        "video_accuracy": float((probabilities.argmax(axis=1) == truth).mean()),
        "video_auc": float(roc_auc_score(alarms[truth], probabilities[:, alarms].sum(axis=1))),
    }
