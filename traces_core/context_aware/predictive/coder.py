"""The predictive coder: grids of blocks -> what was seen so far -> the grids that should come next.

    blocks ─ encoder ─┐
                      ├─> embedded z (B, N, D, G, G) ─ ConvGRU ─> state ─ head ─> predicted z
    tokens ─ 1x1 ─────┘

The loss is in `contrast`, how far off a prediction was in `surprise`.

Notes
-----
DPC-RNN (Han et al. 2019, arXiv 1909.04656): the state after N - P blocks predicts the next block, its own
prediction is fed back, P times. Grids need not be square: G x G stands for rows x columns.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from traces_core.context_aware.predictive.convgru import ConvGRU
from traces_core.context_aware.predictive.settings import PredictorSettings


@dataclass(frozen=True)
class Predictions:
    """What was predicted for P blocks, what came, and what it was predicted from."""

    predicted: Tensor
    """Tensor of shape (B, P, D, G, G)."""
    target: Tensor
    """Tensor of shape (B, P, D, G, G): the embedded blocks that were predicted."""
    aggregated: Tensor
    """Tensor of shape (B, P, hidden, G, G): the state each block was predicted from."""


class PredictiveCoder(nn.Module):
    """Predicts the embedding of the next blocks at every place.

    Examples
    --------
    >>> coder = PredictiveCoder(inputs=8, dimensions=4, hidden=6, steps_ahead=2)
    >>> predictions = coder(torch.zeros(1, 5, 8, 3, 3))
    >>> predictions.predicted.shape, predictions.aggregated.shape
    (torch.Size([1, 2, 4, 3, 3]), torch.Size([1, 2, 6, 3, 3]))
    """

    def __init__(
        self,
        *,
        inputs: int,
        dimensions: int,
        hidden: int,
        steps_ahead: int,
        layers: int = 1,
        reach: int = 1,
        encoder: nn.Module | None = None,
    ) -> None:
        """Build it; random weights come from torch's generator: seed it outside.

        Parameters
        ----------
        inputs : channels of the token grids, or of what the encoder gives.
        dimensions : D of the embedded blocks.
        hidden : channels of the state.
        steps_ahead : P, blocks that training predicts.
        layers : of the ConvGRU.
        reach : places on each side of a place that its state looks at (0 in the released DPC-RNN).
        encoder : pixels of blocks (M, C, L, H, W) -> grids (M, inputs, G, G); None where token grids are
            given.
        """
        super().__init__()
        self.steps_ahead = steps_ahead
        self.encoder = encoder
        self.project = nn.Conv2d(inputs, dimensions, 1)
        self.aggregate = ConvGRU(dimensions, hidden, layers=layers, reach=reach)
        self.head = nn.Sequential(nn.Conv2d(hidden, hidden, 1), nn.ReLU(), nn.Conv2d(hidden, dimensions, 1))

    def embed(self, source: Tensor) -> Tensor:
        """The embedded blocks z.

        Parameters
        ----------
        source : pixel blocks of shape (B, N, C, L, H, W) where there is an encoder, else token grids of
            shape (B, N, inputs, G, G).

        Returns
        -------
        tensor of shape (B, N, D, G, G).

        Raises
        ------
        ValueError
            If the source has another number of axes.
        """
        axes = 5 if self.encoder is None else 6
        if source.ndim != axes:
            what = "token grids (B, N, D, G, G)" if axes == 5 else "pixel blocks (B, N, C, L, H, W)"
            raise ValueError(f"PredictiveCoder: got shape {tuple(source.shape)}, expected {what}.")
        flat = source.flatten(0, 1)
        grids = flat if self.encoder is None else self.encoder(flat)
        embedded: Tensor = self.project(grids).unflatten(0, source.shape[:2])
        return embedded

    def forward(self, source: Tensor) -> Predictions:
        """The last P blocks, predicted from the N - P before them: what training asks.

        Parameters
        ----------
        source : as for `embed`, with N > P.

        Raises
        ------
        ValueError
            If there are no more than P blocks.
        """
        embedded = self.embed(source)
        seen = embedded.shape[1] - self.steps_ahead
        if seen < 1:
            raise ValueError(
                f"PredictiveCoder: {embedded.shape[1]} blocks, {self.steps_ahead} of them to be predicted. "
                "Give more blocks or predict fewer (predictor.steps_ahead)."
            )
        state = self.aggregate.start(embedded[:, 0])
        for block in range(seen):
            state = self.advance(embedded[:, block], state)
        predicted, aggregated = [], []
        for _ in range(self.steps_ahead):
            aggregated.append(state[:, -1])
            predicted.append(self.head(state[:, -1]))
            state = self.advance(predicted[-1], state)
        return Predictions(torch.stack(predicted, 1), embedded[:, seen:], torch.stack(aggregated, 1))

    def advance(self, embedded: Tensor, state: Tensor) -> Tensor:
        """The state (B, layers, hidden, G, G) after one more embedded block (B, D, G, G)."""
        after: Tensor = self.aggregate(embedded.relu(), state)
        return after

    def next_blocks(self, source: Tensor) -> Predictions:
        """Every block n >= 1, predicted from the blocks before it: what inference asks; P = N - 1.

        Parameters
        ----------
        source : as for `embed`, with N >= 2.
        """
        embedded = self.embed(source)
        state = self.aggregate.start(embedded[:, 0])
        aggregated = []
        for block in range(embedded.shape[1] - 1):
            state = self.advance(embedded[:, block], state)
            aggregated.append(state[:, -1])
        states = torch.stack(aggregated, 1)  # (B, N - 1, hidden, G, G)
        predicted = self.head(states.flatten(0, 1)).unflatten(0, states.shape[:2])
        return Predictions(predicted, embedded[:, 1:], states)

    def observe(self, block: Tensor, state: Tensor | None = None) -> tuple[Predictions | None, Tensor]:
        """One more block of a stream: what was predicted for it, and the state after it. Constant time.

        Parameters
        ----------
        block : one block of each of B streams, as `embed` takes N of them: no N axis.
        state : what the call before gave; None at the start of the streams.

        Returns
        -------
        Predictions or None
            With P = 1, the same as `next_blocks` gives; None for the first block.
        tensor of shape (B, layers, hidden, G, G)
            For the next call.
        """
        embedded = self.embed(block.unsqueeze(1))[:, 0]
        if state is None:
            return None, self.advance(embedded, self.aggregate.start(embedded))
        seen = state[:, -1]
        predictions = Predictions(self.head(seen)[:, None], embedded[:, None], seen[:, None])
        return predictions, self.advance(embedded, state)


def coder_of(settings: PredictorSettings, inputs: int, encoder: nn.Module | None = None) -> PredictiveCoder:
    """An untrained coder of grids with this many channels; its weights come from torch's generator."""
    return PredictiveCoder(
        inputs=inputs,
        dimensions=settings.dimensions,
        hidden=settings.hidden,
        steps_ahead=settings.steps_ahead,
        layers=settings.layers,
        reach=settings.reach,
        encoder=encoder,
    )
