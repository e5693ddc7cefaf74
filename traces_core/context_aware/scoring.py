"""The streams of one video: how badly it fits the sentences of its place, and how badly it was predicted.

    alignment   at the end of each block, the nearest anomalous traces against the nearest normal ones, as the
                scene changes them
    surprise    at the end of each block but the first, the mean of its most surprising places, where a place
                surprises as far as its prediction would rather be another place of the same block

Both are causal. What they are worth on normal footage is in `pvalues`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from traces_core.bank.bank import Bank
from traces_core.context_aware.gate import NoGate, TextGate
from traces_core.context_aware.model import BlockEvidence, ContextAware
from traces_core.context_aware.objective import gated_similarities
from traces_core.context_aware.predictive.coder import Predictions
from traces_core.context_aware.predictive.surprise import window_scores
from traces_core.context_aware.scene import SceneReferences
from traces_core.context_aware.settings import ContextGateSettings
from traces_core.errors import EmptySideError
from traces_core.streams.table import ALIGNMENT, SURPRISE
from traces_core.text.catalog import SIDES
from traces_core.types import Array, ScoreTrack, Times

if TYPE_CHECKING:
    pass

CELLS = 1 << 24
"""Most numbers that gated texts hold at once: bounds the memory, not the result."""
_SLACK_S = 1e-9


@dataclass(frozen=True)
class ContextScores:
    """The scores of one video, or of a piece of it."""

    tracks: dict[str, ScoreTrack]
    """By stream; `surprise` is missing where nothing was predicted."""
    maps: Array | None
    """float32 (N - 1, G, G), nats: the surprise of each place, block by block, at the times of `surprise`;
    None where nothing was predicted."""

    def map_at(self, at_s: float) -> Array | None:
        """The last surprise map at or before a moment (seconds); None where nothing was predicted by then."""
        if self.maps is None:
            return None
        block = int(np.searchsorted(self.tracks[SURPRISE].times_s, at_s + _SLACK_S, side="right")) - 1
        return None if block < 0 else self.maps[block]


@dataclass(frozen=True)
class ContextScorer:
    """Everything that turns what was seen into the two streams."""

    model: ContextAware
    """Trained, or the identity."""
    bank: Bank
    """Traces of both sides."""
    references: SceneReferences
    """The places of the training footage: the controls."""
    settings: ContextGateSettings
    """Which sides are gated, which scene the gate gets."""
    k: int
    """Nearest traces a side."""
    top_share: float
    """Share of the places that make a block's surprise."""
    temperature: float
    """What cosines were divided by when the predictor learned."""

    def start(self, context: str | None) -> ContextStage:
        """What scores one video block by block, by the traces of its context (all, if the bank has none)."""
        return ContextStage(self, (context,) if context in self.bank.contexts else None)

    def score(self, seen: BlockEvidence, times_s: Times, contexts: Sequence[str] | None) -> ContextScores:
        """Score one video: `ContextStage`, with all its blocks pushed at once.

        Parameters
        ----------
        seen : what the encoders saw, B = 1.
        times_s : float64 array of shape (N,), seconds at which the blocks end.
        contexts : only their traces count; None means all.

        Raises
        ------
        EmptySideError, UnknownNameError
            If the contexts have no trace of one side, or the bank has no such context.
        """
        return ContextStage(self, contexts).push(seen, times_s)

    @torch.inference_mode()
    def surprise(self, seen: BlockEvidence, times_s: Times) -> ContextScores:
        """`score` without the alignment: no trace is compared."""
        return self.surprise_of(self.model.eval()(seen)[1], times_s)

    def surprise_of(self, predictions: Predictions | None, times_s: Times) -> ContextScores:
        """The stream `surprise` and its maps, from predictions of the last of some blocks."""
        if predictions is None or not predictions.predicted.shape[1]:
            return ContextScores({}, None)
        maps = place_surprise(predictions, self.temperature)[0]  # (P, G, G)
        scores = window_scores(maps, self.top_share).cpu().numpy()
        track = ScoreTrack(times_s[len(times_s) - len(maps) :], scores, stream=SURPRISE)
        return ContextScores({SURPRISE: track}, maps.cpu().numpy())

    def alignment_of(
        self, video: Tensor, seen: BlockEvidence, times_s: Times, contexts: Sequence[str] | None
    ) -> ScoreTrack:
        """The stream `alignment`, from the vectors (N, D) of the blocks."""
        places = self.references.apply_control(seen.scenes[0].cpu().numpy(), self.settings.scene)
        scenes = torch.from_numpy(places).to(video)
        nearness = {side: self._nearness(side, video, scenes, contexts) for side in SIDES}
        values = (nearness["anomalous"] - nearness["normal"]).cpu().numpy()
        return ScoreTrack(times_s, values, stream=ALIGNMENT)

    def _nearness(self, side: str, video: Tensor, scenes: Tensor, contexts: Sequence[str] | None) -> Tensor:
        """The mean cosine of each window with its k nearest traces of a side, (T,)."""
        texts = torch.from_numpy(self.bank.vectors(side, contexts)).to(video)  # type: ignore[arg-type]
        if not len(texts):
            raise EmptySideError(side, f"alignment in {', '.join(contexts or ()) or 'all contexts'}")
        is_gated = side == "normal" or self.settings.sides == "both"
        gate = self.model.gate if is_gated else NoGate(texts.shape[1], scenes.shape[1])
        return top_mean(video, texts, scenes, gate, self.k)


