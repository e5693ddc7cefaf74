"""What joint training minimises, and what its validation measures.

    loss = alpha InfoNCE(video, gated caption) + (1 - alpha) CPC + stay_close (1 - cosine(video, window mean))

The loop is in `training`. Both contrastive losses are those of the fusion and of the predictor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from traces_core.context_aware.corpus import Batch
from traces_core.context_aware.gate import TextGate
from traces_core.context_aware.model import ContextAware
from traces_core.context_aware.predictive.coder import Predictions
from traces_core.context_aware.predictive.contrast import cpc_loss
from traces_core.context_aware.settings import JointSettings
from traces_core.fusion.objective import info_nce


def gated_similarities(video: Tensor, texts: Tensor, scenes: Tensor, gate: TextGate) -> Tensor:
    """Cosines of each window with each text as that window's scene changes it.

    Parameters
    ----------
    video : tensor of shape (T, D), unit norm.
    texts : tensor of shape (N, D), unit norm.
    scenes : tensor of shape (T, S)
        Row i belongs to window i: ALL texts are seen through the window's own scene. Were text j seen
        through the scene of window j, a pair could be recognised by its place alone.

    Returns
    -------
    tensor of shape (T, N)
    """
    return torch.einsum("td,tnd->tn", video, gate(texts, scenes))


@dataclass(frozen=True)
class JointLoss:
    """One batch's loss and its parts; a part that there is nothing for is 0."""

    total: Tensor
    """What is minimised."""
    alignment: Tensor
    """InfoNCE of videos and captions, nats."""
    prediction: Tensor
    """CPC of the predictor, nats."""


def joint_loss(
    model: ContextAware,
    batch: Batch,
    settings: JointSettings,
    log_temperature: Tensor,
    cpc_temperature: float,
) -> JointLoss:
    """The loss of a batch.

    Notes
    -----
    CPC is taken over the last blocks of a clip, as many as the predictor was trained to predict, each from
    the blocks before it, as at inference. Its gradients reach the coder only; those of InfoNCE reach
    head, gate and coder.
    """
    seen = batch.seen
    video, predictions = model(seen)
    zero = video.new_zeros(())
    alignment = zero
    if len(batch.captioned):
        rows = video.flatten(0, 1)[batch.captioned]  # (M, D)
        scenes = seen.scenes.flatten(0, 1)[batch.captioned]
        similar = gated_similarities(rows, batch.captions, scenes, model.gate).float()  # (M, M)
        # `info_nce` multiplies windows by captions; similarities times the identity are themselves.
        alignment = info_nce(similar, torch.eye(len(similar)).to(similar), batch.groups, log_temperature)
    prediction = zero if predictions is None else cpc_loss(_last(model, predictions), cpc_temperature).loss
    moved = 1.0 - (video * seen.appearance).sum(dim=-1).mean()
    total = settings.alpha * alignment + (1 - settings.alpha) * prediction + settings.stay_close * moved
    return JointLoss(total, alignment, prediction)


@dataclass(frozen=True)
class JointValidation:
    """How well normal videos that were not trained on are understood; lower losses are better."""

    loss: float
    """alpha x info_nce + (1 - alpha) x prediction: what early stopping looks at."""
    info_nce: float
    """Cross-entropy of the event among all events, nats, at the fixed temperature."""
    retrieval: float
    """Share of the captioned blocks whose nearest event is the right one."""
    prediction: float
    """CPC of the predictor, nats; 0 without one."""
    similarity_to_mean: float
    """Mean cosine of the video's vector with CLIP's; 1 untrained."""

    def metrics(self) -> dict[str, float]:
        """The numbers by name, as a tracker wants them."""
        return {f"validation_{name}": value for name, value in asdict(self).items()}


@torch.no_grad()
def validate(
    model: ContextAware,
    clips: Sequence[Batch],
    prototypes: Tensor,
    settings: JointSettings,
    cpc_temperature: float,
) -> JointValidation:
    """Measure a model on clips; dropout is off while it runs."""
    is_training = model.training
    model.eval()
    cosines, events, losses, kept = [], [], [], []
    for batch in clips:
        video, predictions = model(batch.seen)
        rows = video.flatten(0, 1)[batch.captioned]
        scenes = batch.seen.scenes.flatten(0, 1)[batch.captioned]
        cosines.append(gated_similarities(rows, prototypes, scenes, model.gate).float())
        events.append(batch.groups)
        kept.append((video * batch.seen.appearance).sum(dim=-1).flatten())
        if predictions is not None:
            losses.append((len(video), float(cpc_loss(_last(model, predictions), cpc_temperature).loss)))
    model.train(is_training)
    similar, groups = torch.cat(cosines), torch.cat(events)
    info = float(F.cross_entropy(similar / settings.temperature, groups)) if len(groups) else 0.0
    prediction = sum(n * loss for n, loss in losses) / max(1, sum(n for n, _ in losses))
    return JointValidation(
        loss=settings.alpha * info + (1 - settings.alpha) * prediction,
        info_nce=info,
        retrieval=float((similar.argmax(dim=1) == groups).float().mean()) if len(groups) else 0.0,
        prediction=prediction,
        similarity_to_mean=float(torch.cat(kept).mean()),
    )


def _last(model: ContextAware, predictions: Predictions) -> Predictions:
    """The predictions of the last blocks: among all blocks of a batch a loss would take most of a step."""
    steps = model.coder.steps_ahead if model.coder is not None else 1
    parts = (predictions.predicted, predictions.target, predictions.aggregated)
    return Predictions(*(part[:, -steps:] for part in parts))
