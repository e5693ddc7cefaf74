"""How the W frame embeddings of a window and its temporal tokens become one vector in CLIP's text space.

    frames (T, W, D) ── A_vis ──┬─────────────────────── + ── mean over W ── unit norm ──> (T, D)
                                └─ queries ┐             │
    tokens (T, K, D_time) ── A_temp ── keys, values ── zero projection

Three kinds with one call: cross-attention (the paper), concatenation (its ablation), mean (the identity).
Untrained, all three give the same vectors. Modules only: arrays go through `windows.py`, learning is in
`training.py`, files are in `saved.py`.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from traces_core.errors import WindowShapeError
from traces_core.fusion.adapters import AppearanceAdapter, TemporalAdapter, zero_linear
from traces_core.fusion.settings import FusionKind, FusionSettings


def window_mean(frames: Tensor, readout_frames: int | None = None) -> Tensor:
    """Give the unit mean of each window's last frames (all where None): (T, W, D) to (T, D).

    Examples
    --------
    >>> window_mean(torch.tensor([[[3.0, 0.0], [3.0, 0.0]]])).tolist()
    [[1.0, 0.0]]
    """
    return F.normalize(frames[:, -(readout_frames or 0) :].mean(dim=1), dim=-1)


class WindowFusion(nn.Module, ABC):
    """One vector per window; what every kind of fusion has in common.

    Parameters
    ----------
    dimensions : int
        D, the width of CLIP's space.
    token_dimensions : int
        D_time, the width of the temporal tokens.
    window_frames : int
        W, the frames in a window.
    readout_frames : int or None
        R: the vector of a window is the mean of its last R fused frames; None takes all W.

    Raises
    ------
    WindowShapeError
        If R is larger than W.

    Notes
    -----
    The readout is ours. A window that looks back two seconds is scored for what happens NOW: its early frames
    may answer the queries of the late ones, but they have no vote of their own.
    """

    kind: ClassVar[FusionKind]

    def __init__(
        self,
        dimensions: int,
        token_dimensions: int,
        window_frames: int,
        readout_frames: int | None = None,
    ) -> None:
        super().__init__()
        self.readout_frames = window_frames if readout_frames is None else readout_frames
        if not 1 <= self.readout_frames <= window_frames:
            raise WindowShapeError(
                "fusion",
                actual=f"a readout of {readout_frames} frames",
                expected=f"1 to {window_frames}, the frames of a window",
            )
        self.dimensions = dimensions
        self.token_dimensions = token_dimensions
        self.window_frames = window_frames

    @abstractmethod
    def fused_frames(self, frames: Tensor, tokens: Tensor) -> Tensor:
        """Give one vector per frame, (T, W, D), before the mean over the window."""

    def attention(self, frames: Tensor, tokens: Tensor) -> Tensor | None:
        """Give where each frame looked, (T, heads, W, K), rows summing to 1; None where nothing attends."""
        return None

    def forward(self, frames: Tensor, tokens: Tensor) -> Tensor:
        """Fuse frames (T, W, D) and tokens (T, K, D_time) into unit vectors (T, D)."""
        return window_mean(self.fused_frames(frames, tokens), self.readout_frames)


class MeanFusion(WindowFusion):
    """The identity: the unit mean of the frames. The tokens are not looked at.

    Examples
    --------
    >>> MeanFusion(2, 3, 1)(torch.tensor([[[0.0, 2.0]]]), torch.zeros(1, 1, 3)).tolist()
    [[0.0, 1.0]]
    """

    kind = "mean"

    def fused_frames(self, frames: Tensor, tokens: Tensor) -> Tensor:
        """Give the frames as they are."""
        return frames


class CrossAttentionFusion(WindowFusion):
    """Each of the W frames queries the temporal tokens of its window; the result is added to the frame.

    Parameters
    ----------
    dimensions, token_dimensions, window_frames : int
        D, D_time and W; `heads` must divide D.
    heads, hidden, dropout, temporal_position
        As in `FusionSettings`.

    Raises
    ------
    WindowShapeError
        If the heads do not divide the dimensions.

    Notes
    -----
    Source: TRACES (arXiv 2511.00580): query = appearance, keys and values = temporal. With one pooled
    query and key, softmax is 1 and nothing attends; so W queries meet W (or W x G x G) keys.
    The residual, the zero output projection and the learned position are ours.
    Attention is written out, for on CPU the backward pass of the fused kernel is the slower one.
    """

    kind = "cross_attention"

    def __init__(
        self,
        dimensions: int,
        token_dimensions: int,
        window_frames: int,
        *,
        heads: int = 4,
        hidden: int = 128,
        dropout: float = 0.0,
        temporal_position: bool = True,
        readout_frames: int | None = None,
    ) -> None:
        super().__init__(dimensions, token_dimensions, window_frames, readout_frames)
        if dimensions % heads:
            raise WindowShapeError(
                "cross-attention",
                actual=f"{heads} heads",
                expected=f"a divisor of the {dimensions} dimensions",
            )
        self.heads = heads
        self.appearance = AppearanceAdapter(dimensions, hidden, dropout)
        self.temporal = TemporalAdapter(token_dimensions, dimensions, hidden, dropout)
        self.norm = nn.LayerNorm(dimensions)
        self.query = nn.Linear(dimensions, dimensions)
        self.key = nn.Linear(dimensions, dimensions)
        self.value = nn.Linear(dimensions, dimensions)
        self.output = zero_linear(dimensions, dimensions)
        self.drop = nn.Dropout(dropout)
        self.position = nn.Parameter(torch.zeros(window_frames, dimensions)) if temporal_position else None

    def fused_frames(self, frames: Tensor, tokens: Tensor) -> Tensor:
        """Give frames plus what they read from the tokens, (T, W, D)."""
        adapted = self.appearance(frames)
        mapped = self.temporal(tokens)
        weights = self.drop(self._weights(adapted, mapped))  # (T, heads, W, K)
        read = weights @ self._by_head(self.value(mapped))  # (T, heads, W, D / heads)
        fused: Tensor = adapted + self.output(read.transpose(1, 2).flatten(2))  # (T, W, D)
        return fused

    def attention(self, frames: Tensor, tokens: Tensor) -> Tensor:
        """Give where each frame looked, (T, heads, W, K); each row sums to 1."""
        return self._weights(self.appearance(frames), self.temporal(tokens))

    def _weights(self, adapted: Tensor, mapped: Tensor) -> Tensor:
        queries, keys = self.norm(adapted), mapped
        if self.position is not None:
            each = keys.shape[1] // self.window_frames  # 1, or G x G places of a frame
            queries = queries + self.position
            keys = keys + self.position.repeat_interleave(each, dim=0)
        q, k = self._by_head(self.query(queries)), self._by_head(self.key(keys))
        return torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), dim=-1)

    def _by_head(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:-1], self.heads, -1).transpose(1, 2)  # (T, heads, K, D / heads)


class ConcatenationFusion(WindowFusion):
    """Each frame beside its own token, through one hidden layer, added to the frame.

    Parameters
    ----------
    dimensions, token_dimensions, window_frames : int
        D, D_time and W.
    hidden, dropout
        As in `FusionSettings`.

    Notes
    -----
    Source: the ablation of TRACES (arXiv 2511.00580), with the residual and the zero output of ours.
    W x G x G tokens are averaged to one per frame.
    """

    kind = "concatenation"

    def __init__(
        self,
        dimensions: int,
        token_dimensions: int,
        window_frames: int,
        *,
        hidden: int = 128,
        dropout: float = 0.0,
        readout_frames: int | None = None,
    ) -> None:
        super().__init__(dimensions, token_dimensions, window_frames, readout_frames)
        self.appearance = AppearanceAdapter(dimensions, hidden, dropout)
        self.temporal = TemporalAdapter(token_dimensions, dimensions, hidden, dropout)
        self.norm = nn.LayerNorm(dimensions)
        self.join = nn.Sequential(nn.Linear(2 * dimensions, 2 * dimensions), nn.GELU(), nn.Dropout(dropout))
        self.output = zero_linear(2 * dimensions, dimensions)

    def fused_frames(self, frames: Tensor, tokens: Tensor) -> Tensor:
        """Give frames plus what the pair (frame, token) adds, (T, W, D)."""
        adapted = self.appearance(frames)
        by_frame = tokens.reshape(len(tokens), self.window_frames, -1, self.token_dimensions)
        own = by_frame.mean(dim=2)  # (T, W, D_time)
        pairs = torch.cat([self.norm(adapted), self.temporal(own)], dim=-1)  # (T, W, 2 D)
        fused: Tensor = adapted + self.output(self.join(pairs))
        return fused


def build_fusion(
    settings: FusionSettings, *, dimensions: int, token_dimensions: int, window_frames: int
) -> WindowFusion:
    """Give an untrained fusion of the kind that the settings name; its weights come from their seed.

    Parameters
    ----------
    settings : FusionSettings
        Kind, widths and seed.
    dimensions, token_dimensions, window_frames : int
        D, D_time and W.

    Returns
    -------
    WindowFusion
        A module that gives the unit mean of the frames, whatever its kind, until it is trained.

    Raises
    ------
    WindowShapeError
        If the heads do not divide the dimensions.

    Examples
    --------
    >>> build_fusion(FusionSettings(), dimensions=8, token_dimensions=6, window_frames=4).kind
    'cross_attention'
    """
    shape = (dimensions, token_dimensions, window_frames)
    readout = min(settings.readout_frames, window_frames)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(settings.seed)
        if settings.kind == "mean":
            return MeanFusion(*shape, readout)
        if settings.kind == "concatenation":
            return ConcatenationFusion(
                *shape, hidden=settings.hidden, dropout=settings.dropout, readout_frames=readout
            )
        return CrossAttentionFusion(
            *shape,
            heads=settings.heads,
            hidden=settings.hidden,
            dropout=settings.dropout,
            temporal_position=settings.temporal_position,
            readout_frames=readout,
        )