class ContextStage:
    """The two streams of one video, while its blocks come.

    Parameters
    ----------
    scorer : what scores.
    contexts : only their traces count; None means all.

    Notes
    -----
    How blocks are split into pieces moves a score by rounding only, 1e-5 at most: a product of matrices adds
    in another order for another number of rows.
    """

    def __init__(self, scorer: ContextScorer, contexts: Sequence[str] | None) -> None:
        self._scorer, self._contexts = scorer, contexts
        self._state: Tensor | None = None

    @torch.inference_mode()
    def push(self, seen: BlockEvidence, times_s: Times) -> ContextScores:
        """Take the next blocks (B = 1), which end at `times_s` (N,); their scores and maps."""
        if not len(times_s):
            return ContextScores({}, None)
        scorer = self._scorer
        video, predictions, self._state = scorer.model.eval().observe(seen, self._state)
        surprise = scorer.surprise_of(predictions, times_s)
        alignment = scorer.alignment_of(video[0], seen, times_s, self._contexts)
        return ContextScores({ALIGNMENT: alignment, **surprise.tracks}, surprise.maps)


def place_surprise(predictions: Predictions, temperature: float) -> Tensor:
    """How badly each place was predicted: minus the log of the chance that it is itself, among all places.

    Parameters
    ----------
    predictions : of shape (B, P, D, G, G), each block from those before it.
    temperature : what cosines are divided by.

    Returns
    -------
    tensor of shape (B, P, G, G)
        Nats: 0 where a prediction is like its own place alone, log(G G) where it is like all places alike.

    Notes
    -----
    CPC's own loss (arXiv 1807.03748) with the other places of the same block as its negatives. The cosine
    distance alone calls every place surprising that holds nothing but noise: decision 0021.
    """
    ours, theirs = (
        F.normalize(grids.float().flatten(3), dim=2) for grids in (predictions.predicted, predictions.target)
    )  # (B, P, D, S)
    logits = torch.einsum("bpds,bpdt->bpst", ours, theirs) / temperature
    own = -logits.log_softmax(dim=-1).diagonal(dim1=-2, dim2=-1)  # (B, P, S)
    return own.reshape(*own.shape[:2], *predictions.predicted.shape[-2:])


def top_mean(video: Tensor, texts: Tensor, scenes: Tensor, gate: TextGate, k: int) -> Tensor:
    """The mean of each window's k highest cosines with gated texts (all where there are fewer).

    Parameters
    ----------
    video, texts, scenes : tensors of shape (T, D), (N, D) and (T, S).

    Returns
    -------
    tensor of shape (T,)
    """
    at_once = min(len(texts), max(1, CELLS // texts.shape[1]))
    rows = max(1, CELLS // (at_once * texts.shape[1]))
    means = []
    for first in range(0, len(video), rows):
        windows = slice(first, first + rows)
        parts = [
            gated_similarities(video[windows], texts[start : start + at_once], scenes[windows], gate)
            for start in range(0, len(texts), at_once)
        ]
        means.append(torch.cat(parts, dim=1).topk(min(k, len(texts)), dim=1).values.mean(dim=1))
    return torch.cat(means) if means else video.new_zeros(0)
